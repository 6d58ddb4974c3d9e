"""Stops a run that would remove suspiciously much, and says what it saw. Knows counts; opens no data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from curate.config.models import Pipeline
from curate.dedup.step import Deduplicate
from curate.dedup.tasks.decide import ClusterCounts
from curate.engine.task import Committed
from curate.errors import ConfigError
from curate.flow import Part
from curate.records.counts import DecisionCounts

_FEW = 100  # documents: a share of fewer is no sign of a mistake


def cluster_histogram(decisions: Sequence[Committed[ClusterCounts]]) -> dict[int, int]:
    """How many clusters have which size, of those that removed something or were looked at."""
    sizes: Counter[int] = Counter()
    for result in decisions:
        sizes.update({int(size): count for size, count in result.counts["clusters"].items()})
    return dict(sorted(sizes.items()))


def describe_clusters(decisions: Sequence[Committed[ClusterCounts]]) -> str:
    """The histogram in a line: clusters by powers of two of their sizes."""
    counts: Counter[int] = Counter()
    for size, clusters in cluster_histogram(decisions).items():
        if size > 1:
            counts[1 << (size - 1).bit_length()] += clusters
    listed = ", ".join(
        f"{counts[most]:,} of {most:,}" if most == 2 else f"{counts[most]:,} of {most // 2 + 1:,} to {most:,}"
        for most in sorted(counts)
    )
    return f"clusters of copies: {listed} documents" if listed else "no copies were found"


def check_safety(
    pipeline: Pipeline,
    setting: Deduplicate,
    parts: Sequence[Part],
    applied: Sequence[Committed[DecisionCounts]],
    decisions: Sequence[Committed[ClusterCounts]],
) -> None:
    """Raise ConfigError, naming the key that allows it, where a source loses too much or a cluster is too large."""
    histogram = cluster_histogram(decisions)
    largest = ", ".join(f"{size:,}" for size in sorted(histogram, reverse=True)[:5])
    for source in pipeline.sources:
        counts = [result.counts for part, result in zip(parts, applied, strict=True) if part.source == source]
        entered = sum(each["documents"] for each in counts)
        removed = entered - sum(each["kept"] for each in counts)
        if entered >= _FEW and removed > setting.max_removed_share * entered:
            raise ConfigError(
                f"combine.deduplicate would remove {removed:,} of the {entered:,} documents of {source!r} "
                f"({removed / entered:.1%}); the largest clusters have {largest} documents. If that is right, allow it: "
                f"combine.deduplicate.max_removed_share, now {setting.max_removed_share:g}"
            )
    if setting.max_cluster is not None and histogram and max(histogram) > setting.max_cluster:
        raise ConfigError(
            f"combine.deduplicate found a cluster of {max(histogram):,} documents (the largest: {largest}). If that is "
            f"right, allow it: combine.deduplicate.max_cluster, now {setting.max_cluster:,}"
        )
