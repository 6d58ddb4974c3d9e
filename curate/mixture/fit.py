"""Losses of mixes as a function of their weights: models chosen by cross-validation, with what they are worth.

Several regressions (`curate.mixture.regression`) are fitted to each loss, and ten-fold cross-validation says how far each
misses runs that it has not seen. Candidates are each model, and the plain average of those that miss by little more than
the best. Where the average is not told apart from the best by one standard error (Breiman et al. 1984, section 3.4.3), it is
taken: models of unlike shape err unlike away from the data, as on larger models' losses. Where the ranking of unseen runs
is not good enough, or runs are too few, nothing is fitted. Intervals are the quantiles of the cross-validated errors; their
coverage is measured on each fold with the errors of the others.

Knows weights and losses; knows no file.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from curate.errors import CurateError
from curate.mixture.regression import MODELS

Floats = npt.NDArray[np.float64]

AVERAGE = "average"
CONFIDENCE = 0.95
_FOLDS = 10
_SEED = 0
_LEAST_RUNS = 4
_RUNS_PER_GROUP = 3  # what a linear model of the weights asks for (Olmix, Chen et al. 2026)
_LEAST_RANKING = 0.6  # of unseen runs, where runs are many: below it a proposal is near chance
_LEAST_RANKING_OF_FEW = 0.95  # where there are fewer: RegMix's first 32 runs reach .92 to .94 and propose badly
_NEAR_BEST = 1.25  # a model that misses by more than this times the best is left out of the average


class FitError(CurateError, ValueError):
    """Results that cannot carry a fit."""


@dataclass(frozen=True)
class Chosen:
    """How one loss is predicted, and how well runs were that the fit had not seen."""

    loss: str
    model: str
    models: tuple[str, ...]
    """The regressions whose mean it is: one, or those of the average."""
    error: float
    """Root mean square of the cross-validated errors, in the loss's unit."""
    spearman: float
    """Rank correlation of cross-validated predictions and losses."""
    half_width: float
    """Of the interval about a prediction for one run."""
    coverage: float
    """Share of runs within the interval that the other folds' errors give."""
    errors: Mapping[str, float]
    """Cross-validated error of every candidate."""


@dataclass(frozen=True)
class Fit:
    """Models of one or several losses. `mean` is the plain mean of the losses; where there is one loss, that loss."""

    groups: tuple[str, ...]
    points: Floats
    """Weights (runs, groups)."""
    losses: Floats
    """(runs, columns)."""
    chosen: tuple[Chosen, ...]
    mean: Chosen

    def predict(self, at: Floats) -> Floats:
        """Losses (rows, columns) of the mixes with weights (rows, groups)."""
        wanted = sorted({name for each in self.chosen for name in each.models})
        predicted = {name: MODELS[name](self.points, self.losses, at) for name in wanted}
        return np.column_stack(
            [np.mean([predicted[name][:, j] for name in each.models], axis=0) for j, each in enumerate(self.chosen)]
        )


def fit(groups: Sequence[str], points: Floats, losses: Floats, names: Sequence[str]) -> Fit:
    """Choose and fit a model for each loss.

    `points` (runs, groups), rows of sum 1; `losses` (runs, columns), lower is better. Raises FitError where runs are too
    few, or unseen ones are not ranked well enough to act upon.
    """
    runs = len(points)
    least = max(_LEAST_RUNS, len(groups) + 1)
    if runs < least:
        raise FitError(f"{runs} results for {len(groups)} groups: at least {least} are needed")
    if not (np.isfinite(points).all() and np.isfinite(losses).all()):
        raise FitError("weights and losses must be finite numbers")
    fold = _folds(runs)
    unseen = _cross_validated(points, losses, fold)
    chosen, seen = [], np.empty_like(losses)
    for column, name in enumerate(names):
        by_model = {model: values[:, column] for model, values in unseen.items()}
        one, seen[:, column] = _choose(name, losses[:, column], by_model, fold)
        chosen.append(one)
    if len(names) == 1:
        mean = chosen[0]
    else:
        both = sorted({model for each in chosen for model in each.models})
        mean = _worth("mean", AVERAGE, tuple(both), losses.mean(axis=1), seen.mean(axis=1), fold, {})
    _carries(mean, runs, len(groups))
    return Fit(tuple(groups), points, losses, tuple(chosen), mean)


