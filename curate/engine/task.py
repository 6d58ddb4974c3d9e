"""A task: a pure function from immutable files to immutable files, and its commit.

A task's results lie in `.work/STAGE.FINGERPRINT/`, named after the task's inputs. They are written under a unique
temporary name, synced and renamed; the manifest comes last and is the commit. Two workers may race: they write the same
bytes. Knows nothing of what a task computes, nor of who runs it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from curate.code.fingerprint import code_fingerprint, fingerprint
from curate.engine.memory import read_peak, start_peak
from curate.engine.seal import sealed, unsealed
from curate.storage import digest_file, is_safe_name, sync_folder, write_atomically

Params = TypeVar("Params", bound=Mapping[str, Any])
"""What a task is told: a TypedDict whose values are JSON."""
ParamsOf = TypeVar("ParamsOf", bound=Mapping[str, Any], contravariant=True)
Counts = TypeVar("Counts", bound=Mapping[str, Any], covariant=True)
"""What a task says of what it did: a TypedDict whose values are JSON."""
Result = TypeVar("Result", bound=Mapping[str, Any])


@dataclass(frozen=True)
class File:
    """An immutable file: what it is called, where it lies, and what names its content (a hash, or an input's stamp).

    `span`: numbers by which whoever reads it knows which part of it is meant; empty where all of it is. `bytes` are those of
    the part.
    """

    name: str
    path: str
    digest: str
    bytes: int
    span: tuple[int, ...] = ()

    def entry(self) -> dict[str, Any]:
        """It as a manifest lists it."""
        told = asdict(self)
        return told if self.span else {key: value for key, value in told.items() if key != "span"}


Given = Mapping[str, "File | Sequence[File] | None"]
"""Inputs of a task by name: a file, several in an order that means something, or None for one that is not there."""


@dataclass(frozen=True)
class Inputs:
    """A task's files, by the names that its function knows them under."""

    files: Mapping[str, tuple[File, ...]]

    @staticmethod
    def of(given: Given) -> Inputs:
        """The files that are there.

        >>> Inputs.of({"documents": File("documents", "/a", "1", 0), "groups": None}).path("documents")
        '/a'
        """
        there = {name: file for name, file in given.items() if file is not None}
        return Inputs({name: (file,) if isinstance(file, File) else tuple(file) for name, file in there.items()})

    def __contains__(self, name: str) -> bool:
        return name in self.files

    def file(self, name: str) -> File:
        """The one file of a name. Raises KeyError where there is none, ValueError where there are several."""
        (file,) = self.files[name]
        return file

    def path(self, name: str) -> str:
        """Where the one file of a name lies."""
        return self.file(name).path

    def all(self, name: str) -> tuple[File, ...]:
        """The files of a name in their order; none where there is no such name."""
        return self.files.get(name, ())

    def paths(self, name: str) -> list[str]:
        """Where the files of a name lie, in their order."""
        return [file.path for file in self.all(name)]

    def __iter__(self) -> Iterator[tuple[str, File]]:
        return ((name, file) for name, files in self.files.items() for file in files)


class TaskFunction(Protocol[ParamsOf, Counts]):
    """What a task does: reads its inputs, writes its output, and returns counts. Named by its module and its name."""

    __module__: str
    __qualname__: str

    def __call__(self, params: ParamsOf, inputs: Inputs, output: Output, /) -> Counts:
        """The counts of what was read and written."""
        ...


@dataclass(frozen=True)
class Task(Generic[Params, Result]):
    """One call of `function`, a function of a module, with `params` on `given` files.

    `stage` is the name that people and audits know it by, `source` the source whose settings its params are, where they
    are one source's. `label` is for people and names nothing.
    """

    stage: str
    function: TaskFunction[Params, Result]
    params: Params
    given: Given = field(default_factory=dict)
    label: str = ""
    source: str = ""

    @property
    def inputs(self) -> Inputs:
        """The files that it looks at."""
        return Inputs.of(self.given)

    @property
    def folder(self) -> str:
        """Its folder in `.work`: code, libraries and settings decide it. What comes before the point is for people:
        manifests say of which stage and source they are."""
        name = f"{self.stage}-{self.source}" if self.source else self.stage
        return f"{name}.{fingerprint(code_fingerprint(self.function.__module__), dict(self.params))}"

    @property
    def reference(self) -> str:
        """The function as a name, `module:name`."""
        return f"{self.function.__module__}:{self.function.__qualname__}"

    @property
    def key(self) -> str:
        """The task's name in its folder: its inputs decide it."""
        return fingerprint([(name, file.name, file.digest, *file.span) for name, file in self.inputs])


@dataclass(frozen=True)
class Committed(Generic[Counts]):
    """What a task left: files by name, and counts."""

    task: Task[Any, Any]
    files: Mapping[str, File]
    counts: Counts

    @property
    def stem(self) -> str:
        """The manifest's path below `.work`, without `.json`; with `.NAME`, that of the file NAME."""
        return f"{self.task.folder}/{self.task.key}"

    def file(self, name: str, called: str | None = None) -> File:
        """The committed file, for use as an input called `called`."""
        file = self.files[name]
        return File(called or name, file.path, file.digest, file.bytes)


@dataclass(frozen=True)
class Timing:
    """How long a task took, in seconds. `peak`: the greatest resident memory of its process while it ran, in bytes, and
    `added`, how much of that was not there when it began; None where the system cannot say. Kept beside results, never in
    them."""

    stage: str
    source: str
    label: str
    seconds: float
    cpu: float
    peak: int | None
    added: int | None


@dataclass(frozen=True)
class Output:
    """Where a task writes: each name once."""

    folder: Path
    names: list[str] = field(default_factory=list)
    begun_before: bool = False
    """Whether the task was begun before by a process that died of it, or is at it still. The files are the same then; a
    task that knows what may kill it looks more closely."""

    def path(self, name: str) -> str:
        """A path to write the file of this name to."""
        if name in self.names:
            raise ValueError(f"a task wrote {name!r} twice")
        self.names.append(name)
        return str(self.folder / name)


def committed(work: Path, task: Task[Any, Result]) -> Committed[Result] | None:
    """What the task left if it was committed whole and is as it was, else None.

    A file that was written after its manifest is read and its SHA-256 compared; a manifest carries its own checksum.
    """
    folder = work / task.folder
    path = folder / f"{task.key}.json"
    try:
        manifest = unsealed(path.read_bytes())
        written = path.stat().st_mtime_ns
        files, later, present = {}, False, entries_now(manifest)
        for name, entry in manifest["files"].items():
            file = folder / f"{task.key}.{name}"
            now = present[name]
            status = file.stat()
            if status.st_size != now["bytes"]:
                return None
            if status.st_mtime_ns > written:
                if digest_file(file) != now["sha256"]:
                    return None
                later = True
            files[name] = File(name, str(file), entry["sha256"], now["bytes"])
        if later:  # copied here without their times: looked at once, and not again
            with contextlib.suppress(OSError):
                os.utime(path)
        return Committed(task, files, manifest["counts"])
    except (FileNotFoundError, KeyError, TypeError, AttributeError, ValueError):
        return None


def promised(work: Path, task: Task[Any, Result]) -> Committed[Result] | None:
    """What a task's manifest says that it left, whether or not its files are on this machine; a file that is, and is not
    as it was written, is removed, so that it is brought again. None where there is no whole manifest."""
    folder = work / task.folder
    try:
        manifest = unsealed((folder / f"{task.key}.json").read_bytes())
        entries = {str(name): str(entry["sha256"]) for name, entry in manifest["files"].items()}
        now = {name: (str(entry["sha256"]), int(entry["bytes"])) for name, entry in entries_now(manifest).items()}
        counts = manifest["counts"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    if not all(is_safe_name(name) and "/" not in name for name in entries):
        return None
    files = {}
    for name, written in entries.items():
        file, (sha256, size) = folder / f"{task.key}.{name}", now[name]
        if file.exists() and (file.stat().st_size != size or digest_file(file) != sha256):
            file.unlink()
        files[name] = File(name, str(file), written, size)
    return Committed(task, files, counts)


EMPTIED = "emptied"
"""Of a manifest: size and SHA-256 of files out of which documents were taken since. What they are an input of goes on to
be named by what they were, so that nothing is done again for it."""


def entries_now(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Size and SHA-256 of each file of a manifest as it lies there now.

    >>> entries_now({"files": {"a": {"sha256": "1"}, "b": {"sha256": "2"}}, "emptied": {"b": {"sha256": "3"}}})
    {'a': {'sha256': '1'}, 'b': {'sha256': '3'}}
    """
    return {**manifest["files"], **manifest.get(EMPTIED, {})}


def is_emptied(file: File) -> bool:
    """Whether documents were taken out of a committed file since it was written."""
    stem = file.path.removesuffix(f".{file.name}")
    return file.name in unsealed(Path(f"{stem}.json").read_bytes()).get(EMPTIED, {})


def execute(work: Path, task: Task[Any, Result]) -> tuple[Committed[Result], Timing]:
    """Run a task and commit what it wrote; a failure leaves nothing that looks whole."""
    started, cpu, resident = time.perf_counter(), time.process_time(), start_peak()
    folder = work / task.folder
    temporary = folder / f".{task.key}.{uuid.uuid4().hex}.tmp"
    temporary.mkdir(parents=True)
    begun = folder / f".{task.key}.begun"
    output = Output(temporary, begun_before=begun.exists())
    begun.touch()
    try:
        counts = task.function(task.params, task.inputs, output)
        entries = {}
        for name in output.names:
            written = temporary / name
            entries[name] = {"bytes": written.stat().st_size, "sha256": digest_file(written)}
            with open(written, "rb") as file:
                os.fsync(file.fileno())
            os.replace(written, folder / f"{task.key}.{name}")
        sync_folder(folder)
        manifest = {
            "stage": task.stage,
            "source": task.source,
            "function": task.reference,
            "params": dict(task.params),
            "inputs": {name: [file.entry() for file in files] for name, files in task.inputs.files.items()},
            "files": entries,
            "counts": counts,
        }
        write_atomically(folder / f"{task.key}.json", sealed(manifest))
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        begun.unlink(missing_ok=True)
    result = committed(work, task)
    assert result is not None, "a task's own commit was not found"
    peak = read_peak() if resident is not None else None
    added = max(0, peak - resident) if peak is not None and resident is not None else None
    seconds, of_it_cpu = time.perf_counter() - started, time.process_time() - cpu
    return result, Timing(task.stage, task.source, task.label, seconds, of_it_cpu, peak, added)
