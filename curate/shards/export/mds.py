"""MosaicML streaming's MDS: a folder per split with `index.json`; a sample is a document (id, source, tokens).

The layout of version 2 of mosaicml/streaming, streaming/base/format/mds/writer.py: per shard the number of samples,
uint32 offsets, the configuration as JSON, the samples; per sample uint32 sizes of its columns, then their bytes.
Tokens are the bytes of little-endian ids; llm-foundry reads them with `token_encoding_type: uint16` (or uint32).
"""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import numpy as np

from curate.shards.entry import ShardEntry
from curate.shards.export.formats import ExportError, ExportFile, Source

_COLUMNS = {"id": "bytes", "source": "str", "tokens": "bytes"}
_VERSION = 2
_SIZE_LIMIT = 1 << 32  # offsets are uint32


def files(source: Source) -> list[ExportFile]:
    """Per split a file for each shard, and the index of all."""
    return [
        ExportFile(f"{split}/{name}", write)
        for split in source.splits
        for name, write in [
            *(
                (_name(number), functools.partial(_write_shard, source, entry))
                for number, entry in enumerate(source.reader.split(split))
            ),
            ("index.json", functools.partial(_write_index, source, split)),
        ]
    ]


def _name(number: int) -> str:
    return f"shard.{number:05d}.mds"


def _config() -> dict[str, Any]:
    names = sorted(_COLUMNS)  # the writer of the format sorts them
    return {
        "column_encodings": [_COLUMNS[name] for name in names],
        "column_names": names,
        "column_sizes": [None] * len(names),
        "compression": None,
        "format": "mds",
        "hashes": [],
        "size_limit": _SIZE_LIMIT,
        "version": _VERSION,
    }


def _config_bytes() -> bytes:
    return json.dumps(_config(), sort_keys=True).encode()


def _write_shard(source: Source, entry: ShardEntry, path: Path) -> None:
    view = source.open(entry)
    names = [name.encode() for name in view.batch.column("source").to_pylist()]
    width = source.reader.dtype.itemsize
    lengths = np.diff(view.offsets).astype(np.int64) * width
    head = 4 * (view.batch.num_rows + 2) + len(_config_bytes())
    sizes = 4 * len(_COLUMNS) + 16 + np.array([len(name) for name in names], np.int64) + lengths
    offsets = head + np.concatenate([[0], np.cumsum(sizes)])
    if offsets[-1] >= _SIZE_LIMIT:
        raise ExportError(f"{entry.file} needs {offsets[-1]} bytes, more than MDS can hold; make smaller shards")
    tokens = view.tokens.astype(source.reader.dtype.newbyteorder("<"), copy=False).tobytes()
    with open(path, "wb") as file:
        file.write(np.uint32(view.batch.num_rows).tobytes() + offsets.astype("<u4").tobytes() + _config_bytes())
        bounds = (view.offsets.astype(np.int64) * width).tolist()
        for row, identity in enumerate(view.batch.column("id").to_pylist()):
            sample = tokens[bounds[row] : bounds[row + 1]]
            file.write(np.array([len(identity), len(names[row]), len(sample)], "<u4").tobytes())
            file.write(identity + names[row] + sample)


def _shard_bytes(source: Source, entry: ShardEntry) -> int:
    view = source.open(entry)
    names = sum(len(name.encode()) for name in view.batch.column("source").to_pylist())
    per_row = 4 * len(_COLUMNS) + 16
    rows = view.batch.num_rows
    return int(4 * (rows + 2) + len(_config_bytes()) + per_row * rows + names + view.tokens.nbytes)


def _write_index(source: Source, split: str, path: Path) -> None:
    shards = [
        _config()
        | {
            "raw_data": {"basename": _name(number), "bytes": _shard_bytes(source, entry), "hashes": {}},
            "samples": source.open(entry).batch.num_rows,
            "zip_data": None,
        }
        for number, entry in enumerate(source.reader.split(split))
    ]
    path.write_text(json.dumps({"shards": shards, "version": _VERSION}, sort_keys=True))
