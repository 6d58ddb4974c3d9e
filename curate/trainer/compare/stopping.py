"""When a mix need not be trained further: it is shown to be worse than the best, with the error kept. Knows numbers only.

The looks are numbers of seeds, fixed beforehand, and each may err with its part of the whole: at a look, a mix is dropped
where it lies above the lowest mean by more than Student's t allows at level / (mixes - 1), one-sided, all mixes there ever
were counted. A mix that is dropped never comes back. By the union bound the truly best mix is dropped with a chance of no
more than the whole error, however the looks depend on each other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import stats  # type: ignore[import-untyped,unused-ignore]

Floats = npt.NDArray[np.float64]


def levels(looks: Sequence[int], error: float) -> list[float]:
    """Each look's part of the error, by its seeds: early looks, which know little, spend little.

    >>> levels([2, 8], 0.05)
    [0.01, 0.04]
    """
    return [error * look / sum(looks) for look in looks]


def hopeless(values: Floats, mixes: int, level: float) -> list[int]:
    """The rows of `values` (mixes alive, seeds; lower is better) that are shown not to be the best.

    `mixes` is how many there were at first. None is hopeless where there is one mix, or one seed.
    """
    alive, seeds = values.shape
    if alive < 2 or seeds < 2:
        return []
    means = values.mean(axis=1)
    rests = values - means[:, None] - values.mean(axis=0) + values.mean()
    freedom = (alive - 1) * (seeds - 1)
    error = math.sqrt(2 * float((rests**2).sum()) / freedom / seeds)
    bound = float(stats.t.ppf(1 - level / (mixes - 1), freedom)) * error
    return [int(row) for row in np.flatnonzero(means - means.min() > bound)]