def rank_correlation(first: Floats, second: Floats) -> float:
    """Spearman's; NaN where one of the two does not vary."""
    ranks = [_ranks(each) for each in (first, second)]
    if min(float(each.std()) for each in ranks) == 0:
        return math.nan
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def _ranks(values: Floats) -> Floats:
    """Ranks; equal values share the mean of theirs."""
    _, index, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[index], dtype=np.float64)


def _folds(runs: int) -> npt.NDArray[np.int64]:
    fold = np.arange(runs) % min(_FOLDS, runs)
    return np.random.default_rng(_SEED).permutation(fold)


def _cross_validated(points: Floats, losses: Floats, fold: npt.NDArray[np.int64]) -> dict[str, Floats]:
    """Per model, predictions (runs, columns) of each run by a fit without its fold."""
    unseen = {name: np.empty_like(losses) for name in MODELS}
    for each in range(int(fold.max()) + 1):
        out = fold == each
        for name, model in MODELS.items():
            unseen[name][out] = model(points[~out], losses[~out], points[out])
    return unseen


def _choose(
    name: str, losses: Floats, unseen: Mapping[str, Floats], fold: npt.NDArray[np.int64]
) -> tuple[Chosen, Floats]:
    """The model for one loss, and its cross-validated predictions."""
    errors = {model: _rms(values - losses) for model, values in unseen.items()}
    best = min(errors, key=lambda model: errors[model])
    near = tuple(model for model in errors if errors[model] <= _NEAR_BEST * errors[best])
    if len(near) > 1:
        average = np.mean([unseen[model] for model in near], axis=0)
        errors[AVERAGE] = _rms(average - losses)
        worse = (average - losses) ** 2 - (unseen[best] - losses) ** 2
        if worse.mean() <= worse.std(ddof=1) / math.sqrt(len(losses)):
            return _worth(name, AVERAGE, near, losses, average, fold, errors), average
    return _worth(name, best, (best,), losses, unseen[best], fold, errors), unseen[best]


def _worth(
    name: str,
    model: str,
    models: tuple[str, ...],
    losses: Floats,
    unseen: Floats,
    fold: npt.NDArray[np.int64],
    errors: Mapping[str, float],
) -> Chosen:
    missed = np.abs(unseen - losses)
    inside = [missed[fold == each] <= _quantile(missed[fold != each]) for each in range(int(fold.max()) + 1)]
    return Chosen(
        name,
        model,
        models,
        _rms(unseen - losses),
        rank_correlation(unseen, losses),
        _quantile(missed),
        float(np.concatenate(inside).mean()),
        errors,
    )


def _quantile(missed: Floats) -> float:
    """The error that a new run exceeds with a chance of 1 - CONFIDENCE at most, by exchangeability; the largest if few."""
    place = min(len(missed), math.ceil((len(missed) + 1) * CONFIDENCE))
    return float(np.sort(missed)[place - 1])


def _rms(values: Floats) -> float:
    return float(np.sqrt(np.mean(values**2)))


def _carries(mean: Chosen, runs: int, groups: int) -> None:
    few = runs < _RUNS_PER_GROUP * groups
    least = _LEAST_RANKING_OF_FEW if few else _LEAST_RANKING
    if not mean.spearman >= least:
        advice = (
            f"train at least {_RUNS_PER_GROUP * groups} mixes" if few else "the losses hardly depend on the weights"
        )
        raise FitError(
            f"{runs} results for {groups} groups cannot carry a fit: mixes it has not seen are ranked with a correlation "
            f"of {mean.spearman:.2f}, {least:.2f} is needed; {advice}"
        )
