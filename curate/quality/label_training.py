"""Training a classifier from labels, 0 to 5 say, and a card of what its scores are worth on hosts that it has not seen.

The model is that of `gpt3`: hashed words and a logistic curve, here through labels brought to 0..1 (fractional logit, Papke
and Wooldridge 1996): each document counts as good by its label and as other by the rest. Or ordinal: one logistic curve for
each step between labels, with the same weights and a threshold of its own (McCullagh 1980), which asks for the labels' order
and not for their distances; the raw score is that of the thresholds' mean. Five models are trained, each
without a fifth of the hosts; each document, of the labels or of a crawl, is scored by the one that has not seen its host.
Raw scores of documents not seen give the isotonic curves to labels (`curate.quality.calibration`). What the card measures
is measured fold by fold, with the curves of the other folds. Knows labelled documents; knows no pipeline.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.errors import ConfigError
from curate.quality import logistic
from curate.quality.agreement import BINS, calibration_error, pearson, quadratic_kappa, spearman
from curate.quality.calibration import ALL, Curve, calibrated, curves
from curate.quality.drift import drift
from curate.quality.features import BUCKETS, Features, extract
from curate.quality.folds import choose_evenly
from curate.quality.labels import Labelled
from curate.quality.model import Classifier, Trained, write_model
from curate.quality.seen import among, text_codes
from curate.quality.threshold import histogram
from curate.records.quality import Calibration, Card
from curate.text.addresses import hosts
from curate.text.chance import draw

LABEL_FOLDS = 5
"""Labels are dear: each model learns from four fifths."""
LEAST_LABELS = 50
"""Fewer say nothing of hosts that are not among them."""

_VARIANCE = 100.0  # of the prior on a weight, as of gpt3's
_MOST_DOMAINS = 20
_LEAST_OF_DOMAIN = 5
_HALF = 0.5  # a score from half a label below counts as the label, as people round
_MOST_LEVELS = 12

Numbers = NDArray[np.float64]
Loss = Literal["regression", "ordinal"]
"""What the labels are to the model: numbers, or steps in an order."""


def train_on_labels(
    path: str,
    labelled: Labelled,
    seed: int,
    target: str,
    group: str | None = None,
    loss: Loss = "regression",
    documents: Iterable[pa.RecordBatch] = (),
) -> Card:
    """Write the models to a file; returns their card. `group`: the column that calibration is by. `documents`: batches of
    DOCUMENTS as they come, for the card to say what the model makes of them.

    Raises ConfigError where documents are too few, and for ordinal labels of many values.
    """
    if len(labelled.labels) < LEAST_LABELS:
        raise ConfigError(f"{len(labelled.labels):,} documents are labelled; at least {LEAST_LABELS} are needed")
    levels = len(np.unique(labelled.labels))
    if loss == "ordinal" and levels > _MOST_LEVELS:
        raise ConfigError(
            f"the labels have {levels:,} values, and ordinal learns the steps between {_MOST_LEVELS} at most: use regression"
        )
    labelled = labelled.take(np.argsort(draw(labelled.ids, seed, "quality/order"), kind="stable"))
    rule, folds = choose_evenly(labelled.ids, labelled.urls, seed, LABEL_FOLDS)
    codes = text_codes(labelled.texts)
    models, raw = [], np.zeros(len(folds), np.float32)
    for fold in range(LABEL_FOLDS):
        inside = folds == fold
        teaching = labelled.take(np.flatnonzero(~inside & ~among(codes, np.unique(codes[inside]))))
        models.append(fit_shares(teaching) if loss == "regression" else fit_steps(teaching))
        raw[inside] = models[-1].scorer()(labelled.texts.filter(pa.array(inside)))
    scores = np.zeros(len(folds), np.float32)
    for fold in range(LABEL_FOLDS):
        inside = folds == fold
        of_others = _curves(raw[~inside], labelled.labels[~inside], labelled.groups[~inside])
        scores[inside] = calibrated(raw[inside], pa.array(labelled.groups[inside], pa.string()), of_others)
    middle = labelled.labels >= _HALF
    calibration = Calibration(by=group, curves=_curves(raw, labelled.labels, labelled.groups))
    judge = Classifier(tuple(model.scorer() for model in models), rule, calibration=calibration)
    measured = measures(labelled, scores.astype(np.float64)) | _of_documents(judge, documents, labelled, scores)
    card: Card = {
        "classifier": "labels",
        "seed": seed,
        "trained_on": {
            "positive": int(middle.sum()),
            "negative": int((~middle).sum()),
            "fingerprint": _fingerprint(labelled),
        },
        "features": {"buckets": BUCKETS, "hash": "murmur3_x86_32, seed 42"},
        "folds": rule,
        "calibration": calibration,
        "labels": {"target": target, "loss": loss} | measured,
    }
    write_model(path, card, models)
    return card


def _curves(raw: NDArray[np.float32], labels: Numbers, groups: NDArray[np.str_]) -> dict[str, Curve]:
    return curves(raw.astype(np.float64), labels, groups)


def fit_shares(teaching: Labelled) -> Trained:
    """A model of all these: every document twice, good by its label and other by the rest."""
    rows = extract(teaching.texts)
    shift = rows.bounds[-1]
    twice = Features(
        np.concatenate([rows.bounds, rows.bounds[1:] + shift]),
        np.concatenate([rows.buckets, rows.buckets]),
        np.concatenate([rows.values, rows.values]),
    )
    positive = np.repeat([True, False], len(teaching.labels))
    importance = np.concatenate([teaching.labels, 1 - teaching.labels])
    weights, intercept = logistic.fit(twice, positive, importance, _VARIANCE)
    return Trained(weights.astype(np.float32), intercept, text_codes(teaching.texts))


def fit_steps(teaching: Labelled) -> Trained:
    """A model of all these: every document once for each step between labels, good where its label is above the step."""
    rows = extract(teaching.texts)
    steps = np.unique(teaching.labels)[:-1]
    if not len(steps):
        return fit_shares(teaching)
    sizes = np.diff(rows.bounds)
    at = np.repeat(np.arange(len(sizes)), sizes + 1)  # of each entry its row, with one more for the threshold
    last = np.cumsum(sizes + 1) - 1
    words = np.ones(len(at), np.bool_)
    words[last] = False
    buckets, values = np.empty(len(at), np.int32), np.ones(len(at), np.float32)
    buckets[words], values[words] = rows.buckets, rows.values
    bounds = np.concatenate([[0], last + 1])
    several = []
    for number in range(len(steps)):
        mine = buckets.copy()
        mine[last] = BUCKETS + number
        several.append(mine)
    stacked = Features(
        np.concatenate([[0], *(bounds[1:] + number * len(at) for number in range(len(steps)))]).astype(np.int64),
        np.concatenate(several),
        np.tile(values, len(steps)),
    )
    above = np.concatenate([teaching.labels > step for step in steps])
    importance = np.full(len(above), 1.0 / len(steps))
    weights, intercept = logistic.fit(stacked, above, importance, _VARIANCE, BUCKETS + len(steps))
    middle = intercept + float(weights[BUCKETS:].mean())
    return Trained(weights[:BUCKETS].astype(np.float32), middle, text_codes(teaching.texts))


def measures(labelled: Labelled, scores: Numbers) -> dict[str, Any]:
    """What scores (0 to 1) of documents not seen are worth against their labels, in the labels' own numbers."""
    span = labelled.highest - labelled.lowest
    labels, found = (labelled.lowest + span * each for each in (labelled.labels, scores))
    lengths = np.log1p(np.asarray(pc.utf8_length(labelled.texts), np.float64))
    told = {
        "lowest": labelled.lowest,
        "highest": labelled.highest,
        "documents": len(labels),
        "spearman": _short(spearman(found, labels)),
        "pearson": _short(pearson(found, labels)),
        "kappa": _short(quadratic_kappa(found, labels)),
        "error": _short(float(np.sqrt(np.mean((found - labels) ** 2)))),
        "error_of_the_mean": _short(float(labels.std())),
        "spearman_of_length": _short(spearman(lengths, labels)),
        "calibration_error": _short(calibration_error(scores, labelled.labels)),
        "calibration_bins": BINS,
        "scores": histogram(scores.astype(np.float32)),
        "by_group": {
            name: _of_group(labelled.labels[mine], scores[mine])
            for name in np.unique(labelled.groups).tolist()
            if name != ALL and (mine := labelled.groups == name).any()
        },
        "by_domain": _by_domain(hosts(labelled.urls), labels, found),
        "cuts": _cuts(labels, found),
    }
    return told


