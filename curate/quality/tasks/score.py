"""Quality scores of a part's documents, with the draw that may keep each. Decides nothing. Knows models."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypedDict

import numpy as np
import pyarrow as pa

from curate import quality
from curate.batches import BatchWriter, read_batches
from curate.chance import draw, unit
from curate.engine.task import Inputs, Output
from curate.quality.model import load
from curate.quality.threshold import Scores, histogram, threshold_of_share
from curate.records.counts import ScoredCounts
from curate.records.quality import QUALITY
from curate.verdicts.draws import as_draw


class ScoreParams(TypedDict):
    """The seed of draws, and the label whose probability is the score, where a model has several."""

    seed: int
    label: str | None


class ShareParams(TypedDict):
    """The share of documents to keep."""

    share: float


class ThresholdCounts(TypedDict):
    """The least score kept."""

    threshold: float


def compile_kernels(params: ScoreParams | ShareParams) -> None:
    """Compile what scores, once per machine."""
    quality.compile_kernels()


def score_part(params: ScoreParams, inputs: Inputs, output: Output) -> ScoredCounts:
    """Inputs `documents` and `model`. Writes `columns` (QUALITY), aligned; counts documents by score."""
    score = load(inputs.path("model"), params["label"])
    counts = np.zeros_like(histogram(np.zeros(0, np.float32)))
    with BatchWriter(output.path("columns"), QUALITY) as writer:
        for batch in read_batches(inputs.path("documents")):
            scores = score(batch.column("text"))
            draws = as_draw(unit(draw(batch.column("id"), params["seed"], "quality/keep")))
            writer.write({"quality_score": pa.array(scores), "quality_draw": pa.array(draws)})
            counts += histogram(scores)
        return {"documents": writer.rows, "scores": counts.tolist()}


def find_threshold(params: ShareParams, inputs: Inputs, output: Output) -> ThresholdCounts:
    """Inputs `columns` (QUALITY), of every part of a source. Counts `threshold`: the least score of the best `share`."""

    def chunks() -> Iterator[Scores]:
        for path in inputs.paths("columns"):
            for batch in read_batches(path):
                yield batch.column("quality_score").to_numpy()

    return {"threshold": threshold_of_share(chunks, params["share"])}
