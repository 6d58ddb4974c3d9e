"""The input files that a task reads records of: several, or a span of one. Opens none."""

from __future__ import annotations

from curate.engine.task import Inputs
from curate.ingest import Span
from curate.storage import SourceFile


def source_files(inputs: Inputs) -> tuple[list[SourceFile], Span | None]:
    """The files to be read, and the span if it is a part of one."""
    given = inputs.all("file")
    span = None
    if given[0].span:
        start, end, size, row, exact = given[0].span
        span = Span(start, end, size, row, bool(exact))
    sizes = [file.bytes if span is None else span.size for file in given]
    return [SourceFile(file.path, file.name, size, file.digest) for file, size in zip(given, sizes, strict=True)], span
