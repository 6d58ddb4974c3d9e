"""A quality model as a file: what scores texts, what it was trained on, and how well it separates.

An Arrow IPC file. Its schema's metadata holds the card as JSON under `card`; it has a row per model, one or one per fold,
with the columns `weights` (large_list<float32>, a number per bucket) and `intercept` (float64) for `gpt3`, or `fasttext`
(large_binary, the library's own file), and `seen` (large_list<uint64>), sorted codes of the texts that the model was
trained on. Files of version 0.1, whose one column is `weights` (float32) or `fasttext`, and files of fastText itself, which
have no card, are read as well. Knows files; trains nothing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.errors import ConfigError
from curate.quality import features
from curate.quality.calibration import calibrated
from curate.quality.folds import folds_of
from curate.quality.seen import Codes, seen_texts
from curate.records.quality import Calibration, Card, FoldRule

Scores = NDArray[np.float32]
Scorer = Callable[[pa.Array], Scores]
"""Scores in [0, 1] of a (large_)string column without nulls."""

_ARROW = b"ARROW1"


@dataclass(frozen=True)
class Trained:
    """One model as it was trained: fastText's file, or weights per bucket and the intercept; codes of the texts seen."""

    content: NDArray[np.float32] | bytes
    intercept: float
    seen: Codes

    def scorer(self) -> Scorer:
        """What scores texts by it."""
        if isinstance(self.content, bytes):
            from curate.quality import fasttext_classifier

            return fasttext_classifier.scorer(self.content)
        return _linear(self.content, self.intercept)


@dataclass(frozen=True)
class Classifier:
    """What scores documents: one model, or one per fold of which each scores the hosts that it has not seen."""

    scorers: tuple[Scorer, ...]
    rule: FoldRule | None = None
    seen: tuple[Codes, ...] = ()
    calibration: Calibration | None = None

    def __call__(self, texts: pa.Array, ids: pa.Array | None = None, urls: pa.Array | None = None) -> Scores:
        """The score of each text, in [0, 1]. Raises ValueError where folds need the ids and addresses and there are none."""
        return self.judge(texts, ids, urls)[0]

    def judge(
        self,
        texts: pa.Array,
        ids: pa.Array | None = None,
        urls: pa.Array | None = None,
        groups: pa.Array | None = None,
    ) -> tuple[Scores, NDArray[np.bool_]]:
        """(the score of each text, whether the model that gave it was trained on that very text). `groups`: of each document
        the value of the column that a calibration is by."""
        scores, known = self._raw(texts, ids, urls)
        if self.calibration is None:
            return scores, known
        return calibrated(scores, groups, self.calibration["curves"]), known

    def disagreement(self, texts: pa.Array) -> Scores:
        """Standard deviation of the raw scores that the models of all folds give each text: how unsure they are."""
        apart: Scores = np.std([score(texts) for score in self.scorers], axis=0).astype(np.float32)
        return apart

    def _raw(self, texts: pa.Array, ids: pa.Array | None, urls: pa.Array | None) -> tuple[Scores, NDArray[np.bool_]]:
        folds = self._folds(texts, ids, urls)
        scores, known = np.zeros(len(texts), np.float32), np.zeros(len(texts), np.bool_)
        for fold, score in enumerate(self.scorers):
            rows = np.flatnonzero(folds == fold)
            if len(rows):
                mine = texts if len(rows) == len(texts) else texts.take(pa.array(rows))
                scores[rows] = score(mine)
                if self.seen and len(self.seen[fold]):
                    known[rows] = seen_texts(mine, self.seen[fold])
        return scores, known

    def _folds(self, texts: pa.Array, ids: pa.Array | None, urls: pa.Array | None) -> NDArray[np.int64]:
        if self.rule is None:
            return np.zeros(len(texts), np.int64)
        if ids is None or urls is None:
            raise ValueError("this model scores each document by its host: give the documents' ids and addresses")
        return folds_of(self.rule, ids, urls)


def write_model(path: str, card: Card, models: Sequence[Trained]) -> None:
    """Write a model, or one per fold in their order, under one card."""
    columns: dict[str, pa.Array] = {}
    if isinstance(models[0].content, bytes):
        columns["fasttext"] = pa.array([each.content for each in models], pa.large_binary())
    else:
        columns["weights"] = pa.array([each.content for each in models], pa.large_list(pa.float32()))
        columns["intercept"] = pa.array([each.intercept for each in models], pa.float64())
    columns["seen"] = pa.array([np.unique(each.seen) for each in models], pa.large_list(pa.uint64()))
    described = {"card": json.dumps(card, sort_keys=True, ensure_ascii=False)}
    schema = pa.schema([(name, column.type) for name, column in columns.items()], metadata=described)
    with pa.ipc.new_file(path, schema) as writer:
        writer.write_batch(pa.record_batch(list(columns.values()), schema=schema))


def read_card(path: str) -> Card:
    """What a model file says of itself; nothing of a file of fastText. Raises FileNotFoundError and ValueError."""
    table = _read(path)
    if table is None:
        return {}
    card: Card = json.loads(table.schema.metadata[b"card"])
    return card


def load(path: str, label: str | None = None) -> Classifier:
    """What scores documents by a model file. `label` names the class that counts as good in a file of fastText.

    Raises FileNotFoundError, and ValueError where the file is no model or has no such label.
    """
    from curate.quality import fasttext_classifier

    table = _read(path)
    if table is None:
        return Classifier((fasttext_classifier.scorer(path, label or fasttext_classifier.HIGH),))
    card: Card = json.loads(table.schema.metadata[b"card"])
    seen = tuple(row.values.to_numpy() for row in table.column("seen")) if "seen" in table.column_names else ()
    if "fasttext" in table.column_names:
        scorers = tuple(fasttext_classifier.scorer(content.as_py()) for content in table.column("fasttext"))
    elif pa.types.is_floating(table.schema.field("weights").type):
        scorers = (_linear(table.column("weights").to_numpy(), float(card["intercept"]), path),)
    else:
        rows = zip(table.column("weights"), table.column("intercept").to_pylist(), strict=True)
        scorers = tuple(_linear(weights.values.to_numpy(), intercept, path) for weights, intercept in rows)
    return Classifier(scorers, card.get("folds"), seen, card.get("calibration"))


def _linear(weights: NDArray[np.float32], intercept: float, path: str = "the model") -> Scorer:
    if len(weights) != features.BUCKETS:
        raise ConfigError(
            f"{path} holds {len(weights):,} weights; this version hashes into {features.BUCKETS:,} buckets"
        )

    def score(texts: pa.Array) -> Scores:
        return probability(features.margins(texts, weights, intercept))

    return score


def probability(margins: NDArray[np.float64]) -> Scores:
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
