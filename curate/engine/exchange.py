"""Rows that many tasks write and many tasks want: sorted files, regrouped until each reader has few to open.

Where every writer has rows for every reader, each reader would open every file: writers times readers. Here a task merges
FAN_IN files at a time and cuts them into ranges, level after level, until a reader finds its rows in at most FAN_IN files.
Equal keys stay in the order of the files, so what a reader sees does not depend on the levels. Knows which tasks to run;
knows no step.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

from curate.engine.runner import Runner
from curate.engine.task import Committed, File, Task
from curate.engine.tasks import RegroupCounts, RegroupParams, regroup_files

FAN_IN = 64
"""Files that a task merges, and ranges that it cuts them into: no task has more of either."""
_COPIES = 3  # of a range in memory: the rows, their order, and what is written
_SLACK = 64 << 20

Span = tuple[int, int]
"""The keys that a reader wants, from the first up to, and without, the second."""


def regroup(runner: Runner, what: str, files: Sequence[File], column: str, spans: Sequence[Span]) -> list[list[File]]:
    """For each span of keys, in ascending order, at most FAN_IN sorted files that hold its rows; other rows too.

    Each level reads and writes every row once: none where the files are few, two for 200,000 files.
    """
    waiting = [(0, len(spans), list(files))]
    for level in itertools.count(1):
        if not spans or len(waiting[0][2]) <= FAN_IN:
            break
        tasks: list[Task[RegroupParams, RegroupCounts]] = []
        cuts: list[list[Span]] = []
        for first, last, held in waiting:
            step = -(-(last - first) // FAN_IN)
            cut = [(start, min(start + step, last)) for start in range(first, last, step)]
            ranges = [[spans[start][0], max(span[1] for span in spans[start:end])] for start, end in cut]
            cuts.append(cut)
            for at in range(0, len(held), FAN_IN):
                given = [File("files", file.path, file.digest, file.bytes) for file in held[at : at + FAN_IN]]
                params = RegroupParams(column=column, ranges=ranges)
                tasks.append(Task("regroup", regroup_files, params, {"files": given}, f"{what}, level {level}"))
        largest = max(sum(file.bytes for _, file in task.inputs) // len(task.params["ranges"]) for task in tasks)
        made = iter(runner.stage(tasks, _SLACK + _COPIES * largest, f"{what}-{level}"))
        following: list[tuple[int, int, list[File]]] = []
        for (_, _, held), cut in zip(waiting, cuts, strict=True):
            results: list[Committed[RegroupCounts]] = list(itertools.islice(made, -(-len(held) // FAN_IN)))
            for number, (start, end) in enumerate(cut):
                following.append((start, end, [result.file(f"range-{number}") for result in results]))
        waiting = following
    return [
        [File(what, file.path, file.digest, file.bytes) for file in held]
        for first, last, held in waiting
        for _ in range(first, last)
    ]


def gather(
    runner: Runner, files: Sequence[File], merge: Callable[[Sequence[File]], Task[Any, Any]], what: str
) -> list[File]:
    """At most FAN_IN files that say together what these say: groups of FAN_IN are merged, level after level, each by a task
    that writes one file, `what`, of what its files say. Few files stay as they are."""
    while len(files) > FAN_IN:
        groups = [files[at : at + FAN_IN] for at in range(0, len(files), FAN_IN)]
        files = [result.file(what) for result in runner.stage([merge(group) for group in groups])]
    return list(files)


def parts_at_once(files: int) -> int:
    """Of how many parts a task may read, which have so many files each."""
    return max(1, FAN_IN // max(files, 1))
