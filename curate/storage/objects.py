"""Objects of a store written: whole, or on the condition that nobody else wrote them meanwhile; copied, and deleted.

A reply that was lost on its way looks like a refusal when the same is asked again: what is there then tells whose it is. So
whatever is put on a condition must differ from writer to writer, unless it does not matter who wrote it. Knows keys, bytes
and versions; nothing of what the bytes mean.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curate.errors import StorageError
from curate.storage.buckets import ChangedError, asked, open_object, store_of
from curate.storage.local import atomic_path
from curate.storage.patience import Fault, patience
from curate.storage.places import OutputError, shown

_CHUNK = 8 << 20
_DELETED_AT_ONCE = 1000  # keys of one request to S3
LOCK_LANE = " locks"
"""Places of their own for short requests that must not wait behind long transfers: a lock is kept by them."""


@dataclass(frozen=True)
class Version:
    """Which content of an object it is, as its store marks it; `written`: when, in seconds of the store's clock, 0 where
    that was not said."""

    e_tag: str | None
    mark: str | None
    written: float


def read_object(address: str, lane: str = "") -> tuple[bytes, Version] | None:
    """An object's bytes and version; None where there is none. Raises PermissionError, StorageError."""
    store, key = store_of(address)

    def ask() -> tuple[bytes, Version]:
        answer = store.get(key)
        data, meta = bytes(answer.bytes()), answer.meta
        if len(data) != int(meta["size"]):
            raise Fault(f"{len(data):,} bytes came of {meta['size']:,}")
        return data, _version(meta)

    try:
        return asked(address, ask, lane=lane)
    except FileNotFoundError:
        return None


def _version(meta: Any) -> Version:
    return Version(meta.get("e_tag"), meta.get("version"), meta["last_modified"].timestamp())


def put_bytes(address: str, data: bytes, lane: str = "") -> None:
    """Put an object of these bytes, whatever was there. Raises PermissionError, StorageError."""
    store, key = store_of(address)
    asked(address, lambda: store.put(key, data), "written", lane)


def put_file(address: str, path: str | Path) -> None:
    """Put a file's content, in pieces where it is large. Raises PermissionError, StorageError, FileNotFoundError."""
    store, key = store_of(address, patience().tries)
    with open(path, "rb"):
        pass  # a missing file is told as that, not as a missing object
    asked(address, lambda: store.put(key, Path(path)), "written")


def put_if(address: str, data: bytes, before: Version | None, lane: str = "") -> Version | None:
    """Put an object if it still is `before`, or is not there where that is None. Returns its version, or None where another
    was there; one of the same bytes counts as this. Raises PermissionError, StorageError."""
    from obstore.exceptions import AlreadyExistsError, PreconditionError

    store, key = store_of(address)
    mode: Any = "create"
    if before is not None:
        mode = {name: mark for name, mark in (("e_tag", before.e_tag), ("version", before.mark)) if mark is not None}

    def ask() -> Version | None:
        try:
            done = store.put(key, data, mode=mode)
            return Version(done.get("e_tag"), done.get("version"), 0.0)
        except (AlreadyExistsError, PreconditionError, FileNotFoundError):
            pass
        try:
            answer = store.get(key)
            there, version = bytes(answer.bytes()), _version(answer.meta)
        except FileNotFoundError:
            if before is None:  # two conditional writes met, and the store refused both
                raise Fault("the object was neither written nor there") from None
            return None
        if there == data:
            return version
        if before is not None and version.e_tag == before.e_tag:
            raise Fault("the object was neither written nor changed")
        return None

    return asked(address, ask, "written", lane)


def copy_object(source: str, target: str, size: int) -> None:
    """Copy an object within its store; nothing of it comes here. Raises FileNotFoundError, StorageError where the copy has
    another size."""
    (store, key), (_, other) = store_of(source), store_of(target)
    asked(source, lambda: store.copy(key, other), "copied")
    found = asked(target, lambda: store.head(other))
    if int(found["size"]) != size:
        raise StorageError(f"the copy of {shown(source)} at {shown(target)} has {found['size']:,} bytes, not {size:,}")


