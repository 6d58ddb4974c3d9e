"""Evaluating a part: the edits, metrics and languages of every document, whether or not an earlier rule would drop it.

Decides nothing. A step sees the text as the steps before it left it. Knows what a step is; knows none by name.
"""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import TypedDict

import pyarrow as pa

from curate.engine.task import Inputs, Output
from curate.records.batches import BatchWriter, read_batches
from curate.records.counts import EvaluatedCounts
from curate.records.documents import DOCUMENTS
from curate.records.edits import EDITS, EditsByStep, edit_column
from curate.records.metadata import META
from curate.steps import Evaluator, StepParams, resolve
from curate.text.view import TextView


class EvaluateParams(TypedDict):
    """A source's steps, in order."""

    steps: Sequence[StepParams]


def compile_kernels(params: EvaluateParams) -> None:
    """Compile what the steps' modules say they need, once per machine."""
    for step in params["steps"]:
        module = importlib.import_module(step["evaluator"].partition(":")[0])
        if hasattr(module, "compile_kernels"):
            module.compile_kernels(step["params"])


def evaluate_part(params: EvaluateParams, inputs: Inputs, output: Output) -> EvaluatedCounts:
    """Input `documents`, and `metadata`, aligned, where a step looks at columns carried from the input. Param `steps`:
    see `config.step_params.evaluation_steps`. Writes `columns` (metrics, `edits`), aligned, and, where a step may edit,
    `documents` again.

    Raises RuntimeError where a step is no longer what the run began with.
    """
    steps: dict[str, Evaluator] = {
        step["name"]: resolve(step["evaluator"])(step["name"], step["params"]) for step in params["steps"]
    }
    types = [
        (name, pa.type_for_alias(kind)) for step in params["steps"] for name, kind in (*step["columns"], *step["fixed"])
    ]
    chars: Counter[str] = Counter()
    documents = 0
    with ExitStack() as stack:
        columns = stack.enter_context(BatchWriter(output.path("columns"), pa.schema([*types, ("edits", EDITS)])))
        edited = None
        if any(step.changes_text for step in steps.values()):
            edited = stack.enter_context(BatchWriter(output.path("documents"), DOCUMENTS))
        carried = read_batches(inputs.path("metadata")) if "metadata" in inputs else None
        for batch in read_batches(inputs.path("documents")):
            view = TextView(batch.column("text"))
            if carried is not None:
                batch = _beside(batch, next(carried))
            values: dict[str, pa.Array] = {}
            edits: EditsByStep = []
            for name, step in steps.items():
                applied = step.apply(view, batch)
                view = applied.view
                values |= applied.columns
                batch = _with_fixed(batch, applied.columns)
                edits.append((name, applied.edits))
                chars.update({f"{name}/{kind}": int(each.sum()) for kind, each in applied.edits.items()})
            columns.write(values | {"edits": edit_column(edits, batch.num_rows)})
            documents += batch.num_rows
            if edited is not None:
                edited.write({"id": batch.column("id"), "url": batch.column("url"), "text": view.texts})
    statistics = {name: dict(sorted(step.statistics.items())) for name, step in steps.items() if step.statistics}
    return {"documents": documents, "edited_chars": dict(sorted(chars.items())), "statistics": statistics}


def _with_fixed(batch: pa.RecordBatch, columns: Mapping[str, pa.Array]) -> pa.RecordBatch:
    """Documents with the ledger columns of no step's own, such as `language`, for the steps that come after."""
    for name, values in columns.items():
        if "." not in name:
            batch = batch.append_column(name, values)
    return batch


def _beside(documents: pa.RecordBatch, carried: pa.RecordBatch) -> pa.RecordBatch:
    """Documents with the columns carried for them."""
    names = [name for name in carried.schema.names if name.startswith(META)]
    columns = {name: documents.column(name) for name in documents.schema.names}
    return pa.record_batch(columns | {name: carried.column(name) for name in names})
