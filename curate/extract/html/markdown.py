"""Chosen blocks as Markdown: headings, nested lists with their numbers, quotes, tables, code.

A table of one column or one row, one that holds another and one whose role is presentation is layout: its cells are
blocks like others. Cells that span columns stand in the first of them. Knows blocks; chooses nothing.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from curate.extract.html.addresses import room_for
from curate.extract.html.blocks import HAS_TABLE, IN_HEADER_CELL, IN_PRE, IS_LAYOUT, Page, Records
from curate.extract.html.inline import IN_HEADING, IN_ROW, RUNNING, longest_run, put_all, write_inline, write_running
from curate.extract.html.lines import as_text
from curate.extract.html.lists import (
    FIRST,
    MOST_MARKS,
    OTHER,
    Lists,
    begins_item,
    goes_on,
    lists_of,
    prefixes,
    shared_depth,
)
from curate.extract.html.tokens import is_space, lower
from curate.text.characters import Bytes
from curate.text.compiled import Scalar
from curate.text.compiled import lean_entry as entry
from curate.text.compiled import lean_kernel as kernel

MOST_COLUMNS = 100
"""Columns of a table that is written as one; a wider one is written block by block."""
MOST_LANGUAGE = 40
"""Bytes of the name of a language; what is longer is none."""
_MOST = 256 << 20
"""Bytes of Markdown that room is made for: five times the text of the largest page that is read."""
_FULL = -1
"""Where the buffer is too small for what comes next."""
_AROUND = 4 * MOST_MARKS + MOST_LANGUAGE
"""Bytes around a block beyond what its length and its lines give: the line before it, fences, its language."""
_LF, _BLANK, _HASH, _BACKTICK, _TILDE, _PIPE, _SEMICOLON = b"\n #`~|;"
_DELIMITER = np.frombuffer(b" --- |", np.uint8)
_NO_LANGUAGE = np.zeros((6, MOST_LANGUAGE), np.uint8)
for _row, _name in enumerate((b"default", b"none", b"text", b"plain", b"plaintext", b"nohighlight")):
    _NO_LANGUAGE[_row, : len(_name)] = list(_name)


@kernel
def _is_data(tables: Scalar, table: Scalar) -> Scalar:
    """Whether a table is written as one."""
    if table < 0:
        return False
    it = tables[table]
    return it.rows > 1 and 1 < it.columns <= MOST_COLUMNS and not it.flags & (HAS_TABLE | IS_LAYOUT)


@kernel
def _language(source: Bytes, block: Scalar, name: Bytes) -> Scalar:
    """Write the name of a block's language in lower case; how long it is, 0 for none."""
    at, end = np.int64(block.language_start), np.int64(block.language_end)
    while at < end and is_space(source[at]):
        at += 1
    size: Scalar = 0
    name[:] = 0
    while at < end and not is_space(source[at]):
        if size == MOST_LANGUAGE:
            return 0
        name[size] = lower(source[at])
        size += 1
        at += 1
    while size and name[size - 1] == _SEMICOLON:
        size -= 1
        name[size] = 0
    for row in range(len(_NO_LANGUAGE)):
        same = True
        for i in range(MOST_LANGUAGE):
            same = same and name[i] == _NO_LANGUAGE[row, i]
        if same:
            return 0
    return size


@kernel
def _fence(out: Bytes, at: Scalar, mark: Scalar, size: Scalar) -> Scalar:
    for _ in range(size):
        out[at] = mark
        at += 1
    return at


@kernel
def _code(text: Bytes, source: Bytes, block: Scalar, lists: Lists, out: Bytes, at: Scalar) -> Scalar:
    """A fenced block of code, every blank and blank line of it kept."""
    start, end = np.int64(block.start), np.int64(block.end)
    size = _language(source, block, lists.name)
    mark = _TILDE if longest_run(lists.name, 0, size, _BACKTICK) else _BACKTICK
    fence = max(3, longest_run(text, start, end, mark) + 1)
    at = put_all(out, at, lists.prefix[FIRST], lists.size[FIRST])
    at = _fence(out, at, mark, fence)
    at = put_all(out, at, lists.name, size)
    bare = lists.size[OTHER]
    while bare and lists.prefix[OTHER, bare - 1] == _BLANK:
        bare -= 1
    fresh = True
    for i in range(start, end):
        if fresh:
            out[at] = _LF
            at = put_all(out, at + 1, lists.prefix[OTHER], bare if text[i] == _LF else lists.size[OTHER])
        fresh = text[i] == _LF
        if not fresh:
            out[at] = text[i]
            at += 1
    if fresh:
        out[at] = _LF
        at = put_all(out, at + 1, lists.prefix[OTHER], bare)
    out[at] = _LF
    at = put_all(out, at + 1, lists.prefix[OTHER], lists.size[OTHER])
    return _fence(out, at, mark, fence)


@kernel
def _end_row(columns: Scalar, column: Scalar, out: Bytes, at: Scalar) -> Scalar:
    """Write the cells of a row that are still missing, and its end."""
    while column < columns - 1:
        out[at] = _BLANK
        out[at + 1] = _PIPE
        out[at + 2] = _BLANK
        at += 3
        column += 1
    out[at] = _BLANK
    out[at + 1] = _PIPE
    return at + 2


