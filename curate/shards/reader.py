"""Opens a folder of shards: its manifest, and each shard's tokens as a flat array under a memory map.

Knows the files of the product and where they lie; knows no sequences and no trainer.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curate.batches import read_batches
from curate.shards.entry import ShardEntry, ShardError
from curate.shards.remote import RemoteShards
from curate.shards.store import gather
from curate.storage import is_remote, open_binary

MANIFEST = "manifest.json"
SHARDS_FORMAT = "curate-shards/1"
MIX_FORMAT = "curate-mix/1"
"""Of a manifest whose shards are indexes: `part` and `row` of each document in the files of its `store`."""
FORMATS = (SHARDS_FORMAT, MIX_FORMAT)
_OPEN_SHARDS = 8  # mapped at once by one reader: the order has one or two in use at a time


@dataclass(frozen=True)
class ShardView:
    """An open shard: `tokens` (uint16 or uint32, flat, end-of-text included), `offsets` (int32, rows + 1) into it,
    and the record batch behind both (columns id, source, tokens)."""

    tokens: npt.NDArray[Any]
    offsets: npt.NDArray[np.int32]
    batch: pa.RecordBatch


class ShardReader:
    """The shards of one folder. `path` is a run directory, its `shards/`, a mix, or the address of one."""

    def __init__(self, path: str | Path) -> None:
        self.folder, self.manifest = _find_manifest(str(path))
        self.entries = tuple(ShardEntry(**entry) for entry in self.manifest["shards"])
        self._open: OrderedDict[str, ShardView] = OrderedDict()
        self._lock = threading.Lock()
        self._remote = RemoteShards(self.folder, self.fingerprint) if is_remote(self.folder) else None

    @property
    def fingerprint(self) -> str:
        """What names the content of the shards and their tokenizer."""
        return str(self.manifest["fingerprint"])

    @property
    def tokenizer(self) -> Mapping[str, Any]:
        """`name`, `vocabulary_size`, `vocabulary_sha256`, `end_of_text` and `dtype` of the ids."""
        tokenizer: Mapping[str, Any] = self.manifest["tokenizer"]
        return tokenizer

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of a token id: uint16 or uint32."""
        return np.dtype(str(self.tokenizer["dtype"]))

    def split(self, name: str) -> tuple[ShardEntry, ...]:
        """The shards of a split in their order. Raises ShardError for a split that is not there."""
        chosen = tuple(entry for entry in self.entries if entry.split == name)
        if not chosen:
            there = ", ".join(sorted({entry.split for entry in self.entries})) or "no shard at all"
            raise ShardError(f"{self.folder} has no {name!r} shards; it has {there}")
        return chosen

    def fetch_ahead(self, entry: ShardEntry) -> None:
        """Begin to bring a remote shard here, for a later `open`; nothing to do for a local one."""
        if self._remote is not None and entry.file not in self._open:
            self._remote.fetch_ahead(entry)

    def open(self, entry: ShardEntry) -> ShardView:
        """The shard, mapped. Raises ShardError where the file is not the one that the manifest lists."""
        with self._lock:
            if entry.file in self._open:
                self._open.move_to_end(entry.file)
                return self._open[entry.file]
        path = self._remote.path(entry) if self._remote else f"{self.folder}/{entry.file}"
        if self.manifest["format"] == MIX_FORMAT:
            view = _gathered(path, [f"{self.folder}/{file}" for file in self.manifest["store"]])
        else:
            view = open_shard(path, entry)
        with self._lock:
            self._open[entry.file] = view
            if len(self._open) > _OPEN_SHARDS:
                self._open.popitem(last=False)
        return view


def open_shard(path: str, entry: ShardEntry) -> ShardView:
    """A local shard file under a memory map, without copying."""
    try:
        batch = pa.ipc.open_stream(pa.memory_map(path)).read_next_batch()
    except (pa.ArrowInvalid, StopIteration) as error:
        raise ShardError(
            f"{path} is no whole Arrow stream ({error}); copy it again or run the pipeline again"
        ) from None
    tokens = batch.column("tokens")
    view = ShardView(tokens.values.to_numpy(), tokens.offsets.to_numpy(), batch)
    if (batch.num_rows, len(view.tokens)) != (entry.rows, entry.tokens):
        raise ShardError(
            f"{path} has {batch.num_rows} rows and {len(view.tokens)} tokens; the manifest lists {entry.rows} and "
            f"{entry.tokens}: the folder holds files of two runs"
        )
    return view


def _gathered(path: str, store: Sequence[str]) -> ShardView:
    """A shard of a mix that is an index, in memory."""
    (index,) = read_batches(path)
    batch = gather(store, index.column("part").to_numpy().astype(np.int64), index.column("row").to_numpy())
    tokens = batch.column("tokens")
    return ShardView(tokens.values.to_numpy(), tokens.offsets.to_numpy(), batch)


def _find_manifest(path: str) -> tuple[str, dict[str, Any]]:
    """The folder that holds the manifest, and the manifest. A run directory's shards are in its `shards/`."""
    path = path.rstrip("/") if is_remote(path) else str(Path(path).resolve())
    for folder in (path, f"{path}/shards"):
        try:
            with open_binary(f"{folder}/{MANIFEST}") as file:
                manifest: dict[str, Any] = json.load(file)
        except (FileNotFoundError, NotADirectoryError):
            continue
        if manifest.get("format") == MIX_FORMAT and is_remote(folder):
            raise ShardError(f"{folder} is an index over a token store: materialise it to read it from an address")
        if manifest.get("format") not in FORMATS:
            raise ShardError(
                f"{folder}/{MANIFEST} has format {manifest.get('format')!r}; this version reads {' and '.join(FORMATS)}"
            )
        return folder, manifest
    raise FileNotFoundError(f"no {MANIFEST} in {path} or {path}/shards: give a run directory, its shards, or a mix")
