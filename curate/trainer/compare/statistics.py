"""Is the difference real? Two mixes, several seeds each, the same items: a paired difference and its interval.

The value of seed s on item i is d[s, i], second mix less first. Seeds and items are both samples, crossed, so the
variance of the mean has a part from each (two-way clustering: Cameron, Gelbach and Miller 2011, §2):

    V = V_seeds + V_items - V_both,    never less than the larger of the first two

The interval takes Student's t with Satterthwaite's (1946) degrees of freedom for that sum; where the floor decides, those of
the part that it is; with two seeds the smaller of (seeds - 1, items - 1), since the approximation fails there. It says
whether a mix is better on texts of this kind. Beside it stands the interval of V_seeds alone, with seeds - 1 degrees: is it
better on these very texts? A single seed gives no interval at all.

Knows numbers; knows no model. Floats in, floats out, in a fixed order.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats  # type: ignore[import-untyped,unused-ignore]

from curate.errors import ConfigError
from curate.trainer.compare.power import POWER, chance_to_show, smallest

Floats = npt.NDArray[np.float64]

_MOST_SEEDS = 1000
_MOST_TIMES = 1000  # a line over log(tokens) is not believed further than three decades


@dataclass(frozen=True)
class Comparison:
    """A difference, second less first, and what it is made of."""

    name: str
    unit: str
    first: float
    second: float
    seeds: int
    items: int
    low: float
    """The interval's ends; NaN with a single seed or item."""
    high: float
    p: float
    """Probability of a difference as large where there is none; NaN as above."""
    seed_variance: float
    """Of one seed, items being many: what more seeds divide."""
    item_variance: float
    """Of the mean, seeds being many: what only more items make less."""
    freedom: float = math.nan
    """Degrees of freedom of the interval."""
    low_here: float = math.nan
    """The interval's ends on these very texts, and its p: seeds are the only chance."""
    high_here: float = math.nan
    p_here: float = math.nan

    @property
    def difference(self) -> float:
        """Second less first."""
        return self.second - self.first

    @property
    def shown(self) -> bool:
        """Whether the interval excludes zero."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class Values:
    """One measure of one mix: values (seeds, items) and weights (items,); a seed's measure is sum / sum."""

    name: str
    unit: str
    values: Floats
    weights: Floats


def compare(first: Values, second: Values, confidence: float = 0.95) -> Comparison:
    """Two mixes by one measure on the same items. Raises ValueError where items, or numbers of seeds, differ."""
    return compare_mean(first.name, [(first, second)], confidence)


def compare_mean(name: str, pairs: Sequence[tuple[Values, Values]], confidence: float = 0.95) -> Comparison:
    """Two mixes by the plain mean of several measures in one unit, such as bits per byte of domains, over the same seeds."""
    for first, second in pairs:
        if first.values.shape != second.values.shape or not np.array_equal(first.weights, second.weights):
            raise ConfigError(f"{first.name}: the two mixes were not evaluated on the same items with as many seeds")
    share = 1 / len(pairs)
    firsts, seconds = (
        sum(share * side.values.sum(axis=1) / side.weights.sum() for side in sides)
        for sides in zip(*pairs, strict=True)
    )
    by_seed = np.asarray(seconds - firsts)
    parts = [_variances(second.values - first.values, first.weights) for first, second in pairs]
    of_items = share**2 * sum(part[0] for part in parts)
    of_both = share**2 * sum(part[1] for part in parts)
    seeds, items = len(by_seed), min(first.values.shape[1] for first, _ in pairs)
    difference = float(by_seed.mean())
    of_seeds, freedom = math.nan, math.nan
    everywhere = here = (math.nan, math.nan, math.nan)
    if seeds > 1:
        of_seeds = float(by_seed.var(ddof=1)) / seeds
        here = _interval(difference, of_seeds, seeds - 1, confidence)
    if seeds > 1 and items > 1:
        counts = [first.values.shape[1] for first, _ in pairs]
        scaled = [(share**2 * one, share**2 * both) for one, both in parts]
        freedom = _satterthwaite(of_seeds, seeds, scaled, counts)
        everywhere = _interval(difference, max(of_seeds + of_items - of_both, of_seeds, of_items), freedom, confidence)
    low, high, p = everywhere
    return Comparison(
        name,
        pairs[0][0].unit,
        float(np.mean(firsts)),
        float(np.mean(seconds)),
        seeds,
        sum(first.values.shape[1] for first, _ in pairs),
        low,
        high,
        p,
        of_seeds * seeds,
        max(0.0, of_items - of_both),
        freedom,
        *here,
    )


def _interval(difference: float, variance: float, freedom: float, confidence: float) -> tuple[float, float, float]:
    """Ends and p of Student's t."""
    error = math.sqrt(variance)
    half = float(stats.t.ppf((1 + confidence) / 2, freedom)) * error
    p = float(2 * stats.t.sf(abs(difference) / error, freedom)) if error else float(difference == 0)
    return difference - half, difference + half, p


