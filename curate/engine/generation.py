"""A run published in a bucket: a generation of files under names of its own, and one conditional put of the pointer to it.

The listing goes first, so that what an attempt that died left is known by name; then the files, copied within the store
where a task's result is one already; then the pointer. Readers see the old run or the new one. The generation before stays
for those who read it, the one before that goes. Knows names and checksums; knows no content.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

from curate.engine.commit import Commit
from curate.engine.lease import Lease
from curate.engine.listing import LISTING, Listed, parse_listing
from curate.engine.lock import LockedError
from curate.engine.mirror import (
    EMPTIED_MARK,
    WORK,
    Mirror,
    forget_generations,
    here,
    make_generation,
    open_mirror,
)
from curate.engine.pointer import POINTER, PUBLISHED, Pointer, generation_of, is_hash, read_pointer
from curate.engine.seal import sealed, unsealed
from curate.engine.task import entries_now
from curate.storage import OutputError, shown
from curate.storage.objects import (
    copy_object,
    delete_objects,
    list_level,
    list_objects,
    put_bytes,
    put_file,
    put_if,
    read_object,
)
from curate.storage.patience import patience

_MOST_COPIED = 5 << 30
"""Bytes that S3 copies in one request."""
_OURS = frozenset({POINTER, f"{PUBLISHED}/", f"{WORK}/", "timings/", ".lease.json"})
"""What a run has at its address, one level deep."""


def claim_address(address: str, name: str, replace: bool) -> None:
    """Raise OutputError unless a pipeline of this name may run at an address: where nothing lies, or one of its own runs.
    With `replace`, whatever else is there; what no run wrote is left alone even so."""
    there = {each for each in list_level(address) if not each.startswith(".probe-")}
    if replace:
        return
    if there and not there & _OURS:
        first = ", ".join(sorted(there)[:3])
        raise OutputError(
            f"{shown(address)} is not empty and holds no run ({first}{', ...' if len(there) > 3 else ''}): give --out a new "
            "address, or --replace to write among these objects"
        )
    pointer = read_pointer(address) if POINTER in there else None
    if pointer is not None and pointer.name != name:
        raise OutputError(
            f"{shown(address)} holds the run of another pipeline, {pointer.name!r}, not of {name!r}: give --out another "
            "address, or --replace to put this run in its place"
        )


class BucketCommit(Commit):
    """The next generation of a run in a bucket: files put one by one as in `Commit`, then `finish`. `folder` is then the
    folder of this machine that mirrors it. The caller holds the run."""

    def __init__(self, mirror: Mirror, name: str, lease: Lease, replaced: tuple[str, ...]) -> None:
        staging = mirror.folder / "staging"
        shutil.rmtree(staging, ignore_errors=True)
        super().__init__(staging)
        self._mirror, self._name, self._lease = mirror, name, lease
        self._forgets = False
        self._emptied = (mirror.folder / EMPTIED_MARK).exists()
        self._before: Mapping[str, Listed] = {}
        self._from: dict[str, tuple[str, Path | None]] = {}
        self._pointer = read_pointer(mirror.address)
        if self._pointer is not None:
            self._before = _listing(mirror, self._pointer.generation)
            for each, listed in self._before.items():
                if not each.startswith(replaced):
                    self.files[each] = listed
                    self._from[each] = (mirror.object(f"{PUBLISHED}/{self._pointer.generation}/{each}"), None)

    def copy(self, name: str, source: str | Path, digest: str | None = None, size: int | None = None) -> Listed:
        """Put a copy of a task's result: it is copied where it lies, and nothing of it comes here."""
        path = Path(source)
        if digest is None or size is None or not path.is_relative_to(self._mirror.folder / WORK):
            return super().copy(name, here(path), digest)
        key, _, result = path.name.partition(".")
        if self._emptied:  # documents may have been taken out of it since it was written
            digest = str(entries_now(unsealed(path.with_name(f"{key}.json").read_bytes()))[result]["sha256"])
        self._from[name] = (self._mirror.result(path.parent.name, key, result, digest), path)
        self.files[name] = Listed(size, digest)
        return self.files[name]

    def current(self, name: str) -> Path:
        """Where a file that is going to be published lies on this machine; it is brought for that."""
        staged = self._staged / name
        if staged.exists():
            return staged
        _, path = self._from[name]
        return here(path if path is not None else open_mirror(self._mirror.address) / name)

    def forget_before(self) -> None:
        """Let no generation stay but the one that is going to be published."""
        self._forgets = True

    def _take(self, name: str, listed: Listed) -> Listed:
        self._from.pop(name, None)
        return super()._take(name, listed)

    def finish(self) -> list[str]:
        """Commit: put what is not there, and move the pointer. Returns the names of the generation's files, none where it
        is published already. Raises LockedError where another run has taken this one's place."""
        files = {name: asdict(listed) for name, listed in sorted(self.files.items())}
        listing = sealed({"format": "curate-files/1", "files": files})
        generation = generation_of(listing)
        published = f"{PUBLISHED}/{generation}"
        before = self._pointer
        changed = before is None or before.generation != generation
        stays = "" if before is None or self._forgets else before.generation
        self._lease.check()
        if not listing_of(self._mirror, generation):
            put_bytes(self._mirror.object(f"{published}/{LISTING}"), listing)
        there = {each.name: each.size for each in list_objects(self._mirror.object(published))}
        missing = [name for name, listed in self.files.items() if there.get(name) != listed.bytes]
        with ThreadPoolExecutor(patience().at_once, thread_name_prefix="publishing") as pool:
            list(pool.map(lambda name: self._put(published, name), missing))
        if changed or (self._forgets and before is not None and before.before):
            self._lease.check()
            pointer = Pointer(generation, stays, self._name, None)
            address = self._mirror.object(POINTER)
            if put_if(address, pointer.as_bytes(), before.version if before else None) is None:
                raise LockedError(
                    f"{shown(self._mirror.address)} was published by another run meanwhile: look at that one"
                )
            if before is not None and before.before not in ("", generation, before.generation):
                drop_generation(self._mirror, before.before)
        if self._forgets:
            for other in set(_generations(self._mirror)) - {generation}:
                drop_generation(self._mirror, other)
            forget_generations(self._mirror.folder, {generation})
        staged = self._staged
        self.folder = make_generation(self._mirror, generation, listing)
        for path in sorted(staged.rglob("*")) if staged.exists() else ():
            target = self.folder / path.relative_to(staged)
            if path.is_file() and not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                os.replace(path, target)
        shutil.rmtree(self._mirror.folder / "staging", ignore_errors=True)
        return list(self.files) if changed else []

    def kept(self, timed: Sequence[str]) -> bool:
        """Whether all that was put is published already, but for these files, which are then put as they are."""
        new, old = ({name: files[name] for name in files if name not in timed} for files in (self.files, self._before))
        if new != old or self._pointer is None:
            return False
        for name in timed:
            if name in self._before:
                self.files[name] = self._before[name]
                self._from[name] = (self._mirror.object(f"{PUBLISHED}/{self._pointer.generation}/{name}"), None)
        return True

    def _put(self, published: str, name: str) -> None:
        target = self._mirror.object(f"{published}/{name}")
        source, path = self._from.get(name, ("", self._staged / name))
        try:
            if source and (path is None or self.files[name].bytes <= _MOST_COPIED):
                copy_object(source, target, self.files[name].bytes)
                return
        except FileNotFoundError:
            if path is None or not path.exists():  # made here, and kept there by another machine with other bytes
                raise
        assert path is not None, "what is not copied has a path"
        put_file(target, here(path))


