"""Evaluating a part: edits, metrics and language of every document, whether or not an earlier rule would drop it.

Decides nothing. Steps see the text as the steps before them left it. Knows packs and the language model.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from curate import filters
from curate.batches import BatchWriter, read_batches
from curate.records import DOCUMENTS, EDITS
from curate.task import Counts, File, Output

EditsByStep = list[tuple[str, Mapping[str, Any]]]


def evaluate_part(params: Mapping[str, Any], inputs: Sequence[File], output: Output) -> Counts:
    """Input `documents`. Writes `columns` (metrics, `edits`), aligned, and, where a step may edit, `documents` again."""
    (file,) = inputs
    steps = params["steps"]
    packs = {step["name"]: filters.parse(step["pack"]) for step in steps if step["kind"] == "filter"}
    edits_text = any(pack.changes_text for pack in packs.values())
    types = [(name, pa.type_for_alias(kind)) for step in steps for name, kind in step["columns"]]
    schema = pa.schema([*types, ("edits", EDITS)])
    chars: Counter[str] = Counter()
    writer = BatchWriter(output.path("documents"), DOCUMENTS) if edits_text else None
    with BatchWriter(output.path("columns"), schema) as columns:
        for batch in read_batches(file.path):
            texts = batch.column("text")
            values: dict[str, pa.Array] = {}
            edits: EditsByStep = []
            for step in steps:
                applied = packs[step["name"]].apply(texts)
                texts = applied.texts
                values |= {f"{step['name']}.{name}": metric for name, metric in applied.metrics.items()}
                edits.append((step["name"], applied.edits))
                chars.update({f"{step['name']}/{kind}": int(removed.sum()) for kind, removed in applied.edits.items()})
            columns.write(values | {"edits": edit_column(edits, batch.num_rows)})
            if writer is not None:
                writer.write({"id": batch.column("id"), "url": batch.column("url"), "text": texts})
    if writer is not None:
        writer.__exit__(None, None, None)
    return {"edited_chars": dict(sorted(chars.items()))}


def edit_column(edits: EditsByStep, rows: int) -> pa.Array:
    """The `edits` column: per document the edits that removed something, in the order of steps and kinds."""
    steps: list[str] = []
    kinds: list[str] = []
    removed: list[np.ndarray[Any, Any]] = []
    for step, by_kind in edits:
        for kind, chars in by_kind.items():
            steps.append(step)
            kinds.append(kind)
            removed.append(chars)
    if not removed:
        return pa.array([[]] * rows, EDITS)
    matrix = np.stack(removed, axis=1)
    row, column = np.nonzero(matrix)
    offsets = np.zeros(rows + 1, dtype=np.int32)
    np.cumsum(np.count_nonzero(matrix, axis=1), out=offsets[1:])
    values = pa.StructArray.from_arrays(
        [pa.array(steps).take(pa.array(column)), pa.array(kinds).take(pa.array(column)), pa.array(matrix[row, column])],
        fields=list(EDITS.value_type),
    )
    return pa.ListArray.from_arrays(pa.array(offsets), values)