def _of_documents(
    judge: Classifier, documents: Iterable[pa.RecordBatch], labelled: Labelled, scores: NDArray[np.float32]
) -> dict[str, Any]:
    """What the models make of documents as they come, each scored by the one that has not seen its host and with the curve
    of all: how many, their scores, how far these lie from those of the labelled, and what a cut at each label keeps."""
    found = [judge(*(batch.column(name) for name in ("text", "id", "url"))) for batch in documents]
    if not found:
        return {}
    all_scores = np.concatenate(found)
    labels, given = (
        labelled.lowest + (labelled.highest - labelled.lowest) * each
        for each in (labelled.labels, all_scores.astype(np.float64))
    )
    told = {
        "documents": len(all_scores),
        "scores": histogram(all_scores),
        "drift": drift(histogram(scores), histogram(all_scores)),
        "kept_share": [
            {"label": level, "kept_share": _short(float((given >= level - _HALF).mean()))} for level in _levels(labels)
        ],
    }
    return {"of_documents": told}


def _of_group(labels: Numbers, scores: Numbers) -> dict[str, Any]:
    return {
        "documents": len(labels),
        "spearman": _short(spearman(scores, labels)),
        "calibration_error": _short(calibration_error(scores, labels)),
        "bias": _short(float((scores - labels).mean())),
    }