def _listing(mirror: Mirror, generation: str) -> Mapping[str, Listed]:
    """The files of a generation, by name; none where its listing is gone."""
    return parse_listing(listing_of(mirror, generation).get("files", {}))


def listing_of(mirror: Mirror, generation: str) -> dict[str, Any]:
    """A generation's listing as it lies in the bucket; empty where it is gone or damaged."""
    found = read_object(mirror.object(f"{PUBLISHED}/{generation}/{LISTING}"))
    if found is None or generation_of(found[0]) != generation:
        return {}
    return unsealed(found[0])


def _generations(mirror: Mirror) -> list[str]:
    """The generations that lie in the bucket, published or not."""
    return [each.rstrip("/") for each in list_level(mirror.object(PUBLISHED)) if is_hash(each.rstrip("/"))]


def drop_generation(mirror: Mirror, generation: str) -> None:
    """Delete the files that a generation's listing names, and the listing last; whatever else lies there stays."""
    delete_objects(mirror.object(f"{PUBLISHED}/{generation}"), list(_listing(mirror, generation)))
    delete_objects(mirror.object(f"{PUBLISHED}/{generation}"), [LISTING])


def sweep_generations(mirror: Mirror, now: float, settled: float = 86_400.0) -> int:
    """Delete generations of attempts that died before they moved the pointer, a day old by the store's clock. Returns how
    many. The caller holds the run."""
    pointer = read_pointer(mirror.address)
    wanted = {pointer.generation, pointer.before} if pointer is not None else set()
    swept = 0
    for generation in _generations(mirror):
        if generation not in wanted:
            found = [one for one in list_objects(mirror.object(f"{PUBLISHED}/{generation}")) if one.name == LISTING]
            if found and now - found[0].written > settled:
                drop_generation(mirror, generation)
                swept += 1
    return swept
