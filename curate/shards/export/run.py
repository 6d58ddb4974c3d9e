"""Exports a run or a mix: every file written once, checked by its SHA-256, several at a time. Knows files, not layouts.

`export.json` lists what is whole. A file it lists under the same dataset and settings is not written again, so an export
that was stopped goes on where it was.
"""

from __future__ import annotations

import functools
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from curate import tokens
from curate.engine.fingerprint import fingerprint
from curate.shards.export import huggingface, mds, megatron, nanogpt, text
from curate.shards.export.card import CARD, card_files
from curate.shards.export.formats import ExportError, ExportFile, Source
from curate.shards.reader import ShardReader
from curate.storage import atomic_path, digest_file, write_atomically

_WRITERS = {
    "nanogpt": nanogpt.files,
    "megatron": megatron.files,
    "mds": mds.files,
    "hf": huggingface.files,
    "parquet": text.parquet_files,
    "text": text.text_files,
}
FORMATS = tuple(_WRITERS)
"""The formats known by name."""
RECORD = "export.json"


def export(
    path: str | Path,
    to: str,
    out: str | Path,
    *,
    sequence_length: int = 1024,
    workers: int = 2,
    tokenizer: str | None = None,
) -> Path:
    """Write a run, its shards or a mix as `to` into the folder `out`. Returns the folder.

    `sequence_length`: tokens per row, for hf. `tokenizer`: where the one that the shards name is now. Raises ExportError,
    ShardError and OSError.
    """
    if to not in _WRITERS:
        raise ExportError(f"unknown format {to!r}; known: {', '.join(FORMATS)}")
    reader = ShardReader(path)
    if not reader.entries:
        raise ExportError(f"{reader.folder} holds no document; there is nothing to export")
    source = Source(reader, _tokenizer(reader, tokenizer), sequence_length)
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    identity = fingerprint(reader.fingerprint, to, sequence_length if to == "hf" else None)
    record = _Record(folder / RECORD, {"dataset": reader.fingerprint, "format": to, "fingerprint": identity})
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(functools.partial(record.ensure, folder), _WRITERS[to](source)))
    for name, content in source.tokenizer.files().items():
        record.ensure(folder, ExportFile(name, functools.partial(Path.write_bytes, data=content)))  # type: ignore[arg-type]
    for file in card_files(source, to, record.data_files()):
        record.ensure(folder, file, again=True)
    return folder


def _tokenizer(reader: ShardReader, given: str | None) -> tokens.Tokenizer:
    name = given or str(reader.tokenizer["name"])
    loaded = tokens.load_recorded({**reader.tokenizer, "name": name})
    if loaded.vocabulary_hash != reader.tokenizer["vocabulary_sha256"]:
        raise ExportError(
            f"the tokenizer {name!r} is not the one the shards were made with: its vocabulary has another hash"
        )
    return loaded


class _Record:
    """The files that are whole, by name, with size and SHA-256; kept in a file beside them."""

    def __init__(self, path: Path, header: dict[str, Any]) -> None:
        self._path, self._header, self._lock = path, header, threading.Lock()
        try:
            before = json.loads(path.read_bytes())
        except (FileNotFoundError, json.JSONDecodeError):
            before = {}
        same = before.get("fingerprint") == header["fingerprint"]
        self._files: dict[str, dict[str, Any]] = before.get("files", {}) if same else {}

    def data_files(self) -> dict[str, dict[str, Any]]:
        """Size and SHA-256 of every file but the card."""
        return {name: entry for name, entry in sorted(self._files.items()) if name not in CARD}

    def ensure(self, folder: Path, file: ExportFile, again: bool = False) -> None:
        """Write the file, unless it is there whole and `again` is not asked for."""
        target = folder / file.name
        listed = self._files.get(file.name)
        if not again and listed and target.exists() and target.stat().st_size == listed["bytes"]:
            return
        with atomic_path(target) as temporary:
            file.write(temporary)
            entry = {"bytes": temporary.stat().st_size, "sha256": digest_file(temporary)}
        with self._lock:
            self._files[file.name] = entry
            content = self._header | {"files": dict(sorted(self._files.items()))}
            write_atomically(self._path, (json.dumps(content, indent=1) + "\n").encode())
