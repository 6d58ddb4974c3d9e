"""The engine's own task: sorted files merged and cut into ranges of keys. Knows numbers and files; knows no step."""

from __future__ import annotations

from typing import TypedDict

import pyarrow as pa

from curate.engine.task import Inputs, Output
from curate.records.batches import read_schema
from curate.records.sorted_files import read_range, write_sorted


class RegroupParams(TypedDict):
    """The column that rows ascend by, and the keys [from, to) of each range."""

    column: str
    ranges: list[list[int]]


class RegroupCounts(TypedDict):
    """Rows written."""

    rows: int


def regroup_files(params: RegroupParams, inputs: Inputs, output: Output) -> RegroupCounts:
    """Inputs: `files`, sorted by params `column`. Writes `range-N`, a sorted file of the rows of each range."""
    paths, column, rows = inputs.paths("files"), params["column"], 0
    schema = read_schema(paths[0])
    for number, (low, high) in enumerate(params["ranges"]):
        table = pa.Table.from_batches(list(read_range(paths, column, low, high)), schema)
        write_sorted(output.path(f"range-{number}"), table, column)
        rows += table.num_rows
    return {"rows": rows}
