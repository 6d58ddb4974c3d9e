"""Runs the tasks of a stage: skips what is committed, executes the rest, commits. Knows tasks and engines; knows no step."""

from __future__ import annotations

import functools
import importlib
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

from curate.engine.bucket_results import bring_inputs, put_result, take_up
from curate.engine.executors import Engine
from curate.engine.fingerprint import canonical
from curate.engine.foreign import CodeChanged, check_unchanged, make_importable
from curate.engine.lease import Lease
from curate.engine.mirror import Mirror
from curate.engine.task import Committed, Result, Task, Timing, committed, execute
from curate.errors import InvariantError, disk_full


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
            compile_kernels([tasks[index] for index in missing])
            run_one = functools.partial(execute_named, str(self.code_folder or ""), self.work, self.mirror)
            named = [(tasks[index], tasks[index].folder) for index in missing]
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

    def check(self) -> None:
        """Raise LockedError where another run has taken this one's place."""
        if self.lease is not None:
            self.lease.check()

    def _committed(self, tasks: Sequence[Task[Any, Result]]) -> list[Committed[Result] | None]:
        self.check()
        if self.mirror is not None:
            return take_up(self.mirror, self.work, tasks)
        return [committed(self.work, task) for task in tasks]


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
