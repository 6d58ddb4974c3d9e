"""Deciding on linked documents, component by component. Knows signatures and policy; knows no text.

Signatures are in memory for one block of documents at a time, whatever the size of the largest component.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, TypedDict

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.dedup.banding import KeyParams, document_keys
from curate.dedup.records import DECISIONS, Rows, binary_column, binary_words, signature_rows, take_rows
from curate.dedup.shingles import Shingles
from curate.dedup.survivors import BLOCK, KINDS, Criteria, Decisions, Documents, Kept, Then, policy_order, undecided
from curate.engine.task import Inputs, Output
from curate.records.batches import BatchWriter
from curate.records.sorted_files import Piece, pieces_of

Positions = NDArray[np.int64]

_ALWAYS = ("number", "root", "id", "group", "tier", "rank", "fixed", "chars", "date")
"""Columns of all documents of a batch, in memory throughout."""


class DecideParams(KeyParams):
    """A batch of components, and what of copies is kept."""

    batch: int
    permutations: int
    then: Then
    verify: float | None


class ClusterCounts(TypedDict):
    """Documents looked at, those removed, and clusters by the number of documents, which JSON has as text."""

    linked: int
    removed: int
    clusters: dict[str, int]


def decide_components(params: DecideParams, inputs: Inputs, output: Output) -> ClusterCounts:
    """Inputs: `linked` documents, regrouped by batch. Writes `decisions` (DECISIONS). Counts clusters by size."""
    batch = params["batch"]
    linked = _Linked(
        params, [piece for path in inputs.paths("linked") for piece in pieces_of(path, "batch", batch, batch + 1)]
    )
    numbers = linked.numbers
    decisions = linked.decide()
    removed = decisions.survivors >= 0
    clusters = 1 + np.bincount(decisions.survivors[removed], minlength=len(numbers))
    sizes = clusters[np.where(removed, decisions.survivors, np.arange(len(numbers)))]
    with BatchWriter(output.path("decisions"), DECISIONS, compressed=False) as writer:
        writer.write(
            {
                "number": pa.array(numbers),
                "duplicate_of": binary_column(linked.ids[decisions.survivors], removed),
                "duplicate_kind": pa.array([None, *KINDS.values()], pa.string()).take(pa.array(decisions.kinds)),
                "jaccard": pa.array(decisions.jaccards, mask=np.isnan(decisions.jaccards)),
                "cluster_size": pa.array(sizes.astype(np.int32)),
                "group": binary_column(linked.groups()),
            }
        )
    histogram = Counter(clusters[~removed].tolist())
    return {
        "linked": len(numbers),
        "removed": int(removed.sum()),
        "clusters": {str(size): histogram[size] for size in sorted(histogram)},
    }


class _Linked:
    """Whole components of documents, by ascending numbers."""

    def __init__(self, params: DecideParams, pieces: Sequence[Piece]) -> None:
        self._params, self._pieces = params, pieces
        self._starts = np.cumsum([0, *(piece.rows for piece in pieces)])
        columns: dict[str, list[pa.Array]] = {name: [] for name in _ALWAYS}
        for batch in (piece.read() for piece in pieces):
            for name, values in columns.items():
                values.append(batch.column(name).take(pa.array(np.arange(len(batch)))))
        whole = {name: pa.concat_arrays(values) for name, values in columns.items()}
        self.numbers, self._roots = whole["number"].to_numpy(), whole["root"].to_numpy()
        self.ids, self._groups = binary_words(whole["id"]), binary_words(whole["group"])
        self._fixed = np.asarray(whole["fixed"])
        tiers, ranks, chars, dates = (whole[name].to_numpy() for name in ("tier", "rank", "chars", "date"))
        self._order = policy_order(self.ids, tiers, ranks, chars, dates, params["then"])

    def groups(self) -> NDArray[np.uint64]:
        """The group of each document's component: that of its root, which is in it."""
        groups: NDArray[np.uint64] = self._groups[np.searchsorted(self.numbers, self._roots)]
        return groups

    def decide(self) -> Decisions:
        """Block after block in policy order: the kept documents of a block are final, and decide on all that follow."""
        params = self._params
        least = -1.0 if params["verify"] is None else params["verify"]
        criteria = Criteria(params["exact"], params["addresses"], least)
        decisions = undecided(len(self.numbers))
        waiting = self._order
        while len(waiting):
            block, rest = waiting[:BLOCK], waiting[BLOCK:]
            kept = Kept(self._load(block), criteria)
            _note(decisions, block, block, kept.decisions)
            for start in range(0, len(rest), BLOCK):
                following = rest[start : start + BLOCK]
                _note(decisions, following, block, kept.decide(self._load(following)))
            waiting = rest[decisions.survivors[rest] < 0]
        return decisions

    def _load(self, positions: Positions) -> Documents:
        """What the walk looks at of some documents, in the order of the positions."""
        ascending = np.sort(positions)
        back = np.searchsorted(ascending, positions)
        rows, sets = self._take(ascending)
        rows = take_rows(rows, back)
        return Documents(
            rows.ids,
            rows.texts,
            rows.addresses,
            rows.scopes,
            self._fixed[positions],
            document_keys(rows, self._params),
            rows.sizes,
            rows.signatures,
            _reordered(sets, back),
        )

    def _take(self, ascending: Positions) -> tuple[Rows, Shingles]:
        """Rows of signature files, and their shingles, at ascending positions."""
        found: list[Rows] = []
        hashes, lengths = [np.empty(0, np.uint32)], []
        cuts = np.searchsorted(ascending, self._starts)
        for piece, start, (low, high) in zip(self._pieces, self._starts[:-1], itertools.pairwise(cuts), strict=True):
            if low == high:
                continue
            taken = piece.read().take(pa.array(ascending[low:high] - start))
            found.append(signature_rows(taken))
            sets = taken.column("shingles")
            hashes.append(sets.flatten().to_numpy())
            lengths.append(np.diff(sets.offsets.to_numpy()))
        columns: Iterator[Any] = (np.concatenate(arrays) for arrays in zip(*found, strict=True))
        offsets = np.concatenate([np.zeros(1, np.int64), *lengths]).cumsum()
        return Rows(*columns), Shingles(np.concatenate(hashes), offsets)


def _reordered(sets: Shingles, positions: Positions) -> Shingles:
    taken = pa.LargeListArray.from_arrays(sets.offsets, sets.hashes).take(pa.array(positions))
    return Shingles(taken.flatten().to_numpy(), taken.offsets.to_numpy().astype(np.int64))


def _note(decisions: Decisions, positions: Positions, survivors: Positions, found: Decisions) -> None:
    """Enter what was found of documents at `positions`; found survivors are indices into `survivors`."""
    removed = found.survivors >= 0
    at = positions[removed]
    decisions.survivors[at] = survivors[found.survivors[removed]]
    decisions.kinds[at] = found.kinds[removed]
    decisions.jaccards[at] = found.jaccards[removed]
