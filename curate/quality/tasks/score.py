"""Quality scores of a part's documents, with the draw that may keep each. Decides nothing. Knows models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypedDict

import numpy as np
import pyarrow as pa

from curate import quality
from curate.engine.task import Inputs, Output
from curate.quality.model import load
from curate.quality.threshold import Scores, histogram, passing_scores, threshold_of_share
from curate.records.batches import BatchWriter, read_batches
from curate.records.counts import ScoredCounts
from curate.records.quality import QUALITY
from curate.text.chance import draw, unit
from curate.verdicts.draws import as_draw
from curate.verdicts.steps import steps_from_json


class ScoreParams(TypedDict):
    """The seed of draws; the label whose probability is the score, where a model has several; the column that its
    calibration is by."""

    seed: int
    label: str | None
    by: str | None


class ShareParams(TypedDict):
    """The share to keep of the documents that fail no rule of `steps` (JSON); how many files of columns a part has."""

    share: float
    steps: Sequence[Mapping[str, Any]]
    files: int


class ThresholdCounts(TypedDict):
    """The least score kept."""

    threshold: float


def compile_kernels(params: ScoreParams | ShareParams) -> None:
    """Compile what scores, once per machine."""
    quality.compile_kernels()


def score_part(params: ScoreParams, inputs: Inputs, output: Output) -> ScoredCounts:
    """Inputs `documents` and `model`; `columns`, where calibration is by one of them. Writes `columns` (QUALITY), aligned.

    Counts documents by score, and those whose text the model that scored them was trained on.
    """
    classifier = load(inputs.path("model"), params["label"])
    seen = 0
    counts = np.zeros_like(histogram(np.zeros(0, np.float32)))
    with BatchWriter(output.path("columns"), QUALITY) as writer:
        columns = [read_batches(path) for path in inputs.paths("columns")] if params["by"] else []
        for batch in read_batches(inputs.path("documents")):
            found = {name: each.column(name) for each in map(next, columns) for name in each.schema.names}
            groups = found[params["by"]] if params["by"] else None
            texts, ids, urls = (batch.column(name) for name in ("text", "id", "url"))
            scores, known = classifier.judge(texts, ids, urls, groups)
            draws = as_draw(unit(draw(batch.column("id"), params["seed"], "quality/keep")))
            writer.write({"quality_score": pa.array(scores), "quality_draw": pa.array(draws)})
            counts += histogram(scores)
            seen += int(known.sum())
        return {"documents": writer.rows, "scores": counts.tolist(), "seen": seen}


def find_threshold(params: ShareParams, inputs: Inputs, output: Output) -> ThresholdCounts:
    """Inputs `columns`, the files of every part of a source, part by part. Counts `threshold`: the least score of the best
    `share` of the documents that pass the steps' rules."""
    steps = steps_from_json(params["steps"])
    paths = inputs.paths("columns")
    parts = [paths[first : first + params["files"]] for first in range(0, len(paths), params["files"])]

    def chunks() -> Iterator[Scores]:
        for files in parts:
            for batches in zip(*map(read_batches, files), strict=True):
                columns = {name: batch.column(name) for batch in batches for name in batch.schema.names}
                yield passing_scores(columns, steps)

    return {"threshold": threshold_of_share(chunks, params["share"])}
