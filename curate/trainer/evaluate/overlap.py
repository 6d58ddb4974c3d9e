"""Which texts a training set holds: the share of their runs of 13 tokens that occur in shards. Knows token ids only.

Brown et al. 2020, appendix C, use 13 words; tokens are what the model sees, and 13 of them are about ten words.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from curate.shards import ShardReader

NGRAM = 13
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # odd, from the golden ratio (Knuth, TAOCP 3, §6.4)
_CHUNK = 1 << 22  # tokens hashed at once
_SIEVE_BITS = 24  # a table of 2 MB of bits: most runs that cannot match are seen there
_SHIFT = np.uint64(64 - _SIEVE_BITS)

Hashes = npt.NDArray[np.uint64]


def ngram_hashes(tokens: npt.NDArray[Any]) -> Hashes:
    """A 64-bit hash of every run of 13 tokens, in order; none where there are fewer."""
    if len(tokens) < NGRAM:
        return np.empty(0, dtype=np.uint64)
    count = len(tokens) - NGRAM + 1
    hashes = np.zeros(count, dtype=np.uint64)
    for offset in range(NGRAM):
        hashes *= _MULTIPLIER
        hashes += tokens[offset : offset + count].astype(np.uint64) + np.uint64(1)
        hashes ^= hashes >> np.uint64(29)
    hashes *= _MULTIPLIER
    return hashes


def overlaps(path: str | Path, texts: Sequence[npt.NDArray[Any]]) -> npt.NDArray[np.float64]:
    """For each text (token ids) the share of its runs of 13 tokens that the train split holds; NaN for shorter texts."""
    wanted = [ngram_hashes(text) for text in texts]
    known = np.unique(np.concatenate([np.empty(0, np.uint64), *wanted]))
    found = np.zeros(len(known), dtype=bool)
    sieve = np.zeros(1 << _SIEVE_BITS, dtype=bool)
    sieve[known >> _SHIFT] = True
    reader = ShardReader(path)
    for entry in reader.split("train"):
        tokens = reader.open(entry).tokens
        for begin in range(0, len(tokens), _CHUNK):
            hashes = ngram_hashes(tokens[begin : begin + _CHUNK + NGRAM - 1])
            likely = hashes[sieve[hashes >> _SHIFT]]
            places = np.minimum(np.searchsorted(known, likely), max(0, len(known) - 1))
            found[places[known[places] == likely]] = True
    return np.array([found[np.searchsorted(known, each)].mean() if len(each) else np.nan for each in wanted])
