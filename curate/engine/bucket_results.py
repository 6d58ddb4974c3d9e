"""Committed results of tasks in a run's bucket: what was done on another machine is taken up, what was done here is put.

Files first, each under a name that holds its content's hash; the manifest last, where none is yet: that is the commit. Of
two that did the same task one manifest stays, and the other takes it up. Knows tasks' names; knows no task.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from curate.engine.mirror import WORK, Mirror, all_here, mirror_of
from curate.engine.seal import unsealed
from curate.engine.task import Committed, Result, Task, committed, entries_now, execute, promised
from curate.storage import write_atomically
from curate.storage.objects import list_objects, put_file, put_if, read_object
from curate.storage.patience import patience


def take_up(mirror: Mirror, work: Path, tasks: Sequence[Task[Any, Result]]) -> list[Committed[Result] | None]:
    """What was committed of a stage's tasks, here or in the bucket, in their order; then it is in the bucket. Files that are
    only there stay there until they are asked for."""
    names = {folder: _manifests(mirror, folder) for folder in {task.folder for task in tasks}}

    def one(task: Task[Any, Result]) -> Committed[Result] | None:
        there = task.key in names[task.folder]
        done = committed(work, task)
        if done is not None and not there:
            return put_result(mirror, work, done)
        if done is None and there:
            all_here([work / task.folder / f"{task.key}.json"])
            return promised(work, task)
        return done

    with ThreadPoolExecutor(patience().at_once, thread_name_prefix="results") as pool:
        return list(pool.map(one, tasks))


def _manifests(mirror: Mirror, folder: str) -> set[str]:
    """The keys of tasks that were committed in the bucket, of one folder."""
    found = list_objects(mirror.object(f"{WORK}/{folder}"))
    return {each.name.removesuffix(".json") for each in found if each.name.endswith(".json") and "/" not in each.name}


def bring_inputs(mirror: Mirror, task: Task[Any, Any]) -> None:
    """Bring the inputs of a task that are results of the run and were not made on this machine."""
    mirror.establish()
    paths = [Path(file.path) for _, file in task.inputs]
    all_here([path for path in paths if path.is_relative_to(mirror.folder)])


def put_result(mirror: Mirror, work: Path, done: Committed[Result]) -> Committed[Result]:
    """Put what a task committed on this machine into the bucket. Returns what is committed there: where another machine was
    first with other bytes, what it left."""
    task = done.task
    path = work / task.folder / f"{task.key}.json"
    now = entries_now(unsealed(path.read_bytes()))
    for name, file in done.files.items():
        put_file(mirror.result(task.folder, task.key, name, now[name]["sha256"]), file.path)
    address = mirror.object(f"{WORK}/{task.folder}/{path.name}")
    if put_if(address, path.read_bytes(), None) is None:
        found = read_object(address)
        if found is not None:
            write_atomically(path, found[0])
            return promised(work, task) or done
    return done


def done_here(work: Path, tasks: Sequence[Task[Any, Result]]) -> list[Committed[Result]]:
    """What tasks of a finished run left; those that are not committed are done in this process, one after the other. In a
    mirror their results are put into the bucket."""
    mirror = mirror_of(work.parent)
    if mirror is None:
        return [committed(work, task) or execute(work, task)[0] for task in tasks]
    results = []
    for task, done in zip(tasks, take_up(mirror, work, tasks), strict=True):
        if done is None:
            bring_inputs(mirror, task)
            done = put_result(mirror, work, execute(work, task)[0])
        results.append(done)
    all_here(file.path for done in results for file in done.files.values())
    return results