@kernel
def _table(
    text: Bytes, source: Bytes, blocks: Records, all_marks: Records, chosen: Scalar, first: Scalar, last: Scalar,
    lists: Lists, out: Bytes, at: Scalar,
) -> Scalar:  # fmt: skip
    """A table of these blocks; without header cells in its first row the header is empty."""
    columns: Scalar = 1
    for i in range(first, last):
        columns = max(columns, np.int64(blocks[chosen[i]].column) + 1)
    row: Scalar = -1
    column: Scalar = 0
    headed = blocks[chosen[first]].flags & IN_HEADER_CELL != 0
    ruled = False
    at = put_all(out, at, lists.prefix[FIRST], lists.size[FIRST])
    if not headed:
        out[at] = _PIPE
        out[at + 1] = _BLANK
        at = _end_row(columns, 0, out, at + 2)
    for i in range(first, last):
        block = blocks[chosen[i]]
        length = np.int64(block.end - block.start)
        room = 4 * length + 8 * (np.int64(block.end_mark) - block.first_mark) + 6 * columns + 2 * _AROUND
        room += room_for(all_marks, block.first_mark, block.end_mark)
        if at + room + 3 * (columns + _AROUND) > len(out):
            return _FULL
        if block.row != row:
            if row >= 0:
                at = _end_row(columns, column, out, at)
            if not ruled and (row >= 0 or not headed):
                ruled = True
                out[at] = _LF
                at = put_all(out, at + 1, lists.prefix[OTHER], lists.size[OTHER])
                out[at] = _PIPE
                at += 1
                for _ in range(columns):
                    at = put_all(out, at, _DELIMITER, len(_DELIMITER))
            if row >= 0 or not headed:
                out[at] = _LF
                at = put_all(out, at + 1, lists.prefix[OTHER], lists.size[OTHER])
            row, column = np.int64(block.row), 0
            out[at] = _PIPE
            out[at + 1] = _BLANK
            at += 2
        elif block.column == column:
            out[at] = _BLANK
            at += 1
        while column < block.column:
            out[at] = _BLANK
            out[at + 1] = _PIPE
            out[at + 2] = _BLANK
            at += 3
            column += 1
        if block.flags & IN_PRE:
            start, end = np.int64(block.start), np.int64(block.end)
            at = write_running(text, start, end, IN_ROW, False, True, False, out, at, lists.prefix[OTHER], 0)
        else:
            at = write_inline(text, source, block, all_marks, IN_ROW, out, at, lists.prefix[OTHER], 0, lists.name)
    at = _end_row(columns, column, out, at)
    if not ruled:
        out[at] = _LF
        at = put_all(out, at + 1, lists.prefix[OTHER], lists.size[OTHER])
        out[at] = _PIPE
        at += 1
        for _ in range(columns):
            at = put_all(out, at, _DELIMITER, len(_DELIMITER))
    return at


@entry
def _write(
    text: Bytes, source: Bytes, blocks: Records, all_marks: Records, frames: Records, tables: Records,
    chosen: Scalar, lists: Lists, out: Bytes,
) -> Scalar:  # fmt: skip
    """Write the chosen blocks; the length of what was written, or _FULL."""
    at: Scalar = 0
    before: Scalar = -2
    place: Scalar = 0
    while place < len(chosen):
        block, last = blocks[chosen[place]], place + 1
        in_table = block.column >= 0 and _is_data(tables, block.table)
        if in_table:
            while last < len(chosen):
                other = blocks[chosen[last]]
                if other.table != block.table or other.column < 0:
                    break
                last += 1
        lines = 3 + np.int64(block.flags & IN_PRE != 0)
        for i in range(block.start, block.end):
            lines += text[i] == _LF
        length, marked = np.int64(block.end - block.start), np.int64(block.end_mark) - block.first_mark
        room = 4 * length + 8 * marked + lines * MOST_MARKS + _AROUND
        if at + room + room_for(all_marks, block.first_mark, block.end_mark) > len(out):
            return _FULL
        frame = np.int64(lists.inner[block.frame])
        begins = begins_item(lists, frames, frame)
        if before >= -1:
            depth = shared_depth(lists, frames, before, frame)
            out[at] = _LF
            at += 1
            if not (begins and goes_on(lists, frames, before, frame, depth)):
                prefixes(lists, frames, before, depth)
                bare = lists.size[OTHER]
                while bare and lists.prefix[OTHER, bare - 1] == _BLANK:
                    bare -= 1
                at = put_all(out, at, lists.prefix[OTHER], bare)
                out[at] = _LF
                at += 1
        prefixes(lists, frames, frame, lists.deep[frame])
        if in_table:
            at = _table(text, source, blocks, all_marks, chosen, place, last, lists, out, at)
            if at == _FULL:
                return at
        elif block.flags & IN_PRE:
            at = _code(text, source, block, lists, out, at)
        else:
            at = put_all(out, at, lists.prefix[FIRST], lists.size[FIRST])
            mode = IN_HEADING if block.level else RUNNING
            if block.level:
                at = _fence(out, at, _HASH, np.int64(block.level))
                out[at] = _BLANK
                at += 1
            at = write_inline(
                text, source, block, all_marks, mode, out, at, lists.prefix[OTHER], lists.size[OTHER], lists.name
            )
        before, place = frame, last
    return at


def as_markdown(page: Page, kept: NDArray[np.bool_]) -> str:
    """The kept blocks as Markdown, without a line feed at the end.

    Without marks, as `as_text`, where these would take many times the room of a large page: each of millions of lines of
    code repeats what stands before it, such as the blanks of sixteen lists.
    """
    chosen = np.flatnonzero(kept)
    size = 2 * int((page.blocks["end"] - page.blocks["start"])[chosen].sum()) + 64 * len(chosen) + 8 * _AROUND
    while size <= _MOST:
        out = np.empty(size, np.uint8)
        end = _write(
            page.text,
            page.source,
            page.blocks,
            page.marks,
            page.frames,
            page.tables,
            chosen,
            lists_of(page.frames),
            out,
        )
        if end != _FULL:
            return bytes(out[:end]).decode()
        size *= 2
    return as_text(page, kept)
