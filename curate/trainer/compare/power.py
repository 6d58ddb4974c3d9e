"""What a comparison can show before it is made: the chance of showing a difference, the smallest one. Knows numbers only.

A difference over its standard error, estimated with so many degrees of freedom, is shown where it exceeds a critical
value. The chance of that is integrated over the estimate's distribution: with few seeds, the usual sum of two quantiles of
Student's t is too small (by a seventh with two degrees of freedom), and scipy's noncentral t is not a number.

>>> from scipy import stats
>>> round(smallest(0.0056, 2, float(stats.t.ppf(0.975, 2))), 4)
0.0317
"""

from __future__ import annotations

import functools
import math

import numpy as np
import numpy.typing as npt
from scipy import optimize, stats  # type: ignore[import-untyped,unused-ignore]

Floats = npt.NDArray[np.float64]

POWER = 0.8
"""The chance of showing a difference that is there, for which seeds and tokens are planned (Cohen 1988, §2.4)."""
_POINTS = 4000  # of the estimate's distribution: four digits
_LARGEST = 1e4  # standard errors


def chance_to_show(difference: float, error: float, freedom: float, critical: float) -> float:
    """Chance that a true `difference` exceeds `critical` standard errors, in either direction."""
    reach = critical * _spread(freedom)
    place = difference / error
    return float(np.mean(stats.norm.sf(reach - place) + stats.norm.cdf(-reach - place)))


def smallest(error: float, freedom: float, critical: float, chance: float = POWER) -> float:
    """The difference that is shown with this chance; NaN where the error is not known, 0 where there is none."""
    if not error > 0 or not freedom > 0:
        return error if error == 0 else math.nan
    found = optimize.brentq(lambda x: chance_to_show(x, 1.0, freedom, critical) - chance, 0.0, _LARGEST, xtol=1e-6)
    return float(found) * error


@functools.lru_cache(maxsize=64)
def _spread(freedom: float) -> Floats:
    """Equally likely values of an estimated standard error over the true one."""
    share = (np.arange(_POINTS) + 0.5) / _POINTS
    return np.asarray(np.sqrt(stats.chi2.ppf(share, freedom) / freedom))
