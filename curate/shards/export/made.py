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

from curate.engine.mirror import here, mirror_of
from curate.shards.entry import ShardError
from curate.shards.export.documents import FOLDER, find_documents
from curate.shards.reader import ShardReader
from curate.storage import is_bucket, is_safe_name
from curate.storage.objects import Version, put_if, read_object

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
    """Add an export to the run's list, unless its last line says so already. Of a run in a bucket the list lies there."""
    fields = {key: value for key, value in asdict(made).items() if key != "state"}
    mirror = mirror_of(run)
    while True:
        text, version = _list(run)
        if _parsed(text).get(made.path) == fields:
            return
        # on a line of its own, after one that was cut short too
        lead = b"" if text[-1:] in (b"", b"\n") else b"\n"
        line = lead + (json.dumps(fields, ensure_ascii=False) + "\n").encode()
        if mirror is None:
            _append(run / LIST, line)
            return
        if put_if(mirror.object(LIST), text + line, version) is not None:
            return


def _append(path: Path, line: bytes) -> None:
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
        for fields in _parsed(_list(run)[0]).values()
    ]


def _list(run: Path) -> tuple[bytes, Version | None]:
    """The run's list as it is, and of one in a bucket its version."""
    mirror = mirror_of(run)
    if mirror is None:
        return (run / LIST).read_bytes() if (run / LIST).exists() else b"", None
    return read_object(mirror.object(LIST)) or (b"", None)


def _parsed(text: bytes) -> dict[str, dict[str, str]]:
    """The last line of each folder; a line that was cut short is left out."""
    found: dict[str, dict[str, str]] = {}
    for line in text.decode("utf-8", "replace").splitlines():
        try:
            fields = json.loads(line)
            if is_safe_name(str(fields["of"])):
                found[fields["path"]] = {name: str(fields[name]) for name in ("path", "format", "of", "dataset")}
        except (ValueError, KeyError, TypeError):
            continue
    return found


def _state(run: Path, fields: dict[str, str]) -> State:
    try:
        written = json.loads(_record(fields["path"]))
        return "current" if written["dataset"] == _fingerprint(run, fields["of"]) else "stale"
    except (FileNotFoundError, NotADirectoryError):
        return "missing"
    except (ValueError, KeyError, TypeError):
        return "stale"


def _record(place: str) -> bytes:
    """The list of an export's files. Raises FileNotFoundError where there is none."""
    if not is_bucket(place):
        return (Path(place) / RECORD).read_bytes()
    found = read_object(f"{place}/{RECORD}")
    if found is None:
        raise FileNotFoundError(f"{place}/{RECORD}")
    return found[0]


def _fingerprint(run: Path, of: str) -> str | None:
    try:
        if of.startswith(f"{FOLDER}/"):
            found = find_documents(run / of)
            return found.fingerprint if found is not None else None
        return ShardReader(run / of).fingerprint
    except (OSError, ShardError):
        return None
