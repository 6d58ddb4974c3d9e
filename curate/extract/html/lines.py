"""Chosen blocks as plain text: a block a line, the cells of a row in one line, no blank lines but in code.

Knows blocks; knows no Markdown.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from curate.extract.html.blocks import IN_CELL, IN_PRE, ITEM, Page, Records
from curate.text.characters import Bytes, Offsets
from curate.text.compiled import Scalar
from curate.text.compiled import lean_entry as entry

_TAB, _LF = 9, 10


@entry
def _roots(frames: Records, roots: Offsets) -> Scalar:
    """By frame, the outermost list that an item lies in without a quote between; -1 for quotes. A last one is no frame's."""
    roots[len(frames)] = -1
    for number in range(len(frames)):
        frame = frames[number]
        above = roots[frame.parent] if frame.parent >= 0 else -1
        roots[number] = -1 if frame.kind != ITEM else above if above >= 0 else np.int64(frame.list)


@entry
def _write(text: Bytes, blocks: Records, kept: NDArray[np.bool_], roots: Offsets, out: Bytes) -> Scalar:
    """Write the kept blocks; the length of what was written. With `roots` of the page's frames, paragraphs are parted by
    a blank line, and the items of a list and the rows of a table are not."""
    at, last = 0, -1
    for number in range(len(blocks)):
        if not kept[number]:
            continue
        block = blocks[number]
        if last >= 0:
            before = blocks[last]
            same_row = block.flags & IN_CELL and before.flags & IN_CELL and block.table == before.table
            same_row = same_row and block.row == before.row
            if same_row and not (block.flags | before.flags) & IN_PRE:
                out[at] = _TAB if block.column != before.column else 32
            else:
                out[at] = _LF
            at += 1
            if len(roots) and not (block.table >= 0 and block.table == before.table):
                root = roots[block.frame]
                if root < 0 or root != roots[before.frame]:
                    out[at] = _LF
                    at += 1
        last = number
        for i in range(block.start, block.end):
            out[at] = text[i]
            at += 1
    return at


def as_text(page: Page, kept: NDArray[np.bool_], parted: bool = False) -> str:
    """The kept blocks as text, without a line feed at the end; `parted` by blank lines, or a block a line.

    >>> from curate.extract.html import parse_page
    >>> page = parse_page(b"<p>Boil:<ul><li>water<li>milk</ul><p>Steep.")
    >>> as_text(page, np.ones(4, bool), parted=True)
    'Boil:\\n\\nwater\\nmilk\\n\\nSteep.'
    """
    roots = np.empty(len(page.frames) + 1 if parted else 0, np.int64)
    if parted:
        _roots(page.frames, roots)
    out = np.empty(len(page.text) + 2 * len(page.blocks), np.uint8)
    return bytes(out[: _write(page.text, page.blocks, kept, roots, out)]).decode()
