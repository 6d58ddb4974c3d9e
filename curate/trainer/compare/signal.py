"""Which measures can tell these mixes apart: their spread over mixes beside the noise of one proxy. Knows numbers only.

Spread is the deviation of the mixes' means; noise that of one proxy about its mix's and its seed's level, pooled over
mixes (Magnusson et al. 2025, figure 4, with seeds as blocks). Measures of a ratio near 1 or below say little at this size
of model.

>>> signal("web", "bits/byte", np.array([[3.1, 3.2], [2.9, 2.98]])).ratio > 10
True
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Signal:
    """A measure's spread over mixes and its noise, both in its unit."""

    name: str
    unit: str
    spread: float
    noise: float
    ratio: float
    """Infinite where there is no noise but a spread; NaN where there is neither."""


def signal(name: str, unit: str, values: Floats) -> Signal:
    """Of a measure's values (mixes, seeds), two of each at least."""
    mixes, seeds = values.shape
    means = values.mean(axis=1)
    rests = values - means[:, None] - values.mean(axis=0) + values.mean()
    spread = float(means.std(ddof=1))
    noise = math.sqrt(float((rests**2).sum()) / ((mixes - 1) * (seeds - 1)))
    ratio = spread / noise if noise else math.inf if spread else math.nan
    return Signal(name, unit, spread, noise, ratio)
