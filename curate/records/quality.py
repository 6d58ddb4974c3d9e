"""Quality scores, the sample that a classifier learns from, and a model's card. Knows types and names only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

import pyarrow as pa

from curate.records.documents import DOCUMENTS

QUALITY = pa.schema([("quality_score", pa.float32()), ("quality_draw", pa.float32())])
"""The ledger's columns of the quality step. `quality_draw` is uniform in [0, 1)."""

SAMPLE = pa.schema([("draw", pa.uint64()), *DOCUMENTS])
"""Documents and the draws that chose them."""


class TrainedOn(TypedDict):
    """Examples of each class, and a hash of them."""

    positive: int
    negative: int
    fingerprint: str


class Features(TypedDict):
    """How texts become numbers."""

    buckets: int
    hash: str


class Card(TypedDict, total=False):
    """What a model says of itself; empty for a file of fastText."""

    classifier: str
    seed: int
    trained_on: TrainedOn
    features: Features
    intercept: float
    held_out: Mapping[str, Any]
    """Measures on examples that it was not trained on; see `curate.quality.measures`."""
