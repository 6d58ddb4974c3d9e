"""Chance as a pure function: a 64-bit draw from (seed, purpose, record id), the same wherever and whenever it is made.

Knows ids as 16 uniformly distributed bytes; keeps no state.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curate.text.hashing import GOLDEN, splitmix

Words = npt.NDArray[np.uint64]

_mix: Callable[[Words], Words] = splitmix.py_func
_UNIT = 2.0**-53  # a double's mantissa: the finest even spacing of [0, 1)


def id_words(ids: pa.Array) -> Words:
    """The ids (binary(16), no nulls) as an (n, 2) array of little-endian 64-bit words, without a copy."""
    if len(ids) == 0:
        return np.empty((0, 2), dtype=np.uint64)
    data = np.frombuffer(ids.buffers()[1], dtype="<u8").reshape(-1, 2)
    return data[ids.offset : ids.offset + len(ids)]


def draw(ids: pa.Array, seed: int, purpose: str, round: int = 0) -> Words:
    """A uniform 64-bit draw per id; independent between seeds, purposes and rounds."""
    key = hashlib.blake2b(f"{seed}/{purpose}/{round}".encode(), digest_size=16).digest()
    first, second = np.frombuffer(key, dtype="<u8")
    words = id_words(ids)
    mixed: Words = _mix(_mix(words[:, 0] + first) + (words[:, 1] ^ second) + GOLDEN)
    return mixed


def unit(draws: Words) -> npt.NDArray[np.float64]:
    """Draws as numbers in [0, 1)."""
    numbers: Any = (draws >> np.uint64(11)).astype(np.float64) * _UNIT
    return numbers  # type: ignore[no-any-return]
