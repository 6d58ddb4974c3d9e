"""Proposes a mix from the losses of small models trained on others. Knows weights and losses; trains nothing.

A linear regression of the logarithm of the loss on the logarithms of the weights and their products would need hundreds
of runs. With the few that one has, a quadratic in the weights with a ridge penalty is what the results can bear (the idea of
RegMix, Liu et al. 2024, section 3, with its simplest regression). The proposal is the lowest prediction among points within
the hull of what was tried: a regression knows nothing beyond it.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from curate.errors import CurateError

_RIDGE = 1e-3  # of centred, scaled features: small beside what a few runs determine
_CANDIDATES = 4096
_LEAST_RESULTS = 4
_SEED = 0

Floats = npt.NDArray[np.float64]


class SearchError(CurateError, ValueError):
    """Results from which nothing can be proposed."""


@dataclass(frozen=True)
class Result:
    """A mix that was tried: weight by group, summing to 1, and the loss of the model trained on it."""

    weights: Mapping[str, float]
    loss: float


@dataclass(frozen=True)
class Proposal:
    """The weights proposed and the loss predicted for them, beside the best that was tried.

    `error`: mean absolute error on each result when the fit leaves it out.
    """

    weights: dict[str, float]
    predicted: float
    best_tried: dict[str, float]
    best_loss: float
    error: float


def read_results(path: str | Path) -> list[Result]:
    """JSON Lines of {"weights": {group: weight}, "loss": number}. Raises SearchError naming the line that is not that."""
    results = []
    for number, line in enumerate(Path(path).read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            total = sum(row["weights"].values())
            results.append(
                Result({name: weight / total for name, weight in row["weights"].items()}, float(row["loss"]))
            )
        except (ValueError, KeyError, TypeError, AttributeError, ZeroDivisionError):
            raise SearchError(f'{path}:{number}: expected {{"weights": {{"web": 0.8, ...}}, "loss": 3.2}}') from None
    return results


def propose(results: Sequence[Result]) -> Proposal:
    """The mix with the lowest predicted loss within the hull of those tried. Raises SearchError for too few results."""
    names = sorted({name for result in results for name in result.weights})
    if len(results) < max(_LEAST_RESULTS, len(names) + 1):
        raise SearchError(
            f"{len(results)} results for {len(names)} groups: at least {max(_LEAST_RESULTS, len(names) + 1)} are needed"
        )
    points = np.array([[result.weights.get(name, 0.0) for name in names] for result in results])
    losses = np.array([result.loss for result in results])
    hull = np.random.default_rng(_SEED).dirichlet(np.full(len(points), 0.5), _CANDIDATES) @ points
    candidates = np.concatenate([points, hull])
    predicted = _predict(points, losses, candidates)
    left_out = [
        abs(float(_predict(np.delete(points, i, 0), np.delete(losses, i), points[i : i + 1])[0]) - losses[i])
        for i in range(len(points))
    ]
    best, tried = int(np.argmin(predicted)), int(np.argmin(losses))
    return Proposal(
        dict(zip(names, candidates[best].tolist(), strict=True)),
        float(predicted[best]),
        dict(zip(names, points[tried].tolist(), strict=True)),
        float(losses[tried]),
        float(np.mean(left_out)),
    )


def _features(points: Floats) -> Floats:
    """Weights, their squares and products; the last weight follows from the others."""
    free = points[:, :-1]
    pairs = itertools.combinations_with_replacement(range(free.shape[1]), 2)
    return np.column_stack([free, *(free[:, i] * free[:, j] for i, j in pairs)])


def _predict(points: Floats, losses: Floats, at: Floats) -> Floats:
    """Ridge regression fitted to (points, losses), at other points."""
    features, target = _features(points), losses - losses.mean()
    mean, scale = features.mean(axis=0), np.maximum(features.std(axis=0), 1e-12)
    standard = (features - mean) / scale
    gram = standard.T @ standard + _RIDGE * len(points) * np.eye(standard.shape[1])
    weights = np.linalg.solve(gram, standard.T @ target)
    predicted: Floats = ((_features(at) - mean) / scale) @ weights + losses.mean()
    return predicted
