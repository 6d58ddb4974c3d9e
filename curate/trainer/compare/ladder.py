"""Mixes compared at several sizes: whether their order holds, where it turns, and what it says of a larger size.

Knows numbers; knows no model. Three questions, of the primary measure on these texts:

- **Crossovers.** A pair whose order at a size is not that of the next. It is shown where both sizes' simultaneous intervals
  exclude zero, on either side of it. How far a pair moved, the difference of its differences, has an interval too.
- **Extrapolation** (three sizes or more). L = E + K / C^g for each mix: Chinchilla's law (Hoffmann et al. 2022) along a
  ladder whose tokens and parameters grow together. E and K are the mix's own, the exponent g is that of all. Least squares,
  E and K not below 0. Intervals are of laws fitted to means drawn anew, with the noise that the seeds have measured: that of
  each proxy, and that which a seed gives to all mixes of a size, which moves the exponent.
- **How far to trust it** (four sizes or more): the law without the largest size, and by how much it misses that size.

>>> law = fit_law(np.array([1e15, 1e16, 1e17]), np.array([[1.5, 1.3, 1.18], [1.6, 1.32, 1.152]]))
>>> round(law.exponent, 3), [round(float(loss), 3) for loss in law.at(1e18)]
(0.222, [1.108, 1.051])
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize  # type: ignore[import-untyped,unused-ignore]

from curate.trainer.compare.ranking import critical, noise
from curate.trainer.compare.statistics import Floats

_TRIED = np.geomspace(0.005, 2.0, 200)
"""Exponents of a law that are tried, before the best is made exact."""
_STEP = float(_TRIED[1] / _TRIED[0])
_DRAWS = 1000
_SEED = 0
_SIZES_OF_A_LAW = 3  # E, K and the exponent
_FURTHER = 10.0  # times the largest compute: where the law is asked, if nothing else is


@dataclass(frozen=True)
class Rung:
    """A size: what it costs, and every mix's values."""

    name: str
    parameters: int
    """That a token is multiplied by."""
    tokens: int
    flops: float
    values: Mapping[str, Floats]
    """Per mix the primary measure of each seed."""


@dataclass(frozen=True)
class Standing:
    """A mix at a size."""

    mix: str
    mean: float
    rank: int


@dataclass(frozen=True)
class Level:
    """The mixes at a size, best first."""

    name: str
    parameters: int
    tokens: int
    flops: float
    standings: tuple[Standing, ...]
    noise: float
    """Deviation of a proxy, its mix's and its seed's level taken off."""


@dataclass(frozen=True)
class Move:
    """A pair of mixes from one size to the next: second less first at either, and how far it moved."""

    first: str
    second: str
    smaller: str
    larger: str
    before: float
    after: float
    moved: float
    low: float
    high: float
    """Of what it moved by; all pairs and steps together."""
    crossed: str
    """`shown`, `seen`, or `no`."""


@dataclass(frozen=True)
class Expected:
    """A pair at the compute asked for: second less first, all pairs together."""

    first: str
    second: str
    difference: float
    low: float
    high: float
    crossing: float | None
    """The FLOPs of one proxy at which the two laws cross, from the smallest size up to where they are asked."""


@dataclass(frozen=True)
class Law:
    """L = E + K / C^exponent per mix, and the compute that it was fitted at."""

    exponent: float
    floors: Floats
    factors: Floats
    error: float
    """Root mean square of the residuals."""
    flops: Floats

    def at(self, flops: float) -> Floats:
        """Each mix's loss."""
        return np.asarray(self.floors + self.factors * flops**-self.exponent)


@dataclass(frozen=True)
class Ladder:
    """What the sizes say together."""

    name: str
    confidence: float
    levels: tuple[Level, ...]
    moves: tuple[Move, ...]
    target: float
    exponent: float | None
    """None, and nothing is expected, with two sizes."""
    losses: Mapping[str, float]
    """Expected at the target."""
    expected: tuple[Expected, ...]
    missed: float | None
    """By how much the law without the largest size misses its means; the largest over mixes."""
    sentences: tuple[str, ...]


