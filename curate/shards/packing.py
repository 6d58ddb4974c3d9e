"""How documents fill sequences: which stretches of the token stream make which sequence. Knows numbers of tokens only.

The stream is a split's shards end to end, a position in it a token's number. A sequence holds one token more than the
model reads, so that inputs and targets are views of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Stretches:
    """Stretches of the stream and where they go: row `row` of a batch, from column `at` on, `length` tokens from `begin`."""

    row: Numbers
    at: Numbers
    begin: Numbers
    length: Numbers


class Filling(Protocol):
    """What a packing came to, in numbers."""

    @property
    def name(self) -> str:
        """What names the packing in a loader's state."""
        ...

    @property
    def discarded(self) -> int:
        """Tokens of the split that are in no sequence."""
        ...

    @property
    def padding(self) -> int:
        """Places of sequences that hold no token."""
        ...


class Packing(Filling, Protocol):
    """Cuts shards into sequences, numbered in the order of the shards they begin in."""

    @property
    def owned(self) -> Numbers:
        """Sequences that begin before each shard, and in all: int64, shards + 1."""
        ...

    def stretches(self, sequences: Numbers) -> Stretches:
        """What the sequences hold, in order of (row, column)."""
        ...


class Concat:
    """Documents end to end, cut every `length` tokens: sequence k holds [k length, (k + 1) length], ends included.

    The last token of a sequence is the first of the next: a target there, an input here.
    """

    name = "concat"
    padding = 0

    def __init__(self, tokens_by_shard: Sequence[int], length: int) -> None:
        self._length = length
        ends = np.cumsum(np.asarray(tokens_by_shard, dtype=np.int64))
        total = int(ends[-1]) if len(ends) else 0
        sequences = max(0, (total - 1) // length)
        self.owned: Numbers = np.minimum(np.concatenate([[0], -(-ends // length)]), sequences)
        self.discarded = total - (sequences * length + 1 if sequences else 0)

    def stretches(self, sequences: Numbers) -> Stretches:
        """One stretch per sequence."""
        count = len(sequences)
        zeros = np.zeros(count, dtype=np.int64)
        return Stretches(
            np.arange(count, dtype=np.int64),
            zeros,
            sequences * self._length,
            np.full(count, self._length + 1, dtype=np.int64),
        )


@dataclass(frozen=True)
class Sums:
    """The fillings of several phases together."""

    name: str
    discarded: int
    padding: int
