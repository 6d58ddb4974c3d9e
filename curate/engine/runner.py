"""Runs the tasks of a stage: skips what is committed, executes the rest, commits. Knows tasks and engines; knows no step."""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import json
import platform
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

from curate.code.fingerprint import canonical
from curate.code.foreign import CodeChanged, check_unchanged, make_importable
from curate.engine.bucket_results import bring_inputs, put_result, take_up
from curate.engine.executors import Engine, EngineError
from curate.engine.lease import Lease
from curate.engine.mirror import Mirror
from curate.engine.task import Committed, Result, Task, Timing, committed, execute
from curate.errors import DISTRIBUTION, InvariantError, disk_full


class Watcher(Protocol):
    """Told what happens, for people to see."""

    def step(self, name: str, number: int, of: int) -> None:
        """A step of the run begins, the `number`-th of so many; stages follow."""
        ...

    def stage(self, name: str, tasks: int, done: int, bytes: int = 0, read: int = 0) -> None:
        """A stage begins: so many tasks, so many of them committed before; likewise of the bytes of their inputs."""
        ...

    def finished(self, result: Committed[Any], timing: Timing, bytes: int = 0) -> None:
        """A task with inputs of so many bytes was executed and committed."""
        ...

    def note(self, text: str) -> None:
        """Something worth knowing of the stage that comes next."""
        ...


@dataclass(frozen=True)
class Watchers:
    """Several watchers, each told everything."""

    each: tuple[Watcher, ...]

    def step(self, name: str, number: int, of: int) -> None:
        """See Watcher.step."""
        for watcher in self.each:
            watcher.step(name, number, of)

    def stage(self, name: str, tasks: int, done: int, bytes: int = 0, read: int = 0) -> None:
        """See Watcher.stage."""
        for watcher in self.each:
            watcher.stage(name, tasks, done, bytes, read)

    def finished(self, result: Committed[Any], timing: Timing, bytes: int = 0) -> None:
        """See Watcher.finished."""
        for watcher in self.each:
            watcher.finished(result, timing, bytes)

    def note(self, text: str) -> None:
        """See Watcher.note."""
        for watcher in self.each:
            watcher.note(text)


@dataclass
class Runner:
    """Executes stages into a work folder."""

    work: Path
    timings: Path
    engine: Callable[[], Engine]
    watcher: Watcher
    code_folder: Path | None = None
    """Where code from outside lies beside the pipeline file; workers look there too."""
    mirror: Mirror | None = None
    """Of a run in a bucket: where results are put, and inputs come from that another machine made."""
    lease: Lease | None = None
    """Of a run in a bucket: what keeps other runs out; one that was lost stops this run."""
    executed: Counter[str] = field(default_factory=Counter)
    """Tasks executed, by stage: what was committed before is not among them."""
    _prepared: set[tuple[str, str]] = field(default_factory=set)
    """Modules and folders of tasks that every machine was made ready for."""

    def stage(self, tasks: Sequence[Task[Any, Result]], memory: int = 0, detail: str = "") -> list[Committed[Result]]:
        """The results of a stage's tasks, in their order. A failure of one stops the stage; what was committed stays.

        `memory` is what one may need, in bytes; `detail` tells people which of several rounds of the stage it is.
        """
        if not tasks:
            return []
        (stage,) = {task.stage for task in tasks}
        title = f"{stage}-{detail}" if detail else stage
        results = self._committed(tasks)
        missing = [index for index, result in enumerate(results) if result is None]
        sizes = [sum(file.bytes for _, file in task.inputs) for task in tasks]
        whole = sum(sizes)
        self.watcher.stage(
            title, len(tasks), len(tasks) - len(missing), whole, whole - sum(sizes[index] for index in missing)
        )
        if missing:
            run_one = functools.partial(execute_named, str(self.code_folder or ""), self.work, self.mirror)
            named = [(tasks[index], tasks[index].folder) for index in missing]
            self._prepare(named)
            self.timings.mkdir(parents=True, exist_ok=True)
            with open(self.timings / f"{title}.jsonl", "a", encoding="utf-8") as log:
                try:
                    for position, (result, timing) in self.engine().map(run_one, named, memory):
                        results[missing[position]] = result
                        self.executed[title] += 1
                        self.check()
                        log.write(json.dumps(asdict(timing)) + "\n")
                        log.flush()
                        self.watcher.finished(result, timing, sizes[missing[position]])
                except OSError as error:
                    raise disk_full(error, self.work.parent) or error from None
        return [result for result in results if result is not None]

    def _prepare(self, named: Sequence[tuple[Task[Any, Any], str]]) -> None:
        """Compile the kernels of tasks, here and once on every other machine, where it is seen that it can work on the run.

        Raises EngineError naming a machine that cannot.
        """
        distinct = {(task.function.__module__, folder): (task, folder) for task, folder in named}
        fresh = [pair for key, pair in distinct.items() if key not in self._prepared]
        if not fresh:
            return
        self._prepared |= distinct.keys()
        compile_kernels([task for task, _ in fresh])
        self.work.mkdir(parents=True, exist_ok=True)
        prepare = functools.partial(
            prepare_node, str(self.code_folder or ""), self.work if self.mirror is None else None
        )
        for address, wrong in self.engine().on_each_node(prepare, fresh):
            if wrong:
                raise EngineError(f"the node {address} {wrong}")

    def check(self) -> None:
        """Raise LockedError where another run has taken this one's place."""
        if self.lease is not None:
            self.lease.check()

    def _committed(self, tasks: Sequence[Task[Any, Result]]) -> list[Committed[Result] | None]:
        self.check()
        if self.mirror is not None:
            return take_up(self.mirror, self.work, tasks)
        return [committed(self.work, task) for task in tasks]


