"""What an audit answers, as blocks of tables and passages, shown on a terminal, as Markdown, JSON, or CSV.

Knows cells and lines; knows no run.
"""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

Format = Literal["table", "markdown", "json", "csv"]
FORMATS = ("table", "markdown", "json", "csv")
Cell = str | int | float | bool | None

_SIGNIFICANT = 4  # digits of a number that is not whole, for people
_LINE_STYLES = {"+": "green", "-": "red", "@": "dim"}


@dataclass(frozen=True)
class Table:
    """Rows under headings. `note` is a sentence below."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""


@dataclass(frozen=True)
class Passage:
    """Text as it is, or, with `diff`, lines that begin with ' ', '+', '-' or '@'."""

    title: str
    text: str
    diff: bool = False


@dataclass(frozen=True)
class Answer:
    """Blocks for people, and the same as JSON for programs."""

    blocks: tuple[Table | Passage, ...]
    data: Mapping[str, Any] | Sequence[Any]


def show(answer: Answer, form: Format, console: Console) -> None:
    """Print an answer."""
    if form == "json":
        sys.stdout.write(json_text(answer.data) + "\n")
    elif form == "csv":
        sys.stdout.write("\n".join(as_csv(block) for block in answer.blocks if isinstance(block, Table)))
    elif form == "markdown":
        sys.stdout.write("\n\n".join(markdown(block) for block in answer.blocks) + "\n")
    else:
        for number, block in enumerate(answer.blocks):
            if number:
                console.print()
            if isinstance(block, Table):
                _print_table(block, console)
            else:
                _print_passage(block, console)


def json_text(data: Any) -> str:
    r"""Data as JSON whose texts stay readable: only what could repaint a terminal, or turn its text around, is escaped.

    >>> json_text("né\u202e")
    '"né\\u202e"'
    """
    text = json.dumps(data, indent=1, ensure_ascii=False, default=str)
    hidden = [char for char in set(text) if not char.isprintable() and char != "\n"]
    return text.translate({ord(char): json.dumps(char)[1:-1] for char in hidden})


def as_csv(block: Table) -> str:
    """A table as CSV (RFC 4180), its numbers in full; of several tables each has its own heading line."""
    return csv_text(block.columns, block.rows)


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """Rows under a heading line as CSV (RFC 4180)."""
    text = io.StringIO()
    written = csv.writer(text, lineterminator="\n")
    written.writerow(columns)
    written.writerows(rows)
    return text.getvalue()


def shown(cell: Cell) -> str:
    """A cell as people read it."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, int):
        return f"{cell:,}"
    if isinstance(cell, float):
        return f"{cell:,.{_SIGNIFICANT}g}" if abs(cell) < 10**_SIGNIFICANT else f"{cell:,.0f}"
    return printable(cell)


def printable(text: str) -> str:
    """The text without control characters, which could repaint a terminal; tabs and line ends stay."""
    text = text.replace("\r\n", "\n")
    return "".join(char if char.isprintable() or char in "\n\t" else "\N{REPLACEMENT CHARACTER}" for char in text)


def _is_number(block: Table, column: int) -> bool:
    cells = [row[column] for row in block.rows if row[column] is not None]
    return bool(cells) and all(isinstance(cell, int | float) and not isinstance(cell, bool) for cell in cells)


def _print_table(block: Table, console: Console) -> None:
    """Columns as wide as their cells: a table is never squeezed, a long line wraps as the terminal does."""
    numbers = [_is_number(block, index) for index in range(len(block.columns))]
    cells = [[" ".join(shown(cell).split("\n")) for cell in row] for row in block.rows]
    widths = [max(map(cell_len, column)) for column in zip(block.columns, *cells, strict=True)]

    def line(row: Sequence[str]) -> str:
        padded = [
            (" " * (width - cell_len(cell)) + cell) if number else (cell + " " * (width - cell_len(cell)))
            for cell, width, number in zip(row, widths, numbers, strict=True)
        ]
        return "  ".join(padded).rstrip()

    if block.title:
        console.print(Text(block.title, style="bold"), soft_wrap=True)
    if any(block.columns):
        console.print(Text(line(block.columns), style="dim"), soft_wrap=True)
    for row in cells:
        console.print(Text(line(row)), soft_wrap=True)
    if block.note:
        console.print(Text(block.note, style="dim"))


def _print_passage(block: Passage, console: Console) -> None:
    console.print(Text(block.title, style="bold"))
    for line in printable(block.text).split("\n"):
        style = _LINE_STYLES.get(line[:1], "") if block.diff else ""
        console.print(Text("  " + line, style=style), soft_wrap=True)


def markdown(block: Table | Passage) -> str:
    """The block as Markdown. Nothing in a cell or passage can end it or become markup."""
    if isinstance(block, Passage):
        fence = "~" * max(3, 1 + max((len(run) for run in block.text.split() if set(run) == {"~"}), default=0))
        kind = "diff" if block.diff else "text"
        return f"**{_plain(block.title)}**\n\n{fence}{kind}\n{printable(block.text)}\n{fence}"
    head = "| " + " | ".join(_plain(name) for name in block.columns) + " |"
    rule = "|" + "|".join("--:" if _is_number(block, i) else "---" for i in range(len(block.columns))) + "|"
    rows = ["| " + " | ".join(_plain(shown(cell)) for cell in row) + " |" for row in block.rows]
    parts = [f"**{_plain(block.title)}**"] if block.title else []
    parts.append("\n".join([head, rule, *rows]))
    return "\n\n".join([*parts, _plain(block.note)] if block.note else parts)


def _plain(text: str) -> str:
    for char in "\\`*_[]<>|":
        text = text.replace(char, f"\\{char}")
    return text.replace("\n", " ")
