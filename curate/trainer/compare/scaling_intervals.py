"""What a scaling law's fit is worth, and what runs of equal compute say without one. Knows numbers only.

Intervals are a bootstrap's: runs drawn again with replacement, the law fitted anew from where the whole data's fit lies,
the middle 95 % of what comes out. IsoFLOP (Hoffmann et al. 2022, section 3.2): runs of one compute budget, a parabola of
loss over the logarithm of parameters, its minimum; then a power law through the minima.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import optimize  # type: ignore[import-untyped,unused-ignore]

from curate.errors import ConfigError
from curate.trainer.compare.scaling import DELTA, FLOPS_PER_PARAMETER_AND_TOKEN, Chinchilla, Run

Floats = npt.NDArray[np.float64]

_LEVEL = 0.95
_SEED = 0
_SAME_BUDGET = 0.1  # of ln FLOPs: runs within a tenth of each other have one budget
_LEAST_OF_BUDGET = 4  # a parabola of three runs fits any three
_LEAST_BUDGETS = 2


@dataclass(frozen=True)
class Interval:
    """The middle 95 % of what the bootstrap gave."""

    low: float
    high: float


@dataclass(frozen=True)
class Budget:
    """Runs of one compute budget, and where their loss is least."""

    flops: float
    runs: int
    parameters: float
    tokens: float
    loss: float
    parabola: tuple[float, float, float]
    """Of loss over ln N, the highest power first."""


@dataclass(frozen=True)
class IsoFlop:
    """N = coefficient x C^exponent through the minima of the budgets."""

    budgets: tuple[Budget, ...]
    exponent: float
    coefficient: float

    def best(self, flops: float) -> tuple[float, float]:
        """(parameters, tokens) of the least loss for this compute."""
        parameters = self.coefficient * flops**self.exponent
        return parameters, flops / (FLOPS_PER_PARAMETER_AND_TOKEN * parameters)


def bootstrap(law: Chinchilla, runs: Sequence[Run], times: int, flops: float | None = None) -> dict[str, Interval]:
    """Intervals of E, A, B, a, b, of the exponent of N in compute, and with `flops` of the best parameters there.

    Raises ConfigError for fewer than two times.
    """
    if times < 2:
        raise ConfigError(f"{times} draws give no interval: take 100 or more")
    start = np.array([math.log(law.A), math.log(law.B), math.log(law.E), law.a, law.b])
    values = np.log([(run.parameters, run.tokens, run.loss) for run in runs])
    draws = np.random.default_rng(_SEED)
    found: dict[str, list[float]] = {name: [] for name in ("E", "A", "B", "a", "b", "exponent")}
    best = []
    for _ in range(times):
        log_a, log_b, log_e, a, b = _refit(values[draws.integers(0, len(values), len(values))], start)
        drawn = Chinchilla(math.exp(log_e), math.exp(log_a), math.exp(log_b), a, b, 0.0)
        for name, value in zip(found, (drawn.E, drawn.A, drawn.B, a, b, b / (a + b)), strict=True):
            found[name].append(value)
        if flops is not None:
            best.append(drawn.best(flops)[0])
    told = {name: _middle(values) for name, values in found.items()}
    return told | ({"best_parameters": _middle(best)} if best else {})


def isoflop(runs: Sequence[Run]) -> IsoFlop:
    """The law through the minima of budgets that have four runs or more and a minimum among them.

    Raises ConfigError where fewer than two budgets do.
    """
    ordered = sorted(runs, key=lambda run: run.parameters * run.tokens)
    groups: list[list[Run]] = []
    for run in ordered:
        if groups and math.log(_flops(run) / _flops(groups[-1][0])) <= _SAME_BUDGET:
            groups[-1].append(run)
        else:
            groups.append([run])
    budgets = tuple(budget for group in groups if (budget := _minimum(group)) is not None)
    if len(budgets) < _LEAST_BUDGETS:
        raise ConfigError(
            f"{len(budgets)} compute budgets have {_LEAST_OF_BUDGET} runs and a least loss among them: IsoFLOP needs "
            f"{_LEAST_BUDGETS}, runs of 6 N D within a tenth of each other"
        )
    exponent, level = np.polyfit(
        np.log([budget.flops for budget in budgets]), np.log([budget.parameters for budget in budgets]), 1
    )
    return IsoFlop(budgets, float(exponent), float(math.exp(level)))


def _minimum(group: Sequence[Run]) -> Budget | None:
    sizes = np.log([run.parameters for run in group])
    if len(group) < _LEAST_OF_BUDGET or np.ptp(sizes) == 0:
        return None
    centre = float(sizes.mean())  # about its centre, a parabola is fitted to more digits
    high, middle, low = np.polyfit(sizes - centre, [run.loss for run in group], 2)
    if high <= 0 or not sizes.min() <= centre - middle / (2 * high) <= sizes.max():
        return None
    place = float(centre - middle / (2 * high))
    flops = float(np.exp(np.mean(np.log([_flops(run) for run in group]))))
    parameters = math.exp(place)
    parabola = (float(high), float(middle - 2 * high * centre), float(low - middle * centre + high * centre**2))
    tokens = flops / (FLOPS_PER_PARAMETER_AND_TOKEN * parameters)
    return Budget(flops, len(group), parameters, tokens, float(low - middle**2 / (4 * high)), parabola)


def _flops(run: Run) -> float:
    return FLOPS_PER_PARAMETER_AND_TOKEN * run.parameters * run.tokens


def _refit(values: Floats, start: Floats) -> list[float]:
    """The law's five numbers for these logarithms of (N, D, L), by least squares with Huber's loss and the gradient.

    About the means of ln N and ln D, so that a coefficient and its exponent are told apart.
    """
    parameters, tokens, losses = values.T
    mean_n, mean_d = float(parameters.mean()), float(tokens.mean())

    def parts(x: Floats) -> Floats:
        log_a, log_b, log_e, a, b = x
        exponents = [log_a - a * (parameters - mean_n), log_b - b * (tokens - mean_d), np.full(len(losses), log_e)]
        return np.stack(exponents)

    def missed(x: Floats) -> Floats:
        return np.asarray(np.logaddexp.reduce(parts(x), axis=0) - losses)

    def slopes(x: Floats) -> Floats:
        each = parts(x)
        share = np.exp(each - np.logaddexp.reduce(each, axis=0))
        return np.column_stack([*share, -share[0] * (parameters - mean_n), -share[1] * (tokens - mean_d)])

    log_a, log_b, log_e, a, b = start
    centred = [log_a - a * mean_n, log_b - b * mean_d, log_e, a, b]
    found = optimize.least_squares(missed, centred, slopes, loss="huber", f_scale=DELTA, x_scale="jac").x.tolist()
    return [found[0] + found[3] * mean_n, found[1] + found[4] * mean_d, *found[2:]]


def _middle(values: Sequence[float]) -> Interval:
    low, high = np.quantile(values, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
    return Interval(float(low), float(high))
