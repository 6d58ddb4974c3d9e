"""Sorted files: Arrow IPC files, uncompressed and without empty batches, whose rows ascend by a column of whole numbers.

A reader takes a range of keys out of many of them without reading the rest. Knows numbers and files.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from curate.records.batches import BatchWriter

_ROWS = 1 << 15
"""Of a batch as it is written."""


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
