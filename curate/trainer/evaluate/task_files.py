"""Gets tasks' files: from the addresses of a manifest, compared with its hashes, into one folder. Knows storage, the forms
that files have, and that every row must be the task's; knows no model.

What came is written down beside the files, in `fetched.json`: from where, at which revision, with which SHA-256. A file that
is there as the manifest says is not fetched again.
"""

from __future__ import annotations

import fnmatch
import gzip
import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
from pydantic import Field, model_validator

from curate.config.reading import read_settings
from curate.errors import ConfigError, nearest
from curate.settings import Model, Name
from curate.storage import digest_file, list_files, open_binary, shown, write_atomically
from curate.trainer.evaluate.own_tasks import OWN, write_rows
from curate.trainer.evaluate.rows import objects_of
from curate.trainer.evaluate.task_formats import TASKS, Task
from curate.trainer.evaluate.tasks import find_task, read_item, task_path

MANIFEST = Path(__file__).with_name("task_files.yaml")
"""The manifest of the package."""
FETCHED = "fetched.json"
_MOST_BYTES = 1 << 28
"""Largest file, as it comes and unpacked: ten times the largest task known."""
_ZIP, _GZIP, _PARQUET = b"PK\x03\x04", b"\x1f\x8b", b"PAR1"


class TaskFile(Model):
    """A file at an address, and what its bytes must be."""

    address: Annotated[str, Field(min_length=1)] = Field(
        description="hf://datasets/OWNER/NAME@REVISION/PATH, https://..., s3://..., or a path"
    )
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = Field(None, description="of the bytes that come")
    git: Annotated[str, Field(pattern="^[0-9a-f]{40}$")] | None = Field(
        None,
        description="the bytes' name in git (SHA-1 of `blob SIZE`, a zero byte and them), where no SHA-256 is known",
    )
    members: str = Field("", description="of a zip archive, which files are read, as a pattern: data/*.jsonl")


class TaskSource(Model):
    """Where a task comes from."""

    file: TaskFile
    shots: TaskFile | None = Field(None, description="its solved examples, from a split of their own")
    rows: Annotated[int, Field(ge=1)] | None = Field(None, description="how many items the file has")
    licence: str = ""


class TaskManifest(Model):
    """A manifest: by task, where its files come from."""

    tasks: dict[Name, TaskSource]

    @model_validator(mode="after")
    def _known(self) -> TaskManifest:
        for name in self.tasks:
            find_task(name)
        return self


def read_manifest(path: str | Path | None = None) -> dict[str, TaskSource]:
    """A manifest's tasks; without a path the package's. Raises ConfigError with a line per mistake, FileNotFoundError."""
    read = read_settings(path or MANIFEST, TaskManifest, (), "a manifest of tasks", "tasks.piqa.rows=1838")
    return dict(read.tasks)


def source_of(name: str, sources: Mapping[str, TaskSource]) -> TaskSource:
    """Where a task comes from. Raises ConfigError that says what else can be done."""
    if name in sources:
        return sources[name]
    if name in OWN:
        raise ConfigError(f"{name} is made from texts, and fetched from nowhere: `curate tasks make RUN`")
    if name in TASKS:
        raise ConfigError(f"the manifest has no {name}: give its address, --from ADDRESS")
    raise ConfigError(f"no task {name!r}{nearest(name, sources)}")


def fetch_task(name: str, source: TaskSource, folder: str | Path, say: Callable[[str], None] = print) -> None:
    """A task's file and that of its solved examples, into the folder.

    Raises ConfigError for bytes of another hash and for rows that are not the task's, and what storage raises.
    """
    for file, rows, shots in ((source.file, source.rows, False), (source.shots, None, True)):
        if file is not None:
            _fetch(find_task(name), file, rows, task_path(name, folder, shots=shots), say)


