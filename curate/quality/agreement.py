"""How well two judgements of the same documents agree: correlations, kappa, calibration. Knows numbers only."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

BINS = 15
"""Of scores, with as many documents in each, for the calibration error."""


def pearson(first: Numbers, second: Numbers) -> float:
    """Correlation; NaN where one of the two does not vary."""
    if len(first) < 2 or not (first.std() > 0 and second.std() > 0):
        return math.nan
    return float(np.corrcoef(first, second)[0, 1])


def spearman(first: Numbers, second: Numbers) -> float:
    """Rank correlation, ties sharing the mean of their ranks."""
    return pearson(_ranks(first), _ranks(second))


def _ranks(values: Numbers) -> Numbers:
    _, index, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[index], np.float64)


def quadratic_kappa(first: Numbers, second: Numbers) -> float:
    """Cohen's kappa with weights of squared distance (Cohen 1968): 1 - observed over expected squared differences, where the
    expected are those of independent judges with the same marginals. NaN where neither varies."""
    expected = first.var() + second.var() + (first.mean() - second.mean()) ** 2
    return 1 - float(np.mean((first - second) ** 2) / expected) if expected > 0 else math.nan


def calibration_error(scores: Numbers, labels: Numbers, bins: int = BINS) -> float:
    """Mean over documents of |mean label - mean score| of their bin, bins of equal counts by score."""
    if not len(scores):
        return math.nan
    order = np.argsort(scores, kind="stable")
    parts = np.array_split(order, min(bins, len(order)))
    return float(sum(abs(labels[part].sum() - scores[part].sum()) for part in parts) / len(scores))


def between(labels: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
    """How labellers agree, from labels by labeller and document: each pair, and each against the mean of the others.

    Of the documents that both judged: kappa, rank correlation, and the shares that are equal and that differ by at most one.
    """
    names = sorted(labels)
    pairs = []
    for place, one in enumerate(names):
        for other in names[place + 1 :]:
            both = sorted(labels[one].keys() & labels[other].keys())
            if both:
                first, second = (np.array([labels[name][key] for key in both], np.float64) for name in (one, other))
                pairs.append({"labellers": [one, other], **_agreement(first, second)})
    against = []
    for name in names:
        others = {
            key: [labels[other][key] for other in names if other != name and key in labels[other]]
            for key in labels[name]
        }
        both = sorted(key for key, values in others.items() if values)
        if both:
            mine = np.array([labels[name][key] for key in both], np.float64)
            theirs = np.array([np.mean(others[key]) for key in both], np.float64)
            against.append(
                {"labeller": name, "bias": _short(float((mine - theirs).mean())), **_agreement(mine, theirs)}
            )
    return {"labellers": {name: len(of) for name, of in labels.items()}, "pairs": pairs, "against_the_others": against}


def _agreement(first: Numbers, second: Numbers) -> dict[str, Any]:
    apart = np.abs(first - second)
    return {
        "documents": len(first),
        "kappa": _short(quadratic_kappa(first, second)),
        "spearman": _short(spearman(first, second)),
        "equal": _short(float((apart == 0).mean())),
        "within_one": _short(float((apart <= 1).mean())),
    }


def _short(number: float) -> float | None:
    return None if math.isnan(number) else round(number, 4)
