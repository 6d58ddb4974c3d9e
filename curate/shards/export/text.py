"""Documents with their text again: Parquet files, or gzipped JSON Lines, one per shard.

The text is decoded from the tokens, which hold it whole. Knows files of documents only.
"""

from __future__ import annotations

import functools
import gzip
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from curate.shards.entry import ShardEntry
from curate.shards.export.formats import ExportFile, Source
from curate.shards.reader import ShardView

_ROW_GROUP = 1 << 14
_LEVEL = 6  # of gzip: its own default


def parquet_files(source: Source) -> list[ExportFile]:
    """A file per shard: id (32 hexadecimal digits), source, text, tokens (end-of-text included)."""
    return [
        ExportFile(f"{split}-{number:05d}.parquet", functools.partial(_write_parquet, source, entry))
        for split in source.splits
        for number, entry in enumerate(source.reader.split(split))
    ]


def text_files(source: Source) -> list[ExportFile]:
    """A file per shard: one JSON object a line with id, source and text."""
    return [
        ExportFile(f"{split}-{number:05d}.jsonl.gz", functools.partial(_write_lines, source, entry))
        for split in source.splits
        for number, entry in enumerate(source.reader.split(split))
    ]


def texts(source: Source, view: ShardView) -> list[str]:
    """The text of each document of a shard, without end-of-text."""
    rows = np.split(view.tokens, view.offsets[1:-1]) if view.batch.num_rows else []
    return [source.tokenizer.text(row, source.reader.tokenizer) for row in rows]


def _columns(source: Source, view: ShardView) -> dict[str, Any]:
    ids = [identity.hex() for identity in view.batch.column("id").to_pylist()]
    return {"id": ids, "source": view.batch.column("source"), "text": texts(source, view)}


def _write_parquet(source: Source, entry: ShardEntry, path: Path) -> None:
    view = source.open(entry)
    columns = _columns(source, view)
    table = pa.table(
        columns | {"text": pa.array(columns["text"], pa.large_string()), "tokens": view.batch.column("tokens")}
    )
    pq.write_table(table, path, compression="zstd", row_group_size=_ROW_GROUP)


def _write_lines(source: Source, entry: ShardEntry, path: Path) -> None:
    columns = _columns(source, source.open(entry))
    names = columns["source"].to_pylist()
    with (
        open(path, "wb") as raw,
        gzip.GzipFile("", "wb", _LEVEL, raw, mtime=0) as packed,  # no clock in the bytes
        io.TextIOWrapper(packed, encoding="utf-8") as file,
    ):
        for row in zip(columns["id"], names, columns["text"], strict=True):
            file.write(json.dumps(dict(zip(("id", "source", "text"), row, strict=True)), ensure_ascii=False) + "\n")
