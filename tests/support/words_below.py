"""Every text that lies below a folder, whatever it is written in."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from curate import tokens


def texts_below(folder: Path) -> Iterator[tuple[str, str]]:
    """(file, text) of everything below a folder: bytes as they are, decompressed, and tokens decoded."""
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        data = path.read_bytes()
        name = str(path.relative_to(folder))
        yield name, data.decode("utf-8", "replace")
        if data[:2] == b"\x1f\x8b":
            yield name, gzip.decompress(data).decode("utf-8", "replace")
        for batch in batches(path, data):
            for column in batch.column_names:
                values = batch.column(column)
                if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
                    yield name, "\n".join(map(str, values.to_pylist()))
                elif pa.types.is_list(values.type) and values.type.value_type == pa.uint16():
                    yield name, tokens.load("gpt2").decode(values.combine_chunks().flatten().to_numpy())


def batches(path: Path, data: bytes) -> Iterator[pa.Table]:
    if data[:4] == b"PAR1":
        yield pq.read_table(path)
    elif data[:6] == b"ARROW1":
        yield pa.ipc.open_file(path).read_all()
    elif data[:4] == b"\xff" * 4:
        yield pa.ipc.open_stream(path).read_all()
