"""Draws the mixes that small models are trained on, and joins groups that did not change. Knows shares; trains nothing.

A draw is a Dirichlet about the prior of a strength that is drawn too (RegMix, Liu et al. 2024; Olmix, Chen et al. 2026):
some mixes lie near the prior, some hold little but one group, and a regression needs both. Draw i is a function of
(seed, i), so more mixes are the same mixes and others. A weight too small to matter is none, as there.

Groups that did not change since an earlier search keep their shares to each other and are one group while the search
lasts (Olmix): there are fewer weights to find, so fewer models to train.

>>> joined = join({"web": 6e9, "books": 2e9, "code": 2e9}, {"web": 3, "books": 1})
>>> joined.groups, joined.split({"code": 0.2, "reused": 0.8})
(('code', 'reused'), {'code': 0.2, 'web': 0.6, 'books': 0.2})
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from curate.errors import ConfigError

Floats = npt.NDArray[np.float64]

REUSED = "reused"
"""The group that stands for those that keep their shares."""
_STRENGTHS = (0.5, 10.0)  # log-uniform; RegMix and Olmix begin at 0.1, where mixes of few groups are all but one group
_LEAST = 0.002  # Olmix's smallest weight
_DIGITS = 4
_TRIES = 1000


@dataclass(frozen=True)
class Joined:
    """The groups of a search: each that changed, and one for all that keep their `shares` (of sum 1) to each other."""

    groups: tuple[str, ...]
    shares: Mapping[str, float]

    def split(self, weights: Mapping[str, float]) -> dict[str, float]:
        """Weights of the search's groups as weights of the groups themselves."""
        own = {name: weight for name, weight in weights.items() if name != REUSED or not self.shares}
        if not self.shares:
            return own
        together = weights.get(REUSED, 0.0)
        return own | {name: round(together * share, 2 * _DIGITS) for name, share in self.shares.items()}

    def join(self, weights: Mapping[str, float]) -> dict[str, float]:
        """Weights, or tokens, of the groups themselves as those of the search's groups."""
        together = {REUSED: sum(weights.get(name, 0.0) for name in self.shares)} if self.shares else {}
        return {name: weights.get(name, 0.0) for name in self.groups if name != REUSED or not self.shares} | together

    def most(self, most: Mapping[str, float]) -> dict[str, float]:
        """Largest weights of the groups themselves as those of the search's groups."""
        bounds = [most.get(name, 1.0) / share for name, share in self.shares.items() if share]
        together = {REUSED: min(1.0, *bounds)} if bounds else {}
        return {name: most.get(name, 1.0) for name in self.groups if name not in together} | together


def join(groups: Mapping[str, float], reuse: Mapping[str, float]) -> Joined:
    """The groups of a search among `groups`, of which those in `reuse` keep these shares to each other.

    Raises ConfigError for a name that is no group, or where fewer than two weights are left to find.
    """
    for name in reuse:
        if name not in groups:
            raise ConfigError(f"reuse: {name} is no group; there are {', '.join(groups)}")
    total = sum(reuse.values())
    if reuse and not total > 0:
        raise ConfigError("reuse gives no group a share")
    own = tuple(name for name in groups if name not in reuse)
    if reuse and REUSED in own:
        raise ConfigError(
            f"{REUSED} is the name of the groups that keep their shares together: a group may not have it"
        )
    joined = Joined((*own, REUSED) if reuse else own, {name: share / total for name, share in reuse.items()})
    if len(joined.groups) < 2:
        raise ConfigError(f"{', '.join(groups)}: a search needs two groups whose weights may change")
    return joined


def draw(
    groups: Sequence[str], prior: Mapping[str, float], most: Mapping[str, float], count: int, seed: int
) -> list[dict[str, float]]:
    """`count` mixes: the prior itself, then draws about it of which no group weighs more than its `most`.

    Raises ConfigError where the prior itself does, or no draw is found.
    """
    about = np.array([prior.get(name, 0.0) for name in groups])
    if not about.sum() > 0:
        raise ConfigError("the prior gives no group a share")
    about = about / about.sum()
    caps = np.array([most.get(name, 1.0) for name in groups])
    for name, share, cap in zip(groups, about, caps, strict=True):
        if share > cap + _LEAST:
            raise ConfigError(
                f"{name} has {share:.3f} of the prior, and epochs allow {cap:.3f}: allow more epochs, train "
                "shorter proxies, or give another prior"
            )
    rows = [about, *(_draw(groups, about, caps, seed, number) for number in range(1, count))]
    return [dict(zip(groups, _rounded(row), strict=True)) for row in rows]


def _draw(groups: Sequence[str], about: Floats, caps: Floats, seed: int, number: int) -> Floats:
    random = np.random.default_rng([seed, number])
    low, high = np.log(_STRENGTHS)
    for _ in range(_TRIES):
        heights = random.standard_gamma(about * np.exp(random.uniform(low, high)))
        if not heights.sum() > 0:
            continue
        weights = heights / heights.sum()
        weights[weights < _LEAST] = 0.0
        weights /= weights.sum()
        if (weights <= caps).all():
            return np.asarray(weights)
    tight = ", ".join(f"{name} {cap:.3f}" for name, cap in zip(groups, caps, strict=True) if cap < 1)
    raise ConfigError(f"no mix was found within the epochs allowed (most weights: {tight}): allow more epochs")


def _rounded(weights: Floats) -> list[float]:
    """To four digits, of sum 1: the largest takes what rounding leaves."""
    rounded = np.round(weights, _DIGITS)
    rounded[int(np.argmax(rounded))] += 1 - rounded.sum()
    return [float(round(each, _DIGITS)) for each in rounded]
