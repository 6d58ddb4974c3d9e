"""The tasks' files: which items are read, and which solved examples stand before them. Knows no model.

A task's file is `NAME.jsonl.gz`, JSON Lines, gzipped. Solved examples come from a split of their own,
`NAME.shots.jsonl.gz`, its first ones in order, and of the item's group where the task has groups; where there is no such
file, from other items of the same file, drawn from (seed, item).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from curate.errors import ConfigError
from curate.text.caching import cache_folder
from curate.trainer.evaluate.rows import read_lines
from curate.trainer.evaluate.task_formats import TASKS, Item, Style, Task

_BETWEEN_SHOTS = "\n\n"
_FILES = {"lambada": "lambada-openai"}
WIKITEXT = "wikitext2-valid"


def find_task(name: str) -> Task:
    """The task of this name. Raises ValueError naming those there are."""
    if name not in TASKS:
        raise ConfigError(f"no task {name!r}; known: {', '.join((*TASKS, 'wikitext2'))}")
    return TASKS[name]


def fetched_folder() -> Path:
    """Where `curate tasks fetch` puts files, and where they are looked for, if no other folder is named."""
    return cache_folder("tasks")


def task_path(name: str, folder: str | Path, *, shots: bool = False) -> Path:
    """A task's file in a folder, or that of its solved examples.

    >>> task_path("lambada", "tasks").as_posix()
    'tasks/lambada-openai.jsonl.gz'
    """
    return Path(folder) / f"{_FILES.get(name, name)}{'.shots' if shots else ''}.jsonl.gz"


def read_items(task: Task, folder: str | Path, limit: int | None = None, style: Style = "olmes") -> list[Item]:
    """The items of a task's file, or `limit` of them, drawn by a hash of each row, in the file's order.

    Raises FileNotFoundError that says how to get the file, and ConfigError naming the row that has not the task's columns.
    """
    path = task_path(task.name, folder)
    if not path.exists():
        get = "make FILE" if task.own else f"fetch {task.name}"
        raise FileNotFoundError(f"{path} is not there: `curate tasks {get} --folder {folder}` puts it there")
    rows = list(read_lines(path))
    chosen = (
        range(len(rows)) if limit is None else sorted(sorted(range(len(rows)), key=lambda n: _hash(rows[n]))[:limit])
    )
    return [read_item(task, rows[number], style, f"{path}, row {number + 1}") for number in chosen]


def read_shots(task: Task, folder: str | Path, style: Style = "olmes") -> list[Item] | None:
    """The solved examples of a task's own split; None where there is no such file."""
    path = task_path(task.name, folder, shots=True)
    if not path.exists():
        return None
    return [read_item(task, row, style, f"{path}, row {number}") for number, row in enumerate(read_lines(path), 1)]


def read_item(task: Task, row: dict[str, Any], style: Style, place: str) -> Item:
    """A row as the task's item. Raises ConfigError naming the `place` of one that has not the task's columns."""
    try:
        return task.item(row, style)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise ConfigError(f"{place}: no row of {task.name} ({error!r}); it has {', '.join(row)}") from None


def with_shots(items: Sequence[Item], shots: int, seed: int, solved: Sequence[Item] | None = None) -> list[Item]:
    """The items with `shots` solved examples before each prompt: the first of `solved` of the same group, or other items.

    Raises ConfigError where `solved` has too few.
    """
    if not shots:
        return list(items)
    if solved is not None:
        return [_prefixed(item, _first(item, shots, solved)) for item in items]
    return [
        _prefixed(item, [items[other] for other in _others(index, len(items), shots, seed)])
        for index, item in enumerate(items)
    ]


def _first(item: Item, shots: int, solved: Sequence[Item]) -> list[Item]:
    mine = [each for each in solved if each.group == item.group][:shots]
    if len(mine) < shots:
        of = f" of {item.group}" if item.group else ""
        raise ConfigError(f"{shots} solved examples{of} are asked for, and the file of shots has {len(mine)}")
    return mine


def _prefixed(item: Item, solved: Sequence[Item]) -> Item:
    """What all prompts say first (MMLU's description ends in an empty line) is said once, before the examples."""
    head = item.prompts[0].partition(_BETWEEN_SHOTS)[0] + _BETWEEN_SHOTS if item.group else ""
    head = head if head and all(each.text.startswith(head) for each in (item, *solved)) else ""
    before = head + _BETWEEN_SHOTS.join([*(other.text.removeprefix(head) for other in solved), ""])
    return replace(item, prompts=tuple(before + prompt.removeprefix(head) for prompt in item.prompts))


def _others(index: int, count: int, shots: int, seed: int) -> list[int]:
    """Distinct items other than `index`, drawn from (seed, index)."""
    chosen: list[int] = []
    attempt = 0
    while len(chosen) < min(shots, count - 1):
        digest = hashlib.blake2b(f"shots/{seed}/{index}/{attempt}".encode(), digest_size=8).digest()
        other = int.from_bytes(digest, "little") % count
        if other != index and other not in chosen:
            chosen.append(other)
        attempt += 1
    return chosen


def _hash(row: dict[str, Any]) -> bytes:
    return hashlib.blake2b(json.dumps(row, sort_keys=True).encode(), digest_size=8).digest()
