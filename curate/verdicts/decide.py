"""The fate of documents from the rules they failed: verdict columns, and what a later step drops. Knows masks only."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.records.judging import Failures
from curate.records.verdicts import FAILED
from curate.verdicts.rules import step_names


def verdict_columns(failed_by_rule: Failures, rows: int) -> dict[str, pa.Array]:
    """VERDICTS from a mask per `step/rule`, in the order of the steps."""
    names = list(failed_by_rule)
    matrix = np.array([*failed_by_rule.values()], dtype=bool).reshape(len(names), rows).T
    _row, column = np.nonzero(matrix)
    offsets = np.zeros(rows + 1, dtype=np.int32)
    np.cumsum(np.count_nonzero(matrix, axis=1), out=offsets[1:])
    failed = pa.ListArray.from_arrays(pa.array(offsets), pa.array(names, pa.string()).take(pa.array(column)))
    any_failed = offsets[1:] > offsets[:-1]
    steps = pa.array(step_names(names), pa.string())
    first = pa.array(np.where(any_failed, matrix.argmax(axis=1) if names else 0, 0), mask=~any_failed)
    return {"kept": pa.array(~any_failed), "failed": failed.cast(FAILED), "dropped_at": steps.take(first)}


def drop_documents(verdict: pa.RecordBatch, gone: NDArray[np.bool_], step: str, rules: pa.Array) -> dict[str, pa.Array]:
    """VERDICTS with the documents `gone` dropped at a step. `rules` (string): `step/rule` for each of those, in order."""
    mask = pa.array(gone)
    lists = pa.ListArray.from_arrays(pa.array(np.arange(len(rules) + 1, dtype=np.int32)), rules).cast(FAILED)
    where = pa.array(np.cumsum(gone) - 1, mask=~gone)
    return {
        "kept": pc.and_(verdict.column("kept"), pc.invert(mask)),
        "failed": pc.if_else(mask, lists.take(where), verdict.column("failed")),
        "dropped_at": pc.if_else(mask, step, verdict.column("dropped_at")),
    }


def add_failures(verdict: pa.RecordBatch, failures: Mapping[str, NDArray[np.bool_]]) -> dict[str, pa.Array]:
    """The verdicts with new failures, by `step/rule`, of documents that had failed nothing before."""
    added = verdict_columns(dict(failures), len(verdict))
    gone = pc.invert(added["kept"])
    return {
        "kept": pc.and_(verdict.column("kept"), added["kept"]),
        "failed": pc.if_else(gone, added["failed"], verdict.column("failed")),
        "dropped_at": pc.if_else(gone, added["dropped_at"], verdict.column("dropped_at")),
    }


def count_failures(failed_by_rule: Mapping[str, NDArray[np.bool_]], rows: int) -> tuple[dict[str, int], dict[str, int]]:
    """(documents that failed each rule, documents that failed it and no other)."""
    matrix = np.array([*failed_by_rule.values()], dtype=bool).reshape(len(failed_by_rule), rows)
    single = matrix.sum(axis=0) == 1
    failed = {rule: int(mask.sum()) for rule, mask in failed_by_rule.items()}
    return failed, {rule: int((mask & single).sum()) for rule, mask in failed_by_rule.items()}
