"""Which words of a short list occur in a document, by their codes. Knows codes, not words."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.text.characters import Offsets
from curate.text.compiled import kernel

_MOST = 64  # one bit per word of the list


@kernel
def _distinct_listed(codes: Any, offsets: Any, listed: Any, out: Any) -> None:
    filtered = np.uint64(0)
    for code in listed:
        filtered |= np.uint64(1) << (code & np.uint64(63))
    for document in range(len(offsets) - 1):
        found = np.uint64(0)
        for item in range(offsets[document], offsets[document + 1]):
            code = codes[item]
            if filtered >> (code & np.uint64(63)) & np.uint64(1):
                for place in range(len(listed)):
                    if listed[place] == code:
                        found |= np.uint64(1) << np.uint64(place)
        count = 0
        while found:
            found &= found - np.uint64(1)
            count += 1
        out[document] = count


def distinct_listed(codes: NDArray[np.uint64], offsets: Offsets, listed: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Per document, how many of the listed words occur at least once; at most 64 may be listed."""
    if len(listed) > _MOST:
        raise ValueError(f"at most {_MOST} words can be listed, found {len(listed)}")
    out = np.zeros(len(offsets) - 1, np.int64)
    _distinct_listed(codes, offsets, listed, out)
    return out
