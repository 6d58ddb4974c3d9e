"""Which of several mixes is best? A ranking with simultaneous intervals. Knows numbers; knows no model.

Mixes share seeds: the same seed has the same first weights in every mix. So seeds are blocks, and the residual, pooled over
M mixes, has (M - 1)(S - 1) degrees of freedom. Its answer is to the question on these very texts: texts are not drawn anew.
Intervals hold for all differences together: Tukey's studentized range, or Dunnett's (1955) against a baseline.

>>> found = rank(["a", "b"], np.array([[3.1, 3.2, 3.0], [3.0, 3.11, 2.9]]), matters=0.05)
>>> found.differences[0].verdict, found.places[1].highest
('better', 1)
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import optimize, stats  # type: ignore[import-untyped,unused-ignore]

from curate.errors import ConfigError

Floats = npt.NDArray[np.float64]

_DRAWS = 20_000
_SEED = 0
_NORMAL_POINTS, _CHI_POINTS = 101, 600  # three digits of the critical value
_NORMAL_RANGE = 7.0
_LARGEST_CRITICAL = 1000.0
_UNEQUAL = 10.0
"""Mixes' own residual variances that differ by more than this are not fit for pooling; the ranking says so."""


@dataclass(frozen=True)
class Difference:
    """Second less first, lower being better."""

    first: str
    second: str
    difference: float
    low: float
    high: float
    p: float
    """Corrected for all differences compared."""
    verdict: str
    """`better` or `worse` (the second), `equal` within what matters, either with equal, or `not settled`."""


@dataclass(frozen=True)
class Place:
    """Where a mix stands: its rank lies between `highest` and `lowest` with all intervals together."""

    mix: str
    mean: float
    highest: int
    lowest: int
    best: float
    """Probability of being best under a flat prior; no p value."""


@dataclass(frozen=True)
class Ranking:
    """Mixes, best first, and their differences."""

    places: tuple[Place, ...]
    differences: tuple[Difference, ...]
    baseline: str | None
    matters: float | None
    residual: float
    """Variance of one run about its mix's and its seed's mean."""
    freedom: int
    correlation: float
    """Of seeds over mixes: what pairing by seed is worth."""
    unequal: bool
    """Whether mixes' own residual variances are too unlike to pool."""


def noise(values: Floats) -> tuple[float, int]:
    """The variance of a run about its mix's and its seed's mean, and its degrees of freedom; values (mixes, seeds)."""
    _, residual, freedom = _residual(values)
    return residual, freedom


def _residual(values: Floats) -> tuple[Floats, float, int]:
    mixes, seeds = values.shape
    rests = values - values.mean(axis=1)[:, None] - values.mean(axis=0) + values.mean()
    freedom = (mixes - 1) * (seeds - 1)
    return rests, float((rests**2).sum()) / freedom, freedom


