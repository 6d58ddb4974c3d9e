"""Folders of shards with known tokens, for tests of what reads them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curate.code.fingerprint import fingerprint
from curate.records.shards import shard
from curate.shards.reader import MANIFEST
from curate.storage import digest_file

END_OF_TEXT = 50256


def documents(count: int, seed: int = 0, mean: int = 40) -> list[npt.NDArray[np.uint16]]:
    """Documents of random ids, each ending in end-of-text; lengths are geometric, so many are short and some long."""
    random = np.random.default_rng(seed)
    lengths = random.geometric(1 / mean, size=count)
    return [np.append(random.integers(0, END_OF_TEXT, n), END_OF_TEXT).astype(np.uint16) for n in lengths]


def write_shards(
    folder: Path,
    shards: Sequence[Sequence[npt.NDArray[np.uint16]]],
    split: str = "train",
    name: str = "synthetic",
    phases: Sequence[tuple[int, int | None]] = (),
    source: str = "made",
    surroundings: tuple[Sequence[int], Sequence[int]] = ((), ()),
) -> Path:
    """A folder of shards as a run leaves it, the documents of each shard in order; `phases`: how many shards each has, and
    its sequences' length; `surroundings`: the ids that stand before and after each document's own, as its manifest says."""
    folder.mkdir(parents=True, exist_ok=True)
    entries = []
    for number, rows in enumerate(shards):
        path = folder / f"{split}-{number:05d}.arrow"
        ids = [f"{number:08d}{row:08d}".encode() for row in range(len(rows))]
        tokens = pa.array([row.tolist() for row in rows], pa.list_(pa.uint16()))
        schema = shard(pa.uint16())
        with pa.ipc.new_stream(str(path), schema) as writer:
            columns = [pa.array(ids, pa.binary(16)), pa.array([source] * len(rows)), tokens]
            writer.write_batch(pa.record_batch(columns, schema=schema))
        size = {"rows": len(rows), "tokens": sum(map(len, rows)), "bytes": path.stat().st_size}
        entries.append({"file": path.name, "split": split, **size, "sha256": digest_file(path)})
    tokenizer = {"name": "gpt2", "vocabulary_size": 50257, "vocabulary_sha256": "", "dtype": "uint16"}
    manifest = {
        "format": "curate-shards/1",
        "name": name,
        "tokenizer": tokenizer
        | {"end_of_text": END_OF_TEXT}
        | {name: list(ids) for name, ids in zip(("prefix", "suffix"), surroundings, strict=True) if ids},
        "documents": sum(entry["rows"] for entry in entries),
        "tokens": sum(entry["tokens"] for entry in entries),
        "shards": entries,
        "fingerprint": fingerprint(entries),
    }
    if phases:
        of_shard = [number for number, (count, _) in enumerate(phases) for _ in range(count)]
        entries[:] = [entry | {"phase": phase} for entry, phase in zip(entries, of_shard, strict=True)]
        manifest["phases"] = [{"name": f"p{n}", "sequence_length": length} for n, (_, length) in enumerate(phases)]
    (folder / MANIFEST).write_text(json.dumps(manifest))
    return folder
