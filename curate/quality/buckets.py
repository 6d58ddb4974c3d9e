"""Buckets of quality: in which twentieth of its group a document's score lies. Knows scores and groups; knows no text.

A document's bucket is the number of twentieths of its group that lie wholly below its score: floor(20 x the share of the
group's documents with a lower score). Equal scores have one bucket, so buckets are as equal as ties let them be. The limits
are the scores at which 1/20, 2/20, ... 19/20 of the documents are reached (inverse of the distribution, as Nemotron-CC's
code takes them), and a score is above those that are lower than it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.quality.threshold import score_bits

BUCKETS = 20
"""As many as Dolma 3 and Nemotron-CC have."""
LEAST_DOCUMENTS = 200
"""Of a group with limits of its own: of fewer, a twentieth is less than ten documents, and all documents' limits hold."""
ALL = ""
"""The name under which the limits of all groups together stand."""

_DIGIT_BITS = 10
_DIGITS = 3  # of ten bits: those of a float32 up to 1
_RADIX = 1 << _DIGIT_BITS

Scores = NDArray[np.float32]
Names: TypeAlias = pa.Array
"""The group of each document: string, not null."""


@dataclass
class _Group:
    """What is known so far of a group's limits: the leading digits of each, and how many documents lie below those."""

    documents: int = 0
    prefixes: NDArray[np.int64] = field(default_factory=lambda: np.zeros(BUCKETS - 1, np.int64))
    below: NDArray[np.int64] = field(default_factory=lambda: np.zeros(BUCKETS - 1, np.int64))
    counts: dict[int, NDArray[np.int64]] = field(default_factory=dict)
    """Documents by their next digit, of each of the prefixes."""

    def take(self, bits: NDArray[np.int64], digit: int) -> None:
        """Count the next digit of the scores that begin as a limit does."""
        shift = _DIGIT_BITS * (_DIGITS - 1 - digit)
        known, digits = bits >> (shift + _DIGIT_BITS), (bits >> shift) & (_RADIX - 1)
        if digit == 0:
            self.documents += len(bits)
        for prefix in {*self.prefixes.tolist()}:
            counted = np.bincount(digits[known == prefix], minlength=_RADIX)
            self.counts[prefix] = self.counts.get(prefix, 0) + counted

    def settle(self) -> None:
        """Find the next digit of each limit from what was counted."""
        wanted = -(-np.arange(1, BUCKETS) * self.documents // BUCKETS)
        for number, prefix in enumerate(self.prefixes.tolist()):
            reached = np.cumsum(self.counts[prefix])
            found = int(np.searchsorted(reached, wanted[number] - self.below[number], side="left"))
            self.below[number] += int(reached[found - 1]) if found else 0
            self.prefixes[number] = prefix << _DIGIT_BITS | found
        self.counts = {}


def limits(chunks: Callable[[], Iterable[tuple[Scores, Names]]]) -> dict[str, list[float]]:
    """The 19 limits of each group with enough documents, and of all together, under ALL; none without a document.

    `chunks` is called three times and yields scores (float32, in [0, 1]) with their groups. Exact, and in memory that
    follows the number of groups: a limit's bits are found ten at a time by counting.
    """
    groups: dict[str, _Group] = {ALL: _Group()}
    for digit in range(_DIGITS):
        for scores, names in chunks():
            bits = score_bits(scores)
            groups[ALL].take(bits, digit)
            coded = names.dictionary_encode()
            codes = coded.indices.to_numpy(zero_copy_only=False)
            for code, name in enumerate(coded.dictionary.to_pylist()):
                group = groups.setdefault(name, _Group()) if digit == 0 else groups.get(name)
                if group is not None and name != ALL:
                    group.take(bits[codes == code], digit)
        if not groups[ALL].documents:
            return {}
        if digit == 0:
            groups = {
                name: group for name, group in groups.items() if name == ALL or group.documents >= LEAST_DOCUMENTS
            }
        for group in groups.values():
            group.settle()
    return {
        name: group.prefixes.astype(np.uint32).view(np.float32).astype(np.float64).tolist()
        for name, group in groups.items()
    }


def buckets(scores: pa.Array, names: Names, of: Mapping[str, list[float]]) -> pa.Array:
    """The bucket of each score, int8; null where there is no score, or no document that set limits."""
    known = np.asarray(scores.is_valid(), bool)
    if not of:
        return pa.nulls(len(scores), pa.int8())
    values = np.asarray(scores.fill_null(0.0), np.float32)
    found = np.zeros(len(values), np.int8)
    coded = names.dictionary_encode()
    codes = coded.indices.to_numpy(zero_copy_only=False)
    for code, name in enumerate(coded.dictionary.to_pylist()):
        mine = codes == code
        bounds = np.asarray(of.get(name, of[ALL]), np.float32)
        found[mine] = np.searchsorted(bounds, values[mine], side="left")
    return pa.array(found, mask=~known)
