"""Dolma 3's curve: how often the documents of each quality bucket of a topic come, so that the topic has its tokens.

The source is allenai/dolma3 (commit f7def58), `mixes/mixing_utils.py`. Over x, the share of the topic's tokens in lower
buckets, the factor is f(x) = C (x - a)^p e^(l (x - a)) from a on, and 0 below: the worst are left out, the best come up to
`most` times. Knows numbers of tokens; knows no documents.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_POWERS = np.linspace(0.01, 2, 20)
"""Values of p that are tried, the greatest first."""
_MOST_RATE = 2.0
"""The greatest l."""
_HALVINGS = 60  # of the interval of l: more than a double has digits
_TERMS = 40  # of the series below: at l (x - a) <= 2 the last is under 1e-35


@dataclass(frozen=True)
class Curve:
    """The curve of one topic, and `factors`: the mean of f over each bucket, as often as its documents come."""

    power: float
    rate: float
    scale: float
    factors: NDArray[np.float64]


def upsampling(tokens: Sequence[int], target: float, discard: float = 0.4, most: float = 7.0) -> Curve | None:
    """The curve for a topic whose buckets, from the worst up, have these tokens, and which is to have `target` of them.

    `discard` is the most of the tokens that is left out for its quality; `most` bounds the mean of f over the best bucket.
    The steepest curve that keeps it is taken. None where there is none: the topic cannot give so many (`most_tokens`).

    >>> upsampling([10] * 20, 200).factors.round(2)[[7, 8, 14, 19]]
    array([0.  , 0.  , 1.12, 5.76])
    """
    bounds = np.concatenate([[0.0], np.cumsum(np.asarray(tokens, np.float64))])
    if not bounds[-1] or target <= 0:
        return Curve(0.0, 0.0, 0.0, np.zeros(len(tokens)))
    wanted = target / bounds[-1]
    bounds /= bounds[-1]
    begin = _first_kept(bounds, discard)
    for power in _POWERS[::-1].tolist():
        rate = _steepest(bounds, begin, power, wanted, most)
        if rate is not None:
            factors, scale = _factors(bounds, begin, power, rate, wanted)
            return Curve(power, rate, scale, factors)
    return None


def most_tokens(tokens: Sequence[int], discard: float = 0.4, most: float = 7.0) -> float:
    """The most tokens for which `upsampling` has a curve."""
    total = float(sum(tokens))
    bounds = np.concatenate([[0.0], np.cumsum(np.asarray(tokens, np.float64))]) / (total or 1.0)
    factors, _ = _factors(bounds, _first_kept(bounds, discard), float(_POWERS[0]), 0.0, 1.0)
    return total * most / float(factors[-1]) if total else 0.0


def _first_kept(bounds: NDArray[np.float64], discard: float) -> int:
    """The first bucket that is not left out: the one in which more than `discard` of the tokens is reached."""
    return int(np.argmax(bounds > discard)) - 1 if discard < 1 else len(bounds) - 2


def _integral(end: NDArray[np.float64], power: float, rate: float) -> NDArray[np.float64]:
    """The integral of t^power e^(rate t) from 0 to `end`, by the series of the exponential."""
    total = np.zeros_like(end)
    factor = 1.0
    for term in range(_TERMS):
        total += factor * end ** (power + 1 + term) / (power + 1 + term)
        factor *= rate / (term + 1)
    return total


def _factors(
    bounds: NDArray[np.float64], begin: int, power: float, rate: float, wanted: float
) -> tuple[NDArray[np.float64], float]:
    """(mean of f over each bucket, C) for the curve whose integral is `wanted`."""
    reached = _integral(np.maximum(bounds - bounds[begin], 0.0), power, rate)
    scale = wanted / float(reached[-1])
    widths = np.diff(bounds)
    return np.divide(scale * np.diff(reached), widths, out=np.zeros_like(widths), where=widths > 0), scale


def _steepest(bounds: NDArray[np.float64], begin: int, power: float, wanted: float, most: float) -> float | None:
    """The greatest rate for which the best bucket keeps its bound; None where even 0 is too much."""

    def keeps(rate: float) -> bool:
        return float(_factors(bounds, begin, power, rate, wanted)[0][-1]) <= most

    if not keeps(0.0):
        return None
    if keeps(_MOST_RATE):
        return _MOST_RATE
    low, high = 0.0, _MOST_RATE
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if keeps(middle) else (low, middle)
    return low
