"""Quality scores of a part's documents, with the draw that may keep each. Decides nothing. Knows models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from curate import quality
from curate.batches import BatchWriter, read_batches
from curate.chance import draw, unit
from curate.engine.task import Counts, File, Output
from curate.quality.model import load
from curate.quality.threshold import Scores, histogram, threshold_of_share
from curate.records.quality import QUALITY
from curate.verdicts.draws import as_draw


def compile_kernels(params: Mapping[str, Any]) -> None:
    """Compile what scores, once per machine."""
    quality.compile_kernels()


def score_part(params: Mapping[str, Any], inputs: Sequence[File], output: Output) -> Counts:
    """Inputs `documents` and `model`. Writes `columns` (QUALITY), aligned; counts documents by score."""
    files = {file.name: file.path for file in inputs}
    score = load(files["model"], params["label"])
    counts = np.zeros_like(histogram(np.zeros(0, np.float32)))
    with BatchWriter(output.path("columns"), QUALITY) as writer:
        for batch in read_batches(files["documents"]):
            scores = score(batch.column("text"))
            draws = as_draw(unit(draw(batch.column("id"), params["seed"], "quality/keep")))
            writer.write({"quality_score": pa.array(scores), "quality_draw": pa.array(draws)})
            counts += histogram(scores)
        return {"documents": writer.rows, "scores": counts.tolist()}


def find_threshold(params: Mapping[str, Any], inputs: Sequence[File], output: Output) -> Counts:
    """Inputs `columns...` (QUALITY), of every part of a source. Counts `threshold`: the least score of the best `share`."""

    def chunks() -> Iterator[Scores]:
        for file in inputs:
            for batch in read_batches(file.path):
                yield batch.column("quality_score").to_numpy()

    return {"threshold": threshold_of_share(chunks, params["share"])}