def _satterthwaite(of_seeds: float, seeds: int, parts: Sequence[tuple[float, float]], counts: Sequence[int]) -> float:
    """Degrees of freedom of V_seeds + sum of (V_items - V_both) over measures with so many items each."""
    if seeds == 2:
        return min(seeds, *counts) - 1
    of_items, of_both = (sum(part[k] for part in parts) for k in (0, 1))
    whole = of_seeds + of_items - of_both
    squares_of_items = sum(part[0] ** 2 / (count - 1) for part, count in zip(parts, counts, strict=True))
    if whole <= max(of_seeds, of_items):
        if of_seeds >= of_items or not squares_of_items:
            return seeds - 1
        return of_items**2 / squares_of_items
    squares_of_both = sum(part[1] ** 2 / ((seeds - 1) * (count - 1)) for part, count in zip(parts, counts, strict=True))
    return whole**2 / (of_seeds**2 / (seeds - 1) + squares_of_items + squares_of_both)


def _variances(differences: Floats, weights: Floats) -> tuple[float, float]:
    """Parts of the variance of a ratio of sums, linearised (Cochran 1977, §2.11): items', and that of seed and item."""
    seeds, items = differences.shape
    if items < 2:
        return math.nan, math.nan
    scale = items / weights.sum()
    ratio = differences.sum() / seeds / weights.sum()
    residuals = scale * (differences - ratio * weights)
    of_items = float(residuals.mean(axis=0).var(ddof=1)) / items
    if seeds < 2:
        return of_items, 0.0
    inner = residuals - residuals.mean(axis=0) - residuals.mean(axis=1, keepdims=True) + residuals.mean()
    of_both = float((inner**2).sum()) / ((seeds - 1) * (items - 1)) / (seeds * items)
    return of_items, of_both


def holm(ps: Sequence[float]) -> list[float]:
    """p values corrected for being several (Holm 1979); NaN stays and does not count."""
    known = sorted((p, index) for index, p in enumerate(ps) if not math.isnan(p))
    adjusted = list(ps)
    largest = 0.0
    for rank, (p, index) in enumerate(known):
        largest = max(largest, min(1.0, (len(known) - rank) * p))
        adjusted[index] = largest
    return adjusted


def seeds_needed(comparison: Comparison, confidence: float = 0.95) -> int | None:
    """Seeds with which a difference as large as the one seen would be shown, with a chance of 0.8.

    None where no number of seeds would do (more items might), or the noise is not known.
    """
    if math.isnan(comparison.p) or not comparison.difference:
        return None
    candidates = range(2, _MOST_SEEDS + 1)  # more seeds always show more
    place = bisect.bisect_left(candidates, True, key=lambda seeds: _enough(comparison, seeds, confidence))
    return candidates[place] if place < len(candidates) else None


def _enough(comparison: Comparison, seeds: int, confidence: float) -> bool:
    """Whether so many seeds would show a difference as large as the one seen with a chance of 0.8."""
    of_seeds, of_items = comparison.seed_variance / seeds, comparison.item_variance
    if not of_seeds + of_items > 0:
        return True
    freedom = _satterthwaite(of_seeds, seeds, [(of_items, 0.0)], [max(2, comparison.items)])
    critical = float(stats.t.ppf((1 + confidence) / 2, freedom))
    return chance_to_show(abs(comparison.difference), math.sqrt(of_seeds + of_items), freedom, critical) >= POWER


def smallest_detectable(comparison: Comparison, confidence: float = 0.95) -> float:
    """The difference that as many seeds and items would show with a chance of 0.8; NaN where the noise is not known."""
    if math.isnan(comparison.p):
        return math.nan
    error = math.sqrt(comparison.seed_variance / comparison.seeds + comparison.item_variance)
    return smallest(error, comparison.freedom, float(stats.t.ppf((1 + confidence) / 2, comparison.freedom)))


def tokens_needed(tokens: Sequence[int], differences: Sequence[float], wanted: float) -> int | None:
    """Tokens at which the difference would reach `wanted` in size, if it went on as a line over log(tokens).

    From a learning curve of at least three points. None where it does not grow, or grows too slowly to say.
    """
    if len(tokens) < 3 or not wanted > 0:
        return None
    sign = math.copysign(1.0, differences[-1])
    logs = np.log(np.asarray(tokens, dtype=np.float64))
    slope, level = np.polyfit(logs, sign * np.asarray(differences, dtype=np.float64), 1)
    if slope <= 0:
        return None
    needed = (wanted - level) / slope
    if needed > logs[-1] + math.log(_MOST_TIMES):
        return None
    return max(int(tokens[-1]), round(math.exp(needed)))
