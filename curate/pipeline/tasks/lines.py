"""How many lines end in a span of a large file: with it the rows of the spans are numbered. Reads no record."""

from __future__ import annotations

from typing import TypedDict

from curate.engine.task import Inputs, Output
from curate.ingest.json_lines import count_line_ends
from curate.ingest.spans import source_files
from curate.records.counts import LineCounts
from curate.storage import open_binary


class LineParams(TypedDict):
    """Nothing decides it but the file."""


def count_part(params: LineParams, inputs: Inputs, output: Output) -> LineCounts:
    """Input `file`: a span of one. Writes no file."""
    (file,), span = source_files(inputs.all("file"))
    assert span is not None
    with open_binary(file.path, file.size) as handle:
        ends = count_line_ends(handle, file, span)
    return {"documents": ends or 0, "plain": ends is not None}