def fetch_object(address: str, path: Path, size: int, sha256: str, like: Path | None = None) -> str | None:
    """Bring an object here as the file `path`, whole or not at all; returns what is wrong with it, or None. The file is
    given the time of `like`. Raises FileNotFoundError, PermissionError, StorageError."""
    with atomic_path(path) as temporary:
        try:
            digest = copy_of(address, size, temporary)
        except ChangedError:
            digest = ""
        if digest != sha256:
            return "has another SHA-256, or another size, than was recorded"
        if like is not None:
            os.utime(temporary, ns=(like.stat().st_atime_ns, like.stat().st_mtime_ns))
    return None


def copy_of(address: str, size: int, path: Path | None = None) -> str:
    """The SHA-256 of an object, in hexadecimal; with `path`, its bytes are written there. Raises ChangedError where it has
    another size, FileNotFoundError, PermissionError, StorageError."""
    digest = hashlib.sha256()
    with open_object(address, size) as source, open(path or os.devnull, "wb") as target:
        while chunk := source.read(_CHUNK):
            digest.update(chunk)
            target.write(chunk)
    return digest.hexdigest()


@dataclass(frozen=True)
class Listed:
    """An object of a listing: its name below the folder that was listed, its size, when it was written."""

    name: str
    size: int
    written: float


def list_objects(folder: str) -> list[Listed]:
    """Every object below a folder, ordered by name. Raises PermissionError, StorageError."""
    store, prefix = store_of(folder)

    def ask() -> list[Listed]:
        return [
            Listed(str(meta["path"])[len(prefix) :].lstrip("/"), int(meta["size"]), meta["last_modified"].timestamp())
            for batch in store.list(prefix or None)
            for meta in batch
        ]

    return sorted(asked(folder, ask), key=lambda each: each.name)


def list_level(folder: str) -> list[str]:
    """The names in a folder, one level of them: of objects, and of folders with `/` after them."""
    store, prefix = store_of(folder)

    def ask() -> list[str]:
        found = store.list_with_delimiter(prefix or None)
        names = [str(meta["path"]) for meta in found["objects"]]
        names += [f"{each}/" for each in found["common_prefixes"]]
        return [name[len(prefix) :].lstrip("/") for name in names]

    return sorted(asked(folder, ask))


def delete_objects(folder: str, names: Sequence[str]) -> None:
    """Delete objects of a folder, by name; one that is not there is none the less gone. Raises StorageError."""
    store, prefix = store_of(folder)
    keys = [f"{prefix}/{name}" if prefix else name for name in names]
    for at in range(0, len(keys), _DELETED_AT_ONCE):
        some = keys[at : at + _DELETED_AT_ONCE]
        try:
            asked(folder, lambda some=some: store.delete(some), "deleted")  # type: ignore[misc]
        except FileNotFoundError:  # stores that tell of it leave the rest undone
            for key in some:
                with contextlib.suppress(FileNotFoundError):
                    asked(folder, lambda key=key: store.delete(key), "deleted")  # type: ignore[misc]


def check_conditions(folder: str) -> float:
    """What time it is by the store's clock, in seconds. Raises OutputError where the store takes no conditions, so that two
    runs could not be kept from each other, and PermissionError where it takes nothing from this user."""
    address = f"{folder}/.probe-{uuid.uuid4().hex}"
    put_if(address, uuid.uuid4().hex.encode(), None)
    try:
        found = read_object(address)
        written = found[1].written if found is not None else 0.0
        stale = Version('"0"', "0", 0.0)
        if put_if(address, b"again", None) is not None or put_if(address, b"changed", stale) is not None:
            raise OutputError(
                f"{shown(folder)}: its store overwrites where it is asked not to (no If-None-Match or If-Match), so that "
                "two runs could not be kept apart: give --out a folder, or a bucket of another store"
            )
    finally:
        delete_objects(folder, [address[len(folder) + 1 :]])
    return written
