"""Proposes a mix from the losses of models trained on others. Knows weights and losses; trains nothing.

Losses are predicted by a fit (`curate.mixture.fit`) at many draws from a prior, and the proposal is the mean of the best of
them (RegMix, Liu et al. 2024, section 3.3): a single lowest prediction is where the fit errs most. Draws stay within what
was tried, group by group, since a regression knows nothing beyond it, and below what epochs allow. Groups that did not
change since an earlier mix may keep their shares among themselves (`reuse`; Olmix, Chen et al. 2026), so that few weights
are left to find.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from curate.errors import CurateError
from curate.mixture.fit import Fit

Floats = npt.NDArray[np.float64]

_DRAWS = 20_000
_BEST = 32  # of those: RegMix takes 128 of 100,000
_STRENGTHS = (1.0, 100.0)  # of the Dirichlet draws about the prior, log-uniform (Olmix)
_BLENDS = 0.5  # concentration of blends of what was tried: half of the draws, so that narrow experiments are met too
_SEED = 0
_ROUNDING = 1e-9


class SearchError(CurateError, ValueError):
    """Settings under which nothing can be proposed."""


@dataclass(frozen=True)
class TradeOff:
    """One loss under the proposal, and the least that any draw is predicted to have."""

    loss: str
    predicted: float
    least: float


@dataclass(frozen=True)
class Proposal:
    """The weights proposed and the mean loss predicted for them, beside the best that was tried."""

    weights: dict[str, float]
    predicted: float
    best_tried: dict[str, float]
    best_loss: float
    error: float
    """By how much the fit misses a mix that it has not seen."""
    trade_offs: tuple[TradeOff, ...]

    @property
    def supported(self) -> bool:
        """Whether the gain predicted is larger than the error of the fit: otherwise the proposal says nothing."""
        return self.best_loss - self.predicted > self.error


def propose(
    fit: Fit,
    prior: Mapping[str, float] | None = None,
    most: Mapping[str, float] | None = None,
    reuse: Mapping[str, float] | None = None,
) -> Proposal:
    """The mix of lowest predicted mean loss.

    `prior`: shares about which draws are made (default: the mean of what was tried). `most`: largest weight by group, as
    `most_by_epochs` gives. `reuse`: shares of unchanged groups among themselves. Raises SearchError for groups that are not
    in the results, or where no draw keeps to `most`.
    """
    for name in (*(prior or {}), *(most or {}), *(reuse or {})):
        if name not in fit.groups:
            raise SearchError(f"{name} is no group of the results; there are {', '.join(fit.groups)}")
    candidates = _candidates(fit, prior, most or {}, reuse or {})
    columns = fit.predict(candidates)
    means = columns.mean(axis=1)
    best = np.argsort(means, kind="stable")[: min(_BEST, len(means))]
    weights = candidates[best].mean(axis=0)
    predicted = fit.predict(weights[None, :])[0]
    tried = fit.losses.mean(axis=1)
    place = int(np.argmin(tried))
    return Proposal(
        dict(zip(fit.groups, weights.tolist(), strict=True)),
        float(predicted.mean()),
        dict(zip(fit.groups, fit.points[place].tolist(), strict=True)),
        float(tried[place]),
        fit.mean.error,
        tuple(
            TradeOff(each.loss, float(value), float(least))
            for each, value, least in zip(fit.chosen, predicted, columns.min(axis=0), strict=True)
        ),
    )


def most_by_epochs(available: Mapping[str, float], tokens: float, epochs: float) -> dict[str, float]:
    """Largest weight of each group of which `available` tokens are read no more than `epochs` times in a run of `tokens`.

    >>> most_by_epochs({"web": 1e9, "books": 1e8}, tokens=1e9, epochs=4)
    {'web': 1.0, 'books': 0.4}
    """
    return {name: min(1.0, epochs * there / tokens) for name, there in available.items()}


def _candidates(
    fit: Fit, prior: Mapping[str, float] | None, most: Mapping[str, float], reuse: Mapping[str, float]
) -> Floats:
    """Draws (rows, groups) that keep within what was tried and `most`."""
    draws = np.random.default_rng(_SEED)
    about = fit.points.mean(axis=0) if prior is None else np.array([prior.get(name, 0.0) for name in fit.groups])
    if not about.sum() > 0:
        raise SearchError("the prior gives no group a share")
    about = about / about.sum()
    low, high = _STRENGTHS
    strengths = np.exp(draws.uniform(np.log(low), np.log(high), _DRAWS // 2))
    heights = draws.standard_gamma(about[None, :] * strengths[:, None])
    heights = heights[heights.sum(axis=1) > 0]
    blends = draws.dirichlet(np.full(len(fit.points), _BLENDS), _DRAWS // 2) @ fit.points
    drawn = np.concatenate([fit.points, heights / heights.sum(axis=1, keepdims=True), blends])
    tried = fit.points
    kept = np.array([name in reuse for name in fit.groups])
    if reuse:
        shares = np.array([reuse.get(name, 0.0) for name in fit.groups])
        if not shares.sum() > 0:
            raise SearchError("reuse gives no group a share")
        drawn = np.where(kept, drawn[:, kept].sum(axis=1, keepdims=True) * shares / shares.sum(), drawn)
    within = np.ones(len(drawn), dtype=bool)
    for compared, known in ((drawn[:, ~kept], tried[:, ~kept]), (_total(drawn, kept), _total(tried, kept))):
        within &= (compared >= known.min(axis=0) - _ROUNDING).all(axis=1)
        within &= (compared <= known.max(axis=0) + _ROUNDING).all(axis=1)
    caps = np.array([most.get(name, 1.0) for name in fit.groups])
    allowed = within & (drawn <= caps + _ROUNDING).all(axis=1)
    if not allowed.any():
        worst = fit.groups[int(np.argmax((drawn[within] > caps + _ROUNDING).mean(axis=0)))] if within.any() else ""
        raise SearchError(
            "no mix within what was tried keeps to the epochs allowed"
            + (f": {worst} may weigh {caps[fit.groups.index(worst)]:.3f} at most; allow more epochs" if worst else "")
        )
    return np.asarray(drawn[allowed])


def _total(points: Floats, which: npt.NDArray[np.bool_]) -> Floats:
    return np.asarray(points[:, which].sum(axis=1, keepdims=True))
