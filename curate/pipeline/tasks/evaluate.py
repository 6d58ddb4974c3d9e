"""Evaluating a part: edits, metrics and language of every document, whether or not an earlier rule would drop it.

Decides nothing. Steps see the text as the steps before them left it. Knows packs and the language model.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate import language
from curate.batches import BatchWriter, read_batches
from curate.engine.task import Counts, File, Output
from curate.filters.content import pack_content
from curate.filters.packs import load as load_pack
from curate.records import DOCUMENTS, EDITS
from curate.text.view import TextView

Applied = tuple[TextView, dict[str, pa.Array], Mapping[str, Any]]
"""The texts after a step's edits, its ledger columns, and characters removed by kind of edit."""
EditsByStep = list[tuple[str, Mapping[str, Any]]]


def compile_kernels(params: Mapping[str, Any]) -> None:
    """Compile the language model's kernels, once per machine; a pack's are compiled when its columns are asked for."""
    if any(step["kind"] == "language" for step in params["steps"]):
        language.compile_kernels()


def evaluate_part(params: Mapping[str, Any], inputs: Sequence[File], output: Output) -> Counts:
    """Input `documents`. Writes `columns` (metrics, `edits`), aligned, and, where a step may edit, `documents` again.

    Raises RuntimeError where a pack is no longer what the run began with.
    """
    (file,) = inputs
    kinds: dict[str, Callable[[Mapping[str, Any]], _Evaluated]] = {
        "filter": _Filter,
        "language": _Language,
        "datatrove": _Datatrove,
    }
    steps = [kinds[step["kind"]](step) for step in params["steps"]]
    types = [
        (name, pa.type_for_alias(kind))
        for step in params["steps"]
        for name, kind in (*step["columns"], *step.get("fixed", ()))
    ]
    chars: Counter[str] = Counter()
    documents = 0
    with ExitStack() as stack:
        columns = stack.enter_context(BatchWriter(output.path("columns"), pa.schema([*types, ("edits", EDITS)])))
        edited = None
        if any(step.changes_text for step in steps):
            edited = stack.enter_context(BatchWriter(output.path("documents"), DOCUMENTS))
        for batch in read_batches(file.path):
            view = TextView(batch.column("text"))
            values: dict[str, pa.Array] = {}
            edits: EditsByStep = []
            for step in steps:
                view, found, removed = step.apply(view, batch)
                values |= found
                edits.append((step.name, removed))
                chars.update({f"{step.name}/{kind}": int(each.sum()) for kind, each in removed.items()})
            columns.write(values | {"edits": edit_column(edits, batch.num_rows)})
            documents += batch.num_rows
            if edited is not None:
                edited.write({"id": batch.column("id"), "url": batch.column("url"), "text": view.texts})
    blocks = {step.name: dict(sorted(step.statistics.items())) for step in steps if isinstance(step, _Datatrove)}
    return {"documents": documents, "edited_chars": dict(sorted(chars.items())), "datatrove": blocks}


class _Evaluated(Protocol):
    """A step ready to be applied to columns of text."""

    name: str
    changes_text: bool

    def apply(self, view: TextView, batch: pa.RecordBatch) -> Applied:
        """The step on a batch of documents, whose texts are now those of the view."""
        ...


class _Filter:
    """A pack."""

    def __init__(self, step: Mapping[str, Any]) -> None:
        self.name: str = step["name"]
        self._pack = load_pack(step["pack"], lists=step["lists"])
        if pack_content(self._pack) != step["content"]:
            raise RuntimeError(f"the pack {step['pack']} was changed while the run went on; run the same command again")
        self.changes_text = self._pack.changes_text

    def apply(self, view: TextView, batch: pa.RecordBatch) -> Applied:
        """See _Evaluated.apply."""
        applied = self._pack.apply(view)
        return applied.view, {f"{self.name}.{name}": column for name, column in applied.metrics.items()}, applied.edits


class _Language:
    """The language model."""

    changes_text = False

    def __init__(self, step: Mapping[str, Any]) -> None:
        self.name: str = step["name"]
        self._paragraphs: bool = step["paragraphs"]
        self._identifier = language.load(step["model"], step["sha256"])

    def apply(self, view: TextView, batch: pa.RecordBatch) -> Applied:
        """See _Evaluated.apply."""
        texts = view.texts
        codes, scores = self._identifier.identify(texts)
        found = {"language": codes, "language_score": pa.array(scores)}
        if self._paragraphs:
            paragraphs = language.identify_paragraphs(texts, self._identifier)
            found[f"{self.name}.paragraphs"] = pc.list_value_length(paragraphs).cast(pa.int64())
            found[f"{self.name}.other_share"] = pa.array(language.other_share(paragraphs, codes))
        return view, found, {}


class _Datatrove:
    """A block of datatrove. Why it dropped a document is the step's reason; what it did to the text is an edit."""

    changes_text = True

    def __init__(self, step: Mapping[str, Any]) -> None:
        from curate.filters.datatrove_adapter import datatrove_step

        self.name: str = step["name"]
        self.statistics: Counter[str] = Counter()
        self._step = datatrove_step(step["block"], step["args"])

    def apply(self, view: TextView, batch: pa.RecordBatch) -> Applied:
        """See _Evaluated.apply."""
        texts, reasons, statistics = self._step.apply(view.texts, batch.column("id"), batch.column("url"))
        self.statistics.update(statistics)
        found = {f"{self.name}.reason": pa.array(reasons, pa.string())}
        if texts is view.texts:
            return view, found, {}
        removed = pc.subtract(pc.utf8_length(view.texts), pc.utf8_length(texts)).to_numpy()
        return TextView(texts), found, {"rewritten": removed.astype(np.int64)}


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
