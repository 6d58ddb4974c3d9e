"""Quality scores, the sample that a classifier learns from, and a model's card. Knows types and names only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypedDict

import pyarrow as pa

from curate.records.documents import DOCUMENTS

QUALITY = pa.schema([("quality_score", pa.float32()), ("quality_draw", pa.float32())])
"""The ledger's columns of the quality step. `quality_draw` is uniform in [0, 1)."""

SCORE = "quality_score"
BUCKET = "quality_bucket"
QUALITY_BUCKET = pa.schema([(BUCKET, pa.int8())])
"""The twentieth of its group in which a document's score lies, 0 to 19; see `curate.quality.buckets`."""

HALF_COUNTS = pa.schema([("half", pa.int32()), ("documents", pa.int64())])
"""Documents by half of the bits of their scores; ascending halves, those without documents left out."""
SAMPLE = pa.schema([("draw", pa.uint64()), *DOCUMENTS])
"""Documents and the draws that chose them."""


class TrainedOn(TypedDict):
    """Examples of each class, and a hash of them."""

    positive: int
    negative: int
    fingerprint: str


class FoldRule(TypedDict):
    """How documents part into folds, by host or one by one; see `curate.quality.folds`. The seed and round of the draw."""

    folds: int
    by: Literal["host", "document"]
    round: int
    seed: int


class Features(TypedDict):
    """How texts become numbers."""

    buckets: int
    hash: str


class Calibration(TypedDict):
    """From raw scores to labels (0 to 1), by group; see `curate.quality.calibration`. `by`: the column of the groups."""

    by: str | None
    curves: Mapping[str, Sequence[Sequence[float]]]


Reading = Literal["same", "chance", "moved", "other"]
"""What a drift says: the same documents, too few to tell, moved, or other documents."""


class ScoreDrift(TypedDict):
    """How far the scores of documents lie from those that a model was measured on; see `curate.quality.drift`."""

    documents: int
    psi: float
    """Population stability index."""
    chance: float
    """What the index reaches by chance in one of twenty draws."""
    ks: float
    """Largest distance between the cumulated distributions."""
    reading: Reading


class Card(TypedDict, total=False):
    """What a model says of itself; empty for a file of fastText."""

    classifier: str
    seed: int
    trained_on: TrainedOn
    features: Features
    intercept: float
    """Of a model file of version 0.1; now each model of the file has its own."""
    labels: Mapping[str, Any]
    """Where it learned from labels: their scale, and measures on documents that it had not seen; see
    `curate.quality.label_training`."""
    calibration: Calibration
    folds: FoldRule
    """Where it holds a model per fold; each document is scored by the one that has not seen its host."""
    held_out: Mapping[str, Any]
    """Measures on examples that it was not trained on; see `curate.quality.measures`. With folds: all examples, each by the
    model that has not seen it."""
    in_sample: Mapping[str, Any]
    """Area under ROC and histograms of scores on the very examples that it was trained on: what a leak would look like."""
