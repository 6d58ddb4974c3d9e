"""Chosen blocks as Markdown: headings, nested lists with their numbers, quotes, tables, code.

A table of one column or one row, one that holds another and one whose role is presentation is layout: its cells are
blocks like others. Cells that span columns stand in the first of them. Knows blocks; chooses nothing.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from curate.extract.html.blocks import HAS_TABLE, IN_HEADER_CELL, IN_PRE, IS_LAYOUT, ITEM, QUOTE, Page
from curate.extract.html.inline import escaped, fenced, inline

MOST_COLUMNS = 100
"""Columns of a table that is written as one; a wider one is written block by block."""
MOST_NESTED = 16
"""Lists and quotes within each other that are marked; deeper ones stand at this depth."""
_NO_LANGUAGE = frozenset({"", "default", "none", "text", "plain", "plaintext", "nohighlight"})
_BULLETS = ("-", "*")


class _Marks:
    """The marks of lists and quotes: which items have been begun, and how wide each one's mark is."""

    def __init__(self, page: Page) -> None:
        self.frames = page.frames.tolist()
        self.width: dict[int, int] = {}
        self.bullet: dict[int, str] = {}
        self.last: dict[int, int] = {}
        self.chains: dict[int, tuple[int, ...]] = {-1: ()}

    def chain(self, frame: int) -> tuple[int, ...]:
        """The frames around a block, the outermost first."""
        inner = []
        while frame not in self.chains:
            inner.append(frame)
            frame = self.frames[frame][0]
        found = self.chains[frame]
        for frame in reversed(inner):
            found = found if len(found) == MOST_NESTED else (*found, frame)
            self.chains[frame] = found
        return found

    def prefixes(self, chain: tuple[int, ...]) -> tuple[str, str]:
        """What the first line of a block begins with, and what its others do."""
        first = other = ""
        for frame in chain:
            parent, kind, number, of_list = self.frames[frame]
            if kind == QUOTE:
                first, other = first + "> ", other + "> "
            elif frame in self.width:
                first, other = first + " " * self.width[frame], other + " " * self.width[frame]
            else:
                mark = self._mark(parent, number, of_list)
                self.width[frame] = len(mark)
                first, other = first + mark, other + " " * len(mark)
        return first, other

    def _mark(self, parent: int, number: int, of_list: int) -> str:
        before = self.last.get(parent, of_list)
        if of_list not in self.bullet:
            used = self.bullet.get(before, _BULLETS[1])
            self.bullet[of_list] = _BULLETS[1 - _BULLETS.index(used)]
        self.last[parent] = of_list
        if number < 0:
            return f"{self.bullet[of_list]} "
        return f"{number}{'.' if self.bullet[of_list] == _BULLETS[0] else ')'} "


def _is_data(page: Page, table: int) -> bool:
    if table < 0:
        return False
    _, rows, columns, _, flags = page.tables[table].tolist()
    return rows > 1 and 1 < columns <= MOST_COLUMNS and not flags & (HAS_TABLE | IS_LAYOUT)


def _table(page: Page, numbers: list[int]) -> list[str]:
    """The lines of a table of these blocks; without header cells in its first row the header is empty."""
    rows: dict[int, dict[int, list[str]]] = {}
    for number in numbers:
        block = page.blocks[number]
        cells = rows.setdefault(int(block["row"]), {})
        text = inline(page, number) if not block["flags"] & IN_PRE else escaped(page.block_text(number))
        cells.setdefault(max(0, int(block["column"])), []).append(" ".join(text.split("\n")).replace("|", "\\|"))
    columns = 1 + max(column for cells in rows.values() for column in cells)
    lines = [[" ".join(cells.get(column, ())) for column in range(columns)] for _, cells in sorted(rows.items())]
    if not page.blocks[numbers[0]]["flags"] & IN_HEADER_CELL:
        lines.insert(0, [""] * columns)
    written = ["| " + " | ".join(cells) + " |" for cells in lines]
    return [written[0], "|" + " --- |" * columns, *written[1:]]


def _language(page: Page, number: int) -> str:
    block = page.blocks[number]
    name = bytes(page.source[block["language_start"] : block["language_end"]]).decode("utf-8", "ignore").strip()
    name = name.split()[0].rstrip(";").lower() if name else ""
    return "" if name in _NO_LANGUAGE else name


def _lines(page: Page, numbers: list[int], in_table: bool) -> list[str]:
    if in_table:
        return _table(page, numbers)
    number = numbers[0]
    block = page.blocks[number]
    if block["flags"] & IN_PRE:
        return fenced(page.block_text(number), _language(page, number))
    text = inline(page, number)
    if block["level"]:
        return ["#" * int(block["level"]) + " " + " ".join(text.split("\n"))]
    return text.replace("\n", "\\\n").split("\n")


def as_markdown(page: Page, kept: NDArray[np.bool_]) -> str:
    """The kept blocks as Markdown, without a line feed at the end."""
    marks, out = _Marks(page), []
    chosen = np.flatnonzero(kept).tolist()
    tables, frames = page.blocks["table"].tolist(), page.blocks["frame"].tolist()
    captions = page.blocks["column"].tolist()
    before: tuple[int, ...] | None = None
    i = 0
    while i < len(chosen):
        number, last = chosen[i], i + 1
        in_table = _is_data(page, tables[number]) and captions[number] >= 0
        if in_table:
            while last < len(chosen) and tables[chosen[last]] == tables[number] and captions[chosen[last]] >= 0:
                last += 1
        chain = marks.chain(frames[number])
        begins_item = any(frame not in marks.width and marks.frames[frame][1] == ITEM for frame in chain)
        shared = 0
        if before is not None:
            while shared < min(len(chain), len(before)) and chain[shared] == before[shared]:
                shared += 1
            same_list = begins_item and shared < len(before) and _one_list(marks, before[shared], chain[shared])
            nested = begins_item and shared == len(before) and shared > 0
            if not (same_list or nested):
                out.append(marks.prefixes(chain[:shared])[1].rstrip())
        first, other = marks.prefixes(chain)
        lines = _lines(page, chosen[i:last], in_table)
        out += [((first if k == 0 else other) + line) if line else (first if k == 0 else other).rstrip()
                for k, line in enumerate(lines)]  # fmt: skip
        before, i = chain, last
    return "\n".join(out)


def _one_list(marks: _Marks, one: int, other: int) -> bool:
    return bool(
        marks.frames[one][1] == ITEM == marks.frames[other][1] and marks.frames[one][3] == marks.frames[other][3]
    )
