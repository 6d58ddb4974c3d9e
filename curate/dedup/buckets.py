"""Keys and the numbers of their documents, sorted, a batch per bucket of leading bits. Knows Arrow files and numbers."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.dedup.records import KEYS
from curate.records.batches import BatchWriter
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


BUCKET_KEYS = 1 << 22
"""Keys of a bucket, on average: what one task merges."""


def bucket_bits(keys: int) -> int:
    """How many leading bits name a bucket, given about how many keys there are in all."""
    return max(0, math.ceil(math.log2(max(1, keys) / BUCKET_KEYS)))


def write_buckets(path: str, keys: Numbers, numbers: Numbers, bits: int) -> None:
    """Sort by key and write (KEYS); equal keys stay in their order. The arguments' content is lost."""
    ordered, owners = sort_pairs(keys, numbers)
    edges = np.array([bucket << (64 - bits) for bucket in range(1, 1 << bits)], np.uint64)
    cuts = [0, *np.searchsorted(ordered, edges).tolist(), len(ordered)]
    with BatchWriter(path, KEYS, compressed=False) as writer:
        for low, high in itertools.pairwise(cuts):
            writer.write({"key": pa.array(ordered[low:high]), "number": pa.array(owners[low:high])})


def read_bucket(paths: Sequence[str], bucket: int) -> tuple[Numbers, Numbers]:
    """(keys ascending, their numbers) of one bucket of several files; equal keys in the order of the files."""
    keys, numbers = [np.empty(0, np.uint64)], [np.empty(0, np.uint64)]
    for path in paths:
        with pa.memory_map(path) as file:
            batch = pa.ipc.open_file(file).get_batch(bucket)
            keys.append(batch.column("key").to_numpy())
            numbers.append(batch.column("number").to_numpy())
    return sort_pairs(np.concatenate(keys), np.concatenate(numbers))
