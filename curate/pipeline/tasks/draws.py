"""The smallest draws of a file's records: what a sample of a source is chosen by. Reads records; extracts nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, TypedDict

import numpy as np
import pyarrow as pa

from curate import ingest
from curate.chance import draw
from curate.engine.task import Inputs, Output
from curate.records.batches import BatchWriter
from curate.records.counts import DocumentCounts
from curate.storage import SourceFile

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


def draw_part(params: DrawParams, inputs: Inputs, output: Output) -> DocumentCounts:
    """Input `file`. Writes `draws` (DRAWS). Memory is bounded by what is wanted, not by the file."""
    file = inputs.file("file")
    source_file = SourceFile(file.path, file.name, file.bytes, file.digest)
    columns = ingest.Columns(**params["columns"])
    smallest = np.empty(0, np.uint64)
    for pages in ingest.read_apart(source_file, params["source"], params["format"], columns, Counter()):
        drawn = draw(pages.column("id"), params["seed"], LIMIT)
        smallest = np.sort(np.concatenate([smallest, drawn]))[: params["least"]]
    with BatchWriter(output.path("draws"), DRAWS) as writer:
        writer.write({"draw": pa.array(smallest, pa.uint64())})
    return {"documents": len(smallest)}
