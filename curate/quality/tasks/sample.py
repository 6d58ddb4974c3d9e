"""Choosing what a quality classifier is trained on: of each part, the documents with the smallest draws.

Knows documents and rules; knows no classifier.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from curate.engine.task import Inputs, Output
from curate.quality.drawing import drawn
from curate.records.batches import BatchWriter
from curate.records.counts import DocumentCounts
from curate.records.quality import SAMPLE


class SampleParams(TypedDict):
    """Documents whose draw is at most `limit`, a decimal number of 64 bits, and which fail no rule of `steps` (JSON)."""

    limit: str
    seed: int
    steps: Sequence[Mapping[str, Any]]


def sample_part(params: SampleParams, inputs: Inputs, output: Output) -> DocumentCounts:
    """Inputs `documents` and `columns`, aligned. Writes `sample` (SAMPLE)."""
    with BatchWriter(output.path("sample"), SAMPLE) as writer:
        for rows in drawn(inputs, params["steps"], params["limit"], params["seed"], "quality/sample"):
            writer.write({name: rows.column(name) for name in SAMPLE.names})
        return {"documents": writer.rows}
