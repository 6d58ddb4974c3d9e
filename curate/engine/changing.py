"""A finished run that is being changed: held, its published files at hand, and the commit by which the change is published.

The same for a run directory on this machine and one in a bucket. Knows locks, leases and commits; knows no file of a run.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from curate.engine.commit import Commit, Published, carry_out, settle
from curate.engine.generation import BucketCommit
from curate.engine.lease import Lease, hold_address
from curate.engine.lock import hold
from curate.engine.mirror import Mirror, forget_stale_work, open_mirror, run_address
from curate.engine.pointer import read_pointer


@dataclass(frozen=True)
class Changing:
    """A finished run that is held. `folder` is where its published files lie on this machine, or are brought to."""

    folder: Path
    _mirror: Mirror | None = None
    _lease: Lease | None = None
    _name: str = ""

    @property
    def published(self) -> Published:
        """What is published now."""
        return Published.of(self.folder)

    def commit(self, replaced: tuple[str, ...] = ()) -> Commit:
        """The next state of what is published; `replaced` as in `Commit`."""
        if self._mirror is None or self._lease is None:
            return Commit(self.folder, replaced)
        return BucketCommit(self._mirror, self._name, self._lease, replaced)


@contextmanager
def changing(place: str | Path) -> Iterator[Changing]:
    """Hold a finished run, by its directory or its address, for the length of the block. Raises FileNotFoundError where
    there is none, LockedError where another holds it, DamagedError, PermissionError, StorageError."""
    address = run_address(place)
    if address is None:
        folder = Path(place)
        if not folder.is_dir():
            raise FileNotFoundError(f"{folder} holds no finished run: there is no such directory")
        settle(folder)
        with hold(folder):
            carry_out(folder)
            yield Changing(folder)
        return
    open_mirror(address)
    mirror = Mirror.of(address)
    with (
        hold(mirror.folder, address),
        hold_address(address, mirror.folder, force=False, beat=lambda: None) as lease,
    ):
        forget_stale_work(mirror)
        pointer = read_pointer(address)
        yield Changing(open_mirror(address), mirror, lease, pointer.name if pointer is not None else "")
