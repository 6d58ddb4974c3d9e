"""Batches of token sequences for a trainer, read from shards under a memory map.

The stream of sequences is a pure function of (dataset, split, seed, sequence length, packing): epoch after epoch, the
phases of the dataset in their order, and of each its shards and their sequences in a keyed order (`curate.shards.section`).
(The documents were shuffled globally when the shards were made.) Ranks share it out: of every batch_size x world_size
sequences in a row, rank r takes the r-th batch_size. A position in it is one integer, whoever reads.

A phase may have sequences of a length of its own. A step then has as many of them as come nearest to its tokens, and none
holds sequences of two lengths: the last step before another length may be short, as the last of all.

Knows shards; knows no model, device or framework.
"""

from __future__ import annotations

import dataclasses
import functools
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from curate.errors import CurateError
from curate.shards.packing import Filling, Sums
from curate.shards.reader import ShardReader
from curate.shards.section import Copy, parted, sections_of
from curate.text.compiled import kernel

Numbers = npt.NDArray[np.int64]
_AHEAD_TOKENS = 1 << 20  # copied at once: little Python per step, and two megabytes stay in a processor's cache
_AHEAD_STEPS = 256  # at most: small batches are not made by the thousand before the first is taken
_PADDING = -1  # the document number of padding


def steps_ahead(tokens: int) -> int:
    """How many steps of so many tokens are read at once."""
    return max(1, min(_AHEAD_STEPS, _AHEAD_TOKENS // tokens))


class StateError(CurateError, ValueError):
    """A loader's state that belongs to another dataset or another stream."""


@dataclass(frozen=True)
class Sequences:
    """Sequences of one step on one rank."""

    tokens: npt.NDArray[Any]
    """uint16 or uint32, (sequences, sequence_length + 1); padding is end-of-text."""

    @property
    def inputs(self) -> npt.NDArray[Any]:
        """What the model reads: a view, (sequences, sequence_length)."""
        return self.tokens[:, :-1]

    @property
    def targets(self) -> npt.NDArray[Any]:
        """What follows each input token: a view, (sequences, sequence_length)."""
        return self.tokens[:, 1:]


@dataclass(frozen=True)
class Batch(Sequences):
    """Sequences of one dataset, and of which documents their tokens are."""

    sequences: Numbers
    """The sequences' numbers in the split: int64, (sequences,)."""
    _loader: Loader

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
    concat or best_fit. `shuffle=False` gives the shards' own order. A phase of the dataset that has a length of its own has
    sequences of that. The last step of the last epoch may be short, on some
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
        self._seed = seed if shuffle else None
        self._sections = sections_of(self.reader, split, sequence_length, packing, self._seed)
        self._ends = np.cumsum([section.sequences for section in self._sections], dtype=np.int64)
        self._lengths = tuple(section.length for section in self._sections)
        self._pads = any(section.packing.padding for section in self._sections)
        if self.sequences_per_epoch == 0:
            raise ValueError(
                f"the {split} split of {self.reader.folder} has {self.tokens} tokens, fewer than one sequence of "
                f"{sequence_length} + 1; use a shorter sequence_length or another split"
            )
        self._consumed = 0
        self._ahead: deque[tuple[int, Batch]] = deque()

    @property
    def packing(self) -> Filling:
        """How documents fill the sequences; of phases, all together."""
        each = [section.packing for section in self._sections]
        return Sums(each[0].name, sum(one.discarded for one in each), sum(one.padding for one in each))

    @property
    def lengths(self) -> tuple[int, ...]:
        """The lengths of the sequences, one per phase: `sequence_length`, but for phases with a length of their own."""
        return self._lengths

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the tokens: uint16 or uint32."""
        return self.reader.dtype

    @property
    def sequences_per_epoch(self) -> int:
        """Sequences of the split."""
        return int(self._ends[-1])

    @property
    def tokens(self) -> int:
        """Tokens of the split, end-of-text included."""
        return sum(section.tokens for section in self._sections)

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        first = self._consumed
        if self.epochs is not None and first >= self.epochs * self.sequences_per_epoch:
            self._consumed = 0
            raise StopIteration
        per_rank, end = self._steps_at(first)
        if not self._ahead or self._ahead[0][0] != first:
            self._ahead = self._read_ahead(first, per_rank, end)
        _, batch = self._ahead.popleft()
        last = first + per_rank * self.world_size
        self._consumed = last if end is None else min(last, end)
        return batch

    def _steps_at(self, position: int) -> tuple[int, int | None]:
        """(sequences of a step on each rank, position at which such steps end) where a step begins; None for no end."""
        end = None if self.epochs is None else self.epochs * self.sequences_per_epoch
        if len(set(self.lengths)) == 1 and self.lengths[0] == self.sequence_length:
            return self.batch_size, end
        epoch, within = divmod(position, self.sequences_per_epoch)
        number = int(np.searchsorted(self._ends, within, side="right"))
        length = self.lengths[number]
        while number + 1 < len(self._sections) and self.lengths[number + 1] == length:
            number += 1
        per_rank = max(1, round(self.batch_size * self.sequence_length / length))
        if len(set(self.lengths)) == 1:
            return per_rank, end
        return per_rank, epoch * self.sequences_per_epoch + int(self._ends[number])

    def _read_ahead(self, first: int, per_rank: int, end: int | None) -> deque[tuple[int, Batch]]:
        """(position of the step, its batch) for the next steps of this rank, from one pass over the shards."""
        steps = steps_ahead(self.batch_size * self.sequence_length)
        begins = first + per_rank * self.world_size * np.arange(steps, dtype=np.int64)
        if end is not None:
            begins = begins[begins < end]
        mine = begins[:, None] + (self.rank * per_rank + np.arange(per_rank, dtype=np.int64))
        counts = np.full(len(begins), per_rank) if end is None else (mine < end).sum(axis=1)
        block = self._batch(mine.ravel() if end is None else mine[mine < end], self._length_at(first))
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
            "seed": self._seed,
            "sequence_length": self.sequence_length,
            "packing": self.packing.name,
        }

    def order(self, positions: Numbers) -> Numbers:
        """The sequence at each position (int64) of the stream; positions go on through the epochs."""
        epochs, within = np.divmod(positions, self.sequences_per_epoch)
        places = epochs * len(self._sections) + np.searchsorted(self._ends, within, side="right")
        sequences = np.empty_like(positions)
        for place, chosen in parted(places):
            epoch, number = divmod(place, len(self._sections))
            section = self._sections[number]
            first = int(self._ends[number]) - section.sequences
            sequences[chosen] = first + section.order(epoch, within[chosen] - first)
        return sequences

    def batch(self, positions: Numbers) -> Batch:
        """The sequences at these positions (int64) of the stream, without moving it. Raises ValueError where they are of
        different lengths."""
        within = np.unique(np.searchsorted(self._ends, positions % self.sequences_per_epoch, side="right")).tolist()
        lengths = {self.lengths[number] for number in within} or {self.lengths[0]}
        if len(lengths) > 1:
            raise ValueError(f"sequences of {' and '.join(map(str, sorted(lengths)))} tokens do not fit into one batch")
        return self._batch(positions, lengths.pop())

    def _length_at(self, position: int) -> int:
        within = position % self.sequences_per_epoch
        return self.lengths[int(np.searchsorted(self._ends, within, side="right"))]

    def _batch(self, positions: Numbers, length: int) -> Batch:
        sequences = self.order(positions)
        tokens: npt.NDArray[Any] = np.empty((len(positions), length + 1), dtype=self.dtype)
        if self._pads:
            tokens.fill(self.reader.tokenizer["end_of_text"])
        self.fill(tokens, np.arange(len(positions)), sequences)
        return Batch(tokens, sequences, self)

    def fill(self, tokens: npt.NDArray[Any], rows: Numbers, sequences: Numbers) -> None:
        """Write sequences of the split into these rows of an array (rows, length + 1)."""
        for copy in self.copies(sequences):
            _copy_tokens(copy.view.tokens, rows[copy.row], copy.at, copy.begin, copy.length, tokens)

    def copies(self, sequences: Numbers) -> Iterator[Copy]:
        """What to copy, shard by shard."""
        if len(self._sections) == 1:
            yield from self._sections[0].copies(sequences)
            return
        for number, chosen in parted(np.searchsorted(self._ends, sequences, side="right")):
            section = self._sections[number]
            first = int(self._ends[number]) - section.sequences
            rows = np.arange(len(sequences))[chosen]
            for copy in section.copies(sequences[chosen] - first):
                yield dataclasses.replace(copy, row=rows[copy.row])


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