def _fetch(task: Task, file: TaskFile, count: int | None, target: Path, say: Callable[[str], None]) -> None:
    record = target.parent / FETCHED
    known: dict[str, Any] = json.loads(record.read_bytes()) if record.exists() else {}
    asked = file.model_dump(mode="json")
    before = known.get(target.name, {})
    if before.get("asked") == asked and target.exists() and digest_file(target) == before["written"]:
        say(f"{target.name}: there already")
        return
    address, data = _bytes_of(file.address)
    digest = hashlib.sha256(data).hexdigest()
    _compare(file, data, digest)
    place = shown(address)
    rows = list(rows_of(data, file.members, place))
    for number, row in enumerate(rows, 1):
        read_item(task, row, "olmes", f"{place}, row {number}")
    if count is not None and len(rows) != count:
        raise ConfigError(f"{place} has {len(rows):,} rows, and {count:,} are expected")
    if not rows:
        raise ConfigError(f"{place} has no row")
    write_rows(target, rows)
    told = {"asked": asked, "address": place, "sha256": digest, "rows": len(rows), "written": digest_file(target)}
    write_atomically(record, (json.dumps({**known, target.name: told}, indent=1, sort_keys=True) + "\n").encode())
    proof = (
        "its hash is the one expected" if file.sha256 or file.git else f"no hash was expected; its SHA-256 is {digest}"
    )
    say(f"{target.name}: {len(rows):,} rows of {place}; {proof}")


def _compare(file: TaskFile, data: bytes, digest: str) -> None:
    """Raise ConfigError where the bytes are not those that the manifest means."""
    if file.sha256 is not None and digest != file.sha256:
        raise ConfigError(
            f"{shown(file.address)} has SHA-256 {digest}, and {file.sha256} is expected: it is another file, or was changed"
        )
    blob = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
    if file.git is not None and blob != file.git:
        raise ConfigError(
            f"{shown(file.address)} is {blob} in git, and {file.git} is expected: it is another file, or was changed"
        )


def _bytes_of(address: str) -> tuple[str, bytes]:
    """The address of what is read, of the Hub at a commit, and its bytes. Raises ConfigError for more than one file."""
    found = list_files([address])
    if len(found) != 1:
        raise ConfigError(f"{shown(address)} matches {len(found)} files: name one")
    with open_binary(found[0].path, found[0].size or None) as file:
        return found[0].path, _at_most(file.read(_MOST_BYTES + 1), address)


def _at_most(data: bytes, address: str) -> bytes:
    if len(data) > _MOST_BYTES:
        raise ConfigError(f"{shown(address)} has more than {_MOST_BYTES:,} bytes: no task's file is so large")
    return data


def rows_of(data: bytes, members: str, place: str) -> Iterator[dict[str, Any]]:
    """The rows of a file by what it begins with: Parquet, a zip archive's members, or JSON Lines, gzipped or not.

    Raises ConfigError naming what cannot be read.
    """
    if data.startswith(_PARQUET):
        import pyarrow.parquet as pq

        try:
            yield from pq.read_table(io.BytesIO(data)).to_pylist()
        except (pa.ArrowException, OSError) as error:
            raise ConfigError(f"{place} is no whole Parquet file: {error}") from None
    elif data.startswith(_ZIP):
        yield from _zipped(data, members, place)
    else:
        file = io.BytesIO(_unpacked(data, place) if data.startswith(_GZIP) else data)
        yield from objects_of(file, place)


def _zipped(data: bytes, members: str, place: str) -> Iterator[dict[str, Any]]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = sorted(name for name in archive.namelist() if fnmatch.fnmatchcase(name, members))
            if not names:
                raise ConfigError(f"{place} is a zip archive, and no file in it matches members {members!r}")
            if sum(archive.getinfo(name).file_size for name in names) > _MOST_BYTES:
                raise ConfigError(f"{place} holds more than {_MOST_BYTES:,} bytes: no task's file is so large")
            for name in names:
                with archive.open(name) as file:  # reads no more than the directory says
                    yield from objects_of(io.BytesIO(file.read()), f"{place}, {name}")
    except (zipfile.BadZipFile, zlib.error, NotImplementedError) as error:
        raise ConfigError(f"{place} is no whole zip archive: {error}") from None


def _unpacked(data: bytes, place: str) -> bytes:
    try:
        return _at_most(gzip.GzipFile(fileobj=io.BytesIO(data)).read(_MOST_BYTES + 1), place)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ConfigError(f"{place} is no whole gzip file: {error}") from None
