"""Back along the way a part took: its tasks' settings and counts, and the text each one left.

Parts whose tasks had the same input share a task: it is then on the way of each, and its files are right for each. Knows
manifests; runs nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from curate.audit.finished_run import AuditError, OpenedPart, beside

READ, EVALUATE, CHOOSE = "read", "evaluate", "choose"
"""The stages that make the texts which rules see."""


@dataclass(frozen=True)
class Made:
    """A committed task: its stage and source, its settings, and its manifest's path without `.json`."""

    stage: str
    source: str
    """Empty where its settings are not those of one source."""
    params: Mapping[str, Any]
    counts: Mapping[str, Any]
    files: tuple[str, ...]
    stem: Path

    @property
    def folder(self) -> str:
        """STAGE.FINGERPRINT: code, libraries and settings."""
        return self.stem.parent.name

    def path(self, name: str) -> Path:
        """Where a file that the task wrote lies."""
        return beside(self.stem, name)


def lineage(part: OpenedPart) -> list[Made]:
    """The tasks that were done for the part, in order. Raises AuditError where `.work` was removed."""
    return [_made(stem) for stem in part.way]


def gone(path: Path) -> AuditError:
    """What to say where a file of `.work` is no more."""
    return AuditError(f"{path} is gone: texts can be shown only while the run's .work folder is whole")


def _made(stem: Path) -> Made:
    path = beside(stem, "json")
    try:
        manifest = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise gone(path) from None
    files = tuple(sorted(manifest["files"]))
    return Made(manifest["stage"], manifest["source"], manifest["params"], manifest["counts"], files, stem)


def stage_of(part: OpenedPart, stage: str) -> Made | None:
    """The last task of a stage in the part's way."""
    found = [made for made in lineage(part) if made.stage == stage]
    return found[-1] if found else None


def text_versions(part: OpenedPart, document: int) -> Iterator[tuple[str, str]]:
    """(stage, text) of a document as each stage that may change text left it; `document` counts from 0 in the part.

    Where several engines gave a text, the chosen one alone is a version: as extracted, and after the sources' edits.
    """
    made_by = lineage(part)
    several = any(made.stage == CHOOSE for made in made_by)
    for made in made_by:
        if "documents" not in made.files or (several and made.stage in (READ, EVALUATE)):
            continue
        yield READ if made.stage == CHOOSE else made.stage, text_at(made.path("documents"), document)
        if "edited" in made.files:
            yield EVALUATE, text_at(made.path("edited"), document)


def extracted_texts(part: OpenedPart) -> Path | None:
    """Where the documents' texts lie as they were extracted; None where there are none."""
    made = stage_of(part, CHOOSE) or stage_of(part, READ)
    return made.path("documents") if made else None


def judged_texts(part: OpenedPart) -> Path | None:
    """Where the documents' texts lie as the rules saw them, after edits; None where there are none."""
    chosen = stage_of(part, CHOOSE)
    if chosen is not None:
        return chosen.path("edited" if "edited" in chosen.files else "documents")
    evaluated = stage_of(part, EVALUATE)
    if evaluated is not None and "documents" in evaluated.files:
        return evaluated.path("documents")
    return extracted_texts(part)


def text_at(path: Path, document: int) -> str:
    """The text in row `document` of an Arrow file of documents. Raises AuditError where there is none."""
    return texts_at(path, [document])[document]


def texts_at(path: Path, documents: Sequence[int]) -> dict[int, str]:
    """The texts in these rows of an Arrow file of documents; an empty one for none. Rows are counted by a column that is
    small, and texts read of only those batches that hold a document asked for: a file may have hundreds of megabytes.
    Raises AuditError where there are fewer rows."""
    found: dict[int, str] = {}
    with pa.memory_map(str(path)) as file:
        schema = pa.ipc.open_file(file).schema
        small = schema.get_field_index("id") if "id" in schema.names else 0
        counted = pa.ipc.open_file(file, options=pa.ipc.IpcReadOptions(included_fields=[small]))
        texts = pa.ipc.open_file(file, options=pa.ipc.IpcReadOptions(included_fields=[schema.get_field_index("text")]))
        first, wanted = 0, sorted(set(documents), reverse=True)
        for index in range(counted.num_record_batches):
            if not wanted:
                break
            after = first + counted.get_batch(index).num_rows
            if wanted[-1] < after:
                column = texts.get_batch(index).column(0)
                while wanted and wanted[-1] < after:
                    document = wanted.pop()
                    found[document] = str(column[document - first].as_py() or "")
            first = after
    if wanted:
        raise AuditError(f"{path} has no document {wanted[-1]}")
    return found
