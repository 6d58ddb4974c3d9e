"""Which texts a model was trained on: a code of 64 bits per text, so that a model file says what it has seen.

Two texts of one code have the same length and MurmurHash3: among 200,000 texts and 100 million documents one in a
million is taken for another by chance, which is enough for counting. Knows texts; keeps none.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.quality.features import murmur3
from curate.text.columns import text_buffers
from curate.text.compiled import kernel

Codes = NDArray[np.uint64]
_LENGTH_BITS = np.uint64(32)


@kernel
def _codes(data: Any, bounds: Any, codes: Any) -> None:
    for row in range(len(bounds) - 1):
        length = np.uint64(bounds[row + 1] - bounds[row])
        codes[row] = length << _LENGTH_BITS | np.uint64(murmur3(data, bounds[row], bounds[row + 1]))


def text_codes(texts: pa.Array) -> Codes:
    """A code per text of a (large_)string column: its length in bytes above its hash. Raises ValueError on nulls."""
    data, bounds = text_buffers(texts)
    codes = np.zeros(len(bounds) - 1, np.uint64)
    _codes(data, bounds, codes)
    return codes


def seen_texts(texts: pa.Array, seen: Codes) -> NDArray[np.bool_]:
    """Which texts are among `seen`, sorted codes. Only texts as long as one of these are hashed."""
    found = among(np.asarray(pc.binary_length(texts), np.uint64), seen >> _LENGTH_BITS)
    rows = np.flatnonzero(found)
    if len(rows):
        found[rows] = among(text_codes(texts.take(pa.array(rows))), seen)
    return found


def among(codes: Codes, seen: Codes) -> NDArray[np.bool_]:
    """Which codes are among `seen`, which is sorted."""
    if not len(seen):
        return np.zeros(len(codes), np.bool_)
    at = np.minimum(np.searchsorted(seen, codes), len(seen) - 1)
    found: NDArray[np.bool_] = seen[at] == codes
    return found
