"""A run repeated from what another recorded: its pipeline and inputs, with what is otherwise said before it starts.

An input, a pack, a list or code of one's own that was changed is refused: it would be another run. A library of another
version or another kind of CPU is told: bytes may differ, and whether they do is said at the end. Knows run.json.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from rich.console import Console

from curate.code.foreign import load_again_what_changed, make_importable
from curate.config.reading import PipelineFile, change_pipeline
from curate.engine.run_log import LogForm, RunLog
from curate.errors import ConfigError, counted
from curate.pipeline.circumstances import Circumstances, circumstances, mark_of
from curate.pipeline.inputs import find_inputs
from curate.pipeline.made import Run
from curate.pipeline.run import run_file
from curate.storage import SourceFile

_RECORD = "run.json"
_SHOWN = 3  # names of files in one sentence


class _Machine(BaseModel):
    cpu: str
    kernels: str
    system: str


class _Circumstances(BaseModel):
    versions: dict[str, str]
    machine: _Machine
    files: dict[str, str]
    packs: dict[str, str]
    code: dict[str, str]


class _Input(BaseModel):
    file: str
    path: str
    bytes: int
    stamp: str
    mark: str | None = None


class _Record(BaseModel):
    """What is read of run.json."""

    name: str
    folder: str
    fingerprint: str
    pipeline: dict[str, Any]
    inputs: dict[str, list[_Input]]
    until: str | None
    made_with: _Circumstances


@dataclass(frozen=True)
class Recorded:
    """A run as its record has it: `path` is the record, `fingerprint` names its numbers and shards."""

    path: Path
    file: PipelineFile
    until: str | None
    fingerprint: str
    inputs: Mapping[str, Sequence[_Input]]
    made_with: Circumstances

    def differences(self, inputs: Mapping[str, Sequence[SourceFile]]) -> list[str]:
        """Sentences on what is otherwise now and may change bytes. Raises ConfigError where the inputs, or files and code
        that the pipeline names, are others."""
        told: list[str] = []
        for source, listed in self.inputs.items():
            told += self._of_inputs(source, listed, inputs.get(source, ()))
        load_again_what_changed()
        now = circumstances(self.file.pipeline)
        for what, before, after in (
            ("file", self.made_with["files"], now["files"]),
            ("module", self.made_with["code"], now["code"]),
        ):
            changed = _changed(before, after)
            if changed:
                raise ConfigError(
                    f"{self.path}: the {what} {changed[0]} is not as it was: run the pipeline file for another run"
                )
        told += [f"the bundled pack {name} is another" for name in _changed(self.made_with["packs"], now["packs"])]
        versions = self.made_with["versions"], now["versions"]
        told += [
            f"{name} is {versions[1].get(name, 'not installed')}, and was {versions[0].get(name, 'not installed')}"
            for name in _changed(*versions)
        ]
        machine, other = self.made_with["machine"], now["machine"]
        if machine["kernels"] != other["kernels"]:
            told.append(f"kernels are compiled for {other['kernels']}, and were for {machine['kernels']}")
        if machine["cpu"] != other["cpu"]:
            told.append(f"the CPU is {other['cpu']}, and was {machine['cpu']}")
        if machine["system"] != other["system"]:
            told.append(f"the system is {other['system']}, and was {machine['system']}")
        return told

    def _of_inputs(self, source: str, listed: Sequence[_Input], found: Sequence[SourceFile]) -> list[str]:
        there = {file.relative: file for file in found}
        names = {each.file for each in listed}
        gone = [each.file for each in listed if each.file not in there]
        more = [file.relative for file in found if file.relative not in names]
        changed, touched = [], 0
        for each in listed:
            file = there.get(each.file)
            if file is None or file.stamp == each.stamp:
                continue
            if file.size == each.bytes and each.mark is not None and mark_of(file) == each.mark:
                touched += 1
            else:
                changed.append(each.file)
        for names_of, what in ((changed, "changed since"), (gone, "gone"), (more, "new")):
            if names_of:
                more_of = f" and {len(names_of) - _SHOWN:,} more" if len(names_of) > _SHOWN else ""
                which = f"{', '.join(names_of[:_SHOWN])}{more_of}"
                number = f"{counted(len(names_of), 'input file')} of {source} {'is' if len(names_of) == 1 else 'are'}"
                raise ConfigError(f"{self.path}: {number} {what} ({which}): run the pipeline file for another run")
        if touched:
            return [
                f"{counted(touched, 'input file')} of {source} has another time; size, beginning and end are the same"
            ]
        return []


def _changed(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    return [name for name in sorted({*before, *after}) if before.get(name) != after.get(name)]


def read_record(path: str | Path) -> Recorded:
    """The record of a run: its directory, or its run.json, which may have been copied elsewhere.

    Raises FileNotFoundError where there is none, and ConfigError for one that is damaged or by an older version.
    """
    file = Path(path) / _RECORD if Path(path).is_dir() else Path(path)
    try:
        record = _Record.model_validate(json.loads(file.read_bytes()))
    except FileNotFoundError:
        raise FileNotFoundError(f"{path} is neither a finished run nor its run.json") from None
    except (ValueError, ValidationError) as error:
        first = error.errors()[0] if isinstance(error, ValidationError) else None
        what = f"{'.'.join(map(str, first['loc']))}: {first['msg']}" if first else str(error)
        raise ConfigError(f"{file} is no record that a run can be repeated from: {what}") from None
    make_importable(record.folder)
    made_with: Any = record.made_with.model_dump()
    return Recorded(
        file,
        dataclasses.replace(change_pipeline(record.pipeline, file, ()), code_folder=Path(record.folder)),
        record.until,
        record.fingerprint,
        record.inputs,
        made_with,
    )


def repeat(
    record: str | Path,
    out: str | Path | None = None,
    *,
    workers: int | None = None,
    address: str | None = None,
    engine: str = "ray",
    replace: bool = False,
    force_unlock: bool = False,
    console: Console | None = None,
    log_file: str | Path | None = None,
    log_format: LogForm = "text",
    told: Callable[[str], None] = lambda sentence: None,
) -> Run:
    """Repeat a run from its directory or its run.json, into `out` (default: runs/NAME-repeated).

    `told` gets a sentence for each thing that is otherwise than it was and may change bytes, before anything starts, and one
    at the end that says whether numbers and shards are the same. Raises ConfigError where inputs, or files and code
    that the pipeline names, are others, and what `run` raises.
    """
    recorded = read_record(record)
    for sentence in recorded.differences(find_inputs(recorded.file)):
        told(sentence)
    made = run_file(
        recorded.file,
        out if out is not None else Path("runs") / f"{recorded.file.pipeline.name}-repeated",
        workers=workers,
        address=address,
        engine=engine,
        until=recorded.until,
        replace=replace,
        force_unlock=force_unlock,
        console=console,
        log=None if log_file is None else RunLog(Path(log_file), log_format),
    )
    same = read_record(made.path).fingerprint == recorded.fingerprint
    told(
        f"numbers and shards are those of {recorded.path}"
        if same
        else f"numbers or shards are not those of {recorded.path}: `curate diff` says which records differ"
    )
    return made