def climb(name: str, rungs: Sequence[Rung], confidence: float = 0.95, target: float | None = None) -> Ladder:
    """Every mix at every size, two seeds or more of each, the sizes in the order of their compute."""
    rungs = sorted(rungs, key=lambda rung: rung.flops)
    mixes = list(rungs[0].values)
    tables = [np.array([rung.values[mix] for mix in mixes]) for rung in rungs]
    noises = [noise(table) for table in tables]
    levels = tuple(_level(rung, table, found[0]) for rung, table, found in zip(rungs, tables, noises, strict=True))
    errors = np.array([2 * residual / table.shape[1] for (residual, _), table in zip(noises, tables, strict=True)])
    freedoms = np.array([freedom for _, freedom in noises], dtype=np.float64)
    steps = itertools.pairwise(range(len(rungs)))
    moves = tuple(
        _move(
            mixes,
            pair,
            (rungs[low], rungs[high]),
            (tables[low], tables[high]),
            (errors[[low, high]], freedoms[[low, high]]),
            (confidence, len(rungs) - 1),
        )
        for low, high in steps
        for pair in itertools.combinations(range(len(mixes)), 2)
    )
    target = target or _FURTHER * rungs[-1].flops
    means = np.array([table.mean(axis=1) for table in tables]).T
    flops = np.array([rung.flops for rung in rungs])
    law, missed = None, None
    expected: tuple[Expected, ...] = ()
    if len(rungs) >= _SIZES_OF_A_LAW:
        law = fit_law(flops, means)
        expected = _expected(mixes, law, target, _drawn(tables), confidence)
    if len(rungs) > _SIZES_OF_A_LAW:
        missed = float(np.abs(fit_law(flops[:-1], means[:, :-1]).at(flops[-1]) - means[:, -1]).max())
    found = Ladder(
        name,
        confidence,
        levels,
        moves,
        target,
        None if law is None else law.exponent,
        {} if law is None else dict(zip(mixes, law.at(target).tolist(), strict=True)),
        expected,
        missed,
        (),
    )
    return dataclasses.replace(found, sentences=tuple(_sentences(found)))


def _level(rung: Rung, table: Floats, residual: float) -> Level:
    means = table.mean(axis=1)
    mixes = list(rung.values)
    standings = tuple(
        Standing(mixes[row], float(means[row]), number)
        for number, row in enumerate(np.argsort(means, kind="stable"), 1)
    )
    return Level(rung.name, rung.parameters, rung.tokens, rung.flops, standings, math.sqrt(residual))


def fit_law(flops: Floats, means: Floats) -> Law:
    """The law of means (mixes, sizes) at these FLOPs: the exponent of least squares, and for it E and K of each mix."""
    flops = np.asarray(flops, dtype=np.float64)

    def missed(exponent: float) -> float:
        return float(((means - _lines(flops, means, exponent)[2]) ** 2).sum())

    near = float(_exponents(flops, means[None])[0])
    around = (near / _STEP, near * _STEP)
    exponent = float(optimize.minimize_scalar(missed, bounds=around, method="bounded", options={"xatol": 1e-10}).x)
    floors, factors, fitted = _lines(flops, means, exponent)
    return Law(exponent, floors, factors, float(np.sqrt(np.mean((means - fitted) ** 2))), flops)


def _exponents(flops: Floats, drawn: Floats) -> Floats:
    """The exponent, of those tried, that fits each of some draws of means (draws, mixes, sizes) best."""
    misses = np.array([((drawn - _lines(flops, drawn, each)[2]) ** 2).sum(axis=(1, 2)) for each in _TRIED.tolist()])
    return np.asarray(_TRIED[misses.argmin(axis=0)])


def _lines(flops: Floats, means: Floats, exponent: float) -> tuple[Floats, Floats, Floats]:
    """E and K of means (..., sizes) by least squares, neither below zero, and what they give."""
    x = flops**-exponent
    middle = x.mean()
    factors = ((means - means.mean(axis=-1, keepdims=True)) @ (x - middle)) / ((x - middle) ** 2).sum()
    factors = np.maximum(factors, 0.0)
    floors = means.mean(axis=-1) - factors * middle
    below = floors < 0
    factors = np.where(below, means @ x / (x @ x), factors)
    floors = np.where(below, 0.0, floors)
    return floors, factors, floors[..., None] + factors[..., None] * x


def _drawn(tables: Sequence[Floats]) -> Floats:
    """Means of mixes at each size (draws, mixes, sizes) as other seeds might have given them.

    At each size: what a seed gives to all mixes, and what is each proxy's own, both with the variances of this size's
    (mixes, seeds), which are drawn too, since few seeds have measured them.
    """
    draws = np.random.default_rng(_SEED)
    columns = []
    for table in tables:
        mixes, seeds = table.shape
        residual, freedom = noise(table)
        common = max(0.0, float(table.mean(axis=0).var(ddof=1)) - residual / mixes)
        scales = [np.sqrt(nu / draws.chisquare(nu, _DRAWS)) for nu in (seeds - 1, freedom)]
        of_seeds = math.sqrt(common / seeds) * scales[0] * draws.standard_normal(_DRAWS)
        own = math.sqrt(residual / seeds) * scales[1][:, None] * draws.standard_normal((_DRAWS, mixes))
        columns.append(table.mean(axis=1) + of_seeds[:, None] + own)
    return np.stack(columns, axis=2)


