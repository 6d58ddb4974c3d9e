"""Fixed histogram edges, the same for every part and run, so that histograms add up and thresholds fall on edges.

Every edge is a bin of its own between two open intervals: what lies on a bound is counted exactly, whichever side a rule
takes it for. Knows numbers only.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Edges = npt.NDArray[np.float64]

_STEPS_PER_DECADE = 180
"""From 1 to 10 by twentieths, from 10 to 100 by halves, and so on: numbers that people write."""
_DECADES = 9  # up to a thousand million
_UNIT_STEPS = 200  # from 0 to 1 by half hundredths
_FINE = tuple(k / 2000 for k in range(1, 10))  # below the first of those
_WHOLE = tuple(range(101))  # whole numbers that half steps leave out are few: all up to 100


def edges(bounds: Sequence[float] = ()) -> Edges:
    """The ascending edges, with these bounds among them. Every value is the float nearest to its decimal."""
    grid = [k / _UNIT_STEPS for k in range(_UNIT_STEPS + 1)]
    for decade in range(_DECADES):
        step = 10**decade
        grid += [(20 + k) * step / 20 for k in range(1, _STEPS_PER_DECADE + 1)]
    return np.unique(np.array([*grid, *_FINE, *_WHOLE, *bounds], np.float64))


def bins(values: npt.NDArray[np.float64], at: Edges) -> npt.NDArray[np.int64]:
    """The bin of each value, none of them NaN: 2i + 1 for what equals edge i, 2i for what lies just below it, and
    2 x len(edges) for what lies above all."""
    left = np.searchsorted(at, values, side="left")
    return np.asarray(left + np.searchsorted(at, values, side="right"), np.int64)
