"""A finished run as audits see it: its resolved pipeline, its parts, and where their ledger files lie.

Knows the layout of a run directory; reads no ledger row.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curate.config.models import Pipeline
from curate.config.reading import change_pipeline
from curate.engine.foreign import make_importable
from curate.verdicts.steps import VerdictStep, steps_from_json


class AuditError(ValueError):
    """A question that this run cannot answer; the message says why and what would be right."""


def beside(stem: Path, name: str) -> Path:
    """The file NAME of the task with this stem."""
    return stem.with_name(f"{stem.name}.{name}")


@dataclass(frozen=True)
class OpenedPart:
    """A part of a run: what its published files are called, the input file it came from, and its way: the tasks done for
    it, first to last, the ledger's being the last, as paths of manifests without `.json`."""

    name: str
    source: str
    file: str
    path: str
    way: tuple[Path, ...]


@dataclass(frozen=True)
class OpenedRun:
    """A run directory. `record` is run.json, `stats` stats.json."""

    folder: Path
    pipeline: Pipeline
    record: Mapping[str, Any]
    stats: Mapping[str, Any]
    parts: tuple[OpenedPart, ...]

    @property
    def ledger(self) -> list[Path]:
        """The ledger's files, one per part, in the order of parts."""
        return [self.folder / "ledger" / f"{part.name}.parquet" for part in self.parts]

    def part(self, name: str) -> OpenedPart:
        """The part of this name."""
        return next(part for part in self.parts if part.name == name)

    def verdict_steps(self, source: str) -> tuple[VerdictStep, ...]:
        """The verdict steps that the run applied to a source, bounds as they were then."""
        return steps_from_json(self.record["verdict_steps"].get(source, ()))

    def changed(self, sets: Sequence[str]) -> Pipeline:
        """The run's pipeline with `KEY=VALUE` changes. Raises ConfigError."""
        return change_pipeline(self.record["pipeline"], self.folder / "run.json", sets).pipeline


def open_finished(path: str | Path) -> OpenedRun:
    """Open a run directory. Raises FileNotFoundError where there is none, or none that was finished."""
    folder = Path(path)
    try:
        record = json.loads((folder / "run.json").read_bytes())
        stats = json.loads((folder / "stats.json").read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        what = f"`curate status {folder}` says how far it is" if (folder / "timings").is_dir() else "is this a run?"
        raise FileNotFoundError(f"{folder} holds no finished run: {what}") from None
    if "folder" not in record:
        raise FileNotFoundError(f"{folder} was written by an older version; `curate run` it again, and it can be asked")
    make_importable(record["folder"])
    parts = tuple(
        OpenedPart(
            part["name"],
            part["source"],
            part["file"],
            part["path"],
            tuple(folder / ".work" / stem for stem in part["way"]),
        )
        for part in record["parts"]
    )
    return OpenedRun(folder, Pipeline.model_validate(record["pipeline"]), record, stats, parts)
