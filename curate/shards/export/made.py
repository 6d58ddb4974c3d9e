"""Which exports were made from a run, and whether they are still what the run is: `exports.jsonl` in its directory.

A line per export, written before its first file is: the folder, the format, what of the run it holds. The last line of a
folder counts. Knows records of exports; writes no export.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from curate.engine.mirror import here
from curate.shards.entry import ShardError
from curate.shards.export.documents import FOLDER, find_documents
from curate.shards.reader import ShardReader
from curate.storage import is_safe_name

LIST = "exports.jsonl"
RECORD = "export.json"
"""The list of an export's files, in its folder."""

State = Literal["current", "stale", "missing"]


@dataclass(frozen=True)
class Made:
    """An export: `of` is what it was made from below the run directory, `dataset` the fingerprint that this had then."""

    path: str
    format: str
    of: str
    dataset: str
    state: State = "current"


def run_of(shards: str) -> Path | None:
    """The run directory that a folder of shards or a mix belongs to; None where it lies alone."""
    for folder in Path(shards).parents[:2]:
        if here(folder / "run.json").exists() and here(folder / "stats.json").exists():
            return folder
    return None


def record_export(run: Path, made: Made) -> None:
    """Add an export to the run's list, unless its last line says so already."""
    fields = {key: value for key, value in asdict(made).items() if key != "state"}
    if _lines(run).get(made.path) == fields:
        return
    line = (json.dumps(fields, ensure_ascii=False) + "\n").encode()
    path = run / LIST
    if path.exists() and path.read_bytes()[-1:] not in (b"", b"\n"):
        line = b"\n" + line  # after a line that was cut short
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        os.write(handle, line)
        os.fsync(handle)
    finally:
        os.close(handle)


def exports_of(run: Path) -> list[Made]:
    """The exports made from a run, and what they are now."""
    return [
        Made(fields["path"], fields["format"], fields["of"], fields["dataset"], _state(run, fields))
        for fields in _lines(run).values()
    ]


def _lines(run: Path) -> dict[str, dict[str, str]]:
    """The last line of each folder; a line that was cut short is left out."""
    found: dict[str, dict[str, str]] = {}
    path = run / LIST
    for line in path.read_text("utf-8").splitlines() if path.exists() else ():
        try:
            fields = json.loads(line)
            if is_safe_name(str(fields["of"])):
                found[fields["path"]] = {name: str(fields[name]) for name in ("path", "format", "of", "dataset")}
        except (ValueError, KeyError, TypeError):
            continue
    return found


def _state(run: Path, fields: dict[str, str]) -> State:
    try:
        written = json.loads((Path(fields["path"]) / RECORD).read_bytes())
        return "current" if written["dataset"] == _fingerprint(run, fields["of"]) else "stale"
    except (FileNotFoundError, NotADirectoryError):
        return "missing"
    except (ValueError, KeyError, TypeError):
        return "stale"


def _fingerprint(run: Path, of: str) -> str | None:
    try:
        if of.startswith(f"{FOLDER}/"):
            found = find_documents(run / of)
            return found.fingerprint if found is not None else None
        return ShardReader(run / of).fingerprint
    except (OSError, ShardError):
        return None
