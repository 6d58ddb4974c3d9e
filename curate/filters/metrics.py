"""Metrics by name: vectorised functions of a text view, one number per document. A metric never decides anything."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from curate.text.view import TextView

Column = NDArray[np.int64] | NDArray[np.float64]
Metric = Callable[[TextView], Column]


def sentences(view: TextView) -> NDArray[np.int64]:
    """Sentences by the rules of Punkt, counted line by line and summed, as C4's reference code does (Raffel et al.
    2020, section 2.2). Lines as `str.splitlines`. The word lists behind the rules are English."""
    return view.sentences


METRICS: Mapping[str, Metric] = {metric.__name__: metric for metric in (sentences,)}
