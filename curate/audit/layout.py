"""Points of many dimensions laid out in two, so that those near each other stay so: PaCMAP (Wang et al. 2021, JMLR 22).

Pairs of near, mid-near and further points pull and push, with weights in three phases. Sums are taken in a fixed order and
no BLAS is called, so threads change nothing. Knows points; knows no documents.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from curate.text.compiled import Scalar, kernel

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_NEAR, _MID, _FURTHER = 10, 5, 20  # pairs of a point; Wang et al. 2021, section 5
_WIDER = 50  # neighbours beyond them that are looked at; ibid.
_MID_OF = 6  # candidates of a mid-near pair, of which the second nearest is taken
_PHASES = np.array([(100, 1000.0, 3.0, 2.0, 3.0, 1.0), (100, 3.0, 3.0, 3.0, 3.0, 1.0), (250, 0.0, 0.0, 1.0, 1.0, 1.0)])
"""Iterations, weight of mid-near pairs at the begin and end, of near ones likewise, of further ones; ibid., algorithm 1."""
_RATE, _BETA1, _BETA2, _TINY = 1.0, 0.9, 0.999, 1e-7  # Adam's
_NEAR_PULL, _MID_PULL, _FURTHER_PUSH = 10.0, 10_000.0, 1.0  # what the pairs' losses have beside the distance; ibid.


def laid_out(points: Floats, draw: np.random.Generator) -> Floats:
    """Places (rows x 2) of points (rows x dimensions), which begin at the first two dimensions."""
    near, mid, further = _pairs(points, draw)
    places: Floats = 0.01 * (points[:, :2] - points[:, :2].mean(axis=0))
    _descend(places, near, mid, further, _PHASES)
    return places


def nearest(points: Floats, most: int) -> tuple[Ints, Floats]:
    """(the rows nearest to each, the nearest first, itself left out; their squared distances), `most` or all others.

    >>> nearest(np.array([[0.0], [1.0], [5.0]]), 1)[0].tolist()
    [[1], [0], [1]]
    """
    most = max(0, min(most, len(points) - 1))
    rows, distances = np.empty((len(points), most), np.int64), np.empty((len(points), most), np.float64)
    if most:
        _nearest(np.ascontiguousarray(points.T, np.float64), rows, distances)
    return rows, distances


@kernel
def _between(points: Any, one: Scalar, other: Scalar) -> Scalar:
    total = 0.0
    for dimension in range(points.shape[1]):
        apart = points[one, dimension] - points[other, dimension]
        total += apart * apart
    return total


@kernel
def _nearest(axes: Any, rows: Any, distances: Any) -> None:
    """`axes`: dimensions x points, so that the distances of a point to all others are summed side by side."""
    most = rows.shape[1]
    far = np.empty(axes.shape[1], np.float64)
    for row in range(len(far)):
        far[:] = 0.0
        for axis in axes:
            here = axis[row]
            for other in range(len(far)):
                apart = axis[other] - here
                far[other] += apart * apart
        found = 0
        for other in range(len(far)):
            distance = far[other]
            if other == row or (found == most and distance >= distances[row, most - 1]):
                continue
            place = min(found, most - 1)
            found = place + 1
            while place > 0 and distances[row, place - 1] > distance:
                distances[row, place] = distances[row, place - 1]
                rows[row, place] = rows[row, place - 1]
                place -= 1
            distances[row, place] = distance
            rows[row, place] = other


@kernel
def _second_nearest(points: Any, offered: Any, taken: Any) -> None:
    """Of each point's candidates the second nearest, the first drawn of equals."""
    for row in range(offered.shape[0]):
        for number in range(offered.shape[1]):
            best = second = np.inf
            first = after = offered[row, number, 0]
            for each in offered[row, number]:
                distance = _between(points, row, each)
                if distance < best:
                    second, after = best, first
                    best, first = distance, each
                elif distance < second:
                    second, after = distance, each
            taken[row, number] = after


def _pairs(points: Floats, draw: np.random.Generator) -> tuple[Ints, Ints, Ints]:
    """Of each point its near, mid-near and further ones."""
    count = len(points)
    wider, distance = nearest(points, _NEAR + _WIDER)
    scale = np.sqrt(distance[:, 3:6]).mean(axis=1)  # of the 4th to 6th neighbour
    scaled = distance / np.maximum(scale[:, None] * scale[wider], 1e-12)
    near = np.take_along_axis(wider, np.argsort(scaled, axis=1, kind="stable")[:, :_NEAR], axis=1)
    mid = np.empty((count, _MID), np.int64)
    _second_nearest(points, draw.integers(0, count, (count, _MID, _MID_OF)), mid)
    return near, mid, draw.integers(0, count, (count, _FURTHER))


@kernel
def _draw_together(places: Any, others: Any, weight: Scalar, beside: Scalar, slope: Any) -> None:
    """Add the slope of weight x d / (beside + d), d = 1 + the squared distance, of each pair. A point that is its own
    partner moves nowhere."""
    for row in range(others.shape[0]):
        for number in range(others.shape[1]):
            other = others[row, number]
            x, y = places[row, 0] - places[other, 0], places[row, 1] - places[other, 1]
            far = beside + 1.0 + x * x + y * y
            pull = weight * 2.0 * beside / (far * far)
            slope[row, 0] += pull * x
            slope[row, 1] += pull * y
            slope[other, 0] -= pull * x
            slope[other, 1] -= pull * y


@kernel
def _descend(places: Any, near: Any, mid: Any, further: Any, phases: Any) -> None:
    """Adam on the loss of all pairs, through the phases."""
    slope = np.empty_like(places)
    mean, spread = np.zeros_like(places), np.zeros_like(places)
    step = 0
    for phase in range(len(phases)):
        rounds, mid_begin, mid_end, near_begin, near_end, apart = phases[phase]
        for turn in range(int(rounds)):
            step += 1
            part = turn / rounds
            slope[:] = 0.0
            _draw_together(places, near, near_begin + (near_end - near_begin) * part, _NEAR_PULL, slope)
            mid_weight = mid_begin + (mid_end - mid_begin) * part
            if mid_weight > 0:
                _draw_together(places, mid, mid_weight, _MID_PULL, slope)
            _draw_together(places, further, -apart, _FURTHER_PUSH, slope)
            rate = _RATE * np.sqrt(1 - _BETA2**step) / (1 - _BETA1**step)
            for row in range(len(places)):
                for axis in range(2):
                    mean[row, axis] += (1 - _BETA1) * (slope[row, axis] - mean[row, axis])
                    spread[row, axis] += (1 - _BETA2) * (slope[row, axis] ** 2 - spread[row, axis])
                    places[row, axis] -= rate * mean[row, axis] / (np.sqrt(spread[row, axis]) + _TINY)
