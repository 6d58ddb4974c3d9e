"""Batches of token sequences for a trainer, read from shards under a memory map.

The stream of sequences is a pure function of (dataset, split, seed, sequence length, packing): epoch after epoch, the
shards in a keyed order and the sequences of each shard in a keyed order, so that files are read one after another. (The
documents were shuffled globally when the shards were made.) Ranks share it out: of every batch_size x world_size
sequences in a row, rank r takes the r-th batch_size. A position in it is one integer, whoever reads.

Knows shards; knows no model, device or framework.
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from curate.errors import CurateError
from curate.shards.best_fit import BestFit, read_or_plan
from curate.shards.packing import Concat, Packing
from curate.shards.permutation import KeyedPermutation
from curate.shards.reader import ShardReader, ShardView
from curate.text.compiled import kernel

Numbers = npt.NDArray[np.int64]
_AHEAD_TOKENS = 1 << 18  # copied at once: little Python per step, and half a megabyte stays in a core's cache
_PADDING = -1  # the document number of padding


class StateError(CurateError, ValueError):
    """A loader's state that belongs to another dataset or another stream."""


@dataclass(frozen=True)
class Copy:
    """Stretches that lie in one open shard; `first_document` is the number of its first row in the split."""

    view: ShardView
    first_document: int
    row: Numbers
    at: Numbers
    begin: Numbers
    length: Numbers


@dataclass(frozen=True)
class Batch:
    """Sequences of one step on one rank."""

    tokens: npt.NDArray[Any]
    """uint16 or uint32, (sequences, sequence_length + 1); padding is end-of-text."""
    sequences: Numbers
    """The sequences' numbers in the split: int64, (sequences,)."""
    _loader: Loader

    @property
    def inputs(self) -> npt.NDArray[Any]:
        """What the model reads: a view, (sequences, sequence_length)."""
        return self.tokens[:, :-1]

    @property
    def targets(self) -> npt.NDArray[Any]:
        """What follows each input token: a view, (sequences, sequence_length)."""
        return self.tokens[:, 1:]

    @functools.cached_property
    def _numbers(self) -> Numbers:
        numbers = np.full(self.tokens.shape, _PADDING, dtype=np.int64)
        for copy in self._loader.copies(self.sequences):
            offsets = copy.view.offsets
            _fill_documents(offsets, copy.first_document, copy.row, copy.at, copy.begin, copy.length, numbers)
        return numbers

    @property
    def documents(self) -> Numbers:
        """The document of each input token: its number in the split, int64, (sequences, sequence_length); -1 is padding."""
        return self._numbers[:, :-1]

    @property
    def valid(self) -> npt.NDArray[np.bool_]:
        """Whether each target is a token and not padding, (sequences, sequence_length)."""
        known: npt.NDArray[np.bool_] = self._numbers != _PADDING
        return known[:, 1:] & known[:, :-1]

    @functools.cached_property
    def cu_seqlens(self) -> npt.NDArray[np.int32]:
        """Where documents begin in the flattened inputs, and their end: int32, as variable-length attention wants it.

        A document begins anew in each sequence; padding counts as a document.
        """
        documents = self.documents
        begins = np.ones(documents.shape, dtype=np.bool_)
        begins[:, 1:] = documents[:, 1:] != documents[:, :-1]
        return np.append(np.flatnonzero(begins.ravel()), documents.size).astype(np.int32)


