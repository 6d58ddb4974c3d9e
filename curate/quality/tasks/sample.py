"""Choosing what a quality classifier is trained on: of each part, the documents with the smallest draws.

Knows documents and rules; knows no classifier.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

import numpy as np
import pyarrow as pa

from curate.engine.task import Inputs, Output
from curate.records.batches import BatchWriter, read_batches
from curate.records.counts import DocumentCounts
from curate.records.quality import SAMPLE
from curate.text.chance import draw
from curate.verdicts.steps import steps_from_json


class SampleParams(TypedDict):
    """Documents whose draw is at most `limit`, a decimal number of 64 bits, and which fail no rule of `steps` (JSON)."""

    limit: str
    seed: int
    steps: Sequence[Mapping[str, Any]]


def sample_part(params: SampleParams, inputs: Inputs, output: Output) -> DocumentCounts:
    """Inputs `documents` and `columns`, aligned. Writes `sample` (SAMPLE)."""
    columns = [read_batches(path) for path in inputs.paths("columns")]
    steps = steps_from_json(params["steps"])
    limit = np.uint64(int(params["limit"]))
    with BatchWriter(output.path("sample"), SAMPLE) as writer:
        for batch in read_batches(inputs.path("documents")):
            known = {name: part.column(name) for part in map(next, columns) for name in part.schema.names}
            draws = draw(batch.column("id"), params["seed"], "quality/sample")
            chosen = draws <= limit
            for step in steps:
                for failed in step.fails(known).values():
                    chosen &= ~failed
            rows = pa.record_batch([pa.array(draws), *batch.columns], schema=SAMPLE).filter(pa.array(chosen))
            writer.write({name: rows.column(name) for name in SAMPLE.names})
        return {"documents": writer.rows}