def prepare_node(code_folder: str, work: Path | None, named: Sequence[tuple[Task[Any, Any], str]]) -> str:
    """Where a machine is to work on a run: compile the kernels of tasks. Returns why it cannot; empty where it can.

    `work`: the folder that it has to see, where files are handed on in one.
    """
    if work is not None and not work.is_dir():
        return f"does not see the run directory {work.parent}: it has to lie on storage that all nodes share"
    if code_folder and Path(code_folder).is_dir():
        make_importable(code_folder)
    for task, folder in named:
        if task.folder != folder:
            mine = importlib.metadata.version(DISTRIBUTION)
            return (
                f"has other code or other libraries than this machine (there: {DISTRIBUTION} {mine}, Python "
                f"{platform.python_version()}): install the same on both, by the same lock file"
            )
    compile_kernels([task for task, _ in named])
    return ""


def execute_named(
    code_folder: str, work: Path, mirror: Mirror | None, named: tuple[Task[Any, Result], str]
) -> tuple[Committed[Result], Timing]:
    """Execute a task in a worker, where the code is still what the run named the task's folder after.

    Raises CodeChanged where it was edited since.
    """
    task, folder = named
    if code_folder:
        make_importable(code_folder)
    check_unchanged(dict(task.params))
    if task.folder != folder:
        raise CodeChanged(f"the source of {task.reference} was changed while the run was going; run the command again")
    if mirror is None:
        return execute(work, task)
    bring_inputs(mirror, task)
    result, timing = execute(work, task)
    return put_result(mirror, work, result), timing


def compile_kernels(tasks: Sequence[Task[Any, Any]]) -> None:
    """Let the modules of task functions compile here, once, what every worker would compile at its first task.

    A module that has kernels says so by a function `compile_kernels(params)`, which uses them on a sample.
    """
    distinct = {(task.function.__module__, canonical(dict(task.params))): task.params for task in tasks}
    for (name, _), params in distinct.items():
        module = importlib.import_module(name)
        if hasattr(module, "compile_kernels"):
            module.compile_kernels(params)


def check_balance(stage: str, **sides: int) -> None:
    """Raise InvariantError unless `into` equals the sum of the other sides."""
    into = sides.pop("into")
    if into != sum(sides.values()):
        parts = " + ".join(f"{value} {name}" for name, value in sides.items())
        raise InvariantError(
            f"{stage}: {into} went in, but {parts} came out; please report this with the run directory"
        )
