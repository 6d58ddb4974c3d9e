"""Arrow files of aligned record batches: batch i of every file of a part speaks of the same documents.

So a step reads one file and writes another beside it, streaming, and joins are by position. Knows Arrow files only.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType

import pyarrow as pa

_COMPRESSED = pa.ipc.IpcWriteOptions(compression="zstd")
_PLAIN = pa.ipc.IpcWriteOptions()


class BatchWriter:
    """Writes an Arrow IPC file, a batch at a time."""

    def __init__(self, path: str, schema: pa.Schema, *, compressed: bool = True) -> None:
        self.schema = schema
        self.rows = 0
        self._writer = pa.ipc.new_file(path, schema, options=_COMPRESSED if compressed else _PLAIN)

    def write(self, columns: dict[str, pa.Array]) -> None:
        """Write a batch from arrays by column name; every column of the schema must be there."""
        batch = pa.record_batch([columns[name] for name in self.schema.names], schema=self.schema)
        self.rows += batch.num_rows
        self._writer.write_batch(batch)

    def __enter__(self) -> BatchWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()


def read_batches(path: str) -> Iterator[pa.RecordBatch]:
    """The batches of an Arrow IPC file in order, each under a memory map of its own.

    One map for all would keep every page read of it in this process's memory: a whole part.
    """
    with pa.memory_map(path) as file:
        count = pa.ipc.open_file(file).num_record_batches
    for index in range(count):
        with pa.memory_map(path) as file:
            batch = pa.ipc.open_file(file).get_batch(index)
        yield batch


def read_schema(path: str) -> pa.Schema:
    """The schema of an Arrow IPC file."""
    with pa.memory_map(path) as file:
        return pa.ipc.open_file(file).schema
