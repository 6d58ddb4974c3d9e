"""Metrics by name. A metric never decides anything; its docstring gives definition, denominator, Unicode and source."""

from collections.abc import Mapping

from curate.filters.metrics import lines, quality, redpajama, repetition
from curate.filters.metrics.column import Metric, metric_type

METRICS: Mapping[str, Metric] = {
    metric.__name__: metric for metric in (*quality.METRICS, *lines.METRICS, *repetition.METRICS, *redpajama.METRICS)
}
"""Every metric of text that a rule can name."""

__all__ = ["METRICS", "Metric", "metric_type"]
