"""A source's samples, and the numbers of its scores, put together group by group where there are many parts.

What is chosen, and what is counted, is what one task that reads everything chooses and counts. Knows samples and scores;
knows no classifier.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypedDict

import numpy as np
import pyarrow as pa

from curate.engine.task import Inputs, Output
from curate.quality.threshold import HALVES, Scores, counted_halves, passing_scores
from curate.records.batches import BatchWriter, read_batches
from curate.records.counts import DocumentCounts
from curate.records.quality import HALF_COUNTS, SAMPLE
from curate.verdicts.steps import steps_from_json


class SmallestParams(TypedDict):
    """How many documents are wanted."""

    sample: int


class HalvesParams(TypedDict):
    """Rules (JSON) that documents pass to count; how many files of columns a part has; the upper half of the bits of the
    scores whose lower halves are counted, or None for the upper halves of all."""

    steps: Sequence[Mapping[str, Any]]
    files: int
    half: int | None


class NoParams(TypedDict):
    """Nothing."""


def keep_smallest(params: SmallestParams, inputs: Inputs, output: Output) -> DocumentCounts:
    """Input `sample` (SAMPLE) of some parts. Writes `sample` (SAMPLE): those with the smallest draws, in their order."""
    paths = inputs.paths("sample")
    draws = [batch.column("draw").to_numpy() for path in paths for batch in read_batches(path)]
    order = np.argsort(np.concatenate([np.empty(0, np.uint64), *draws]), kind="stable")
    chosen = np.zeros(len(order), bool)
    chosen[order[: params["sample"]]] = True
    before = 0
    with BatchWriter(output.path("sample"), SAMPLE) as writer:
        for path in paths:
            for batch in read_batches(path):
                kept = batch.filter(pa.array(chosen[before : before + len(batch)]))
                before += len(batch)
                if len(kept):
                    writer.write({name: kept.column(name) for name in SAMPLE.names})
        return {"documents": writer.rows}


def count_halves(params: HalvesParams, inputs: Inputs, output: Output) -> DocumentCounts:
    """Input `columns`, the files of some parts, part by part. Writes `halves` (HALF_COUNTS)."""
    steps = steps_from_json(params["steps"])
    paths = inputs.paths("columns")

    def chunks() -> Iterator[Scores]:
        for first in range(0, len(paths), params["files"]):
            for batches in zip(*map(read_batches, paths[first : first + params["files"]]), strict=True):
                columns = {name: batch.column(name) for batch in batches for name in batch.schema.names}
                yield passing_scores(columns, steps)

    return _written(counted_halves(chunks(), params["half"]), output)


def add_halves(params: NoParams, inputs: Inputs, output: Output) -> DocumentCounts:
    """Input `halves` (HALF_COUNTS) of some parts. Writes `halves` (HALF_COUNTS): their sum."""
    return _written(sum((read_halves(path) for path in inputs.paths("halves")), np.zeros(HALVES, np.int64)), output)


def read_halves(path: str) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Documents by half, of a file that `count_halves` wrote: int64, HALVES of them."""
    counts = np.zeros(HALVES, np.int64)
    for batch in read_batches(path):
        counts[batch.column("half").to_numpy()] += batch.column("documents").to_numpy()
    return counts


def _written(counts: np.ndarray[Any, np.dtype[np.int64]], output: Output) -> DocumentCounts:
    there = np.flatnonzero(counts)
    with BatchWriter(output.path("halves"), HALF_COUNTS) as writer:
        writer.write({"half": pa.array(there.astype(np.int32)), "documents": pa.array(counts[there])})
    return {"documents": int(counts.sum())}
