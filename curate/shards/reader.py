"""Opens a folder of shards: its manifest, and each shard's tokens as a flat array under a memory map.

Knows the files of the product and where they lie; knows no sequences and no trainer.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curate.engine.commit import Published, settle_above
from curate.engine.mirror import here, mirrored
from curate.engine.pointer import PUBLISHED, run_above
from curate.records.batches import read_batches
from curate.records.shards import shard
from curate.shards.entry import (
    FORMATS,
    MANIFEST,
    MIX_FORMAT,
    MOST_MANIFEST_BYTES,
    SHARDS_FORMAT,
    PhaseEntry,
    ShardEntry,
    ShardError,
    parse_manifest,
)
from curate.shards.remote import RemoteShards
from curate.shards.store import gather
from curate.storage import digest_file, is_bucket, is_remote, open_binary

__all__ = [
    "FORMATS",
    "MANIFEST",
    "MIX_FORMAT",
    "SHARDS_FORMAT",
    "ShardReader",
    "ShardView",
    "check_shard",
    "open_shard",
]

_OPEN_SHARDS = 8  # mapped at once by one reader: the order has one or two in use at a time


@dataclass(frozen=True)
class ShardView:
    """An open shard: `tokens` (uint16 or uint32, flat, end-of-text included), `offsets` (int32, rows + 1) into it,
    and the record batch behind both (columns id, source, tokens)."""

    tokens: npt.NDArray[Any]
    offsets: npt.NDArray[np.int32]
    batch: pa.RecordBatch


class ShardReader:
    """The shards of one folder. `path` is a run directory, its `shards/`, a mix, or the address of one; of a run in
    a bucket, what is published when it is opened."""

    def __init__(self, path: str | Path) -> None:
        self.folder, self.manifest, self.entries = _find_manifest(str(path))
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

    @property
    def phases(self) -> tuple[PhaseEntry, ...]:
        """The stretches of the training split, in order; none where it is one."""
        return tuple(PhaseEntry.model_validate(each) for each in self.manifest.get("phases", ()))

    def split(self, name: str) -> tuple[ShardEntry, ...]:
        """The shards of a split in their order. Raises ShardError for a split that is not there."""
        chosen = tuple(entry for entry in self.entries if entry.split == name)
        if not chosen:
            there = ", ".join(sorted({entry.split for entry in self.entries})) or "no shard at all"
            raise ShardError(f"{self.folder} has no {name!r} shards; it has {there}")
        return chosen

    def _store(self) -> list[str]:
        """The files of the token store that an index points into. Raises ShardError where they are not as it was made."""
        paths = [f"{self.folder}/{file}" for file in self.manifest["store"]]
        published = Published.of(Path(self.folder).parents[1])
        for path, sha256 in zip(paths, self.manifest.get("store_sha256", ()), strict=False):
            name = f"tokens/{Path(path).name}"
            listed = published.files.get(name)
            if listed is None or listed.sha256 != sha256:
                raise ShardError(f"{self.folder} is an index of a store that was made again since: make the mix again")
            published.check(name)
        return paths

    def fetch_ahead(self, entry: ShardEntry) -> None:
        """Begin to bring a remote shard here, for a later `open`; nothing to do for a local one."""
        if self._remote is not None and entry.file not in self._open:
            self._remote.fetch_ahead(entry)

    def open(self, entry: ShardEntry) -> ShardView:
        """The shard, mapped. Raises ShardError where the file is not the one that the manifest lists: its SHA-256 is
        compared when it is first opened in a process."""
        with self._lock:
            if entry.file in self._open:
                self._open.move_to_end(entry.file)
                return self._open[entry.file]
        path = self._remote.path(entry) if self._remote else str(here(f"{self.folder}/{entry.file}"))
        if self.manifest["format"] == MIX_FORMAT:
            if self.manifest.get("store_sha256"):
                check_shard(path, entry)
            view = _gathered(path, entry, self._store())
        else:
            view = open_shard(path, entry, checked=self._remote is not None)
        with self._lock:
            self._open[entry.file] = view
            if len(self._open) > _OPEN_SHARDS:
                self._open.popitem(last=False)
        return view


_SEEN: set[tuple[str, int, int, int, str]] = set()
"""Shards whose SHA-256 was compared in this process, by path, inode, size, time and SHA-256."""


def check_shard(path: str, entry: ShardEntry) -> None:
    """Raise ShardError unless the file has the size and SHA-256 that the manifest lists. Reads it, once in a process."""
    status = os.stat(path)
    if status.st_size != entry.bytes:
        raise ShardError(
            f"{path} has {status.st_size:,} bytes, and the manifest lists {entry.bytes:,}: it is no whole copy, or the "
            "folder holds files of two runs"
        )
    seen = (path, status.st_ino, status.st_size, status.st_mtime_ns, entry.sha256)
    if seen not in _SEEN and digest_file(path) != entry.sha256:
        raise ShardError(
            f"{path} has another SHA-256 than the manifest lists: it is damaged, or was published again since; copy it "
            "again, or `curate verify RUN --repair`"
        )
    _SEEN.add(seen)


def open_shard(path: str, entry: ShardEntry, *, checked: bool = False) -> ShardView:
    """A local shard file under a memory map, without copying. `checked`: its SHA-256 was compared already."""
    try:
        if not checked:
            check_shard(path, entry)
        batch = pa.ipc.open_stream(pa.memory_map(path)).read_next_batch()
        batch.validate(full=True)  # offsets that lead out of a buffer would be followed
        if not _is_shard(batch.schema):
            raise ShardError(f"{path} is no shard: its columns are {', '.join(batch.schema.names)}")
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


def _is_shard(schema: pa.Schema) -> bool:
    return any(schema.equals(shard(dtype)) for dtype in (pa.uint16(), pa.uint32()))


def _gathered(path: str, entry: ShardEntry, store: Sequence[str]) -> ShardView:
    """A shard of a mix that is an index, in memory."""
    (index,) = read_batches(path)
    index.validate(full=True)
    try:
        batch = gather(store, index.column("part").to_numpy().astype(np.int64), index.column("row").to_numpy())
    except (IndexError, KeyError) as error:
        raise ShardError(f"{path} is no index of this store: {error}") from None
    tokens = batch.column("tokens")
    view = ShardView(tokens.values.to_numpy(), tokens.offsets.to_numpy(), batch)
    if (batch.num_rows, len(view.tokens)) != (entry.rows, entry.tokens):
        raise ShardError(
            f"{path} leads to {batch.num_rows} rows and {len(view.tokens)} tokens; the manifest lists {entry.rows} and "
            f"{entry.tokens}: the run was made again since; make the mix again"
        )
    return view


def _in_run(path: str) -> str | None:
    """Where the shards of the run in a bucket that a path names, or leads into, are published now."""
    found = run_above(path)
    if found is None:
        return None
    address, pointer, below = found
    return f"{address}/{PUBLISHED}/{pointer.generation}/{below or 'shards'}"


def _find_manifest(path: str) -> tuple[str, dict[str, Any], tuple[ShardEntry, ...]]:
    """The folder that holds the manifest, the manifest, its shards. A run directory's shards are in its `shards/`."""
    path = path.rstrip("/") if is_remote(path) else str(Path(path).resolve())
    if not is_remote(path):
        settle_above(Path(path))
    published = _in_run(path) if is_bucket(path) else None
    for folder in (path, f"{path}/shards", *([published] if published else ())):
        try:
            if not is_remote(folder):
                here(f"{folder}/{MANIFEST}")
            with open_binary(f"{folder}/{MANIFEST}") as file:
                data = file.read(MOST_MANIFEST_BYTES + 1)
        except (FileNotFoundError, NotADirectoryError):
            continue
        manifest, entries = parse_manifest(data, f"{folder}/{MANIFEST}")
        if manifest["format"] == MIX_FORMAT and folder == published:
            return _find_manifest(str(mirrored(path)))  # the token store that it points into is brought here
        if manifest["format"] == MIX_FORMAT and is_remote(folder):
            raise ShardError(f"{folder} is an index over a token store: materialise it to read it from an address")
        return folder, manifest, entries
    raise FileNotFoundError(f"no {MANIFEST} in {path} or {path}/shards: give a run directory, its shards, or a mix")
