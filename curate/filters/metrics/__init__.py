"""Metrics by name. A metric never decides anything; its docstring gives definition, denominator, Unicode and source."""

from collections.abc import Mapping

import pyarrow as pa

from curate.filters.metrics import lines, quality, redpajama, repetition
from curate.filters.metrics.column import Metric

METRICS: Mapping[str, Metric] = {
    metric.__name__: metric for metric in (*quality.METRICS, *lines.METRICS, *repetition.METRICS, *redpajama.METRICS)
}
"""Every metric of text that a rule can name."""

COUNTS = frozenset(
    metric.__name__
    for metric in (
        quality.characters,
        quality.words,
        quality.lines,
        quality.sentences,
        quality.stop_words,
        quality.words_datatrove,
        quality.stop_words_case_sensitive,
        lines.lines_with_text,
        lines.newlines,
        redpajama.rps_doc_word_count,
        redpajama.rps_doc_num_sentences,
    )
)
"""The metrics that count; every other is a ratio."""


def metric_type(name: str) -> pa.DataType:
    """The type of a metric's column, known without a kernel compiled: int64 of what counts, float64 of ratios.

    >>> metric_type("words"), metric_type("mean_word_length")
    (DataType(int64), DataType(double))
    """
    return pa.int64() if name in COUNTS else pa.float64()


__all__ = ["METRICS", "Metric", "metric_type"]