def rank(
    names: Sequence[str],
    values: Floats,
    baseline: str | None = None,
    matters: float | None = None,
    confidence: float = 0.95,
    of: int | None = None,
) -> Ranking:
    """Rank mixes by values (mixes, seeds), lower being better. `of`: how many mixes there were, where some were stopped.

    Raises ConfigError for fewer than two of either.
    """
    mixes, seeds = values.shape
    compared = of or mixes
    if mixes < 2 or seeds < 2:
        raise ConfigError(f"{mixes} mixes and {seeds} seeds: a ranking needs two of each at least")
    if baseline is not None and baseline not in names:
        raise ConfigError(f"baseline: {baseline} is no mix; there are {', '.join(names)}")
    means, by_seed = values.mean(axis=1), values.mean(axis=0)
    rests, residual, freedom = _residual(values)
    error = math.sqrt(2 * residual / seeds)
    of_seeds = mixes * float(by_seed.var(ddof=1))
    whole = of_seeds + (mixes - 1) * residual
    places = list(range(mixes))
    start = names.index(baseline) if baseline is not None else None
    pairs = (
        [(i, j) for i in places for j in places if i < j]
        if start is None
        else [(start, j) for j in places if j != start]
    )
    wide, narrow = (critical(compared, freedom, level, start is not None) for level in (confidence, 2 * confidence - 1))
    differences = []
    for i, j in pairs:
        found = float(means[j] - means[i])
        p = _p(abs(found) / error if error else math.inf * bool(found), compared, freedom, start is not None)
        verdict = _verdict(found, wide * error, narrow * error, matters)
        differences.append(
            Difference(names[i], names[j], found, found - wide * error, found + wide * error, p, verdict)
        )
    all_pairs = critical(compared, freedom, confidence, False) * error
    chances = _chances(means, residual / seeds, freedom)
    order = np.argsort(means, kind="stable")
    own = (rests**2).sum(axis=1)
    return Ranking(
        tuple(
            Place(
                names[m],
                float(means[m]),
                1 + int((means < means[m] - all_pairs).sum()),
                mixes - int((means > means[m] + all_pairs).sum()),
                float(chances[m]),
            )
            for m in order
        ),
        tuple(differences),
        baseline,
        matters,
        residual,
        freedom,
        (of_seeds - residual) / whole if whole else math.nan,
        mixes > 2 and bool(own.max() > _UNEQUAL * own.min()),
    )


@functools.lru_cache(maxsize=256)
def critical(mixes: int, freedom: float, confidence: float, against_one: bool) -> float:
    """Half a simultaneous interval in standard errors of a difference: Tukey's, or Dunnett's against one baseline."""
    if not against_one:
        return float(stats.studentized_range.ppf(confidence, mixes, freedom)) / math.sqrt(2)
    grid = _grid(freedom)
    found = optimize.brentq(lambda c: _within(c, mixes - 1, grid) - confidence, 0, _LARGEST_CRITICAL, xtol=1e-6)
    return float(found)


def _p(size: float, mixes: int, freedom: float, against_one: bool) -> float:
    if math.isinf(size):
        return 0.0
    if against_one:
        return max(0.0, 1 - _within(size, mixes - 1, _grid(freedom)))
    return float(stats.studentized_range.sf(size * math.sqrt(2), mixes, freedom))


@functools.lru_cache(maxsize=16)
def _grid(freedom: float) -> tuple[Floats, Floats, Floats]:
    """Points of a standard normal, their weights, and equally likely values of s = sqrt(chi2 / freedom)."""
    z = np.linspace(-_NORMAL_RANGE, _NORMAL_RANGE, _NORMAL_POINTS)
    weights = stats.norm.pdf(z)
    share = (np.arange(_CHI_POINTS) + 0.5) / _CHI_POINTS
    return z, weights / weights.sum(), np.sqrt(stats.chi2.ppf(share, freedom) / freedom)


def _within(size: float, others: int, grid: tuple[Floats, Floats, Floats]) -> float:
    """Chance that no difference from the baseline exceeds `size` standard errors, where there is none."""
    z, weights, s = grid
    reach = math.sqrt(2) * size * s[None, :]
    inner = stats.norm.cdf(z[:, None] + reach) - stats.norm.cdf(z[:, None] - reach)
    return float(weights @ (inner**others).mean(axis=1))


def _verdict(found: float, wide: float, narrow: float, matters: float | None) -> str:
    """Schuirmann's (1987) two one-sided tests for equality: the narrower interval within what matters."""
    said = []
    if abs(found) > wide:
        said.append("better" if found < 0 else "worse")
    if matters is not None and abs(found) + narrow < matters:
        said.append("equal")
    return ", ".join(said) or "not settled"


def _chances(means: Floats, variance: float, freedom: int) -> Floats:
    draws = np.random.default_rng(_SEED)
    scale = np.sqrt(variance / (draws.chisquare(freedom, _DRAWS) / freedom))
    drawn = means + scale[:, None] * draws.standard_normal((_DRAWS, len(means)))
    return np.asarray(np.bincount(drawn.argmin(axis=1), minlength=len(means)) / _DRAWS)
