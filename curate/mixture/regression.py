"""Regressions of losses on the weights of mixes. Knows arrays; knows no file, no choice between the models.

Each model is a function of (points, losses, at): weights (runs, groups), each row summing to 1, losses (runs, columns), and
the points to predict (rows, groups); it returns predictions (rows, columns). Hyperparameters are set within, from the runs
given alone, so that a model may be cross-validated as it stands.

- `log-linear`: ridge on the weights and their logarithms; penalty and offset by the closed form of leaving one out.
- `quadratic`: ridge on weights, squares and products. Good for few groups.
- `trees`: gradient-boosted trees, the regression of RegMix (Liu et al. 2024, section 3.2).
- `gaussian-process`: the log-linear model's features and a smooth term, by marginal likelihood (Rasmussen and Williams
  2006, section 5.4.1); the linear part keeps it from falling back to the mean where there are no runs.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from curate.mixture.trees import boosted

Floats = npt.NDArray[np.float64]
Regression = Callable[[Floats, Floats, Floats], Floats]

_OFFSETS = (1e-3, 3e-3, 1e-2)  # added before the logarithm: the share below which a weight counts as none
_PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1)  # of ridge, times the number of runs
_LENGTHS = (1.0, 2.0, 4.0)  # of the smooth term, times the median distance of two runs
_LINEAR = (0.3, 3.0)  # variance of the linear part, of standardised losses
_NOISES = (1e-3, 1e-2, 5e-2)  # variance of a run's own noise, likewise
_ROOT = 0.5  # the smooth term measures distance in square roots of weights (Hellinger's)
_FLAT = 1e-12


def log_linear(points: Floats, losses: Floats, at: Floats) -> Floats:
    """Ridge regression on weights and logarithms of weights."""
    best, found = np.full(losses.shape[1], np.inf), np.zeros((len(at), losses.shape[1]))
    for offset in _OFFSETS:
        _ridge(*_standard(_with_logs(points, offset), _with_logs(at, offset)), losses, best, found)
    return found


def quadratic(points: Floats, losses: Floats, at: Floats) -> Floats:
    """Ridge regression on weights, their squares and products."""
    best, found = np.full(losses.shape[1], np.inf), np.zeros((len(at), losses.shape[1]))
    _ridge(*_standard(_squares(points), _squares(at)), losses, best, found)
    return found


def trees(points: Floats, losses: Floats, at: Floats) -> Floats:
    """Gradient-boosted trees, a model per column."""
    return np.column_stack([boosted(points, column, at) for column in losses.T])


def gaussian_process(points: Floats, losses: Floats, at: Floats) -> Floats:
    """Gaussian process with a linear and a smooth kernel."""
    mean, scale = losses.mean(axis=0), np.maximum(losses.std(axis=0), _FLAT)
    wanted = (losses - mean) / scale
    here, there = _standard(_with_logs(points, _OFFSETS[0]), _with_logs(at, _OFFSETS[0]))
    linear, linear_at = here @ here.T / here.shape[1], there @ here.T / here.shape[1]
    near, near_at = _distances(points**_ROOT, points**_ROOT), _distances(at**_ROOT, points**_ROOT)
    typical = max(float(np.median(near)), _FLAT)
    best, found = np.full(losses.shape[1], np.inf), np.zeros((len(at), losses.shape[1]))
    for length, share in itertools.product(_LENGTHS, _LINEAR):
        width = 2 * length**2 * typical
        values, vectors = np.linalg.eigh(np.exp(-near / width) + share * linear)
        rotated = vectors.T @ wanted
        kernel_at = (np.exp(-near_at / width) + share * linear_at) @ vectors
        for noise in _NOISES:
            spectrum = np.maximum(values, 0) + noise
            height = np.mean(rotated**2 / spectrum[:, None], axis=0)  # the best overall variance has a closed form
            cost = len(points) * np.log(np.maximum(height, _FLAT)) + np.log(spectrum).sum()
            better = cost < best
            best[better] = cost[better]
            found[:, better] = kernel_at @ (rotated[:, better] / spectrum[:, None])
    predicted: Floats = found * scale + mean
    return predicted


MODELS: Mapping[str, Regression] = {
    "log-linear": log_linear,
    "quadratic": quadratic,
    "trees": trees,
    "gaussian-process": gaussian_process,
}


def _with_logs(points: Floats, offset: float) -> Floats:
    return np.column_stack([points, np.log(points + offset)])


def _squares(points: Floats) -> Floats:
    free = points[:, :-1]  # the last weight follows from the others
    pairs = itertools.combinations_with_replacement(range(free.shape[1]), 2)
    return np.column_stack([free, *(free[:, i] * free[:, j] for i, j in pairs)])


def _standard(features: Floats, at: Floats) -> tuple[Floats, Floats]:
    mean, scale = features.mean(axis=0), features.std(axis=0)
    scale = np.where(scale > _FLAT, scale, 1.0)
    return (features - mean) / scale, (at - mean) / scale


def _ridge(features: Floats, at: Floats, losses: Floats, best: Floats, found: Floats) -> None:
    """Fit with each penalty; where a column's error of leaving one out is below `best`, set it and the column of `found`."""
    runs, mean = len(features), losses.mean(axis=0)
    left, singular, right = np.linalg.svd(features, full_matrices=False)
    rotated, rotated_at = left.T @ (losses - mean), at @ right.T
    for penalty in _PENALTIES:
        shrunk = singular**2 / (singular**2 + penalty * runs)
        lever = np.minimum((left**2) @ shrunk + 1 / runs, 1 - 1e-9)
        missed = (losses - mean - left @ (shrunk[:, None] * rotated)) / (1 - lever)[:, None]
        error = (missed**2).mean(axis=0)
        better = error < best
        best[better] = error[better]
        inverse = singular / (singular**2 + penalty * runs)
        found[:, better] = mean[better] + rotated_at @ (inverse[:, None] * rotated[:, better])


def _distances(first: Floats, second: Floats) -> Floats:
    """Squared distances of each row of one to each of the other."""
    squares = (first**2).sum(axis=1)[:, None] + (second**2).sum(axis=1)[None, :]
    return np.asarray(np.maximum(squares - 2 * first @ second.T, 0))
