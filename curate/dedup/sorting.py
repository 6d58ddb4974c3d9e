"""Sorting pairs of 64-bit numbers by their first, in linear time. Knows numbers only."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.text.compiled import kernel

_DIGIT_BITS = 11  # 2,048 counters stay in the first-level cache; six passes cover 64 bits

Numbers = NDArray[np.uint64]


@kernel
def _radix_sort(keys: Any, values: Any, spare_keys: Any, spare_values: Any) -> Any:
    digits = 1 << _DIGIT_BITS
    passes = (64 + _DIGIT_BITS - 1) // _DIGIT_BITS
    counts = np.zeros((passes, digits), np.int64)
    mask = np.uint64(digits - 1)
    for index in range(len(keys)):
        key = keys[index]
        for place in range(passes):
            counts[place, np.int64((key >> np.uint64(place * _DIGIT_BITS)) & mask)] += 1
    for place in range(passes):
        if counts[place].max() == len(keys):
            continue
        shift = np.uint64(place * _DIGIT_BITS)
        position = 0
        for digit in range(digits):
            size = counts[place, digit]
            counts[place, digit] = position
            position += size
        for index in range(len(keys)):
            leading = np.int64((keys[index] >> shift) & mask)
            target = counts[place, leading]
            counts[place, leading] = target + 1
            spare_keys[target] = keys[index]
            spare_values[target] = values[index]
        keys, spare_keys = spare_keys, keys
        values, spare_values = spare_values, values
    return keys, values


def sort_pairs(keys: Numbers, values: Numbers) -> tuple[Numbers, Numbers]:
    """Keys ascending, each with its value; equal keys stay in their order. The arguments' content is lost."""
    sorted_keys, sorted_values = _radix_sort(keys, values, np.empty_like(keys), np.empty_like(values))
    return sorted_keys, sorted_values
