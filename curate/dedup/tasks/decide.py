"""Deciding on linked documents, component by component. Knows signatures and policy; knows no text.

Signatures are in memory for one block of documents at a time, whatever the size of the largest component.
"""

from __future__ import annotations

from collections import Counter
from typing import TypedDict

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.dedup.banding import KeyParams, document_keys
from curate.dedup.records import (
    DECISIONS,
    PART_BITS,
    binary_column,
    gather_groups,
    gather_rows,
    gather_shingles,
    take_rows,
)
from curate.dedup.shingles import Shingles
from curate.dedup.survivors import BLOCK, KINDS, Criteria, Decisions, Documents, Kept, Then, policy_order, undecided
from curate.engine.task import Inputs, Output
from curate.records.batches import BatchWriter

Positions = NDArray[np.int64]


class DecideParams(KeyParams):
    """What of copies is kept. `tiers`, `ranks` and `fixed` are by part: earlier tiers are preferred, then lower ranks; fixed
    documents are always kept."""

    batch: int
    """Of the components."""
    tiers: list[int]
    ranks: list[int]
    fixed: list[bool]
    then: Then
    verify: float | None


class ClusterCounts(TypedDict):
    """Documents looked at, those removed, and clusters by the number of documents, which JSON has as text."""

    linked: int
    removed: int
    clusters: dict[str, int]


def decide_components(params: DecideParams, inputs: Inputs, output: Output) -> ClusterCounts:
    """Inputs: `components`; `signatures` of every part. Writes `decisions` (DECISIONS). Counts clusters by size."""
    with pa.memory_map(inputs.path("components")) as file:
        batch = pa.ipc.open_file(file).get_batch(params["batch"])
    numbers, roots = batch.column("number").to_numpy(), batch.column("root").to_numpy()
    by_number = np.argsort(numbers)
    numbers, roots = numbers[by_number], roots[by_number]
    linked = _Linked(params, inputs.paths("signatures"), numbers)
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
                "group": binary_column(linked.groups(roots)),
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

    def __init__(self, params: DecideParams, signatures: list[str], numbers: NDArray[np.uint64]) -> None:
        self._params, self._numbers, self._signatures = params, numbers, signatures
        self._part = (numbers >> np.uint64(PART_BITS)).astype(np.int64)
        rows = gather_rows(self._signatures, numbers, signed=False)
        self.ids = rows.ids
        tiers, ranks = np.array(params["tiers"], np.int32), np.array(params["ranks"], np.int32)
        self._order = policy_order(
            rows.ids, tiers[self._part], ranks[self._part], rows.chars, rows.dates, params["then"]
        )

    def groups(self, roots: NDArray[np.uint64]) -> NDArray[np.uint64]:
        """The group of each component, given its root."""
        distinct, positions = np.unique(roots, return_inverse=True)
        return gather_groups(self._signatures, distinct)[positions]

    def decide(self) -> Decisions:
        """Block after block in policy order: the kept documents of a block are final, and decide on all that follow."""
        params = self._params
        least = -1.0 if params["verify"] is None else params["verify"]
        criteria = Criteria(params["exact"], params["addresses"], least)
        decisions = undecided(len(self._numbers))
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
        numbers = self._numbers[ascending]
        rows = take_rows(gather_rows(self._signatures, numbers), back)
        return Documents(
            rows.ids,
            rows.texts,
            rows.addresses,
            rows.scopes,
            np.array(self._params["fixed"], np.bool_)[self._part[positions]],
            document_keys(rows, self._params),
            rows.sizes,
            rows.signatures,
            _reordered(gather_shingles(self._signatures, numbers), back),
        )


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
