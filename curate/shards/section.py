"""Shards that are read as one: of a split, or of one phase of it. Their sequences in a keyed order, and where these lie.

Each epoch takes the shards in a keyed order and the sequences of each shard in a keyed order, so that files are read one
after another. Knows shards and one packing; knows no batches, ranks or other phases.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from curate.shards.best_fit import BestFit, read_or_plan
from curate.shards.entry import ShardEntry
from curate.shards.packing import Concat, Packing
from curate.shards.permutation import KeyedPermutation
from curate.shards.reader import ShardReader, ShardView

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Copy:
    """Stretches that lie in one open shard; `first_document` is the number of its first row in the split."""

    view: ShardView
    first_document: int
    row: Numbers
    at: Numbers
    begin: Numbers
    length: Numbers


class Section:
    """`entries` cut into sequences of `length` + 1 tokens; `before` shards and `documents` of the split come before them.

    `name` is the split's, or the split's with the phase's number: plans of packed sequences are kept under it.
    """

    def __init__(
        self,
        reader: ShardReader,
        name: str,
        entries: Sequence[ShardEntry],
        length: int,
        packing: str,
        seed: int | None,
        before: int = 0,
        documents: int = 0,
    ) -> None:
        self._reader, self._entries = reader, entries
        self.length = length
        self._seed, self._before = seed, before
        self._starts = np.cumsum([0, *(entry.tokens for entry in entries)])
        self._first_documents = documents + np.cumsum([0, *(entry.rows for entry in entries)])
        self.packing = self._packing(name, packing)
        self._order: tuple[int, Numbers, Numbers] | None = None

    def _packing(self, name: str, packing: str) -> Packing:
        if packing == Concat.name:
            return Concat([entry.tokens for entry in self._entries], self.length)
        if packing == BestFit.name:
            lengths = [np.diff(self._reader.open(entry).offsets) for entry in self._entries]
            return read_or_plan(self._reader.folder, name, self._reader.fingerprint, lengths, self.length)
        raise ValueError(f"unknown packing {packing!r}; known: {Concat.name}, {BestFit.name}")

    @property
    def sequences(self) -> int:
        """How many there are."""
        return int(self.packing.owned[-1])

    @property
    def tokens(self) -> int:
        """Tokens of its shards, end-of-text included."""
        return int(self._starts[-1])

    def order(self, epoch: int, positions: Numbers) -> Numbers:
        """The sequence at each position (int64) of an epoch; without a seed the shards' own order."""
        if self._seed is None:
            return positions
        shards, begins = self._shard_order(epoch, self._seed)
        turn = np.searchsorted(begins, positions, side="right") - 1
        owned = self.packing.owned
        sequences = np.empty_like(positions)
        for each, chosen in parted(turn):
            shard = int(shards[each])
            first, last = int(owned[shard]), int(owned[shard + 1])
            if each + 1 < len(shards):
                self._reader.fetch_ahead(self._entries[shards[each + 1]])
            permute = KeyedPermutation(last - first, self._seed, "sequences", epoch, self._before + shard)
            sequences[chosen] = first + permute(positions[chosen] - begins[each])
        return sequences

    def _shard_order(self, epoch: int, seed: int) -> tuple[Numbers, Numbers]:
        """The epoch's shards in order, and how many sequences come before each."""
        if self._order is None or self._order[0] != epoch:
            count = len(self._entries)
            of_phase = (self._before,) if self._before else ()
            shards = KeyedPermutation(count, seed, "shards", epoch, *of_phase)(np.arange(count))
            begins = np.cumsum([0, *np.diff(self.packing.owned)[shards]])[:-1]
            self._order = (epoch, shards, begins)
        return self._order[1], self._order[2]

    def copies(self, sequences: Numbers) -> Iterator[Copy]:
        """What to copy, shard by shard; a stretch that runs past a shard's end goes on in the next."""
        part = self.packing.stretches(sequences)
        row, at, begin, length = part.row, part.at, part.begin, part.length
        while len(row):
            shard = np.searchsorted(self._starts, begin, side="right") - 1
            taken = np.minimum(length, self._starts[shard + 1] - begin)
            for number, mine in parted(shard):
                view = self._reader.open(self._entries[number])
                inside = begin[mine] - self._starts[number]
                yield Copy(view, int(self._first_documents[number]), row[mine], at[mine], inside, taken[mine])
            rest = length > taken
            row, at = row[rest], (at + taken)[rest]
            begin, length = (begin + taken)[rest], (length - taken)[rest]


def parted(values: Numbers) -> Iterator[tuple[int, npt.NDArray[np.bool_] | slice]]:
    """(a value, where it stands), each once in rising order; all of one value, as most often, are a slice."""
    if len(values) and (values == values[0]).all():
        yield int(values[0]), slice(None)
        return
    for value in np.unique(values).tolist():
        yield value, values == value


def sections_of(reader: ShardReader, split: str, length: int, packing: str, seed: int | None) -> tuple[Section, ...]:
    """The phases of a split in order, those with a length of their own in sequences of that; or the split as one."""
    entries = reader.split(split)
    phases = reader.phases if split == "train" else ()
    if not phases:
        return (Section(reader, split, entries, length, packing, seed),)
    found: list[Section] = []
    before = documents = 0
    for number, phase in enumerate(phases):
        mine = [entry for entry in entries if entry.phase == number]
        of_phase = phase.sequence_length or length
        name = f"{split}-phase-{number}"
        found.append(Section(reader, name, mine, of_phase, packing, seed, before, documents))
        before += len(mine)
        documents += sum(entry.rows for entry in mine)
    return tuple(found)
