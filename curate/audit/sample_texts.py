"""Texts of the run's sample, before and after the run changed them, as people may be shown them.

A document that was dropped has an empty text in later files, where batches stay aligned: its last own text counts. Each file
is opened once, whatever the number of its documents. Knows where texts lie; chooses none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from curate.audit.finished_run import AuditError, OpenedRun
from curate.audit.lineage import CHOOSE, EVALUATE, READ, extracted_texts, judged_texts, lineage, texts_at
from curate.audit.shown import shown

BEGINNING = 2500
"""Characters at the beginning of a text that are looked at."""
_MARGIN = 300
"""Characters beyond them that are scrubbed with them: personal data that begins within may end there."""


MOST_PARTS = 400
"""Parts whose files are opened, those of the smallest draws: files of ninety thousand parts would take hours."""


def within_parts(sample: pa.Table, most: int = MOST_PARTS) -> pa.Table:
    """The first rows of the sample, as many as lie in so many parts."""
    if "part" not in sample.column_names:
        return sample
    parts: set[str] = set()
    for row, part in enumerate(sample.column("part").to_pylist()):
        parts.add(part)
        if len(parts) > most:
            return sample.slice(0, row)
    return sample


class Texts(NamedTuple):
    """The beginnings of a document's text as extracted, and as the last step that saw it left it; None where it is gone."""

    before: str | None
    after: str | None


def sample_texts(run: OpenedRun, sample: pa.Table) -> list[Texts]:
    """The texts of the sample's rows, personal data replaced as `run.texts` says; None where `.work` is gone."""
    found: list[list[str | None]] = [[None, None] for _ in range(sample.num_rows)]
    if run.texts != "none":
        places: dict[str, list[tuple[int, int]]] = {}
        listed = zip(sample.column("part").to_pylist(), sample.column("document").to_pylist(), strict=True)
        for row, (part, document) in enumerate(listed):
            places.setdefault(part, []).append((document, row))
        kept = sample.column("kept").to_pylist()
        for part, rows in places.items():
            for row, before, after in _of_part(run, part, sorted(rows), kept):
                found[row] = [before, after]
    cut = list(dict.fromkeys(text for pair in found for text in pair if text is not None))  # most are left as they were
    scrubbed = dict(zip(cut, (text[:BEGINNING] for text in shown(run, cut)), strict=True))
    texts = [[None if text is None else scrubbed[text] for text in pair] for pair in found]
    return [Texts(before, after) for before, after in texts]


def _of_part(
    run: OpenedRun, name: str, rows: Sequence[tuple[int, int]], kept: Sequence[bool]
) -> Iterator[tuple[int, str, str]]:
    """(row of the sample, text as extracted, text in the end) of documents of one part."""
    documents = [document for document, _ in rows]
    try:
        part = run.part(name)
        before, judged = extracted_texts(part), judged_texts(part)
        if before is None or judged is None:
            return
        last = [each for each in lineage(part) if "documents" in each.files][-1]
        # what is after the rules holds no text of those that were dropped, so those end with what the rules saw
        end = judged if last.stage in (READ, EVALUATE, CHOOSE) else last.path("documents")
        texts = {path: _beginnings(path, documents) for path in {before, judged, end}}
    except (AuditError, OSError, pa.ArrowInvalid):
        return
    for document, row in rows:
        yield row, texts[before][document], texts[end if kept[row] else judged][document]


def _beginnings(path: Path, documents: Sequence[int]) -> Mapping[int, str]:
    """The beginnings of the texts in these rows of an Arrow file of documents."""
    return {document: text[: BEGINNING + _MARGIN] for document, text in texts_at(path, documents).items()}
