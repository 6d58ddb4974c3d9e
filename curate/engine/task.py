"""A task: a pure function from immutable files to immutable files, and its commit.

A task's results lie in `.work/STAGE.FINGERPRINT/`, named after the task's inputs. They are written under a unique
temporary name, synced and renamed; the manifest comes last and is the commit. Two workers may race: they write the same
bytes. Knows nothing of what a task computes, nor of who runs it.
"""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

from curate.engine.fingerprint import code_fingerprint, fingerprint
from curate.engine.seal import sealed, unsealed
from curate.storage import digest_file, sync_folder, write_atomically

Counts = dict[str, Any]


@dataclass(frozen=True)
class File:
    """An immutable file: what it is called, where it lies, and what names its content (a hash, or an input's stamp)."""

    name: str
    path: str
    digest: str
    bytes: int


class TaskFunction(Protocol):
    """What a task does: reads its inputs, writes its output, and returns counts. Named by its module and its name."""

    __module__: str
    __qualname__: str

    def __call__(self, params: Mapping[str, Any], inputs: Sequence[File], output: Output, /) -> Counts:
        """The counts of what was read and written; JSON."""
        ...


@dataclass(frozen=True)
class Task:
    """One call of `function`, a function of a module, with JSON `params` on `inputs`. `label` is for people and names
    nothing."""

    stage: str
    function: TaskFunction
    params: Mapping[str, Any]
    inputs: tuple[File, ...] = ()
    label: str = ""

    @property
    def folder(self) -> str:
        """The stage's folder in `.work`: code, libraries and settings decide it."""
        return f"{self.stage}.{fingerprint(code_fingerprint(self.function.__module__), dict(self.params))}"

    @property
    def reference(self) -> str:
        """The function as a name, `module:name`."""
        return f"{self.function.__module__}:{self.function.__qualname__}"

    @property
    def key(self) -> str:
        """The task's name in its folder: its inputs decide it."""
        return fingerprint([(file.name, file.digest) for file in self.inputs])


@dataclass(frozen=True)
class Committed:
    """What a task left: files by name, and counts."""

    task: Task
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
    """How long a task took, in seconds, and its peak memory in bytes. Kept beside results, never in them."""

    stage: str
    label: str
    seconds: float
    cpu: float
    peak: int


@dataclass(frozen=True)
class Output:
    """Where a task writes: each name once."""

    folder: Path
    names: list[str] = field(default_factory=list)

    def path(self, name: str) -> str:
        """A path to write the file of this name to."""
        if name in self.names:
            raise ValueError(f"a task wrote {name!r} twice")
        self.names.append(name)
        return str(self.folder / name)


def committed(work: Path, task: Task) -> Committed | None:
    """What the task left if it was committed whole and is as it was, else None.

    A file that was written after its manifest is read and its SHA-256 compared; a manifest carries its own checksum.
    """
    folder = work / task.folder
    path = folder / f"{task.key}.json"
    try:
        manifest = unsealed(path.read_bytes())
        written = path.stat().st_mtime_ns
        files, later = {}, False
        for name, entry in manifest["files"].items():
            file = folder / f"{task.key}.{name}"
            now = manifest.get(EMPTIED, {}).get(name, entry)
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


EMPTIED = "emptied"
"""Of a manifest: size and SHA-256 of files out of which documents were taken since. What they are an input of goes on to
be named by what they were, so that nothing is done again for it."""


def is_emptied(file: File) -> bool:
    """Whether documents were taken out of a committed file since it was written."""
    stem = file.path.removesuffix(f".{file.name}")
    return file.name in unsealed(Path(f"{stem}.json").read_bytes()).get(EMPTIED, {})


def execute(work: Path, task: Task) -> tuple[Committed, Timing]:
    """Run a task and commit what it wrote; a failure leaves nothing that looks whole."""
    started, cpu = time.perf_counter(), time.process_time()
    folder = work / task.folder
    temporary = folder / f".{task.key}.{uuid.uuid4().hex}.tmp"
    temporary.mkdir(parents=True)
    try:
        output = Output(temporary)
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
            "function": task.reference,
            "params": dict(task.params),
            "inputs": [asdict(file) for file in task.inputs],
            "files": entries,
            "counts": counts,
        }
        write_atomically(folder / f"{task.key}.json", sealed(manifest))
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    result = committed(work, task)
    assert result is not None, "a task's own commit was not found"
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return result, Timing(task.stage, task.label, time.perf_counter() - started, time.process_time() - cpu, peak)
