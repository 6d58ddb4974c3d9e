"""Rows that many tasks write and many tasks want: sorted files, regrouped until each reader has few to open.

A sorted file is an Arrow IPC file, uncompressed and without empty batches, whose rows ascend by a column of whole numbers.
Where every writer has rows for every reader, each reader would open every file: writers times readers. Here a task merges
FAN_IN files at a time and cuts them into ranges, level after level, until a reader finds its rows in at most FAN_IN files.
Equal keys stay in the order of the files, so what a reader sees does not depend on the levels. Knows numbers and files;
knows no step.
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

import numpy as np
import pyarrow as pa

from curate.engine.runner import Runner
from curate.engine.task import Committed, File, Inputs, Output, Task
from curate.records.batches import BatchWriter, read_schema

FAN_IN = 64
"""Files that a task merges, and ranges that it cuts them into: no task has more of either."""
_ROWS = 1 << 15
"""Of a batch as it is written."""
_COPIES = 3  # of a range in memory: the rows, their order, and what is written
_SLACK = 64 << 20

Span = tuple[int, int]
"""The keys that a reader wants, from the first up to, and without, the second."""


class RegroupParams(TypedDict):
    """The column that rows ascend by, and the keys [from, to) of each range."""

    column: str
    ranges: list[list[int]]


class RegroupCounts(TypedDict):
    """Rows written."""

    rows: int


@dataclass(frozen=True)
class Piece:
    """Rows of one batch of a sorted file. Each reading has a memory map of its own, which keeps no page of another."""

    path: str
    batch: int
    start: int
    rows: int

    def read(self) -> pa.RecordBatch:
        """The rows, in place."""
        with pa.memory_map(self.path) as file:
            return pa.ipc.open_file(file).get_batch(self.batch).slice(self.start, self.rows)


def pieces_of(path: str, column: str, low: int, high: int) -> list[Piece]:
    """Where the rows of a sorted file lie whose keys are in [low, high)."""
    found = []
    with pa.memory_map(path) as file:
        reader = pa.ipc.open_file(file)

        def keys(index: int) -> Any:
            return reader.get_batch(index).column(column).to_numpy()

        first = bisect.bisect_left(range(reader.num_record_batches), low, key=lambda index: int(keys(index)[-1]))
        for index in range(first, reader.num_record_batches):
            values = keys(index)
            if int(values[0]) >= high:
                break
            last = np.iinfo(values.dtype).max
            start = int(np.searchsorted(values, values.dtype.type(low)))
            stop = len(values) if high > last else int(np.searchsorted(values, values.dtype.type(high)))
            if stop > start:
                found.append(Piece(path, index, start, stop - start))
    return found


def read_range(paths: Sequence[str], column: str, low: int, high: int) -> Iterator[pa.RecordBatch]:
    """The rows of sorted files whose keys are in [low, high), file after file."""
    for path in paths:
        for piece in pieces_of(path, column, low, high):
            yield piece.read()


def write_sorted(path: str, table: pa.Table, column: str) -> None:
    """Write a table in the order of a column; rows of equal keys stay in their order."""
    order = np.argsort(table.column(column).to_numpy(), kind="stable")
    with BatchWriter(path, table.schema, compressed=False) as writer:
        for start in range(0, len(order), _ROWS):
            taken = table.take(pa.array(order[start : start + _ROWS])).combine_chunks()
            (batch,) = taken.to_batches()
            writer.write({name: batch.column(name) for name in table.schema.names})


def regroup_files(params: RegroupParams, inputs: Inputs, output: Output) -> RegroupCounts:
    """Inputs: `files`, sorted by params `column`. Writes `range-N`, a sorted file of the rows of each range."""
    paths, column, rows = inputs.paths("files"), params["column"], 0
    schema = read_schema(paths[0])
    for number, (low, high) in enumerate(params["ranges"]):
        table = pa.Table.from_batches(list(read_range(paths, column, low, high)), schema)
        write_sorted(output.path(f"range-{number}"), table, column)
        rows += table.num_rows
    return {"rows": rows}


def regroup(runner: Runner, what: str, files: Sequence[File], column: str, spans: Sequence[Span]) -> list[list[File]]:
    """For each span of keys, in ascending order, at most FAN_IN sorted files that hold its rows; other rows too.

    Each level reads and writes every row once: none where the files are few, two for 200,000 files.
    """
    waiting = [(0, len(spans), list(files))]
    for level in itertools.count(1):
        if not spans or len(waiting[0][2]) <= FAN_IN:
            break
        tasks: list[Task[RegroupParams, RegroupCounts]] = []
        cuts: list[list[Span]] = []
        for first, last, held in waiting:
            step = -(-(last - first) // FAN_IN)
            cut = [(start, min(start + step, last)) for start in range(first, last, step)]
            ranges = [[spans[start][0], max(span[1] for span in spans[start:end])] for start, end in cut]
            cuts.append(cut)
            for at in range(0, len(held), FAN_IN):
                given = [File("files", file.path, file.digest, file.bytes) for file in held[at : at + FAN_IN]]
                params = RegroupParams(column=column, ranges=ranges)
                tasks.append(Task("regroup", regroup_files, params, {"files": given}, f"{what}, level {level}"))
        largest = max(sum(file.bytes for _, file in task.inputs) // len(task.params["ranges"]) for task in tasks)
        made = iter(runner.stage(tasks, _SLACK + _COPIES * largest, f"{what}-{level}"))
        following: list[tuple[int, int, list[File]]] = []
        for (_, _, held), cut in zip(waiting, cuts, strict=True):
            results: list[Committed[RegroupCounts]] = list(itertools.islice(made, -(-len(held) // FAN_IN)))
            for number, (start, end) in enumerate(cut):
                following.append((start, end, [result.file(f"range-{number}") for result in results]))
        waiting = following
    return [
        [File(what, file.path, file.digest, file.bytes) for file in held]
        for first, last, held in waiting
        for _ in range(first, last)
    ]
