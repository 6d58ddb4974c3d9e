"""A dataset directory for `datasets.load_from_disk`: sequences of one length in the column `input_ids`.

The layout that huggingface/datasets writes in `Dataset.save_to_disk`: Arrow streams, `state.json`, `dataset_info.json`,
and `dataset_dict.json` above the splits. The stream is cut every `sequence_length` tokens; the rest of it is left out, and a
split that is shorter has no row.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curate.shards.export.formats import ExportError, ExportFile, Source

_BATCH_ROWS = 1000  # as datasets writes them


def files(source: Source) -> list[ExportFile]:
    """Three files per split, and the list of splits. Raises ExportError where no split holds a whole sequence."""
    most = max(sum(entry.tokens for entry in source.reader.split(split)) for split in source.splits)
    if most < source.sequence_length:
        raise ExportError(
            f"no split holds a sequence of {source.sequence_length:,} tokens, the longest has {most:,}: "
            "give a shorter --sequence-length"
        )
    return [
        ExportFile("dataset_dict.json", functools.partial(_write_json, {"splits": source.splits})),
        *(
            ExportFile(f"{split}/{name}", write)
            for split in source.splits
            for name, write in (
                ("data-00000-of-00001.arrow", functools.partial(_write_rows, source, split)),
                ("state.json", functools.partial(_write_json, _state(source, split))),
                ("dataset_info.json", functools.partial(_write_json, _info(source))),
            )
        ),
    ]


def _write_json(content: dict[str, Any], path: Path) -> None:
    path.write_text(json.dumps(content, indent=2, sort_keys=True))


def _state(source: Source, split: str) -> dict[str, Any]:
    return {
        "_data_files": [{"filename": "data-00000-of-00001.arrow"}],
        "_fingerprint": f"{source.reader.fingerprint}-{split}-{source.sequence_length}",
        "_format_columns": None,
        "_format_kwargs": {},
        "_format_type": None,
        "_output_all_columns": False,
        "_split": split,
    }


def _info(source: Source) -> dict[str, Any]:
    ids = {"feature": {"dtype": str(source.reader.dtype), "_type": "Value"}, "length": -1, "_type": "Sequence"}
    return {"citation": "", "description": "", "features": {"input_ids": ids}, "homepage": "", "license": ""}


def _write_rows(source: Source, split: str, path: Path) -> None:
    kind = pa.list_(pa.from_numpy_dtype(source.reader.dtype))
    schema = pa.schema(
        [("input_ids", kind)], metadata={"huggingface": json.dumps({"info": {"features": _info(source)["features"]}})}
    )
    length = source.sequence_length
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, schema) as writer:
        for tokens in _stretches(source, split, length * _BATCH_ROWS):
            whole = len(tokens) // length
            if whole:
                offsets = np.arange(0, (whole + 1) * length, length, dtype=np.int32)
                rows = pa.ListArray.from_arrays(pa.array(offsets), pa.array(tokens[: whole * length]))
                writer.write_batch(pa.record_batch([rows], schema=schema))


def _stretches(source: Source, split: str, count: int) -> Iterator[npt.NDArray[Any]]:
    """The stream of a split in stretches of `count` tokens; the last is shorter."""
    held: list[npt.NDArray[Any]] = []
    size = 0
    for entry in source.reader.split(split):
        tokens = source.open(entry).tokens
        while size + len(tokens) >= count:
            taken = count - size
            yield np.concatenate([*held, tokens[:taken]])
            held, size, tokens = [], 0, tokens[taken:]
        held, size = [*held, tokens], size + len(tokens)
    yield np.concatenate(held) if held else np.empty(0, source.reader.dtype)
