"""Files put into a folder of a bucket under names of their own, for programs that read them by these; their list comes last.

There is no rename, so the list is the commit: it is put on the condition that nobody else put one meanwhile, after all that
it names. Where other files take the place of those of an earlier list, that list goes first: at no time does one name what
is not there. What a commit that was cut short put is known by the names that it announced. A lease keeps a second one out.
Knows names and checksums; knows no content.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from curate.engine.commit import STAGED, Commit
from curate.engine.lease import Lease, hold_address
from curate.engine.listing import Listed, parse_listing
from curate.engine.lock import LockedError, hold
from curate.engine.mirror import Mirror
from curate.engine.seal import sealed, unsealed
from curate.storage import OutputError, is_safe_name, shown, write_atomically
from curate.storage.objects import delete_objects, list_objects, put_bytes, put_file, put_if, read_object

_ANNOUNCED = ".announced.json"
"""Beside files that are being put: the names of all that was and will be put there."""
_PUT = ".put"
"""Beside staged files: what was put, by name."""


@contextlib.contextmanager
def hold_bucket_folder(address: str) -> Iterator[tuple[Path, Lease]]:
    """Hold a folder of a bucket for the length of the block. Gives a folder of this machine for what is to be put there.
    Raises LockedError, OutputError where the store takes no conditions, PermissionError, StorageError."""
    folder = Mirror.of(address).folder
    with hold(folder, address), hold_address(address, folder, force=False, beat=lambda: None) as lease:
        yield folder, lease


def read_header(address: str, listing: str) -> dict[str, Any]:
    """The list of a folder's files and what it says besides; empty where there is none, or it is not as it was written."""
    found = read_object(f"{address}/{listing}")
    try:
        return unsealed(found[0]) if found is not None else {}
    except ValueError:
        return {}


class BucketFolderCommit(Commit):
    """The next state of a folder of a bucket: files put one by one as in `Commit`, then `finish`. `folder` is where they
    wait on this machine. The caller holds it. `same`: whether the list that is there is of the same content."""

    def __init__(
        self, address: str, folder: Path, lease: Lease, *, listing: str, header: Mapping[str, Any], same: bool
    ) -> None:
        super().__init__(folder, listing=listing, header=header, resume=True)
        self._address, self._lease, self._same = address, lease, same
        self._there = {each.name: each.size for each in list_objects(address)}
        found = read_object(f"{address}/{listing}")
        self._version = found[1] if found is not None else None
        self._before = _listed(read_header(address, listing))
        announced = [str(name) for name in read_header(address, _ANNOUNCED).get("names", ())]
        self._ours = {*self._before, *filter(is_safe_name, announced)}

    def announce(self, names: Sequence[str]) -> None:
        """Say which files will be put. Raises OutputError where another is in the way."""
        foreign = sorted(name for name in names if name in self._there and name not in self._ours)
        if foreign:
            raise OutputError(
                f"{shown(self._address)}/{foreign[0]} is in the way, and no export of ours wrote it: give another address"
            )
        if not set(names) <= self._ours:
            self._ours |= set(names)
            self._lease.check()
            put_bytes(f"{self._address}/{_ANNOUNCED}", sealed({"names": sorted(self._ours)}))
        if not self._same and self._version is not None:
            self._lease.check()
            delete_objects(self._address, [self._listing])
            self._version = None

    def keep(self, name: str) -> bool:
        """Whether a file of the list that is there lies there still; it is then put again as it is."""
        listed = self._before.get(name)
        if listed is None or self._there.get(name) != listed.bytes:
            return False
        self.files[name] = listed
        return True

    def resume(self, name: str) -> bool:
        """Whether the file was put before by a commit that was cut short on this machine."""
        try:
            listed = Listed(**json.loads((self._staged / _PUT / name).read_bytes()))
        except (OSError, ValueError, TypeError):
            return False
        if self._there.get(name) != listed.bytes:
            return False
        self.files[name] = listed
        return True

    def _take(self, name: str, listed: Listed) -> Listed:
        self._lease.check()
        put_file(f"{self._address}/{name}", self._staged / name)
        write_atomically(self._staged / _PUT / name, json.dumps(asdict(listed)).encode())
        (self._staged / name).unlink()
        self.files[name] = listed
        return listed

    def finish(self) -> list[str]:
        """Commit: delete what is listed no more, and put the list. Returns the files' names. Raises LockedError where
        another put one meanwhile."""
        self._lease.check()
        delete_objects(self._address, sorted((self._ours - self.files.keys()) & self._there.keys()))
        files = {name: asdict(listed) for name, listed in sorted(self.files.items())}
        address = f"{self._address}/{self._listing}"
        if put_if(address, sealed({**self._header, "files": files}), self._version) is None:
            raise LockedError(f"{shown(address)} was put by another process meanwhile: look at that one")
        delete_objects(self._address, [_ANNOUNCED])
        shutil.rmtree(self.folder / STAGED, ignore_errors=True)
        return list(self.files)


def _listed(header: Mapping[str, Any]) -> dict[str, Listed]:
    try:
        return parse_listing(header.get("files", {}))
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}
