"""A quality model as a file: what scores texts, and a card that says what it was trained on and how well it separates.

An Arrow IPC file. Its schema's metadata holds the card as JSON under `card`; its one column is `weights` (float32 per
bucket) for `gpt3`, or `fasttext` (one row, the library's own file). A file of fastText itself is read as well, and has
no card. Knows files; trains nothing.
"""

import json
import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.errors import ConfigError
from curate.quality import features

Scorer = Callable[[pa.Array], NDArray[np.float32]]
"""Scores in [0, 1] of a (large_)string column without nulls."""

_ARROW = b"ARROW1"


def write_model(path: str, card: Mapping[str, Any], content: NDArray[np.float32] | bytes) -> None:
    """Write a model: the weights of `gpt3`, or the bytes of fastText's file."""
    if isinstance(content, bytes):
        column, name = pa.array([content], pa.large_binary()), "fasttext"
    else:
        column, name = pa.array(content), "weights"
    described = {"card": json.dumps(card, sort_keys=True, ensure_ascii=False)}
    schema = pa.schema([(name, column.type)], metadata=described)
    with pa.ipc.new_file(path, schema) as writer:
        writer.write_batch(pa.record_batch([column], schema=schema))


def read_card(path: str) -> dict[str, Any]:
    """What a model file says of itself; nothing of a file of fastText. Raises FileNotFoundError and ValueError."""
    table = _read(path)
    if table is None:
        return {}
    card: dict[str, Any] = json.loads(table.schema.metadata[b"card"])
    return card


def load(path: str, label: str | None = None) -> Scorer:
    """What scores texts by a model file. `label` names the class that counts as good in a file of fastText.

    Raises FileNotFoundError, and ValueError where the file is no model or has no such label.
    """
    table = _read(path)
    if table is not None and table.column_names == ["weights"]:
        weights = table.column("weights").to_numpy()
        if len(weights) != features.BUCKETS:
            raise ConfigError(
                f"{path} holds {len(weights):,} weights; this version hashes into {features.BUCKETS:,} buckets"
            )
        intercept = float(read_card(path)["intercept"])

        def score(texts: pa.Array) -> NDArray[np.float32]:
            return probability(features.margins(texts, weights, intercept))

        return score
    from curate.quality import fasttext_classifier

    if table is None:
        return fasttext_classifier.scorer(path, label or fasttext_classifier.HIGH)
    return fasttext_classifier.scorer(table.column("fasttext")[0].as_py())


def probability(margins: NDArray[np.float64]) -> NDArray[np.float32]:
    """The logistic function, for margins of any size."""
    shrunk = np.exp(-np.abs(margins))
    scores: NDArray[np.float64] = np.where(margins >= 0, 1.0, shrunk) / (1.0 + shrunk)
    return scores.astype(np.float32)


def _read(path: str) -> pa.Table | None:
    """The file's table; None for a file of fastText."""
    if not os.path.isfile(path):
        raise FileNotFoundError(f"no quality model at {path}")
    with open(path, "rb") as file:
        begins = file.read(len(_ARROW))
    if begins != _ARROW:
        return None
    with pa.memory_map(path) as mapped:
        table = pa.ipc.open_file(mapped).read_all()
    if not table.schema.metadata or b"card" not in table.schema.metadata:
        raise ConfigError(f"{path} is an Arrow file, but no quality model: it has no card")
    return table
