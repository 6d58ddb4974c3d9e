"""Choosing what a quality classifier is trained on: of each part, the documents with the smallest draws.

Knows documents and rules; knows no classifier.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from curate.batches import BatchWriter, read_batches
from curate.chance import draw
from curate.engine.task import Counts, File, Output
from curate.records.quality import SAMPLE
from curate.verdicts.steps import steps_from_json


def sample_part(params: Mapping[str, Any], inputs: Sequence[File], output: Output) -> Counts:
    """Inputs `documents` and `columns...`, aligned. Writes `sample` (SAMPLE): documents whose draw is below `limit` (a
    decimal string of 64 bits) and which fail no rule of `steps`.
    """
    files = {file.name: file.path for file in inputs}
    columns = [read_batches(file.path) for file in inputs if file.name.startswith("columns")]
    steps = steps_from_json(params["steps"])
    limit = np.uint64(int(params["limit"]))
    with BatchWriter(output.path("sample"), SAMPLE) as writer:
        for batch in read_batches(files["documents"]):
            known = {name: part.column(name) for part in map(next, columns) for name in part.schema.names}
            draws = draw(batch.column("id"), params["seed"], "quality/sample")
            chosen = draws <= limit
            for step in steps:
                for failed in step.fails(known).values():
                    chosen &= ~failed
            rows = pa.record_batch([pa.array(draws), *batch.columns], schema=SAMPLE).filter(pa.array(chosen))
            writer.write({name: rows.column(name) for name in SAMPLE.names})
        return {"documents": writer.rows}
