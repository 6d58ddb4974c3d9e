"""Linking documents that share a key: sorted buckets of keys, merged by range, and the components they connect.

Knows keys and numbers; knows neither text nor policy.
"""

from __future__ import annotations

from typing import TypedDict

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.dedup.banding import KeyParams, document_keys
from curate.dedup.buckets import Numbers, read_bucket, sort_pairs, write_keys
from curate.dedup.components import Forest, forest_of_keys, merge_forests
from curate.dedup.records import ASSIGNMENTS, FOREST, PART_BITS, signature_rows
from curate.engine.task import Inputs, Output
from curate.records.batches import BatchWriter, read_batches

_ROWS = 1 << 20  # of a batch of assignments


class SortParams(KeyParams):
    """The numbers of the parts."""

    parts: list[int]


class BucketParams(TypedDict):
    """A bucket of keys: its number, and how many leading bits name it."""

    bucket: int
    bits: int


class CutParams(TypedDict):
    """About how many documents a batch holds."""

    documents: int


class NoParams(TypedDict):
    """Nothing."""


class ForestCounts(TypedDict):
    """Documents that are linked to another."""

    linked: int


class KeyCounts(ForestCounts):
    """And the distinct keys that were written."""

    keys: int


class ComponentCounts(TypedDict):
    """Documents that are linked to another, their components, and the batches of these."""

    documents: int
    components: int
    batches: int
    largest: int


def sort_keys(params: SortParams, inputs: Inputs, output: Output) -> KeyCounts:
    """Inputs `signatures`, of `parts`. Writes `keys` (KEYS), each key once with the least number that has it, and the
    `forest` (FOREST) of the documents that share a key here: however many have a key, few pairs of it go on."""
    keys, numbers = [np.empty(0, np.uint64)], [np.empty(0, np.uint64)]
    for part, path in zip(params["parts"], inputs.paths("signatures"), strict=True):
        first = part << PART_BITS
        for batch in read_batches(path):
            found = document_keys(signature_rows(batch), params)
            present = found != 0
            keys.append(found[present])
            numbers.append(np.repeat(np.arange(first, first + len(found), dtype=np.uint64), present.sum(axis=1)))
            first += len(found)
    ordered, owners = sort_pairs(np.concatenate(keys), np.concatenate(numbers))
    firsts = np.flatnonzero(np.concatenate([np.ones(min(1, len(ordered)), bool), ordered[1:] != ordered[:-1]]))
    write_keys(output.path("keys"), ordered[firsts], owners[firsts])
    return {**_write_forest(forest_of_keys(ordered, owners), output), "keys": len(firsts)}


def link_bucket(params: BucketParams, inputs: Inputs, output: Output) -> ForestCounts:
    """Inputs: `keys` of every group, regrouped. Writes `forest` (FOREST) of the documents that share a key of the bucket."""
    forest = forest_of_keys(*read_bucket(inputs.paths("keys"), params["bucket"], params["bits"]))
    return _write_forest(forest, output)


def join_forests(params: NoParams, inputs: Inputs, output: Output) -> ForestCounts:
    """Inputs: each `forest` of a part of the links. Writes the `forest` of them all."""
    return _write_forest(merge_forests([_read_forest(path) for path in inputs.paths("forest")]), output)


def cut_components(params: CutParams, inputs: Inputs, output: Output) -> ComponentCounts:
    """Input: the `forest` of all links. Writes `assignments` (ASSIGNMENTS), batches of about params `documents`."""
    forest = _read_forest(inputs.path("forest"))
    roots, places = sort_pairs(forest.roots.copy(), np.arange(len(forest.roots), dtype=np.uint64))
    starts = np.flatnonzero(np.concatenate([np.ones(min(1, len(roots)), bool), roots[1:] != roots[:-1]]))
    sizes = np.diff(np.append(starts, len(roots)))
    ranges = component_ranges(starts, len(roots), params["documents"])
    batches = np.empty(len(roots), np.int32)
    for batch, (low, high) in enumerate(ranges):
        batches[places[low:high]] = batch
    with BatchWriter(output.path("assignments"), ASSIGNMENTS, compressed=False) as writer:
        for start in range(0, len(roots), _ROWS):
            some = slice(start, start + _ROWS)
            values = (forest.numbers[some], forest.roots[some], batches[some])
            writer.write(dict(zip(ASSIGNMENTS.names, map(pa.array, values), strict=True)))
    return {
        "documents": len(roots),
        "components": len(starts),
        "batches": len(ranges),
        "largest": int(sizes.max()) if len(sizes) else 0,
    }


def component_ranges(starts: NDArray[np.int64], end: int, most: int) -> list[tuple[int, int]]:
    """Runs of whole components of at most `most` documents, or of one component."""
    bounds = np.append(starts, end)
    ranges: list[tuple[int, int]] = []
    position = 0
    while position < len(starts):
        last = max(int(np.searchsorted(bounds, bounds[position] + most, "right")) - 1, position + 1)
        ranges.append((int(bounds[position]), int(bounds[last])))
        position = last
    return ranges


def _read_forest(path: str) -> Forest:
    columns: list[tuple[Numbers, Numbers]] = [
        (batch.column("number").to_numpy(), batch.column("root").to_numpy()) for batch in read_batches(path)
    ]
    return Forest(*(np.concatenate(arrays) for arrays in zip(*columns, strict=True)))


def _write_forest(forest: Forest, output: Output) -> ForestCounts:
    with BatchWriter(output.path("forest"), FOREST, compressed=False) as writer:
        writer.write({"number": pa.array(forest.numbers), "root": pa.array(forest.roots)})
    return {"linked": len(forest.numbers)}
