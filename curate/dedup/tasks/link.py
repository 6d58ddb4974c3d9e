"""Linking documents that share a key: sorted buckets of keys, merged by range, and the components they connect.

Knows keys and numbers; knows neither text nor policy.
"""

from __future__ import annotations

from typing import TypedDict

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.dedup.banding import KeyParams, document_keys
from curate.dedup.buckets import Numbers, read_bucket, sort_pairs, write_buckets
from curate.dedup.components import Forest, forest_of_keys, merge_forests
from curate.dedup.records import COMPONENTS, FOREST, PART_BITS, signature_rows
from curate.engine.task import Inputs, Output
from curate.records.batches import BatchWriter, read_batches


class SortParams(KeyParams):
    """The numbers of the parts, and the leading bits of keys that name a bucket."""

    parts: list[int]
    bits: int


class BucketParams(TypedDict):
    """A bucket of keys."""

    bucket: int


class CutParams(TypedDict):
    """About how many documents a batch holds."""

    documents: int


class NoParams(TypedDict):
    """Nothing."""


class KeyCounts(TypedDict):
    """Keys written."""

    keys: int


class ForestCounts(TypedDict):
    """Documents that are linked to another."""

    linked: int


class ComponentCounts(TypedDict):
    """Documents that are linked to another, their components, and the batches of these."""

    documents: int
    components: int
    batches: int
    largest: int


def sort_keys(params: SortParams, inputs: Inputs, output: Output) -> KeyCounts:
    """Inputs `signatures`, of `parts`. Writes `keys` (KEYS): 2^`bits` buckets by leading bits."""
    keys, numbers = [np.empty(0, np.uint64)], [np.empty(0, np.uint64)]
    for part, path in zip(params["parts"], inputs.paths("signatures"), strict=True):
        first = part << PART_BITS
        for batch in read_batches(path):
            found = document_keys(signature_rows(batch), params)
            present = found != 0
            keys.append(found[present])
            numbers.append(np.repeat(np.arange(first, first + len(found), dtype=np.uint64), present.sum(axis=1)))
            first += len(found)
    found_keys = np.concatenate(keys)
    write_buckets(output.path("keys"), found_keys, np.concatenate(numbers), params["bits"])
    return {"keys": len(found_keys)}


def link_bucket(params: BucketParams, inputs: Inputs, output: Output) -> ForestCounts:
    """Inputs: `keys` of every group. Writes `forest` (FOREST) of the documents that share a key of bucket `bucket`."""
    forest = forest_of_keys(*read_bucket(inputs.paths("keys"), params["bucket"]))
    return _write_forest(forest, output)


def join_forests(params: NoParams, inputs: Inputs, output: Output) -> ForestCounts:
    """Inputs: each `forest` of a part of the links. Writes the `forest` of them all."""
    return _write_forest(merge_forests([_read_forest(path) for path in inputs.paths("forest")]), output)


def cut_components(params: CutParams, inputs: Inputs, output: Output) -> ComponentCounts:
    """Input: the `forest` of all links. Writes `components` (COMPONENTS), batches of about params `documents`."""
    forest = _read_forest(inputs.path("forest"))
    roots, numbers = sort_pairs(forest.roots.copy(), forest.numbers.copy())
    starts = np.flatnonzero(np.concatenate([np.ones(min(1, len(roots)), bool), roots[1:] != roots[:-1]]))
    sizes = np.diff(np.append(starts, len(roots)))
    batches = 0
    with BatchWriter(output.path("components"), COMPONENTS, compressed=False) as writer:
        for low, high in component_ranges(starts, len(roots), params["documents"]):
            writer.write({"number": pa.array(numbers[low:high]), "root": pa.array(roots[low:high])})
            batches += 1
    return {
        "documents": len(numbers),
        "components": len(starts),
        "batches": batches,
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
