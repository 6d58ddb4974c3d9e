"""Whether every object of a run in a bucket is the one that was put: each is read, and its SHA-256 compared.

What is damaged is restored from another whole copy: the published file from the task's result and the other way round, or
either from this machine's mirror. A result of which no whole copy is left is made again by the next run. Knows checksums;
opens no content.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from curate.audit.verify import Fault, Verified
from curate.engine.generation import listing_of
from curate.engine.lease import hold_address
from curate.engine.listing import LISTING, parse_listing
from curate.engine.lock import hold
from curate.engine.mirror import WORK, Mirror
from curate.engine.pointer import PUBLISHED, read_pointer
from curate.engine.seal import unsealed
from curate.engine.task import entries_now
from curate.storage import digest_file
from curate.storage.buckets import ChangedError
from curate.storage.objects import copy_object, copy_of, delete_objects, list_objects, put_file, read_object
from curate.storage.patience import patience

_AGAIN = "`curate run` with the same pipeline makes it again"


@dataclass(frozen=True)
class _Wanted:
    """An object: its name below the run's address, what it should be, and where this machine may have it."""

    name: str
    bytes: int
    sha256: str
    mirrored: Path


@dataclass
class _Seen:
    """What was read, and where a whole object of a SHA-256 lies."""

    mirror: Mirror
    files: int = 0
    bytes: int = 0
    whole: dict[str, str] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def fault(self, wanted: _Wanted) -> str | None:
        """What is wrong with an object."""
        try:
            digest = copy_of(self.mirror.object(wanted.name), wanted.bytes)
        except FileNotFoundError:
            return "is missing"
        except ChangedError:
            return f"has another size than {wanted.bytes:,} bytes"
        with self._lock:
            self.files, self.bytes = self.files + 1, self.bytes + wanted.bytes
            if digest == wanted.sha256:
                self.whole.setdefault(digest, wanted.name)
                return None
        return "has another SHA-256 than was recorded"


def verify_address(address: str, *, repair: bool = False) -> Verified:
    """Read every object of the run at an address and compare it with what was recorded; with `repair`, restore what can be.

    Raises FileNotFoundError where nothing is published, LockedError where a run is at it (with `repair` only),
    PermissionError, StorageError.
    """
    mirror = Mirror.of(address)
    if not repair:
        return _verified(mirror, lambda wanted, seen: None)
    with hold(mirror.folder, address):
        mirror.establish()
        with hold_address(address, mirror.folder, force=False, beat=lambda: None):
            return _verified(mirror, _mended)


Mend = Callable[[_Wanted, _Seen], "str | None"]


def _verified(mirror: Mirror, mend: Mend) -> Verified:
    pointer = read_pointer(mirror.address)
    if pointer is None:
        raise FileNotFoundError(f"{mirror.address} holds no published run")
    seen, faults = _Seen(mirror), []
    listing = listing_of(mirror, pointer.generation)
    if not listing:
        faults.append(Fault(f"{PUBLISHED}/{pointer.generation}/{LISTING}", "is missing or damaged", _AGAIN))
    published = f"{PUBLISHED}/{pointer.generation}"
    kept = mirror.folder / pointer.generation
    wanted = [
        _Wanted(f"{published}/{name}", listed.bytes, listed.sha256, kept / name)
        for name, listed in sorted(parse_listing(listing.get("files", {})).items())
    ]
    manifests = [each.name for each in list_objects(mirror.object(WORK)) if each.name.endswith(".json")]
    found: list[tuple[_Wanted, str]] = []
    with ThreadPoolExecutor(patience().at_once, thread_name_prefix="verifying") as pool:
        results = list(pool.map(lambda name: _results(mirror, name), manifests))
        faults += [
            Fault(f"{WORK}/{name}", "is no manifest as it was written", _AGAIN)
            for name, result in zip(manifests, results, strict=True)
            if result is None
        ]
        every = [*wanted, *(each for result in results for each in result or ())]
        for each, what in zip(every, pool.map(seen.fault, every), strict=True):
            if what is not None:
                found.append((each, what))
    faults += [Fault(each.name, what, _AGAIN, mend(each, seen)) for each, what in found]
    return Verified(seen.files, seen.bytes, tuple(faults))


def _results(mirror: Mirror, name: str) -> Sequence[_Wanted] | None:
    """The objects that a manifest names; None where it is not as it was written."""
    stage, _, file = name.rpartition("/")
    found = read_object(mirror.object(f"{WORK}/{name}"))
    try:
        entries = entries_now(unsealed(found[0] if found is not None else b""))
        return list(_wanted(mirror, stage, file.removesuffix(".json"), entries))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _wanted(mirror: Mirror, stage: str, key: str, entries: dict[str, dict[str, object]]) -> Iterator[_Wanted]:
    for name, entry in sorted(entries.items()):
        size, sha256 = int(str(entry["bytes"])), str(entry["sha256"])
        address = mirror.result(stage, key, name, sha256)
        mirrored = mirror.folder / WORK / stage / f"{key}.{name}"
        yield _Wanted(address[len(mirror.address) + 1 :], size, sha256, mirrored)


def _mended(wanted: _Wanted, seen: _Seen) -> str:
    """Restore an object, or let it be made again; returns how."""
    mirror, target = seen.mirror, seen.mirror.object(wanted.name)
    source = seen.whole.get(wanted.sha256)
    if source is not None:
        copy_object(mirror.object(source), target, wanted.bytes)
        return f"restored from {source}"
    if wanted.mirrored.is_file() and digest_file(wanted.mirrored) == wanted.sha256:
        put_file(target, wanted.mirrored)
        return "restored from this machine's mirror"
    delete_objects(mirror.address, [wanted.name])
    if wanted.name.startswith(f"{WORK}/"):
        folder, _, file = wanted.name.rpartition("/")
        delete_objects(mirror.address, [f"{folder}/{file.partition('.')[0]}.json"])
        return "its task is done again by the next run"
    return "removed; the next run puts it again"
