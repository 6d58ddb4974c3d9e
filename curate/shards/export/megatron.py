"""Megatron-LM's indexed dataset: `SPLIT.bin`, the tokens, and `SPLIT.idx`, where each document lies.

The layout of version 1 of NVIDIA/Megatron-LM, megatron/core/datasets/indexed_dataset.py: magic, version, type, counts;
int32 lengths, int64 byte offsets, int64 document bounds. A document is one sequence, end-of-text included.
"""

from __future__ import annotations

import functools
import struct
from pathlib import Path
from typing import Any

import numpy as np

from curate.shards.export.formats import ExportFile, Source

_MAGIC = b"MMIDIDX\x00\x00"
_VERSION = 1
_INT32, _UINT16 = 4, 8  # codes of the types of tokens
_NAMES = {"train": "train", "validation": "valid"}


def files(source: Source) -> list[ExportFile]:
    """Two files per split."""
    names = [(split, _NAMES[split]) for split in source.splits]
    return [
        *(ExportFile(f"{name}.bin", functools.partial(_write_tokens, source, split)) for split, name in names),
        *(ExportFile(f"{name}.idx", functools.partial(_write_index, source, split)) for split, name in names),
    ]


def _type(source: Source) -> tuple[int, np.dtype[Any]]:
    """Megatron knows no uint32; every id fits into int32."""
    return (_UINT16, np.dtype("<u2")) if source.reader.dtype == np.uint16 else (_INT32, np.dtype("<i4"))


def _write_tokens(source: Source, split: str, path: Path) -> None:
    _, dtype = _type(source)
    with open(path, "wb") as file:
        for entry in source.reader.split(split):
            file.write(source.open(entry).tokens.astype(dtype, copy=False).data)


def _write_index(source: Source, split: str, path: Path) -> None:
    code, dtype = _type(source)
    offsets = [source.open(entry).offsets for entry in source.reader.split(split)]
    lengths = np.concatenate([np.diff(each) for each in offsets]).astype("<i4")
    ends = np.cumsum(lengths, dtype=np.int64)
    with open(path, "wb") as file:
        file.write(_MAGIC + struct.pack("<QBQQ", _VERSION, code, len(lengths), len(lengths) + 1))
        file.write(lengths.data)
        file.write(((ends - lengths) * dtype.itemsize).astype("<i8").data)
        file.write(np.arange(len(lengths) + 1, dtype="<i8").data)
