"""The inputs of a task that looks at a part's kept documents within a scope. Knows parts and columns; reads no data."""

from __future__ import annotations

from curate.dedup.step import Deduplicate
from curate.engine.mirror import here
from curate.engine.task import Given
from curate.errors import ConfigError
from curate.flow import Part
from curate.records.batches import read_schema
from curate.records.pages import ORIGIN


def kept_documents(setting: Deduplicate, part: Part) -> tuple[dict[str, str], Given]:
    """(what `document_scopes` takes, the files `documents`, `verdicts` and that of the scope's column, if it is one).

    Raises ConfigError where the part has no such column.
    """
    inputs: Given = {"documents": part.documents, "verdicts": part.verdicts}
    if setting.scope in ("all", "source"):
        return {"constant": "" if setting.scope == "all" else part.source}, inputs
    if setting.scope in ORIGIN.names:
        return {"column": setting.scope}, {**inputs, "records": part.read.file("records")}
    for file in part.columns:
        if setting.scope in read_schema(str(here(file.path))).names:
            return {"column": setting.scope}, {**inputs, "scope": file}
    raise ConfigError(
        f"combine.deduplicate.scope: the source {part.source!r} has no column {setting.scope!r} before this step; "
        f"use all, source, or one of {', '.join(ORIGIN.names)}"
    )
