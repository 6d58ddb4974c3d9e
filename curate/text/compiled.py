"""How kernels are compiled: one decorator, one cache that never serves stale machine code.

Knows nothing of text. numba's on-disk cache checks the file of a function but not the files of the functions it
calls, so the cache folder's name carries a hash of every kernel source in the package and of the numba version.
"""

import hashlib
import os
import stat
import tempfile
from pathlib import Path
from typing import Any, TypeAlias

import numba

_PACKAGE = Path(__file__).resolve().parent.parent


def _sources_hash() -> str:
    digest = hashlib.blake2b(numba.__version__.encode(), digest_size=8)
    for path in sorted(_PACKAGE.rglob("*.py")):
        source = path.read_bytes()
        if b"@kernel" in source or path == Path(__file__):
            digest.update(path.relative_to(_PACKAGE).as_posix().encode() + b"\0" + source)
    return digest.hexdigest()


def _cache_folder() -> str:
    root = os.environ.get("CURATE_CACHE_DIR") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache"), "curate"
    )
    try:
        os.makedirs(root, exist_ok=True)
        status = os.stat(root)
        if os.access(root, os.W_OK) and status.st_uid in (os.getuid(), 0) and not status.st_mode & 0o002:
            return os.path.join(root, "numba-" + _sources_hash())
    except OSError:
        pass
    return os.path.join(
        _private(os.path.join(tempfile.gettempdir(), f"curate-{os.getuid()}")), "numba-" + _sources_hash()
    )


def _private(folder: str) -> str:
    """The folder, which nobody else may write to: machine code that is read from it is executed.

    Where another user made it first, a new one that lasts as long as it lasts: kernels are then compiled in every process.
    """
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        status = os.lstat(folder)
        if stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and not status.st_mode & 0o022:
            return folder
    except OSError:
        pass
    return tempfile.mkdtemp(prefix="curate-kernels-")


if "NUMBA_CACHE_DIR" not in os.environ:
    numba.config.CACHE_DIR = _cache_folder()

Scalar: TypeAlias = Any
"""A number inside a kernel: NumPy's int64, uint64 or float64 as numba types it; Python's int to a caller."""

kernel = numba.njit(cache=True, nogil=True)
