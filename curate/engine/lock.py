"""One run at a time in a directory. The system drops the lock when its holder dies, however it dies."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from curate.errors import CurateError


class LockedError(CurateError, RuntimeError):
    """Another run holds the directory; the message says which."""


@contextlib.contextmanager
def hold(folder: Path, place: str = "", instead: str = "") -> Iterator[None]:
    """Hold the directory for the length of the block; `place` is what people call it, `instead` what they can do but wait.
    Raises LockedError when another process holds it."""
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(handle, 1000).decode(errors="replace").strip()
            raise LockedError(f"{place or folder} is in use by another run ({holder}); wait for it{instead}") from None
        os.ftruncate(handle, 0)
        os.write(handle, f"process {os.getpid()} on {socket.gethostname()}".encode())
        yield
    finally:
        os.close(handle)


@contextlib.contextmanager
def hold_folder(folder: Path) -> Iterator[None]:
    """Hold a folder that is no run directory, without a file in it. Raises LockedError when another process holds it."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LockedError(f"{folder} is being written to by another process: wait for it") from None
        yield
    finally:
        os.close(handle)


def is_held(folder: Path) -> bool:
    """Whether some run holds the directory now."""
    try:
        handle = os.open(folder / ".lock", os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return False
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
