"""Columns carried from the input, of the run's sample, as facets: those of few values, as people may be shown them.

They are read of the parts' ledgers in `.work` when a page is made, which may be before a run is published, and are written
down nowhere else; a removed document has none. Knows ledger columns; knows no page.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curate.audit.finished_run import OpenedRun, beside
from curate.audit.removals import RULE
from curate.audit.shown import shown
from curate.records.metadata import META
from curate.verdicts.steps import BEFORE_DOCUMENTS

MOST_VALUES = 40
"""Values up to which a column is a facet."""
_MOST_COLUMNS = 8
_LONGEST = 80
"""Characters of a value."""
NOTHING = "none"
"""What is said of a document without a value."""


def sample_metadata(run: OpenedRun, sample: pa.Table) -> dict[str, list[str]]:
    """{name: a value for each row} of the carried columns that have 2 to MOST_VALUES values in the sample. Text is left out
    where no texts are shown, and personal data in it replaced as in texts."""
    if not sample.num_rows or "part" not in sample.column_names or not run.parts:
        return {}
    schema = pq.read_schema(_ledger(run, sample.column("part")[0].as_py()))
    names = [name for name in schema.names if name.startswith(META)]
    if run.texts == "none":
        names = [name for name in names if not pa.types.is_string(schema.field(name).type)]
    if not names:
        return {}
    places: dict[str, list[tuple[int, int]]] = {}
    listed = zip(sample.column("part").to_pylist(), sample.column("document").to_pylist(), strict=True)
    for row, (part, document) in enumerate(listed):
        places.setdefault(part, []).append((row, document))
    found: dict[str, list[Any]] = {name: [None] * sample.num_rows for name in names}
    for part, rows in places.items():
        table = pq.read_table(_ledger(run, part), columns=["dropped_at", *names])
        early = pc.is_in(table.column("dropped_at").cast(pa.string()), pa.array(BEFORE_DOCUMENTS))
        documents = np.flatnonzero(~np.asarray(pc.fill_null(early, False), bool))
        taken = table.take(pa.array(documents[[document for _, document in rows]]))
        for name in names:
            for (row, _), value in zip(rows, taken.column(name).to_pylist(), strict=True):
                found[name][row] = value
    for row, failed in enumerate(sample.column("failed").to_pylist()):
        if RULE in (failed or ()):
            for values in found.values():
                values[row] = None
    facets = {name: _facet(run, values) for name, values in found.items()}
    return dict([(name.removeprefix(META), each) for name, each in facets.items() if each][:_MOST_COLUMNS])


def _ledger(run: OpenedRun, part: str) -> Path:
    return beside(run.part(part).way[-1], "ledger")


def _facet(run: OpenedRun, values: list[Any]) -> list[str]:
    """The values as words; nothing where there are too many, or one."""
    distinct = list(dict.fromkeys(values))
    if not 2 <= len(distinct) <= MOST_VALUES:
        return []
    words: Mapping[Any, str] = dict(zip(distinct, map(_word, distinct), strict=True))
    if any(isinstance(value, str) for value in distinct):
        words = dict(zip(words, shown(run, list(words.values())), strict=True))
    return [words[value] if len(words[value]) <= _LONGEST else f"{words[value][:_LONGEST]}…" for value in values]


def _word(value: Any) -> str:
    if value is None:
        return NOTHING
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)
