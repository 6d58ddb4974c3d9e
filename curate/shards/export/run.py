"""Exports a run, a mix, or a run's documents: every file once, checked by its SHA-256, several at a time. Knows no layouts.

Files are published together: a folder holds an export whole, or the one before; one in a bucket holds it whole where there
is an `export.json`. That lists it. What an export that was stopped had written is not written again, nor what is there
already of the same dataset and settings.
"""

from __future__ import annotations

import functools
import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, overload

from curate import tokens
from curate.code.fingerprint import fingerprint, named_code
from curate.config.formats import document_exporters, exporter_named, exporters
from curate.engine.bucket_folder import BucketFolderCommit, hold_bucket_folder, read_header
from curate.engine.commit import STAGED, Commit
from curate.engine.lock import hold_folder
from curate.engine.mirror import mirrored
from curate.shards.export.card import card_files, document_card_files
from curate.shards.export.documents import Documents, find_documents, need_documents
from curate.shards.export.formats import ExportError, ExportFile, Source
from curate.shards.export.made import RECORD, Made, record_export, run_of
from curate.shards.reader import ShardReader
from curate.steps import resolve
from curate.storage import atomic_path, bucket_folder, is_bucket, locate, output_path, write_atomically

_MARK = ".export"
"""Beside staged files: which export they are of."""


@overload
def export(
    path: str | Path,
    to: str,
    out: Path,
    *,
    sequence_length: int = 1024,
    workers: int = 2,
    tokenizer: str | None = None,
) -> Path: ...


@overload
def export(
    path: str | Path,
    to: str,
    out: str,
    *,
    sequence_length: int = 1024,
    workers: int = 2,
    tokenizer: str | None = None,
) -> Path | str: ...


def export(
    path: str | Path,
    to: str,
    out: str | Path,
    *,
    sequence_length: int = 1024,
    workers: int = 2,
    tokenizer: str | None = None,
) -> Path | str:
    """Write a run, its shards, a mix or its documents as `to` into `out`: a folder, or one in a bucket
    (`s3://bucket/exported`). Returns the folder, or its address.

    A run that makes text (`tokens: null`), or a folder `documents/STEP`, is written from its documents, all columns with
    them; so is any run where the format is one of documents only. `to`: a name of `curate.config.formats.exporters` or
    `document_exporters`, or `module:function`. `sequence_length`: tokens per row, for hf. `tokenizer`: where the one that
    the shards name is now. A run in a bucket is brought here as it is read. Raises ConfigError, ExportError, ShardError and
    OSError.
    """
    path = mirrored(path)
    if to in document_exporters() and (to not in exporters() or find_documents(path) is not None):
        return _export_documents(need_documents(path), to, _place(out), workers)
    exporter = exporter_named(to)
    place = _place(out)
    if find_documents(path) is not None:
        able = ", ".join(document_exporters())
        raise ExportError(f"{path} holds text and no tokens: export it to {able}")
    reader = ShardReader(path)
    if not reader.entries:
        raise ExportError(f"{reader.folder} holds no document; there is nothing to export")
    source = Source(reader, _tokenizer(reader, tokenizer), sequence_length)
    files = [*resolve(exporter)(source), *_tokenizer_files(source)]
    own = {} if exporter.startswith("curate.") else named_code((exporter,))
    identity = fingerprint(reader.fingerprint, to, sequence_length if to == "hf" else None, *([own] if own else []))
    run = run_of(reader.folder)
    of = str(Path(reader.folder).relative_to(run)) if run is not None else ""
    made = Made(_named(place), to, of, reader.fingerprint)
    _write_all(place, run, made, identity, files, functools.partial(card_files, source, to), workers)
    return place


def _place(out: str | Path) -> Path | str:
    """The folder that an export goes to, or the address of one in a bucket. Raises OutputError for other addresses."""
    found = locate(out)
    if isinstance(found, Path) or not is_bucket(found):
        return output_path(out, "an export")
    return bucket_folder(found)


def _named(place: Path | str) -> str:
    return place if isinstance(place, str) else str(place.resolve())


def _export_documents(source: Documents, to: str, place: Path | str, workers: int) -> Path | str:
    """Write documents as they are."""
    files = resolve(document_exporters()[to])(source)
    made = Made(_named(place), to, source.of, source.fingerprint)
    identity = fingerprint(source.fingerprint, to, _WHOLE)
    _write_all(place, source.run, made, identity, files, functools.partial(document_card_files, source, to), workers)
    return place


_WHOLE = "documents"
"""In the name of an export of documents: the same run's shards give another."""

Card = Callable[[Mapping[str, Mapping[str, Any]]], list[ExportFile]]


def _write_all(
    place: Path | str,
    run: Path | None,
    made: Made,
    identity: str,
    files: Sequence[ExportFile],
    card: Card,
    workers: int,
) -> None:
    """Write the files and their card, and publish them together."""
    header = {"dataset": made.dataset, "format": made.format, "fingerprint": identity}
    with _begun(place, header) as (commit, same):
        if run is not None:
            record_export(run, made)
        commit.announce([file.name for file in files])
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(functools.partial(_ensure, commit, same), files))
        cards = card({name: asdict(listed) for name, listed in sorted(commit.files.items())})
        commit.announce([file.name for file in cards])
        for file in cards:
            _put(commit, file)
        commit.finish()


@contextmanager
def _begun(place: Path | str, header: Mapping[str, Any]) -> Iterator[tuple[Commit, bool]]:
    """Hold the export's place for the length of the block. Gives its commit, and whether the same is there already."""
    identity = str(header["fingerprint"])
    if isinstance(place, str):
        with hold_bucket_folder(place) as (folder, lease):
            _clear_staging(folder, identity)
            same = read_header(place, RECORD).get("fingerprint") == identity
            yield BucketFolderCommit(place, folder, lease, listing=RECORD, header=header, same=same), same
        return
    place.mkdir(parents=True, exist_ok=True)
    with hold_folder(place):
        _clear_staging(place, identity)
        yield Commit(place, ("",), listing=RECORD, header=header, resume=True), _identity(place) == identity


def _clear_staging(folder: Path, identity: str) -> None:
    """Remove the files that wait to be published together where they are of another export that was stopped."""
    staging = folder / STAGED
    mark = staging / _MARK
    if not mark.exists() or mark.read_text() != identity:
        shutil.rmtree(staging, ignore_errors=True)
        write_atomically(mark, identity.encode())
    for path in list(staging.rglob(".*.tmp")):
        path.unlink()


def _identity(folder: Path) -> str | None:
    """Of what dataset and settings the export is that the folder holds."""
    try:
        return str(json.loads((folder / RECORD).read_bytes())["fingerprint"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def _ensure(commit: Commit, same: bool, file: ExportFile) -> None:
    """Put the file: as it is published, as it was staged before, or written now."""
    if not (same and commit.keep(file.name)) and not commit.resume(file.name):
        _put(commit, file)


def _put(commit: Commit, file: ExportFile) -> None:
    """Write the file, and put it."""
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
