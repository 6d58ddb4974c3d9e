"""Metrics by name. A metric never decides anything; its docstring gives definition, denominator, Unicode and source."""

from collections.abc import Mapping

import pyarrow as pa

from curate.filters.metrics import lines, quality, redpajama, repetition
from curate.filters.metrics.column import Metric

_COUNTS: Mapping[str, Metric] = {
    metric.__name__: metric for metric in (*quality.COUNTS, *lines.COUNTS, *redpajama.COUNTS)
}
_RATIOS: Mapping[str, Metric] = {
    metric.__name__: metric for metric in (*quality.RATIOS, *lines.RATIOS, *repetition.RATIOS, *redpajama.RATIOS)
}
METRICS: Mapping[str, Metric] = {**_COUNTS, **_RATIOS}
"""Every metric of text that a rule can name."""


def metric_type(name: str) -> pa.DataType:
    """The type of a metric's column, known without a kernel compiled: int64 of what its file lists in `COUNTS`, float64 of
    what it lists in `RATIOS`.

    >>> metric_type("words"), metric_type("mean_word_length")
    (DataType(int64), DataType(double))
    """
    return pa.int64() if name in _COUNTS else pa.float64()


__all__ = ["METRICS", "Metric", "metric_type"]
