"""What a metric is: a vectorised function of a text view that gives one number per document."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from curate.text.view import TextView

Counts = NDArray[np.int64]
Ratios = NDArray[np.float64]
Metric = Callable[[TextView], Counts] | Callable[[TextView], Ratios]


def ratio(part: NDArray[np.generic], whole: NDArray[np.generic]) -> Ratios:
    """part / whole per document; 0 where the whole is 0, so that empty text has defined values."""
    above, below = part.astype(np.float64), whole.astype(np.float64)
    return np.divide(above, below, out=np.zeros_like(above), where=below != 0)
