"""Evaluation tasks as data: how a line of each task's file becomes texts whose likelihoods decide. Knows no model.

The files are those of the contract: JSON Lines, gzipped, named after the task.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import fsspec

from curate.errors import ConfigError

_BETWEEN_SHOTS = "\n\n"


@dataclass(frozen=True)
class Item:
    """One question: prompts and what may follow them, and which of these is right."""

    prompts: tuple[str, ...]
    continuations: tuple[str, ...]
    gold: int

    @property
    def text(self) -> str:
        """The right answer in its place: an example for few-shot prompts, and what a training set must not hold."""
        return self.prompts[self.gold] + self.continuations[self.gold]


@dataclass(frozen=True)
class Task:
    """A task. `choice`: the most likely continuation must be the right one. `exact`: greedy decoding must give it.

    `per_byte`: likelihoods are compared per byte of the continuation, where choices differ in length.
    """

    name: str
    item: Callable[[Mapping[str, Any]], Item]
    kind: Literal["choice", "exact"] = "choice"
    per_byte: bool = False
    shots: bool = True
    chance: float | None = None
    """Accuracy of guessing, where every item has as many choices."""


def _answered(row: Mapping[str, Any]) -> Item:
    prompt = row["query"].rstrip() + "\nAnswer:"
    return Item((prompt,) * len(row["choices"]), tuple(f" {choice}" for choice in row["choices"]), row["gold"])


def _continued(row: Mapping[str, Any]) -> Item:
    prompt = row["query"].rstrip()
    return Item((prompt,) * len(row["choices"]), tuple(f" {choice}" for choice in row["choices"]), row["gold"])


def _last_word(row: Mapping[str, Any]) -> Item:
    return Item((row["context"].rstrip(),), (f" {row['continuation'].strip()}",), 0)


def _referent(row: Mapping[str, Any]) -> Item:
    """Partial evaluation (Trinh and Le 2018): the same ending after each referent."""
    options = tuple(option.rstrip() for option in row["context_options"])
    return Item(options, (f" {row['continuation'].strip()}",) * len(options), row["gold"])


def _grammatical(row: Mapping[str, Any]) -> Item:
    return Item(("", ""), (row["sentence_good"], row["sentence_bad"]), 0)


TASKS: dict[str, Task] = {
    task.name: task
    for task in (
        Task("lambada", _last_word, kind="exact"),
        Task("arc-easy", _answered, per_byte=True),
        Task("arc-challenge", _answered, per_byte=True),
        Task("piqa", _answered, per_byte=True, chance=1 / 2),
        Task("openbookqa", _continued, per_byte=True, chance=1 / 4),
        Task("copa", _continued, chance=1 / 2),
        Task("winogrande", _referent, chance=1 / 2),
        Task("boolq", _answered, chance=1 / 2),
        Task("blimp", _grammatical, shots=False, chance=1 / 2),
    )
}
_FILES = {"lambada": "lambada-openai"}
WIKITEXT = "wikitext2-valid"


def find_task(name: str) -> Task:
    """The task of this name. Raises ValueError naming those there are."""
    if name not in TASKS:
        raise ConfigError(f"no task {name!r}; known: {', '.join((*TASKS, 'wikitext2'))}")
    return TASKS[name]


def read_items(task: Task, folder: str | Path, limit: int | None = None) -> list[Item]:
    """The items of a task's file, or its first `limit`. Raises FileNotFoundError."""
    rows = read_lines(Path(folder) / f"{_FILES.get(task.name, task.name)}.jsonl.gz")
    return [task.item(row) for row in itertools.islice(rows, limit)]


def read_lines(path: str | Path) -> Iterator[dict[str, Any]]:
    """The objects of a JSON Lines file, gzipped or not."""
    with fsspec.open(str(path), "rt", encoding="utf-8", compression="infer") as file:
        for line in file:
            if line.strip():
                yield json.loads(line)


def with_shots(items: Sequence[Item], shots: int, seed: int) -> list[Item]:
    """The items with `shots` solved others before each prompt, drawn from (seed, item)."""
    if not shots:
        return list(items)
    return [
        _prefixed(item, [items[other] for other in _others(index, len(items), shots, seed)])
        for index, item in enumerate(items)
    ]


def _prefixed(item: Item, solved: Sequence[Item]) -> Item:
    before = _BETWEEN_SHOTS.join([*(other.text for other in solved), ""])
    return Item(tuple(before + prompt for prompt in item.prompts), item.continuations, item.gold)


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
