"""Which copy survives: the order in which documents are walked. Knows columns; decides nothing."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Then = Literal["longest", "shortest", "newest", "oldest", "id"]

_UNKNOWN = np.iinfo(np.int64).max
"""A null date's place: after all others."""


def policy_order(
    ids: NDArray[np.uint64],
    tiers: NDArray[np.int32],
    ranks: NDArray[np.int32],
    chars: NDArray[np.int64],
    dates: NDArray[np.int64],
    then: Then,
) -> NDArray[np.int64]:
    """Positions in policy order: earlier tier, preferred source, the stated key, then the id's bytes.

    `ids` is (n, 2) little-endian words of 16 bytes; a date is seconds, or the least int64 where it is not known.
    """
    dated = dates != np.iinfo(np.int64).min
    keys = {
        "longest": -chars,
        "shortest": chars,
        "newest": np.where(dated, -dates, _UNKNOWN),
        "oldest": np.where(dated, dates, _UNKNOWN),
        "id": np.zeros_like(chars),
    }
    words = ids.byteswap()
    return np.lexsort((words[:, 1], words[:, 0], keys[then], ranks, tiers))
