"""Keys and the numbers of their documents, sorted, and read by buckets of leading bits. Knows Arrow files and numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.dedup.records import KEYS
from curate.records.batches import BatchWriter
from curate.records.sorted_files import read_range
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


_ROWS = 1 << 20  # of a batch of keys

BUCKET_KEYS = 1 << 22
"""Keys of a bucket, on average: what one task merges."""


def bucket_bits(keys: int) -> int:
    """How many leading bits name a bucket, given about how many keys there are in all."""
    return max(0, math.ceil(math.log2(max(1, keys) / BUCKET_KEYS)))


def bucket_span(bucket: int, bits: int) -> tuple[int, int]:
    """The keys of a bucket: from the first up to, and without, the second."""
    return bucket << (64 - bits), (bucket + 1) << (64 - bits)


def write_keys(path: str, keys: Numbers, numbers: Numbers) -> None:
    """Write pairs that ascend by key (KEYS)."""
    with BatchWriter(path, KEYS, compressed=False) as writer:
        for start in range(0, len(keys), _ROWS):
            some = slice(start, start + _ROWS)
            writer.write({"key": pa.array(keys[some]), "number": pa.array(numbers[some])})


def read_bucket(paths: Sequence[str], bucket: int, bits: int) -> tuple[Numbers, Numbers]:
    """(keys ascending, their numbers) of one bucket of several files; equal keys in the order of the files."""
    keys, numbers = [np.empty(0, np.uint64)], [np.empty(0, np.uint64)]
    for batch in read_range(paths, "key", *bucket_span(bucket, bits)):
        keys.append(batch.column("key").to_numpy())
        numbers.append(batch.column("number").to_numpy())
    return sort_pairs(np.concatenate(keys), np.concatenate(numbers))
