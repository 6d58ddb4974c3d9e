"""What every reference page is written with: its beginning, tables, and docstrings as running text."""

from __future__ import annotations

import ast
import itertools
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

WRITTEN = "Written by `python -m tests.project.commands` from the code; a test compares."


def page(title: str, about: str, sections: Iterable[str]) -> str:
    """A page: its title, what it is, and its sections."""
    return "\n".join([f"# {title}", "", f"{about.strip()} {WRITTEN}", "", *sections]).rstrip() + "\n"


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Rows under headings; a bar within a cell is escaped, a line break becomes a space."""
    lines = [f"| {' | '.join(columns)} |", f"| {' | '.join('---' for _ in columns)} |"]
    lines += [f"| {' | '.join(map(cell, row))} |" for row in rows]
    return "\n".join(lines) + "\n"


def cell(value: object) -> str:
    """A value as it stands in a table."""
    return " ".join(str(value).split()).replace("|", "\\|")


def code(value: object) -> str:
    """A value as code."""
    return f"`{value}`" if str(value) else ""


def prose(docstring: str | None) -> str:
    """A docstring on one line: its own words, without examples and without rules of indentation."""
    text = textwrap.dedent((docstring or "").strip())
    return " ".join(text.split(">>>")[0].split())


class Described(NamedTuple):
    """A name that a module gives a value to, the value where it is a literal, and the string below it."""

    name: str
    value: object
    about: str


def described(path: Path) -> Iterator[Described]:
    """The names that a module gives values to and says something of, in order."""
    body = ast.parse(path.read_text()).body
    for node, after in itertools.pairwise(body):
        target = (
            node.targets[0]
            if isinstance(node, ast.Assign)
            else node.target
            if isinstance(node, ast.AnnAssign)
            else None
        )
        said = after.value.value if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) else None
        if isinstance(target, ast.Name) and isinstance(said, str):
            value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
            yield Described(target.id, value.value if isinstance(value, ast.Constant) else None, prose(said))
