"""Files of this machine: checksums, copies, and writes that are whole or not there. Knows no address but to refuse it."""

from __future__ import annotations

import fcntl
import hashlib
import os
import stat
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from curate.storage.places import output_path

_CHUNK = 1 << 20
_FICLONE = 0x40049409  # linux/fs.h: share the blocks of another file until one of the two is written


def digest_file(path: str | Path) -> str:
    """The file's SHA-256, in hexadecimal."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def copy_file(source: str | Path, target: str | Path) -> str:
    """Copy a file and return the copy's SHA-256. Blocks are shared where the file system can, until one is written to.

    Never a hard link: what damages one name of a file would damage the other, and nothing could be restored from it.
    """
    with open(source, "rb") as old, open(target, "wb") as new:
        try:
            fcntl.ioctl(new.fileno(), _FICLONE, old.fileno())
            shared = True
        except OSError:
            shared = False
        digest = hashlib.sha256()
        while chunk := old.read(_CHUNK):
            digest.update(chunk)
            if not shared:
                new.write(chunk)
        new.flush()
        os.fsync(new.fileno())
    return digest.hexdigest()


def private_folder(path: str | Path) -> Path:
    """A folder that only this user may write to, made where it is missing: for files that are later trusted.

    Raises PermissionError where another user owns it, or may write to it: in a shared folder anyone can make it first.
    """
    folder = Path(path)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    status = os.lstat(folder)
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o022:
        raise PermissionError(
            f"{folder} is not a folder of this user alone: remove it, or name another by CURATE_CACHE_DIR"
        )
    return folder


def sync_folder(folder: str | Path) -> None:
    """Make renames within a folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """A temporary path beside `path` to write to; synced and renamed to it when the block ends well, else removed."""
    target = output_path(path, "a file")
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex}.tmp")
    try:
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, target)
        sync_folder(target.parent)
    finally:
        temporary.unlink(missing_ok=True)


def write_atomically(path: str | Path, data: bytes) -> None:
    """Replace a file's content in one step: readers see the old bytes or the new, never part of them."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)
