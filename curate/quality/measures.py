"""How well scores separate two classes: ROC and precision-recall curves, areas, calibration, histograms.

Also how much of it a document's length or register alone would explain, the known failure of quality classifiers that
were trained on references of one length and one kind of page. Knows scores and texts; knows no classifier.
"""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.quality.features import Features
from curate.quality.logistic import fit
from curate.quality.threshold import histogram

Numbers = NDArray[np.float64]
Positive = NDArray[np.bool_]

_POINTS = 101  # of a curve
_LENGTH_CLASSES = 10
_TENTHS = 10
_VARIANCE = 100.0  # of a baseline's weights: hardly held back, for it has few
_REGISTER = {  # per character, what sets one kind of writing from another
    "digits": r"\p{Nd}",
    "capitals": r"\p{Lu}",
    "punctuation": r"\p{P}",
    "lines": r"\n",
    "words": r"\S+",
    "sentence ends": r"[.!?](?:\s|$)",
    "quotation marks": r"[\"“”„«»]",
    "first and second persons": r"(?i)\b(?:i|me|my|we|us|our|you|your)\b",
    "function words": r"(?i)\b(?:the|of|and|to|in|a|is|that|was|for)\b",
}


def area_under_roc(scores: Numbers, positive: Positive) -> float | None:
    """The probability that a positive scores above a negative, ties counting half; None where a class is empty."""
    positives = int(positive.sum())
    negatives = len(positive) - positives
    if not positives or not negatives:
        return None
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    area = (ranks[positive].sum() - positives * (positives + 1) / 2) / (positives * negatives)
    return float(area)


def curves(scores: Numbers, positive: Positive) -> dict[str, Any]:
    """ROC and precision-recall curves at thresholds spread evenly over the ranks, and the average precision."""
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(positive[order])
    taken = np.arange(1, len(scores) + 1)
    last = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)  # equal scores are taken together
    found, of = hits[last], taken[last]
    positives, negatives = int(positive.sum()), int((~positive).sum())
    recall, precision = found / max(positives, 1), found / of
    shown = np.unique(np.linspace(0, len(last) - 1, _POINTS).round().astype(np.int64))
    rows = np.column_stack([scores[order][last], (of - found) / max(negatives, 1), recall, precision])[shown]
    average = float(np.sum(np.diff(recall, prepend=0.0) * precision))
    names = ("threshold", "false_positives", "recall", "precision")
    return {"points": [dict(zip(names, map(_short, row), strict=True)) for row in rows], "average_precision": average}


def calibration(scores: Numbers, positive: Positive) -> list[dict[str, float | int]]:
    """By tenth of the score: documents, mean score, and the share of positives, each class given the same weight."""
    weights = np.where(positive, 0.5 / max(int(positive.sum()), 1), 0.5 / max(int((~positive).sum()), 1))
    tenth = np.minimum((scores * _TENTHS).astype(np.int64), _TENTHS - 1)
    rows = []
    for each in range(_TENTHS):
        among = tenth == each
        weight = float(weights[among].sum())
        if weight:
            mean = float((weights * scores)[among].sum()) / weight
            share = float(weights[among & positive].sum()) / weight
            rows.append({"documents": int(among.sum()), "score": _short(mean), "positive": _short(share)})
    return rows


def area_at_equal_length(scores: Numbers, positive: Positive, lengths: Numbers) -> float | None:
    """The area under ROC among pairs of like length: within tenths of the lengths, weighted by their pairs."""
    edges = np.quantile(lengths, np.linspace(0, 1, _LENGTH_CLASSES + 1)[1:-1])
    tenth = np.searchsorted(edges, lengths, side="right")
    total = pairs = 0.0
    for each in range(_LENGTH_CLASSES):
        among = tenth == each
        area = area_under_roc(scores[among], positive[among])
        if area is not None:
            weight = float((among & positive).sum()) * float((among & ~positive).sum())
            total, pairs = total + area * weight, pairs + weight
    return total / pairs if pairs else None


def separation(scores: NDArray[np.float32], positive: Positive, texts: pa.Array) -> dict[str, Any]:
    """Every measure of scores on texts of two classes."""
    numbers = scores.astype(np.float64)
    lengths = np.asarray(pc.utf8_length(texts), np.float64)
    return {
        "documents": {"positive": int(positive.sum()), "negative": int((~positive).sum())},
        "roc_auc": area_under_roc(numbers, positive),
        "roc_auc_at_equal_length": area_at_equal_length(numbers, positive, lengths),
        **curves(numbers, positive),
        "calibration": calibration(numbers, positive),
        "histogram": {"positive": histogram(scores[positive]), "negative": histogram(scores[~positive])},
    }


def baselines(training: pa.Array, of_training: Positive, texts: pa.Array, positive: Positive) -> dict[str, Any]:
    """What length alone, register alone and both explain: areas under ROC of logistic regressions on nothing else."""
    before, after = _style(training), _style(texts)
    center, scale = before.mean(axis=0), before.std(axis=0) + 1e-12  # a constant column stays constant
    before, after = (before - center) / scale, (after - center) / scale
    areas = {}
    for name, columns in (("length", slice(0, 1)), ("register", slice(1, None)), ("both", slice(0, None))):
        weights, intercept = fit(
            _rows(before[:, columns]),
            of_training,
            balanced(of_training),
            _VARIANCE,
            columns=before[:, columns].shape[1],
        )
        scores = (after[:, columns] * weights).sum(axis=1) + intercept
        areas[name] = area_under_roc(scores, positive)
    return {"roc_auc": areas}


def balanced(positive: Positive) -> Numbers:
    """The importance of each row that gives both classes the same sum, half the rows each."""
    positives = int(positive.sum())
    weights: Numbers = np.where(
        positive, len(positive) / 2 / max(positives, 1), len(positive) / 2 / max(len(positive) - positives, 1)
    )
    return weights


def _style(texts: pa.Array) -> Numbers:
    """A row per text: the logarithm of its length, then the columns of _REGISTER."""
    lengths = np.maximum(np.asarray(pc.utf8_length(texts), np.float64), 1)
    columns = [np.asarray(pc.count_substring_regex(texts, pattern), np.float64) for pattern in _REGISTER.values()]
    return np.column_stack([np.log(lengths), *(column / lengths for column in columns)])


def _rows(matrix: Numbers) -> Features:
    rows, columns = matrix.shape
    return Features(
        np.arange(0, rows * columns + 1, columns, dtype=np.int64),
        np.tile(np.arange(columns, dtype=np.int32), rows),
        matrix.ravel().astype(np.float32),
    )


def _short(number: float) -> float:
    return round(float(number), 6)
