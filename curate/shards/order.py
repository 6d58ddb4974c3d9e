"""The global order of documents: a keyed permutation, cut into buckets, and buckets into shards.

A document's place is its 64-bit key, a draw from (seed, id, epoch); ties go by id. Buckets are ranges of keys, so sorting
the buckets sorts everything, and no process holds all documents. Knows keys and counts; touches no file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curate.text.chance import Words, draw, id_words, unit

TRAIN, VALIDATION = "train", "validation"
SPLITS = (TRAIN, VALIDATION)
_BUCKETS_PER_SHARD = 4  # a bucket is read whole by each shard it touches: a quarter keeps waste under a half
KEY_BITS = 64


def keys(ids: pa.Array, seed: int) -> Words:
    """The place of each document in the global order."""
    return draw(ids, seed, "shuffle")


def in_validation(groups: pa.Array, seed: int, share: float) -> npt.NDArray[np.bool_]:
    """Whether each document goes to validation. Near-copies have one group, so they go together."""
    return unit(draw(groups, seed, "validation")) < share


def bucket_bits(tokens: int, tokens_per_shard: int) -> int:
    """How many leading bits of a key name its bucket, so that a bucket holds about a quarter of a shard."""
    wanted = _BUCKETS_PER_SHARD * tokens / tokens_per_shard
    return max(0, int(np.ceil(np.log2(max(1.0, wanted)))))


def buckets(order: Words, bits: int) -> npt.NDArray[np.int64]:
    """The bucket of each key."""
    if bits == 0:
        return np.zeros(len(order), dtype=np.int64)
    return (order >> np.uint64(KEY_BITS - bits)).astype(np.int64)


def sort_order(order: Words, ids: pa.Array) -> npt.NDArray[np.intp]:
    """The permutation that sorts documents by (key, id)."""
    words = id_words(ids).byteswap()  # compared as bytes compare
    return np.lexsort((words[:, 1], words[:, 0], order))


@dataclass(frozen=True)
class Window:
    """One shard's tokens, [first, last), and the buckets that hold them; `start` is the first token of the first bucket."""

    first: int
    last: int
    buckets: tuple[int, ...]
    start: int


def windows(tokens_by_bucket: Sequence[int], tokens_per_shard: int) -> list[Window]:
    """Cut the stream of tokens into shards. A document belongs to the shard its first token falls into."""
    ends = np.cumsum(np.asarray(tokens_by_bucket, dtype=np.int64))
    total = int(ends[-1]) if len(ends) else 0
    cuts = []
    for first in range(0, total, tokens_per_shard):
        last = min(first + tokens_per_shard, total)
        low = int(np.searchsorted(ends, first, side="right"))
        high = int(np.searchsorted(ends, last, side="left"))
        start = int(ends[low - 1]) if low else 0
        cuts.append(Window(first, last, tuple(range(low, high + 1)), start))
    return cuts
