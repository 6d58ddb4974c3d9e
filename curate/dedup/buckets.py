"""Keys and the numbers of their documents, sorted, a batch per bucket of leading bits. Knows Arrow files and numbers."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from curate.batches import BatchWriter
from curate.dedup.records import KEYS
from curate.dedup.sorting import Numbers, sort_pairs

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