def _move(
    mixes: Sequence[str],
    pair: tuple[int, int],
    rungs: tuple[Rung, Rung],
    tables: tuple[Floats, Floats],
    noise: tuple[Floats, Floats],
    wanted: tuple[float, int],
) -> Move:
    """One pair over one step. `noise`: at either size the variance of a difference, and its degrees of freedom.

    `wanted`: the confidence, and the number of steps, which share its error (Bonferroni); the pairs of each by Tukey.
    """
    first, second = pair
    variances, freedoms = noise
    confidence, steps = wanted
    before, after = (float(table[second].mean() - table[first].mean()) for table in tables)
    level = 1 - (1 - confidence) / steps
    half = critical(len(mixes), _freedom(variances, freedoms), level, False) * math.sqrt(variances.sum())
    crossed = "seen" if before * after < 0 else "no"
    if crossed == "seen":
        each = zip((before, after), variances.tolist(), freedoms.tolist(), strict=True)
        sure = [abs(d) > critical(len(mixes), nu, confidence, False) * math.sqrt(v) for d, v, nu in each]
        crossed = "shown" if all(sure) else crossed
    moved = after - before
    names = (mixes[first], mixes[second], rungs[0].name, rungs[1].name)
    return Move(*names, before, after, moved, moved - half, moved + half, crossed)


def _freedom(variances: Floats, freedoms: Floats) -> float:
    """Satterthwaite's (1946), of a sum of variances, down to the next half; of no variance, that of the smallest."""
    total = float((variances**2 / freedoms).sum())
    return math.floor(2 * float(variances.sum()) ** 2 / total) / 2 if total else float(freedoms.min())


def _expected(mixes: Sequence[str], law: Law, target: float, drawn: Floats, confidence: float) -> tuple[Expected, ...]:
    """Pairs at the target: the law's difference, and how far from it those of laws of the draws lie, all pairs together."""
    ahead = np.empty(drawn.shape[:2])
    exponents = _exponents(law.flops, drawn)
    for exponent in np.unique(exponents):
        those = exponents == exponent
        floors, factors, _ = _lines(law.flops, drawn[those], float(exponent))
        ahead[those] = floors + factors * target**-exponent
    losses = law.at(target)
    pairs = list(itertools.combinations(range(len(mixes)), 2))
    apart = np.array([np.abs(ahead[:, j] - ahead[:, i] - (losses[j] - losses[i])) for i, j in pairs])
    usual = np.median(apart, axis=1)
    usual[usual == 0] = 1.0  # no noise: no width
    wide = float(np.quantile((apart / usual[:, None]).max(axis=0), confidence))
    found = []
    for (i, j), each in zip(pairs, usual.tolist(), strict=True):
        difference, half = float(losses[j] - losses[i]), each * wide
        crossing = _crossing(law, i, j, target)
        found.append(Expected(mixes[i], mixes[j], difference, difference - half, difference + half, crossing))
    return tuple(found)


def _crossing(law: Law, first: int, second: int, target: float) -> float | None:
    floors, factors = law.floors, law.factors
    over = (
        (floors[second] - floors[first]) / (factors[first] - factors[second])
        if factors[first] != factors[second]
        else 0
    )
    if not over > 0:
        return None
    crossing = float(over ** (-1 / law.exponent))
    return crossing if law.flops[0] < crossing < target else None


def _sentences(found: Ladder) -> list[str]:
    small, large = found.levels[0], found.levels[-1]
    told = [f"At {large.name}, {large.flops:.1e} FLOP a proxy, the order is {_order(large)}."]
    if [each.mix for each in small.standings] == [each.mix for each in large.standings]:
        told.append(f"It is that of {small.name}, at {small.flops:.1e} FLOP.")
    else:
        told.append(f"At {small.name}, {small.flops:.1e} FLOP, it is {_order(small)}.")
    for move in found.moves:
        if move.crossed != "no":
            sure = "is shown" if move.crossed == "shown" else "is seen, and may be noise"
            told.append(
                f"{move.first} and {move.second} change places from {move.smaller} to {move.larger}: that {sure} "
                f"({move.second} less {move.first}: {move.before:+.4f}, then {move.after:+.4f})."
            )
    if not found.expected:
        told.append("Two sizes show whether an order holds; for a larger size, give three.")
        return told
    best = min(found.losses, key=lambda mix: found.losses[mix])
    told.append(
        f"At {found.target:.1e} FLOP, by L = E + K / C^{found.exponent:.3f}, {best} is expected at {found.losses[best]:.4f}."
    )
    for pair in found.expected:
        if best in (pair.first, pair.second) and pair.low <= 0 <= pair.high:
            other = pair.second if pair.first == best else pair.first
            told.append(f"{other} is not told apart from it there ({pair.low:+.4f} to {pair.high:+.4f}).")
    if found.missed is not None:
        told.append(f"Without {large.name}, the law misses its losses by {found.missed:.4f} at most.")
    return told


def _order(level: Level) -> str:
    return ", ".join(f"{each.mix} {each.mean:.4f}" for each in level.standings)
