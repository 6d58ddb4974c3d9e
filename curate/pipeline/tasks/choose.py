"""Choosing a part's texts: of the texts that several engines found, all evaluated, one goes on for every document.

No document is dropped here: one that no text saves goes on with a text that fails, and the verdicts say why. Knows columns
and choices; extracts nothing and computes no metric.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any, TypedDict

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.engine.task import Inputs, Output
from curate.records.batches import BatchWriter, read_batches, read_schema
from curate.records.counts import ChosenCounts
from curate.records.documents import DOCUMENTS
from curate.verdicts.choice import CHARS, ENGINE, choice_from_json, of_chosen, own_column
from curate.verdicts.steps import steps_from_json


class ChooseParams(TypedDict):
    """A text choice and the verdict steps of the source, as JSON."""

    choice: Mapping[str, Any]
    steps: Sequence[Mapping[str, Any]]


def choose_part(params: ChooseParams, inputs: Inputs, output: Output) -> ChosenCounts:
    """Inputs, aligned, one an engine in the choice's order: `extracted`, texts as they were found, empty where there is
    none; `columns`, what was evaluated; `edited`, texts after edits, where steps may edit. `shared`: columns of all texts.

    Writes `documents`, the chosen texts as they were extracted, `edited`, the same after edits, and `columns`: those of the
    chosen texts, ENGINE, `chars`, and every engine's own as `NAME@ENGINE`.
    """
    choice, steps = choice_from_json(params["choice"]), steps_from_json(params["steps"])
    engines = choice.engines
    evaluated = read_schema(inputs.paths("columns")[0])
    own = [field for field in evaluated if field.name != "edits"]
    schema = pa.schema(
        [
            *evaluated,
            ("chars", pa.int64()),
            (ENGINE, pa.string()),
            *((own_column(CHARS, engine), pa.int64()) for engine in engines),
            *((own_column(field.name, engine), field.type) for engine in engines for field in own),
        ]
    )
    texts: Counter[str] = Counter(dict.fromkeys(engines, 0))
    passing, taken, only = texts.copy(), texts.copy(), texts.copy()
    edited_chars: Counter[str] = Counter()
    documents = chars = 0
    with ExitStack() as stack:
        columns_file = stack.enter_context(BatchWriter(output.path("columns"), schema))
        documents_file = stack.enter_context(BatchWriter(output.path("documents"), DOCUMENTS))
        edited_file = None
        if "edited" in inputs:
            edited_file = stack.enter_context(BatchWriter(output.path("edited"), DOCUMENTS))
        names = ("extracted", "columns", "shared", *(("edited",) if edited_file is not None else ()))
        files = {name: [read_batches(path) for path in inputs.paths(name)] for name in names}
        for found in zip(*files["extracted"], strict=True):
            of_texts = [next(each) for each in files["columns"]]
            shared = {
                name: batch.column(name)
                for batch in (next(each) for each in files["shared"])
                for name in batch.schema.names
            }
            lengths = [pc.utf8_length(batch.column("text")).cast(pa.int64()) for batch in found]
            there = np.stack([np.asarray(length) > 0 for length in lengths])
            values = [shared | {name: batch.column(name) for name in batch.schema.names} for batch in of_texts]
            chosen, passes = choice.choose(values, there, choice.failures(steps, values))
            written = {name: of_chosen([batch.column(name) for batch in of_texts], chosen) for name in evaluated.names}
            written["chars"] = of_chosen(lengths, chosen)
            written[ENGINE] = pa.array(engines, pa.string()).take(pa.array(chosen))
            for number, engine in enumerate(engines):
                written[own_column(CHARS, engine)] = lengths[number]
                written |= {own_column(field.name, engine): of_texts[number].column(field.name) for field in own}
                texts[engine] += int(there[number].sum())
                passing[engine] += int(passes[number].sum())
                only[engine] += int((passes[number] & (passes.sum(axis=0) == 1)).sum())
                taken[engine] += int((chosen == number).sum())
            columns_file.write(written)
            documents_file.write(_of_chosen_texts(found, chosen))
            if edited_file is not None:
                edited_file.write(_of_chosen_texts([next(each) for each in files["edited"]], chosen))
            for edit in written["edits"].flatten().to_pylist():
                edited_chars[f"{edit['step']}/{edit['kind']}"] += edit["chars"]
            documents += len(chosen)
            chars += pc.sum(written["chars"]).as_py() or 0
    return {
        "documents": documents,
        "chars": chars,
        "edited_chars": dict(sorted(edited_chars.items())),
        "engines": {
            engine: {
                "texts": texts[engine], "passing": passing[engine], "only": only[engine], "chosen": taken[engine],
            }
            for engine in engines
        },
    }  # fmt: skip


def _of_chosen_texts(batches: Sequence[pa.RecordBatch], chosen: Any) -> dict[str, pa.Array]:
    return {
        "id": batches[0].column("id"),
        "url": batches[0].column("url"),
        "text": of_chosen([batch.column("text") for batch in batches], chosen),
    }
