"""What a parse leaves of a page: its text, and the blocks that the text falls into, as arrays.

A block is a run of text in one block-level container, between two places where blocks begin or end. Its text lies in
one buffer of UTF-8, white space collapsed but in `pre`, so that block i is `text[start:end]`. Around it lie the tables
that blocks point into: the elements above them, lists and quotes, tables, marks within the text.

Knows the arrays and what their fields mean; knows neither how a page is parsed nor what is chosen of it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Records = NDArray[Any]
"""A structured array."""

# Bits of `flags`: what a block lies in, by elements and by roles of WAI-ARIA.
NAV, FOOTER, ASIDE, HEADER, FORM, MAIN, ARTICLE = (1 << bit for bit in range(7))
HIDDEN = 1 << 7
"""`hidden`, `display: none`, `visibility: hidden`, a closed `dialog`."""
ARIA_HIDDEN = 1 << 8
IN_NOSCRIPT = 1 << 9
SEARCHING = 1 << 10
"""`search`, or the role."""
IN_TITLE = 1 << 11
"""The text of `title`: of the page, not in it."""
IN_PRE = 1 << 12
IN_CODE = 1 << 13
IN_HEADER_CELL = 1 << 14
IN_CELL = 1 << 15
IN_CAPTION = 1 << 16
"""`caption` or `figcaption`."""
IN_TERM = 1 << 17
IN_SELECT = 1 << 18
IN_SVG = 1 << 19
IN_DIALOG = 1 << 20
IN_BUTTON = 1 << 21
UNSEEN = 1 << 22
"""Never text of the page (script, style, template); no block has it."""
IN_MATH = 1 << 23
IN_GUTTER = 1 << 24
"""Line numbers beside code and visible doubles of formulas; no block has it."""
SAYS_HIDDEN = 1 << 25
"""The attribute `hidden` or a closed `dialog`, which hide without a style that a script may lift for everybody."""

BLOCK = np.dtype(
    [
        ("start", np.int32),  # of its text, in bytes of the buffer
        ("end", np.int32),
        ("first_mark", np.int32),  # its marks are marks[first_mark:end_mark]
        ("end_mark", np.int32),
        ("flags", np.int32),
        ("node", np.int32),  # the innermost element with a node
        ("container", np.int32),  # the innermost block-level element's node
        ("frame", np.int32),  # the innermost list item or quote, -1 for none
        ("table", np.int32),  # the innermost table, -1 for none
        ("row", np.int32),  # from 0
        ("column", np.int32),  # from 0
        ("span", np.int32),  # columns of its cell
        ("language_start", np.int32),  # of code: the name of its language in the page's bytes
        ("language_end", np.int32),
        ("words", np.int32),  # between white space; each character of CJK is one
        ("characters", np.int32),  # code points that are not white space
        ("link_words", np.int32),
        ("link_characters", np.int32),
        ("punctuation", np.int32),  # marks that end a sentence or a part of one
        ("source", np.int32),  # where the block begins in the page's bytes
        ("level", np.int16),  # of a heading, 1 to 6; 0 otherwise
        ("depth", np.int16),  # open elements
        ("element", np.int16),  # number of the container's element
        ("quotes", np.int16),  # block quotes around it
    ],
    align=True,
)
NODE = np.dtype(
    [
        ("parent", np.int32),
        ("first_name", np.int32),  # hashed words of class and id: names[first_name:end_name]
        ("end_name", np.int32),
        ("element", np.int16),
        ("depth", np.int16),
    ],
    align=True,
)
"""An element that is a block or has a class or an id. Node 0 is the page."""
FRAME = np.dtype([("parent", np.int32), ("kind", np.int32), ("number", np.int32), ("list", np.int32)])
"""A list item or a block quote; `number` is an ordered item's, -1 for a bullet."""
QUOTE, ITEM = range(2)
TABLE = np.dtype(
    [("parent", np.int32), ("rows", np.int32), ("columns", np.int32), ("column", np.int32), ("flags", np.int32)]
)
HAS_HEADER, HAS_TABLE, IS_LAYOUT = (1 << bit for bit in range(3))
"""Bits of a table: it has `th`; it has a table in it; its role says presentation."""
MARK = np.dtype([("at", np.int32), ("kind", np.int32), ("first", np.int32), ("last", np.int32)])
"""A place in the text where something begins or ends; for a link, an image and its description also the value of the
attribute, `source[first:last]`. Marks between two blocks are the second one's."""
SUP_ON, SUP_OFF, SUB_ON, SUB_OFF, CODE_ON, CODE_OFF, MATH_ON, MATH_OFF, DISPLAY_ON, DISPLAY_OFF = range(10)
LINK_ON, LINK_OFF, IMAGE, _, DESCRIPTION = range(10, 15)
"""Kinds of marks that are made on request; a description stands behind its image."""
WITH_LINKS, WITH_IMAGES = 1, 2
"""Bits of the request."""
JSON_LD, NEXT_DATA, PRELOADED = range(3, 6)
"""Kinds of data for scripts: JSON of schema.org, of Next.js, and of Discourse in an attribute."""

COMPLETE, TOO_LONG, TOO_MANY_BLOCKS = range(3)
"""How a parse ended: at the page's end, or at a limit, with all before it kept."""


class Page(NamedTuple):
    """A parsed page; every array is as long as what it holds."""

    source: NDArray[np.uint8]
    text: NDArray[np.uint8]
    blocks: Records
    marks: Records
    nodes: Records
    names: NDArray[np.uint32]
    frames: Records
    tables: Records
    data: NDArray[np.int64]
    """Of each piece of data for scripts its kind, and where it lies in the page's bytes: first and last."""
    ended: int
    steps: int
    """Turns of the parse's inner loops, for tests of linearity."""

    def block_text(self, index: int) -> str:
        """The text of one block, white space as it is stored."""
        block = self.blocks[index]
        return bytes(self.text[block["start"] : block["end"]]).decode()
