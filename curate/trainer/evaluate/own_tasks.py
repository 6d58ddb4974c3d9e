"""Tasks made from texts, so that models can be asked something where no task's file is at hand. Knows texts; knows no model.

- `next-words`: which of four continuations is the text's own? The others begin at the same place in other texts.
- `last-word`: a passage without its last word, which greedy decoding must give, as LAMBADA asks (Paperno et al. 2016); where
  a text has no words between spaces, as in Chinese, it has no such item.

Items are a function of the texts alone. They are easier than published tasks and say less; their measures move early.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from curate.storage import write_atomically
from curate.trainer.evaluate.tasks import task_path

_CHOICES = 4
_PROMPT = 240
"""Characters of `next-words`'s prompts, about forty English words: what a context of 128 tokens holds with an answer."""
_ANSWER = 80
"""Characters of its answers, about a sentence."""
_PASSAGE = 400
"""Most characters of a passage of `last-word`: LAMBADA's have 330 in the mean."""
_REACH = 24
"""Characters that a cut moves on to find a space: longer than nearly all words."""
_WORD = re.compile(r"(?<=\s)[^\W\d_]{3,}(?=\W|$)")
"""What can be asked for: three letters or more after a space. Shorter words are guessed from grammar alone."""


def write_tasks(texts: Mapping[str, Sequence[str]], folder: str | Path) -> dict[str, int]:
    """NAME.jsonl.gz of each task made from texts by domain; how many items each has, of those that have any.

    The same texts give the same bytes.
    """
    made = {name: rows for name, make in _MADE.items() if (rows := make(texts))}
    for name, rows in made.items():
        write_rows(task_path(name, folder), rows)
    return {name: len(rows) for name, rows in made.items()}


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """JSON Lines, gzipped, without a time in them."""
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    write_atomically(path, gzip.compress(lines.encode("utf-8", "surrogatepass"), mtime=0))


def next_words(texts: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    """Rows of `query`, four `choices` and `gold`: of each text that is long enough, in a domain with four of those."""
    rows = []
    for domain, each in texts.items():
        pieces = [piece for text in each if (piece := _cut_twice(text)) is not None]
        if len(pieces) < _CHOICES:
            continue
        for number, (prompt, answer) in enumerate(pieces):
            others = _others(prompt, len(pieces), number)
            choices = [pieces[other][1] for other in others]
            gold = _draw(f"gold/{prompt}") % _CHOICES
            choices.insert(gold, answer)
            rows.append({"query": prompt, "choices": choices, "gold": gold, "domain": domain})
    return rows


def last_words(texts: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    """Rows of `context` and `continuation`: a passage from a text's beginning, and its last word that can be asked for."""
    rows = []
    for domain, each in texts.items():
        for text in each:
            words = [match for match in _WORD.finditer(text[: _PASSAGE + 1]) if match.end() <= _PASSAGE]
            if words and words[-1].start() >= _PASSAGE // 4:
                word = words[-1]
                context = text[: word.start()].rstrip()
                rows.append({"context": context, "continuation": word[0], "domain": domain})
    return rows


_MADE = {"next-words": next_words, "last-word": last_words}
OWN = tuple(_MADE)
"""Tasks that are made from texts: they need no file."""


def _cut_twice(text: str) -> tuple[str, str] | None:
    """A text's beginning, and what follows it; None where the text is too short."""
    first = _cut(text, _PROMPT)
    second = _cut(text, first + _ANSWER)
    prompt, answer = text[:first].strip(), text[first:second].strip()
    return (prompt, answer) if prompt and len(answer) >= _ANSWER // 2 else None


def _cut(text: str, near: int) -> int:
    """Where to cut: at the first white space from `near` on, or there where none is near, as in Chinese."""
    space = re.compile(r"\s").search(text, near, near + _REACH)
    return space.start() if space else near


def _others(prompt: str, count: int, own: int) -> list[int]:
    """Three other numbers below `count`, drawn by the prompt."""
    chosen: list[int] = []
    attempt = 0
    while len(chosen) < _CHOICES - 1:
        other = _draw(f"{attempt}/{prompt}") % count
        if other != own and other not in chosen:
            chosen.append(other)
        attempt += 1
    return chosen


def _draw(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")
