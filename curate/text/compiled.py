"""How kernels are compiled: one decorator, one cache that never serves stale machine code.

Knows nothing of text. numba's on-disk cache checks the file of a function but not the files of the functions it
calls, so the cache folder's name carries a hash of every kernel source in the package and of the numba version.
"""

import hashlib
import os
from pathlib import Path
from typing import Any, TypeAlias

import numba

from curate.text.caching import cache_folder

_PACKAGE = Path(__file__).resolve().parent.parent


def _sources_hash() -> str:
    digest = hashlib.blake2b(numba.__version__.encode(), digest_size=8)
    for path in sorted(_PACKAGE.rglob("*.py")):
        source = path.read_bytes()
        if b"@kernel" in source or path == Path(__file__):
            digest.update(path.relative_to(_PACKAGE).as_posix().encode() + b"\0" + source)
    return digest.hexdigest()


if "NUMBA_CACHE_DIR" not in os.environ:
    numba.config.CACHE_DIR = str(cache_folder(f"numba-{_sources_hash()}"))

Scalar: TypeAlias = Any
"""A number inside a kernel: NumPy's int64, uint64 or float64 as numba types it; Python's int to a caller."""

kernel = numba.njit(cache=True, nogil=True)
