"""The verdict stage of a part: every rule of every step applied to numbers already computed. Touches no text.

Cheap, so a changed threshold re-runs this and what follows, and nothing before. Knows rules; computes no metric.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from curate.engine.task import Inputs, Output
from curate.records.batches import BatchWriter, read_batches
from curate.records.counts import DecisionCounts
from curate.records.judging import Failures
from curate.records.verdicts import VERDICTS
from curate.verdicts.decide import count_failures, verdict_columns
from curate.verdicts.steps import steps_from_json


class JudgeParams(TypedDict):
    """Verdict steps as JSON."""

    steps: Sequence[Mapping[str, Any]]


def judge_part(params: JudgeParams, inputs: Inputs, output: Output) -> DecisionCounts:
    """Inputs `columns`, aligned. Writes `verdicts` (VERDICTS).

    Counts documents, kept, and by `step/rule` who failed and who failed nothing else; dropped by step.
    """
    steps = steps_from_json(params["steps"])
    failed: Counter[str] = Counter()
    alone: Counter[str] = Counter()
    dropped: Counter[str] = Counter()
    documents = kept_documents = 0
    with BatchWriter(output.path("verdicts"), VERDICTS) as writer:
        for batches in zip(*(read_batches(path) for path in inputs.paths("columns")), strict=True):
            columns = {name: batch.column(name) for batch in batches for name in batch.schema.names}
            rows = batches[0].num_rows
            failures: Failures = {}
            for step in steps:
                failures |= step.fails(columns)
            verdict = verdict_columns(failures, rows)
            writer.write(verdict)
            failed_now, alone_now = count_failures(failures, rows)
            failed.update(failed_now)
            alone.update(alone_now)
            dropped.update(name for name in verdict["dropped_at"].to_pylist() if name is not None)
            documents += rows
            kept_documents += verdict["kept"].true_count
    return {
        "documents": documents,
        "kept": kept_documents,
        "failed": dict(failed),
        "alone": dict(alone),
        "dropped": dict(sorted(dropped.items())),
    }
