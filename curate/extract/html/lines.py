"""Chosen blocks as plain text: a block a line, the cells of a row in one line, no blank lines but in code.

Knows blocks; knows no Markdown.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from curate.extract.html.blocks import IN_CELL, IN_PRE, Page, Records
from curate.text.characters import Bytes
from curate.text.compiled import Scalar
from curate.text.compiled import lean_kernel as kernel

_TAB, _LF = 9, 10


@kernel
def _write(text: Bytes, blocks: Records, kept: NDArray[np.bool_], out: Bytes) -> Scalar:
    """Write the kept blocks; the length of what was written."""
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
        last = number
        for i in range(block.start, block.end):
            out[at] = text[i]
            at += 1
    return at


def as_text(page: Page, kept: NDArray[np.bool_]) -> str:
    """The kept blocks as text, without a line feed at the end."""
    out = np.empty(len(page.text) + len(page.blocks), np.uint8)
    return bytes(out[: _write(page.text, page.blocks, kept, out)]).decode()
