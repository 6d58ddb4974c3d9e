"""Exports a run, a mix, or a run's documents: every file once, checked by its SHA-256, several at a time. Knows no layouts.

Files are published together: the folder holds an export whole, or the one before. `export.json` lists it. What an export
that was stopped had written is not written again, nor what is there already of the same dataset and settings.
"""

from __future__ import annotations

import functools
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

from curate import tokens
from curate.code.fingerprint import fingerprint, named_code
from curate.config.formats import document_exporters, exporter_named, exporters
from curate.engine.commit import STAGED, Commit
from curate.engine.lock import hold_folder
from curate.engine.mirror import mirrored
from curate.shards.export.card import card_files, document_card_files
from curate.shards.export.documents import Documents, find_documents, need_documents
from curate.shards.export.formats import ExportError, ExportFile, Source
from curate.shards.export.made import RECORD, Made, record_export, run_of
from curate.shards.reader import ShardReader
from curate.steps import resolve
from curate.storage import atomic_path, output_path, write_atomically

_MARK = ".export"
"""Beside staged files: which export they are of."""


def export(
    path: str | Path,
    to: str,
    out: str | Path,
    *,
    sequence_length: int = 1024,
    workers: int = 2,
    tokenizer: str | None = None,
) -> Path:
    """Write a run, its shards, a mix or its documents as `to` into the folder `out`. Returns the folder.

    A run that makes text (`tokens: null`), or a folder `documents/STEP`, is written from its documents, all columns with
    them; so is any run where the format is one of documents only. `to`: a name of `curate.config.formats.exporters` or
    `document_exporters`, or `module:function`. `sequence_length`: tokens per row, for hf. `tokenizer`: where the one that
    the shards name is now. A run in a bucket is brought here as it is read. Raises ConfigError, ExportError, ShardError and
    OSError.
    """
    path = mirrored(path)
    if to in document_exporters() and (to not in exporters() or find_documents(path) is not None):
        return _export_documents(need_documents(path), to, output_path(out, "an export"), workers)
    exporter = exporter_named(to)
    folder = output_path(out, "an export")
    if find_documents(path) is not None:
        able = ", ".join(document_exporters())
        raise ExportError(f"{path} holds text and no tokens: export it to {able}")
    reader = ShardReader(path)
    if not reader.entries:
        raise ExportError(f"{reader.folder} holds no document; there is nothing to export")
    source = Source(reader, _tokenizer(reader, tokenizer), sequence_length)
    files = [*resolve(exporter)(source), *_tokenizer_files(source)]
    folder.mkdir(parents=True, exist_ok=True)
    own = {} if exporter.startswith("curate.") else named_code((exporter,))
    identity = fingerprint(reader.fingerprint, to, sequence_length if to == "hf" else None, *([own] if own else []))
    run = run_of(reader.folder)
    of = str(Path(reader.folder).relative_to(run)) if run is not None else ""
    made = Made(str(folder.resolve()), to, of, reader.fingerprint)
    _write_all(folder, run, made, identity, files, functools.partial(card_files, source, to), workers)
    return folder


def _export_documents(source: Documents, to: str, folder: Path, workers: int) -> Path:
    """Write documents as they are."""
    folder.mkdir(parents=True, exist_ok=True)
    files = resolve(document_exporters()[to])(source)
    made = Made(str(folder.resolve()), to, source.of, source.fingerprint)
    identity = fingerprint(source.fingerprint, to, _WHOLE)
    _write_all(folder, source.run, made, identity, files, functools.partial(document_card_files, source, to), workers)
    return folder


_WHOLE = "documents"
"""In the name of an export of documents: the same run's shards give another."""

Card = Callable[[Mapping[str, Mapping[str, Any]]], list[ExportFile]]


def _write_all(
    folder: Path, run: Path | None, made: Made, identity: str, files: Sequence[ExportFile], card: Card, workers: int
) -> None:
    """Write the files and their card, and publish them together."""
    header = {"dataset": made.dataset, "format": made.format, "fingerprint": identity}
    with hold_folder(folder):
        if run is not None:
            record_export(run, made)
        staging = _staging(folder, identity)
        commit = Commit(folder, ("",), listing=RECORD, header=header, resume=True)
        same = _identity(folder) == identity
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(functools.partial(_ensure, commit, staging, same), files))
        for file in card({name: asdict(listed) for name, listed in sorted(commit.files.items())}):
            with atomic_path(commit.path(file.name)) as temporary:
                file.write(temporary)
            commit.put(file.name)
        commit.finish()


def _staging(folder: Path, identity: str) -> Path:
    """Where files wait to be published together: those of another export that was stopped are removed."""
    staging = folder / STAGED
    mark = staging / _MARK
    if not mark.exists() or mark.read_text() != identity:
        shutil.rmtree(staging, ignore_errors=True)
        write_atomically(mark, identity.encode())
    for path in list(staging.rglob(".*.tmp")):
        path.unlink()
    return staging


def _identity(folder: Path) -> str | None:
    """Of what dataset and settings the export is that the folder holds."""
    try:
        return str(json.loads((folder / RECORD).read_bytes())["fingerprint"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def _ensure(commit: Commit, staging: Path, same: bool, file: ExportFile) -> None:
    """Put the file: as it is published, as it was staged before, or written now."""
    if same and commit.keep(file.name):
        return
    if not (staging / file.name).exists():
        with atomic_path(commit.path(file.name)) as temporary:
            file.write(temporary)
    commit.put(file.name)


def _tokenizer(reader: ShardReader, given: str | None) -> tokens.Tokenizer:
    name = given or str(reader.tokenizer["name"])
    loaded = tokens.load_recorded({**reader.tokenizer, "name": name})
    if loaded.vocabulary_hash != reader.tokenizer["vocabulary_sha256"]:
        raise ExportError(
            f"the tokenizer {name!r} is not the one the shards were made with: its vocabulary has another hash"
        )
    return loaded


def _tokenizer_files(source: Source) -> list[ExportFile]:
    """The tokenizer, as `transformers`' AutoTokenizer reads it from the folder."""
    return [ExportFile(name, functools.partial(_write, content)) for name, content in source.tokenizer.files().items()]


def _write(content: bytes, path: Path) -> None:
    path.write_bytes(content)