class Loader:
    """Iterates over batches; endless unless `epochs` is given, and then begins anew when iterated again.

    `path`: a run directory, its `shards/`, or a mix; an address too. `batch_size`: sequences per rank and step. `packing`:
    concat or best_fit. `shuffle=False` gives the shards' own order. The last step of the last epoch may be short, on some
    ranks empty. Raises ShardError or FileNotFoundError where there are no shards, ValueError where a split holds no whole
    sequence.
    """

    def __init__(
        self,
        path: str | Path,
        sequence_length: int,
        batch_size: int,
        seed: int = 0,
        rank: int = 0,
        world_size: int = 1,
        *,
        split: str = "train",
        packing: str = "concat",
        shuffle: bool = True,
        epochs: int | None = None,
    ) -> None:
        if sequence_length < 1 or batch_size < 1:
            raise ValueError(f"sequence_length {sequence_length} and batch_size {batch_size} must be at least 1")
        if not 0 <= rank < world_size:
            raise ValueError(f"rank {rank} of {world_size}: ranks are 0 to world_size - 1")
        self.reader = ShardReader(path)
        self.split = split
        self.sequence_length = sequence_length
        self.batch_size = batch_size
        self.rank, self.world_size = rank, world_size
        self.epochs = epochs
        self._shuffle, self._seed = shuffle, seed
        self._entries = self.reader.split(split)
        self._starts = np.cumsum([0, *(entry.tokens for entry in self._entries)])
        self._first_documents = np.cumsum([0, *(entry.rows for entry in self._entries)])
        self.packing = self._packing(packing)
        if self.sequences_per_epoch == 0:
            raise ValueError(
                f"the {split} split of {self.reader.folder} has {self._starts[-1]} tokens, fewer than one sequence of "
                f"{sequence_length} + 1; use a shorter sequence_length or another split"
            )
        self._consumed = 0
        self._ahead: deque[tuple[int, Batch]] = deque()
        self._order: tuple[int, Numbers, Numbers] | None = None

    def _packing(self, name: str) -> Packing:
        if name == Concat.name:
            return Concat([entry.tokens for entry in self._entries], self.sequence_length)
        if name == BestFit.name:
            lengths = [np.diff(self.reader.open(entry).offsets) for entry in self._entries]
            return read_or_plan(self.reader.folder, self.split, self.reader.fingerprint, lengths, self.sequence_length)
        raise ValueError(f"unknown packing {name!r}; known: {Concat.name}, {BestFit.name}")

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the tokens: uint16 or uint32."""
        return self.reader.dtype

    @property
    def sequences_per_epoch(self) -> int:
        """Sequences of the split."""
        return int(self.packing.owned[-1])

    @property
    def tokens(self) -> int:
        """Tokens of the split, end-of-text included."""
        return int(self._starts[-1])

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        first, last = self._consumed, self._consumed + self.batch_size * self.world_size
        end = None if self.epochs is None else self.epochs * self.sequences_per_epoch
        if end is not None and first >= end:
            self._consumed = 0
            raise StopIteration
        if not self._ahead or self._ahead[0][0] != first:
            self._ahead = self._read_ahead(first, end)
        _, batch = self._ahead.popleft()
        self._consumed = last if end is None else min(last, end)
        return batch

    def _read_ahead(self, first: int, end: int | None) -> deque[tuple[int, Batch]]:
        """(position of the step, its batch) for the next steps of this rank, from one pass over the shards."""
        stride = self.batch_size * self.world_size
        steps = max(1, _AHEAD_TOKENS // (self.batch_size * self.sequence_length))
        begins = first + stride * np.arange(steps, dtype=np.int64)
        if end is not None:
            begins = begins[begins < end]
        mine = begins[:, None] + (self.rank * self.batch_size + np.arange(self.batch_size, dtype=np.int64))
        counts = np.full(len(begins), self.batch_size) if end is None else (mine < end).sum(axis=1)
        block = self.batch(mine.ravel() if end is None else mine[mine < end])
        cuts = np.cumsum(counts)
        return deque(
            (begin, Batch(block.tokens[low:high], block.sequences[low:high], self))
            for begin, low, high in zip(begins.tolist(), (cuts - counts).tolist(), cuts.tolist(), strict=True)
        )

    def state_dict(self) -> dict[str, Any]:
        """Where the stream stands: `sequences` taken by all ranks together, and what names the stream."""
        return {**self._stream(), "sequences": self._consumed}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state, whatever the ranks and batches were. Raises StateError for a state of another stream."""
        stream = self._stream()
        wrong = [
            f"{name} {state.get(name)!r}, not {value!r}" for name, value in stream.items() if state.get(name) != value
        ]
        if wrong:
            raise StateError(f"this state belongs to another stream than {self.reader.folder}: {'; '.join(wrong)}")
        self._consumed = int(state["sequences"])

    def _stream(self) -> dict[str, Any]:
        return {
            "fingerprint": self.reader.fingerprint,
            "split": self.split,
            "seed": self._seed if self._shuffle else None,
            "sequence_length": self.sequence_length,
            "packing": self.packing.name,
        }

    def order(self, positions: Numbers) -> Numbers:
        """The sequence at each position (int64) of the stream; positions go on through the epochs."""
        epochs = positions // self.sequences_per_epoch
        sequences = np.empty_like(positions)
        for epoch in np.unique(epochs).tolist():
            chosen = epochs == epoch
            sequences[chosen] = self._order_in_epoch(epoch, positions[chosen] - epoch * self.sequences_per_epoch)
        return sequences

    def _order_in_epoch(self, epoch: int, positions: Numbers) -> Numbers:
        if not self._shuffle:
            return positions
        shards, begins = self._shard_order(epoch)
        turn = np.searchsorted(begins, positions, side="right") - 1
        owned = self.packing.owned
        sequences = np.empty_like(positions)
        for each in np.unique(turn).tolist():
            chosen = turn == each
            shard = int(shards[each])
            first, last = int(owned[shard]), int(owned[shard + 1])
            if each + 1 < len(shards):
                self.reader.fetch_ahead(self._entries[shards[each + 1]])
            permute = KeyedPermutation(last - first, self._seed, "sequences", epoch, shard)
            sequences[chosen] = first + permute(positions[chosen] - begins[each])
        return sequences

    def _shard_order(self, epoch: int) -> tuple[Numbers, Numbers]:
        """The epoch's shards in order, and how many sequences come before each."""
        if self._order is None or self._order[0] != epoch:
            count = len(self._entries)
            shards = KeyedPermutation(count, self._seed, "shards", epoch)(np.arange(count))
            begins = np.cumsum([0, *np.diff(self.packing.owned)[shards]])[:-1]
            self._order = (epoch, shards, begins)
        return self._order[1], self._order[2]

    def batch(self, positions: Numbers) -> Batch:
        """The sequences at these positions (int64) of the stream, without moving it."""
        sequences = self.order(positions)
        shape = (len(positions), self.sequence_length + 1)
        tokens = np.full(shape, self.reader.tokenizer["end_of_text"], dtype=self.dtype)
        for copy in self.copies(sequences):
            _copy_tokens(copy.view.tokens, copy.row, copy.at, copy.begin, copy.length, tokens)
        return Batch(tokens, sequences, self)

    def copies(self, sequences: Numbers) -> Iterator[Copy]:
        """What to copy, shard by shard; a stretch that runs past a shard's end goes on in the next."""
        part = self.packing.stretches(sequences)
        row, at, begin, length = part.row, part.at, part.begin, part.length
        while len(row):
            shard = np.searchsorted(self._starts, begin, side="right") - 1
            taken = np.minimum(length, self._starts[shard + 1] - begin)
            for number in np.unique(shard).tolist():
                mine = shard == number
                view = self.reader.open(self._entries[number])
                inside = begin[mine] - self._starts[number]
                yield Copy(view, int(self._first_documents[number]), row[mine], at[mine], inside, taken[mine])
            rest = length > taken
            row, at = row[rest], (at + taken)[rest]
            begin, length = (begin + taken)[rest], (length - taken)[rest]


@kernel
def _copy_tokens(flat: Any, row: Numbers, at: Numbers, begin: Numbers, length: Numbers, out: Any) -> None:
    for index in range(len(row)):
        source = flat[begin[index] : begin[index] + length[index]]
        target = out[row[index]][at[index] : at[index] + length[index]]
        for each in range(len(target)):  # compiled to wide moves; assigning the slice is a quarter as fast
            target[each] = source[each]


@kernel
def _fill_documents(
    offsets: Any, first_document: Any, row: Numbers, at: Numbers, begin: Numbers, length: Numbers, out: Numbers
) -> None:
    for index in range(len(row)):
        position, end = begin[index], begin[index] + length[index]
        column = at[index]
        document = np.searchsorted(offsets, position, side="right") - 1
        while position < end:
            stop = min(end, np.int64(offsets[document + 1]))
            while position < stop:
                out[row[index], column] = first_document + document
                position += 1
                column += 1
            document += 1
