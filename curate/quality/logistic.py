"""Logistic regression over sparse rows, in one thread and a fixed order, so that a model's bytes follow from its data.

Minimises the sum of each row's importance times its logistic loss, plus |w|^2 / (2 variance), by L-BFGS (Nocedal and
Wright 2006, algorithms 7.4 and 7.5) with backtracking. The intercept is free. Knows numbers only.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.quality.features import BUCKETS, Features
from curate.text.compiled import Scalar, kernel

_MEMORY = 10  # pairs L-BFGS keeps (Nocedal and Wright: 3 to 20)
_MOST_STEPS = 300
_TOLERANCE = 1e-4  # of the first gradient's length
_DECREASE = 1e-4  # Armijo's constant (Nocedal and Wright, section 3.1)
_SMALLEST_STEP = 1e-10

Vector = NDArray[np.float64]


@kernel
def _dot(left: Any, right: Any) -> Scalar:
    total = np.float64(0)
    for index in range(len(left)):
        total += left[index] * right[index]
    return total


@kernel
def _loss(
    bounds: Any, buckets: Any, values: Any, signs: Any, importance: Any, variance: Scalar, point: Any, gradient: Any
) -> Scalar:
    """The objective at a point (weights, then the intercept); writes its gradient."""
    last = len(point) - 1
    loss = np.float64(0)
    for column in range(last):
        gradient[column] = point[column] / variance
        loss += point[column] * gradient[column] / 2
    gradient[last] = 0
    for row in range(len(bounds) - 1):
        margin = point[last]
        for index in range(bounds[row], bounds[row + 1]):
            margin += point[buckets[index]] * np.float64(values[index])
        margin *= signs[row]
        loss += importance[row] * (np.log1p(np.exp(-abs(margin))) + max(-margin, 0.0))
        slope = -signs[row] * importance[row] / (1 + np.exp(min(margin, 700.0)))  # e^709 is the last double
        for index in range(bounds[row], bounds[row + 1]):
            gradient[buckets[index]] += slope * np.float64(values[index])
        gradient[last] += slope
    return loss


def fit(
    features: Features, positive: NDArray[np.bool_], importance: Vector, variance: float, columns: int = BUCKETS
) -> tuple[Vector, float]:
    """(weights, intercept) for rows that are `positive` or not."""
    signs = np.where(positive, 1.0, -1.0)
    point, gradient, tried = np.zeros(columns + 1), np.zeros(columns + 1), np.zeros(columns + 1)
    loss = _loss(*features, signs, importance, variance, point, gradient)
    enough = _TOLERANCE * np.sqrt(_dot(gradient, gradient))
    pairs: list[tuple[Vector, Vector, float]] = []
    for _ in range(_MOST_STEPS):
        length = np.sqrt(_dot(gradient, gradient))
        if length <= enough:
            break
        direction = _direction(gradient, pairs)
        slope = _dot(gradient, direction)
        step = 1.0 if pairs else 1.0 / length
        while True:
            moved = point + step * direction
            value = _loss(*features, signs, importance, variance, moved, tried)
            if value <= loss + _DECREASE * step * slope or step < _SMALLEST_STEP:
                break
            step /= 2
        if value >= loss:
            break  # no further in double precision
        change, bend = moved - point, tried - gradient
        curvature = _dot(change, bend)
        if curvature > 0:
            pairs = [*pairs[-(_MEMORY - 1) :], (change, bend, curvature)]
        point, loss = moved, value
        gradient, tried = tried, gradient
    return point[:-1], float(point[-1])


def _direction(gradient: Vector, pairs: list[tuple[Vector, Vector, float]]) -> Vector:
    """Downhill, by the curvature of the last steps (algorithm 7.4)."""
    direction = -gradient
    shares = []
    for change, bend, curvature in reversed(pairs):
        share = _dot(change, direction) / curvature
        direction -= share * bend
        shares.append(share)
    if pairs:
        _, bend, curvature = pairs[-1]
        direction *= curvature / _dot(bend, bend)
    for (change, bend, curvature), share in zip(pairs, reversed(shares), strict=True):
        direction += (share - _dot(bend, direction) / curvature) * change
    return direction
