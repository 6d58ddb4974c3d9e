"""The index of earlier runs: a folder, perhaps remote, with an entry per run of the signatures of what it kept.

An entry is its files and, written last, `entry.json`. Entries are numbered as they are made; a run looks at those before its
own, and its own entry is known by the run's inputs, so a run that is repeated finds what it found before. Knows files and
numbers; compares no document.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import fsspec

from curate.engine.fingerprint import fingerprint
from curate.engine.task import File
from curate.storage import is_remote, open_binary, write_atomically

NORMALISATION = 1
"""Version of the normalised text and its hashes: documents signed under another cannot be compared."""


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


def read_entries(folder: str) -> list[Entry]:
    """Every committed entry of an index in their order; none where the folder does not exist yet."""
    filesystem, path = fsspec.url_to_fs(folder)
    prefix = folder.split("://", 1)[0] + "://" if is_remote(folder) else ""
    entries = []
    for found in sorted(filesystem.glob(f"{path.rstrip('/')}/*/entry.json")):
        with open_binary(prefix + found if "://" not in found else found) as file:
            entries.append(_parse(json.load(file)))
    return sorted(entries, key=lambda entry: (entry.number, entry.identity))


def _parse(fields: dict[str, Any]) -> Entry:
    files = tuple(IndexFile(**each) for each in fields["files"])
    return Entry(fields["identity"], fields["run"], fields["number"], Made(**fields["made"]), files)


def earlier_entries(folder: str, identity: str, made: Made) -> tuple[list[Entry], int]:
    """(entries numbered before the run's own, its number). Raises ValueError where they were signed otherwise."""
    entries = read_entries(folder)
    number = 1 + max((entry.number for entry in entries), default=0)
    number = next((entry.number for entry in entries if entry.identity == identity), number)
    earlier = [entry for entry in entries if entry.number < number]
    for entry in earlier:
        if entry.made != made:
            raise ValueError(
                f"the index {folder} was made with {asdict(entry.made)} (entry {entry.run}), this run has {asdict(made)}: "
                "use the same minhash settings or another index"
            )
    return earlier, number


def write_entry(folder: str, entry: Entry, sources: Sequence[str]) -> None:
    """Copy the entry's files, `sources` in their order, then commit it. An entry that is there already as it is, stays."""
    place = f"{folder}/{entry.identity}"
    content = json.dumps(asdict(entry), indent=1, sort_keys=True).encode() + b"\n"
    filesystem, path = fsspec.url_to_fs(place)
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
