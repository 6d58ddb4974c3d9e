"""A finished run as audits see it: its resolved pipeline, its parts, and where their ledger files lie.

Knows the layout of a run directory; reads no ledger row.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, ValidationError

from curate.code.foreign import make_importable
from curate.config.models import Pipeline
from curate.config.reading import change_pipeline
from curate.engine.commit import DamagedError, Published, open_published
from curate.engine.mirror import all_here, here, open_mirror, place_of, run_address
from curate.errors import CurateError
from curate.records.statistics import RunNumbers
from curate.verdicts.steps import VerdictStep, steps_from_json


class AuditError(CurateError, ValueError):
    """A question that this run cannot answer; the message says why and what would be right."""


def beside(stem: Path, name: str) -> Path:
    """The file NAME of the task with this stem; of a run in a bucket, brought here."""
    return here(stem.with_name(f"{stem.name}.{name}"))


@dataclass(frozen=True)
class OpenedPart:
    """A part of a run: what its published files are called, the input file it came from, or the first of them and the names
    of `more`, and its way: the tasks done for it, first to last, the ledger's being the last, as paths of manifests
    without `.json`."""

    name: str
    source: str
    file: str
    path: str
    way: tuple[Path, ...]
    more: tuple[str, ...] = ()

    @property
    def files(self) -> tuple[str, ...]:
        """The names of all its files, in their order; one that was cut is in several parts."""
        return (self.file, *self.more)


Mode = Literal["scrubbed", "raw", "none"]
"""How texts are shown to people: personal data replaced, as they are, or not at all."""
_UNLISTED = Published(Path(), {}, 0)


@dataclass(frozen=True)
class OpenedRun:
    """A run directory. `record` is run.json, `stats` stats.json; `published` knows its files' checksums."""

    folder: Path
    pipeline: Pipeline
    record: Mapping[str, Any]
    stats: RunNumbers
    parts: tuple[OpenedPart, ...]
    published: Published = _UNLISTED
    texts: Mode = "scrubbed"

    @property
    def ledger(self) -> list[Path]:
        """The ledger's files, one per part, in the order of parts. Raises DamagedError for one that is not as published."""
        names = [f"ledger/{part.name}.parquet" for part in self.parts]
        all_here(self.folder / name for name in names)
        return [self.file(name) for name in names]

    @property
    def place(self) -> str:
        """The run as people name it: its directory, or its address in a bucket."""
        return place_of(self.folder)

    def file(self, name: str) -> Path:
        """A published file, as it was published; where the run was published again since, as it was then. Raises
        DamagedError."""
        try:
            self.published.check(name)
        except DamagedError:
            newest = open_published(self.folder)
            if newest.written == self.published.written:
                raise
            newest.check(name)
        return self.folder / name

    def part(self, name: str) -> OpenedPart:
        """The part of this name."""
        return next(part for part in self.parts if part.name == name)

    def verdict_steps(self, source: str) -> tuple[VerdictStep, ...]:
        """The verdict steps that the run applied to a source, bounds as they were then."""
        return steps_from_json(self.record["verdict_steps"].get(source, ()))

    def changed(self, sets: Sequence[str]) -> Pipeline:
        """The run's pipeline with `KEY=VALUE` changes; functions of its own are found where they lay. Raises ConfigError."""
        make_importable(str(self.record["folder"]))
        return change_pipeline(self.record["pipeline"], self.folder / "run.json", sets).pipeline


_PIECE = r"[A-Za-z0-9_][A-Za-z0-9._-]*"
_Stem = Annotated[str, Field(pattern=rf"^{_PIECE}/{_PIECE}$", max_length=1024)]


class _Part(BaseModel):
    """A part as run.json names it: every name becomes a path, so each has its form."""

    name: Annotated[str, Field(pattern=rf"^{_PIECE}$", max_length=255)]
    source: str
    file: str
    path: str
    way: tuple[_Stem, ...]
    more: tuple[str, ...] = ()


class _Record(BaseModel):
    """What is read of run.json by name."""

    name: str
    fingerprint: str
    pipeline: dict[str, Any]
    inputs: dict[str, list[dict[str, Any]]]
    verdict_steps: dict[str, list[dict[str, Any]]]
    aggregate: _Stem | None
    parts: list[_Part]


def open_finished(path: str | Path) -> OpenedRun:
    """Open a run directory, or a run in a bucket, whose files are brought as they are asked for. Raises FileNotFoundError
    where there is none, or none that was finished, DamagedError where a file is not the one that was published, AuditError
    where run.json is none of ours, OutputError for an address of no bucket."""
    address = run_address(path)
    folder = Path(path) if address is None else open_mirror(address)
    for _ in range(_TRIES):
        published = open_published(folder)
        try:
            return _open(folder, published)
        except (FileNotFoundError, DamagedError):
            if open_published(folder).written == published.written:
                raise
    raise DamagedError(f"{folder} is published again and again while it is being opened")


_TRIES = 20
"""A run may be published while it is being opened; what is then read is all of the new one."""


def _open(folder: Path, published: Published) -> OpenedRun:
    try:
        record = json.loads(published.check("run.json").read_bytes())
        stats = json.loads(published.check("stats.json").read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        what = f"`curate status {folder}` says how far it is" if (folder / "timings").is_dir() else "is this a run?"
        raise FileNotFoundError(f"{folder} holds no finished run: {what}") from None
    except ValueError as error:
        raise AuditError(f"{folder}: run.json or stats.json is damaged: {error}") from None
    if "folder" not in record:
        raise FileNotFoundError(f"{folder} was written by an older version; `curate run` it again, and it can be asked")
    return opened(folder, record, stats, published)


def opened(folder: Path, record: Mapping[str, Any], stats: RunNumbers, published: Published) -> OpenedRun:
    """A run directory from its record and numbers. Raises AuditError for a record with a name of no form of ours."""
    try:
        known = _Record.model_validate(record)
        pipeline = Pipeline.model_validate(record["pipeline"])
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise AuditError(f"{folder / 'run.json'} is no record of a run: {where}: {first['msg']}") from None
    parts = tuple(
        OpenedPart(
            part.name,
            part.source,
            part.file,
            part.path,
            tuple(folder / ".work" / stem for stem in part.way),
            part.more,
        )
        for part in known.parts
    )
    return OpenedRun(folder, pipeline, record, stats, parts, published)
