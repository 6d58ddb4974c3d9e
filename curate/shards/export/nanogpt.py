"""nanoGPT's `train.bin` and `val.bin`: the stream of tokens as flat uint16 (its data/openwebtext/prepare.py)."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np

from curate.shards.export.formats import ExportError, ExportFile, Source

_NAMES = {"train": "train.bin", "validation": "val.bin"}


def files(source: Source) -> list[ExportFile]:
    """One file per split. Raises ExportError for a vocabulary that uint16 does not hold."""
    if source.reader.dtype != np.uint16:
        raise ExportError(
            f"nanoGPT reads uint16, and {source.tokenizer.name} has {source.tokenizer.vocabulary_size} ids: export to "
            "megatron, mds, hf or parquet, or tokenize with a vocabulary of at most 65,536"
        )
    return [ExportFile(_NAMES[split], functools.partial(_write, source, split)) for split in source.splits]


def _write(source: Source, split: str, path: Path) -> None:
    with open(path, "wb") as file:
        for entry in source.reader.split(split):
            file.write(source.open(entry).tokens.astype("<u2", copy=False).data)
