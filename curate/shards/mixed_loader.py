"""Batches from several datasets by weights that may change in mid-course; each sequence is of one dataset.

Where a mixture's phases are known before, `curate run` puts them into the shards, document by document, and `Loader` follows
them. Here weights are a matter of reading: each group is a dataset of its own, and a run that finds at step 40,000 that it
wants more code goes on from there with other weights.

The stream is a pure function of (datasets, seed, sequence length, packing, turns). A turn is a position and the weights from
there on. From its beginning on the stream is cut into blocks of 65,536 sequences; in each, every dataset has its share of
places, rounded so that all are taken, in an order drawn by the seed; what it puts there are the next sequences of its own
stream (`Loader.order`). So how far each dataset is at any position follows from the position, whoever reads, and no turn
makes a sequence come again or be left out.

Knows loaders of single datasets; knows no files.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from curate.shards.loader import Loader, Numbers, Sequences, StateError, steps_ahead
from curate.shards.permutation import KeyedPermutation
from curate.text.compiled import kernel

BLOCK = 1 << 16
"""Sequences between which shares are exact: a weight is met to 1/65,536."""


@dataclass(frozen=True)
class Turn:
    """From `position` on the datasets have these places in each block, in their order."""

    position: int
    weights: tuple[float, ...]
    places: tuple[int, ...]


@dataclass(frozen=True)
class MixedBatch(Sequences):
    """Sequences of several datasets."""

    dataset: Numbers
    """The number of each sequence's dataset, in the order in which they were given: int64, (sequences,)."""
    sequences: Numbers
    """The sequences' numbers in their datasets: int64, (sequences,)."""


