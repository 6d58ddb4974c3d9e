"""Verdicts: every rule of every step applied to numbers already computed, all failures recorded. Touches no text.

Cheap, so a changed threshold re-runs this and what follows, and nothing before. Knows bounds; computes no metric.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from curate.batches import BatchWriter, read_batches
from curate.engine.task import Counts, File, Output
from curate.filters.expression import parse
from curate.filters.rules import Rule
from curate.quality.keep import keeps
from curate.records import FAILED, VERDICTS

Columns = Mapping[str, pa.Array]
Failures = dict[str, npt.NDArray[np.bool_]]


def judge_part(params: Mapping[str, Any], inputs: Sequence[File], output: Output) -> Counts:
    """Inputs `columns...`, aligned. Writes `verdicts` (VERDICTS). Counts documents, kept, failures, drops."""
    failures: Counter[str] = Counter()
    alone: Counter[str] = Counter()
    dropped: Counter[str] = Counter()
    documents = kept_documents = 0
    with BatchWriter(output.path("verdicts"), VERDICTS) as writer:
        for batches in zip(*(read_batches(file.path) for file in inputs), strict=True):
            columns = {name: batch.column(name) for batch in batches for name in batch.schema.names}
            rows = batches[0].num_rows
            failed_by_rule: Failures = {}
            for step in params["steps"]:
                failed = judge_step(step, columns)
                failed_by_rule |= {f"{step['name']}/{rule}": mask for rule, mask in failed.items()}
            verdict = verdict_columns(failed_by_rule, rows)
            writer.write(verdict)
            matrix = np.array([*failed_by_rule.values()], dtype=bool).reshape(len(failed_by_rule), rows)
            single = matrix.sum(axis=0) == 1
            failures.update({rule: int(mask.sum()) for rule, mask in failed_by_rule.items()})
            alone.update({rule: int((mask & single).sum()) for rule, mask in failed_by_rule.items()})
            dropped.update(name for name in verdict["dropped_at"].to_pylist() if name is not None)
            documents += rows
            kept_documents += int(rows - matrix.any(axis=0).sum())
    return {
        "documents": documents,
        "kept": kept_documents,
        "failed": dict(failures),
        "alone": dict(alone),
        "dropped": dict(sorted(dropped.items())),
    }


def judge_step(step: Mapping[str, Any], columns: Columns) -> Failures:
    """Which documents fail each rule of a step, from the columns the step computed."""
    judges: dict[str, Callable[[Mapping[str, Any], Columns], Failures]] = {
        "filter": _judge_filter,
        "language": _judge_language,
        "quality": _judge_quality,
        "datatrove": _judge_datatrove,
        "removed": _judge_removed,
    }
    return judges[step["kind"]](step, columns)


def _judge_removed(step: Mapping[str, Any], columns: Columns) -> Failures:
    return {"listed": np.asarray(columns["removed"], bool)}


def _judge_filter(step: Mapping[str, Any], columns: Columns) -> Failures:
    prefix = step["name"] + "."
    metrics = {
        name.removeprefix(prefix): np.asarray(column, np.float64)
        for name, column in columns.items()
        if name.startswith(prefix)
    }
    rules = [
        Rule(name, metric, parse(metric), low, high, "", exclusive)
        for name, metric, low, high, exclusive in step["rules"]
    ]
    return {rule.name: rule.fails(metrics) for rule in rules}


def _judge_datatrove(step: Mapping[str, Any], columns: Columns) -> Failures:
    reasons = columns[f"{step['name']}.reason"]
    found = sorted(pc.unique(reasons.drop_null()).to_pylist())
    return {reason: pc.fill_null(pc.equal(reasons, reason), False).to_numpy(zero_copy_only=False) for reason in found}


def _judge_language(step: Mapping[str, Any], columns: Columns) -> Failures:
    failures: Failures = {}
    if step["keep"] != "all":
        kept = pc.is_in(columns["language"], value_set=pa.array(step["keep"], pa.string()))
        failures["keep"] = ~np.asarray(kept, bool)
    failures["minimum"] = np.asarray(columns["language_score"], np.float32) < np.float32(step["minimum"])
    if step["most_other"] is not None:
        failures["most_other"] = np.asarray(columns[f"{step['name']}.other_share"]) > step["most_other"]
    return failures


def _judge_quality(step: Mapping[str, Any], columns: Columns) -> Failures:
    scores = np.asarray(columns["quality_score"], np.float32)
    if "draw" in step:
        return {"draw": ~keeps(scores, np.asarray(columns["quality_draw"], np.float32), step["draw"])}
    rule = "minimum" if "minimum" in step else "keep_share"
    return {rule: scores < np.float32(step[rule])}


def verdict_columns(failed_by_rule: Failures, rows: int) -> dict[str, pa.Array]:
    """VERDICTS from a mask per `step/rule`, in the order of the steps."""
    names = list(failed_by_rule)
    matrix = np.array([*failed_by_rule.values()], dtype=bool).reshape(len(names), rows).T
    _row, column = np.nonzero(matrix)
    offsets = np.zeros(rows + 1, dtype=np.int32)
    np.cumsum(np.count_nonzero(matrix, axis=1), out=offsets[1:])
    failed = pa.ListArray.from_arrays(pa.array(offsets), pa.array(names, pa.string()).take(pa.array(column)))
    any_failed = offsets[1:] > offsets[:-1]
    steps = pa.array([name.split("/")[0] for name in names], pa.string())
    first = pa.array(np.where(any_failed, matrix.argmax(axis=1) if names else 0, 0), mask=~any_failed)
    return {"kept": pa.array(~any_failed), "failed": failed.cast(FAILED), "dropped_at": steps.take(first)}
