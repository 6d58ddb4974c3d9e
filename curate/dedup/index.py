"""The index of earlier runs: a folder, perhaps remote, with an entry per run of the signatures of what it kept.

An entry is its files and, written last, `entry.json`. Entries are numbered as they are made; a run looks at those before its
own, and its own entry is known by the run's inputs, so a run that is repeated finds what it found before. Knows files and
numbers; compares no document.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from curate.code.fingerprint import fingerprint
from curate.engine.task import File
from curate.errors import CurateError
from curate.storage import file_system, is_remote, open_binary, write_atomically

NORMALISATION = 1
"""Version of the normalised text and its hashes: documents signed under another cannot be compared."""
_MOST_BYTES = 256 << 20  # of entry.json: a million files
_LONGEST = 255


@dataclass(frozen=True)
class Made:
    """What signatures depend on. Entries of one index agree on it."""

    ngram: int
    permutations: int
    normalisation: int = NORMALISATION


@dataclass(frozen=True)
class IndexFile:
    """A file of an entry: the survivors of one part of a run."""

    source: str
    name: str
    documents: int
    bytes: int
    digest: str


@dataclass(frozen=True)
class Entry:
    """A run in an index. `number`: its place among the entries."""

    identity: str
    run: str
    number: int
    made: Made
    files: tuple[IndexFile, ...]

    def file(self, folder: str, file: IndexFile) -> File:
        """Where a file of this entry lies."""
        return File(file.name, f"{folder}/{self.identity}/{file.name}", file.digest, file.bytes)


def entry_identity(run: str, inputs: Sequence[tuple[str, str, str]]) -> str:
    """The name of a run's entry: the pipeline's name and (source, file, stamp) of every input."""
    return fingerprint(run, [list(each) for each in inputs])


class DedupIndexError(CurateError, ValueError):
    """An index of earlier runs that is none, or was made otherwise; the message says what would be right."""


def read_entries(folder: str) -> list[Entry]:
    """Every committed entry of an index in their order; none where the folder does not exist yet."""
    filesystem, path = file_system(folder)
    prefix = folder.split("://", 1)[0] + "://" if is_remote(folder) else ""
    entries = []
    for found in sorted(filesystem.glob(f"{path.rstrip('/')}/*/entry.json")):
        with open_binary(prefix + found if "://" not in found else found) as file:
            entries.append(_parse(file.read(_MOST_BYTES), found))
    return sorted(entries, key=lambda entry: (entry.number, entry.identity))


class _EntryFile(BaseModel):
    model_config = ConfigDict(extra="forbid")
    source: Annotated[str, Field(max_length=_LONGEST)]
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]*$", max_length=_LONGEST)]
    documents: Annotated[int, Field(ge=0, lt=1 << 32)]
    bytes: Annotated[int, Field(ge=0, lt=1 << 44)]
    digest: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _EntryRecord(BaseModel):
    """entry.json as others wrote it: its names become paths, so each has its form."""

    model_config = ConfigDict(extra="forbid")
    identity: Annotated[str, Field(pattern=r"^[0-9a-f]{8,64}$")]
    run: Annotated[str, Field(max_length=_LONGEST)]
    number: Annotated[int, Field(ge=1, lt=1 << 31)]
    made: dict[str, Annotated[int, Field(ge=0, lt=1 << 31)]]
    files: list[_EntryFile]


def _parse(data: bytes, place: str) -> Entry:
    """Raises DedupIndexError naming the field that is not as it must be."""
    try:
        record = _EntryRecord.model_validate_json(data)
        made = Made(**record.made)
    except ValidationError as error:
        first = error.errors()[0]
        raise DedupIndexError(
            f"{place} is no entry of an index: {'.'.join(map(str, first['loc']))}: {first['msg']}"
        ) from None
    except TypeError as error:
        raise DedupIndexError(f"{place} is no entry of an index: made: {error}") from None
    files = tuple(IndexFile(**each.model_dump()) for each in record.files)
    return Entry(record.identity, record.run, record.number, made, files)


def earlier_entries(folder: str, identity: str, made: Made) -> tuple[list[Entry], int]:
    """(entries numbered before the run's own, its number). Raises DedupIndexError where they were signed otherwise."""
    entries = read_entries(folder)
    number = 1 + max((entry.number for entry in entries), default=0)
    number = next((entry.number for entry in entries if entry.identity == identity), number)
    earlier = [entry for entry in entries if entry.number < number]
    for entry in earlier:
        if entry.made != made:
            raise DedupIndexError(
                f"the index {folder} was made with {asdict(entry.made)} (entry {entry.run}), this run has {asdict(made)}: "
                "use the same minhash settings or another index"
            )
    return earlier, number


def write_entry(folder: str, entry: Entry, sources: Sequence[str]) -> None:
    """Copy the entry's files, `sources` in their order, then commit it. An entry that is there already as it is, stays."""
    place = f"{folder}/{entry.identity}"
    content = json.dumps(asdict(entry), indent=1, sort_keys=True).encode() + b"\n"
    filesystem, path = file_system(place)
    if filesystem.exists(f"{path}/entry.json") and filesystem.cat_file(f"{path}/entry.json") == content:
        return
    filesystem.makedirs(path, exist_ok=True)
    if filesystem.exists(f"{path}/entry.json"):
        filesystem.rm_file(f"{path}/entry.json")
    for file, source in zip(entry.files, sources, strict=True):
        filesystem.put_file(source, f"{path}/{file.name}")
    if is_remote(folder):
        filesystem.pipe_file(f"{path}/entry.json", content)
    else:
        write_atomically(f"{path}/entry.json", content)