def _by_domain(domains: pa.Array, labels: Numbers, found: Numbers) -> list[dict[str, Any]]:
    """The domains whose documents are scored furthest from their labels: by the mean error, and how many there are."""
    coded = domains.fill_null("").dictionary_encode()
    codes = coded.indices.to_numpy()
    rows = []
    for code, name in enumerate(coded.dictionary.to_pylist()):
        mine = codes == code
        if name and mine.sum() >= _LEAST_OF_DOMAIN:
            rows.append((name, int(mine.sum()), float(labels[mine].mean()), float(found[mine].mean())))
    rows.sort(key=lambda row: (-abs(row[3] - row[2]) * row[1] ** 0.5, row[0]))
    names = ("domain", "documents", "label", "score")
    return [
        dict(zip(names, (name, count, _short(label), _short(score)), strict=True))
        for name, count, label, score in rows[:_MOST_DOMAINS]
    ]


def _cuts(labels: Numbers, found: Numbers) -> list[dict[str, Any]]:
    """For each label but the lowest, where labels are few whole numbers: what keeping scores from half a label below it
    keeps, and how much of that has at least the label."""
    rows = []
    for level in _levels(labels):
        kept, wanted = found >= level - _HALF, labels >= level - _HALF
        right = int((kept & wanted).sum())
        rows.append(
            {
                "label": level,
                "labelled_share": _short(float(wanted.mean())),
                "kept_share": _short(float(kept.mean())),
                "precision": _short(right / int(kept.sum())) if kept.any() else None,
                "recall": _short(right / int(wanted.sum())) if wanted.any() else None,
                "f1": _short(2 * right / int(kept.sum() + wanted.sum())) if (kept | wanted).any() else None,
            }
        )
    return rows


def _levels(labels: Numbers) -> list[float]:
    """The labels but the lowest, where they are few whole numbers."""
    levels: list[float] = np.unique(np.round(labels)).tolist()[1:]
    return levels if len(levels) < _MOST_LEVELS else []


def _fingerprint(labelled: Labelled) -> str:
    """SHA-256 of ids, labels and texts, in the order of ids."""
    digest = hashlib.sha256()
    ids = labelled.ids.to_pylist()
    for row in sorted(range(len(ids)), key=ids.__getitem__):
        digest.update(ids[row] + labelled.labels[row].tobytes())
        digest.update(hashlib.sha256(labelled.texts[row].as_buffer()).digest())
    return digest.hexdigest()


def _short(number: float) -> float | None:
    return None if np.isnan(number) else round(number, 4)
