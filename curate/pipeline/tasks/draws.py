"""The smallest draws of a file's records: what a sample of a source is chosen by. Reads records; extracts nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, TypedDict

import numpy as np
import pyarrow as pa

from curate import ingest
from curate.engine.task import Inputs, Output
from curate.ingest.spans import source_files, taken_from
from curate.records.batches import BatchWriter
from curate.records.counts import DrawCounts
from curate.text.chance import draw

DRAWS = pa.schema([("draw", pa.uint64())])
"""Draws of records, ascending."""
LIMIT = "limit"
"""The purpose of these draws."""


class DrawParams(TypedDict):
    """How the file is read, the seed, and how many of the smallest draws are wanted."""

    source: str
    format: str
    columns: Mapping[str, Any]
    code: Mapping[str, str]
    seed: int
    least: int


def draw_part(params: DrawParams, inputs: Inputs, output: Output) -> DrawCounts:
    """Input `file`: files in their order, or a span of one. Writes `draws` (DRAWS). Memory is bounded by what is wanted, not
    by the files."""
    path = output.path("draws")
    try:
        return _drawn(params, inputs, path, True)
    except ingest.ReaderDied:  # of one of several files: each for itself
        return _drawn(params, inputs, path, False)


def _drawn(params: DrawParams, inputs: Inputs, path: str, together: bool) -> DrawCounts:
    files, span = source_files(inputs.all("file"))
    columns = ingest.Columns(**params["columns"])
    smallest, others = np.empty(0, np.uint64), Counter[str]()
    for pages in ingest.read_together_or_apart(
        files, params["source"], params["format"], columns, others, span=span, together=together
    ):
        drawn = draw(pages.column("id"), params["seed"], LIMIT)
        smallest = np.sort(np.concatenate([smallest, drawn]))[: params["least"]]
    with BatchWriter(path, DRAWS) as writer:
        writer.write({"draw": pa.array(smallest, pa.uint64())})
    place, whole = taken_from(others)
    counts: DrawCounts = {"documents": len(smallest)}
    if span is not None:
        counts["span"] = {"place": place, "whole": whole}
    return counts