class MixedLoader:
    """Iterates over batches without end. `datasets`: paths by name, each as `Loader` takes it; `weights`: by name.

    >>> loader = MixedLoader({"web": "runs/mine/mixes/web", "code": "runs/mine/mixes/code"},
    ...                      {"web": .8, "code": .2}, sequence_length=4096, batch_size=8)          # doctest: +SKIP
    >>> loader.change({"web": .5, "code": .5})         # from the next step on, on every rank alike   # doctest: +SKIP

    Raises as `Loader`, and ValueError for datasets of different tokenizers, or weights that name none of them.
    """

    def __init__(
        self,
        datasets: Mapping[str, str | Path],
        weights: Mapping[str, float],
        sequence_length: int,
        batch_size: int,
        seed: int = 0,
        rank: int = 0,
        world_size: int = 1,
        *,
        packing: str = "concat",
    ) -> None:
        if not datasets:
            raise ValueError("a mixed loader needs at least one dataset")
        self.names = tuple(datasets)
        self.loaders = tuple(
            Loader(path, sequence_length, batch_size, seed, rank, world_size, packing=packing)
            for path in datasets.values()
        )
        self._check_datasets(sequence_length)
        self.sequence_length, self.batch_size = sequence_length, batch_size
        self.rank, self.world_size = rank, world_size
        self._seed = seed
        self._turns = [self._turn(0, weights)]
        self._consumed = 0
        self._ahead: deque[tuple[int, MixedBatch]] = deque()
        self._block: tuple[tuple[int, int], Numbers, Numbers, Numbers] | None = None

    def _check_datasets(self, length: int) -> None:
        first = self.loaders[0].reader.tokenizer
        for name, loader in zip(self.names, self.loaders, strict=True):
            other = loader.reader.tokenizer
            if any(other[key] != first[key] for key in ("vocabulary_sha256", "end_of_text", "dtype")):
                raise ValueError(
                    f"{name!r} has tokens of {other['name']}, {self.names[0]!r} of {first['name']}: their ids do not mix"
                )
            if {*loader.lengths} != {length}:
                raise ValueError(
                    f"{name!r} has phases with a sequence_length of their own: mix datasets without phases"
                )

    def _turn(self, position: int, weights: Mapping[str, float]) -> Turn:
        unknown = [name for name in weights if name not in self.names]
        if unknown:
            raise ValueError(f"no dataset {unknown[0]!r}; there are {', '.join(self.names)}")
        given = tuple(float(weights.get(name, 0.0)) for name in self.names)
        if not (all(math.isfinite(each) and each >= 0 for each in given) and max(given) > 0):
            raise ValueError(f"weights must be numbers from 0 on, one of them above: {dict(weights)}")
        bounds = np.round(np.cumsum([0.0, *given]) / sum(given) * BLOCK).astype(np.int64)
        return Turn(position, given, tuple(np.diff(bounds).tolist()))

    def change(self, weights: Mapping[str, float]) -> None:
        """Go on with other weights from the next step. Call it on every rank after the same step, or pass the state on."""
        turn = self._turn(self._consumed, weights)
        self._turns = [*(each for each in self._turns if each.position < turn.position), turn]
        self._ahead.clear()
        self._block = None

    @property
    def weights(self) -> dict[str, float]:
        """The weights in force, as they were given."""
        return dict(zip(self.names, self._turns[-1].weights, strict=True))

    def epochs(self) -> dict[str, float]:
        """How often each dataset has been read so far, by all ranks together."""
        taken = self._taken(self._consumed)
        each = zip(self.names, taken.tolist(), self.loaders, strict=True)
        return {name: count / loader.sequences_per_epoch for name, count, loader in each}

    def __iter__(self) -> Iterator[MixedBatch]:
        return self

    def __next__(self) -> MixedBatch:
        if not self._ahead or self._ahead[0][0] != self._consumed:
            self._ahead = self._read_ahead(self._consumed)
        _, batch = self._ahead.popleft()
        self._consumed += self.batch_size * self.world_size
        return batch

    def _read_ahead(self, first: int) -> deque[tuple[int, MixedBatch]]:
        """(position of the step, its batch) for the next steps of this rank."""
        steps = steps_ahead(self.batch_size * self.sequence_length)
        begins = first + self.batch_size * self.world_size * np.arange(steps, dtype=np.int64)
        mine = begins[:, None] + (self.rank * self.batch_size + np.arange(self.batch_size, dtype=np.int64))
        block = self.batch(mine.ravel())
        found: deque[tuple[int, MixedBatch]] = deque()
        for begin, low in zip(begins.tolist(), range(0, len(block.tokens), self.batch_size), strict=True):
            step = slice(low, low + self.batch_size)
            found.append((begin, MixedBatch(block.tokens[step], block.dataset[step], block.sequences[step])))
        return found

    def batch(self, positions: Numbers) -> MixedBatch:
        """The sequences at these positions (int64) of the stream, without moving it."""
        dataset, places = self.order(positions)
        shape = (len(positions), self.sequence_length + 1)
        end_of_text = self.loaders[0].reader.tokenizer["end_of_text"]
        tokens = np.full(shape, end_of_text, dtype=self.loaders[0].dtype)
        sequences = np.empty_like(positions)
        for number in np.unique(dataset).tolist():
            rows = np.flatnonzero(dataset == number)
            sequences[rows] = self.loaders[number].order(places[rows])
            self.loaders[number].fill(tokens, rows, sequences[rows])
        return MixedBatch(tokens, dataset, sequences)

    def order(self, positions: Numbers) -> tuple[Numbers, Numbers]:
        """(dataset, position in its own stream) at each position of the stream."""
        dataset, places = np.empty_like(positions), np.empty_like(positions)
        starts = np.array([turn.position for turn in self._turns])
        turns = np.searchsorted(starts, positions, side="right") - 1
        blocks = (positions - starts[turns]) // BLOCK
        for turn, block in {*zip(turns.tolist(), blocks.tolist(), strict=True)}:
            chosen = (turns == turn) & (blocks == block)
            inside = positions[chosen] - starts[turn] - block * BLOCK
            of_block, ranks, before = self._block_order(turn, block)
            dataset[chosen] = of_block[inside]
            places[chosen] = before[of_block[inside]] + ranks[inside]
        return dataset, places

    def _block_order(self, turn: int, block: int) -> tuple[Numbers, Numbers, Numbers]:
        """Of a block the dataset at each place, how many places the dataset has before it there, and how many sequences each
        dataset gave before the block."""
        if self._block is None or self._block[0] != (turn, block):
            before = self._taken(self._turns[turn].position) + block * np.asarray(self._turns[turn].places)
            dataset = self._drawn(turn, block)
            ranks = np.empty(BLOCK, np.int64)
            _rank(dataset, np.zeros(len(self.names), np.int64), ranks)
            self._block = ((turn, block), dataset, ranks, before)
        return self._block[1:]

    def _drawn(self, turn: int, block: int) -> Numbers:
        """The dataset at each place of a block."""
        key = (self._seed, "mixed", self._turns[turn].position, block)
        by_place = np.repeat(np.arange(len(self.names)), self._turns[turn].places)
        dataset: Numbers = by_place[KeyedPermutation(BLOCK, *key)(np.arange(BLOCK))]
        return dataset

    def _taken(self, position: int) -> Numbers:
        """Sequences that each dataset gave before a position."""
        total = np.zeros(len(self.names), np.int64)
        ends = [*(turn.position for turn in self._turns[1:]), position]
        for number, (turn, end) in enumerate(zip(self._turns, ends, strict=True)):
            blocks, rest = divmod(max(0, min(end, position) - turn.position), BLOCK)
            total += blocks * np.asarray(turn.places)
            if rest:
                total += np.bincount(self._drawn(number, blocks)[:rest], minlength=len(self.names))
        return total

    def state_dict(self) -> dict[str, Any]:
        """Where the stream stands: `sequences` taken by all ranks together, the turns so far, and what names the stream."""
        turns = [[turn.position, dict(zip(self.names, turn.weights, strict=True))] for turn in self._turns]
        return {**self._stream(), "turns": turns, "sequences": self._consumed}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state with its weights, whatever the ranks and batches were. Raises StateError for a state of another
        stream."""
        wrong = [
            f"{name} {state.get(name)!r}, not {value!r}"
            for name, value in self._stream().items()
            if state.get(name) != value
        ]
        if wrong:
            raise StateError(f"this state belongs to another stream: {'; '.join(wrong)}")
        self._turns = [self._turn(int(position), weights) for position, weights in state["turns"]]
        self._consumed = int(state["sequences"])
        self._ahead.clear()
        self._block = None

    def _stream(self) -> dict[str, Any]:
        fingerprints = zip(self.names, (loader.reader.fingerprint for loader in self.loaders), strict=True)
        return {
            "datasets": [list(each) for each in fingerprints],
            "seed": self._seed,
            "sequence_length": self.sequence_length,
            "packing": self.loaders[0].packing.name,
        }


@kernel
def _rank(dataset: Numbers, before: Numbers, ranks: Numbers) -> None:
    for place in range(len(dataset)):
        ranks[place] = before[dataset[place]]
        before[dataset[place]] += 1
