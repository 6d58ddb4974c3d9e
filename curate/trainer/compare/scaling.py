"""Scaling laws fitted to runs, and what they advise. Knows parameters, tokens and losses; knows no model.

Chinchilla (Hoffmann et al. 2022, §3.3): L(N, D) = E + A / N^a + B / D^b, the sum of Huber losses (delta 1e-3) of the
errors of log L minimised from a grid of starts. Kaplan et al. 2020, equation 1.5, fitted in the same way:
L(N, D) = ((Nc / N)^(aN / aD) + Dc / D)^aD. Training compute is C = 6 N D.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import optimize, special  # type: ignore[import-untyped,unused-ignore]

from curate.errors import ConfigError

Floats = npt.NDArray[np.float64]

FLOPS_PER_PARAMETER_AND_TOKEN = 6
DELTA = 1e-3  # Hoffmann et al. 2022, §3.3
_NOWHERE = 1e12  # the objective where the law is not finite
_FIRST_CALLS, _LAST_CALLS, _FOLLOWED = 300, 2000, 4
# The grid of starts, of (log A, log B, log E, a, b); a coarser one than theirs (appendix D.3) that brackets the same range.
_CHINCHILLA_STARTS = ((0.0, 10.0, 20.0), (0.0, 10.0, 20.0), (-1.0, 1.0), (0.3, 0.8), (0.3, 0.8))
# log Nc, log Dc, aN, aD
_KAPLAN_STARTS = ((15.0, 25.0, 35.0), (15.0, 25.0, 35.0), (0.05, 0.2), (0.05, 0.2))


@dataclass(frozen=True)
class Run:
    """A trained model: parameters (the same kind for all), tokens, and its last loss in nats per token."""

    parameters: float
    tokens: float
    loss: float


@dataclass(frozen=True)
class Chinchilla:
    """L(N, D) = E + A / N^a + B / D^b."""

    E: float
    A: float
    B: float
    a: float
    b: float
    error: float
    """Root mean square of the errors of log L."""

    def loss(self, parameters: float, tokens: float) -> float:
        """Nats per token."""
        return float(self.E + self.A / parameters**self.a + self.B / tokens**self.b)

    def best(self, flops: float) -> tuple[float, float]:
        """(parameters, tokens) of the least loss for this compute (Hoffmann et al. 2022, equation 4)."""
        half = flops / FLOPS_PER_PARAMETER_AND_TOKEN
        ratio = (self.a * self.A / (self.b * self.B)) ** (1 / (self.a + self.b))
        parameters = ratio * half ** (self.b / (self.a + self.b))
        return parameters, half / parameters


@dataclass(frozen=True)
class Kaplan:
    """L(N, D) = ((Nc / N)^(aN / aD) + Dc / D)^aD."""

    Nc: float
    Dc: float
    aN: float
    aD: float
    error: float

    def loss(self, parameters: float, tokens: float) -> float:
        """Nats per token."""
        return float(((self.Nc / parameters) ** (self.aN / self.aD) + self.Dc / tokens) ** self.aD)


def read_runs(rows: Iterable[Mapping[str, Any]]) -> list[Run]:
    """Rows with `parameters`, `tokens` and `loss`. Raises ValueError for a row without them, or with none positive."""
    runs = []
    for number, row in enumerate(rows, 1):
        try:
            run = Run(float(row["parameters"]), float(row["tokens"]), float(row["loss"]))
        except (KeyError, TypeError, ValueError) as error:
            raise ConfigError(f"row {number}: needs the numbers parameters, tokens and loss ({error!r})") from None
        if min(run.parameters, run.tokens, run.loss) <= 0:
            raise ConfigError(f"row {number}: parameters, tokens and loss must be positive")
        runs.append(run)
    return runs


def fit_chinchilla(runs: Sequence[Run]) -> Chinchilla:
    """The law that fits best. Raises ValueError for fewer than five runs: it has five numbers."""
    _enough(runs, 5)
    parameters, tokens, losses = _logs(runs)

    def predicted(x: Floats) -> Floats:
        log_a, log_b, log_e, a, b = x
        total: Floats = np.logaddexp(np.logaddexp(log_a - a * parameters, log_b - b * tokens), log_e)
        return total

    (log_a, log_b, log_e, a, b), error = _fit(predicted, losses, _CHINCHILLA_STARTS)
    return Chinchilla(math.exp(log_e), math.exp(log_a), math.exp(log_b), a, b, error)


def fit_kaplan(runs: Sequence[Run]) -> Kaplan:
    """The law that fits best. Raises ValueError for fewer than four runs: it has four numbers."""
    _enough(runs, 4)
    parameters, tokens, losses = _logs(runs)

    def predicted(x: Floats) -> Floats:
        log_n, log_d, of_n, of_d = x
        total: Floats = of_d * np.logaddexp(of_n / of_d * (log_n - parameters), log_d - tokens)
        return total

    (log_n, log_d, of_n, of_d), error = _fit(predicted, losses, _KAPLAN_STARTS)
    return Kaplan(math.exp(log_n), math.exp(log_d), of_n, of_d, error)


def _enough(runs: Sequence[Run], least: int) -> None:
    if len(runs) < least:
        raise ConfigError(
            f"{len(runs)} runs: a fit of {least} numbers needs at least as many, and should have many more"
        )


def _logs(runs: Sequence[Run]) -> tuple[Floats, Floats, Floats]:
    values = np.log(np.array([(run.parameters, run.tokens, run.loss) for run in runs], dtype=np.float64))
    return values[:, 0], values[:, 1], values[:, 2]


def _fit(
    predicted: Callable[[Floats], Floats], losses: Floats, starts: Sequence[Sequence[float]]
) -> tuple[list[float], float]:
    """The numbers of the least Huber loss over all starts, and the root mean square error of log L.

    `predicted` gives log L of each run. Every start is followed a little way, the best of them to the end, by Nelder and
    Mead's simplex, which does not mind that the Huber loss has corners at this scale.
    """

    def objective(x: Floats) -> float:
        with np.errstate(all="ignore"):
            value = float(special.huber(DELTA, predicted(x) - losses).sum()) / DELTA
        return value if math.isfinite(value) else _NOWHERE

    def follow(x: Floats, calls: int) -> tuple[float, Floats]:
        options = {"maxfev": calls, "xatol": 1e-10, "fatol": 1e-13, "adaptive": True}
        found = optimize.minimize(objective, x, method="Nelder-Mead", options=options)
        return float(found.fun), found.x

    ways = sorted(
        (follow(np.array(start), _FIRST_CALLS) for start in itertools.product(*starts)), key=lambda way: way[0]
    )
    for calls in (_LAST_CALLS, _LAST_CALLS):  # begun anew, the simplex leaves the corner it may be stuck in
        ways = sorted((follow(x, calls) for _, x in ways[:_FOLLOWED]), key=lambda way: way[0])
    numbers = ways[0][1]
    return numbers.tolist(), float(np.sqrt(np.mean((predicted(numbers) - losses) ** 2)))
