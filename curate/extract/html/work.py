"""The arrays of one parse, in one record: what it has counted, what is open, and where the arrays lie that it fills.

A call of a kernel hands over every word of an array's description, and of a record a pointer; a parse calls some twenty
kernels a tag. Knows no tags and no text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from curate.extract.html import blocks as b
from curate.extract.html.elements import ATTRIBUTES, NAMES
from curate.text.compiled import array_in, fields_of_arrays

# What an element hands down: restored when it ends.
(FLAGS, NODE, CONTAINER, FRAME, TABLE, ROW, COLUMN, SPAN, LIST, LEVEL, QUOTES, LANGUAGE_START, LANGUAGE_END) = range(13)
LANGUAGE_DEPTH, CONTAINER_ELEMENT, LINK = 13, 14, 15
INHERITED = 16
# What a parse counts and remembers.
N_TEXT, N_BLOCKS, N_MARKS, N_NODES, N_NAMES, N_FRAMES, N_TABLES, N_LISTS, DEPTH, BLOCK = range(16, 26)
SPACE, FIRST_MARK, STEPS, ENDED, SKIP_LINE, SOURCE, FORM, FOREIGN = range(26, 34)
MATH_STATE, MATH_TEXT, MATH_WORDS, MATH_CHARACTERS, FORMULA_END, MATH_DISPLAY = range(34, 40)
N_DATA, WANTED, BACKWARDS = range(40, 43)
STATE = 43
# What is known of a list: the next number and the step to the one after it (0 for bullets); how many items there are; and,
# where it counts down to 1, whether its numbers wait for that.
NEXT, STEP, ITEMS, WAITING = range(4)
LIST_WIDTH = 4

NO_FORMULA, IN_TEX, TEX_DONE = range(3)
"""Values of MATH_STATE: no TeX seen in the formula; in it; after it, where the rest says the same again."""

MOST_DEEP = 512
"""Open elements at once, as in browsers (Chromium's and lexbor's limit)."""
ELEMENT, CODE = INHERITED, INHERITED + 1
STACK_WIDTH = INHERITED + 2
"""A row of the stack: what the element found when it began, its number and the code of its name."""
OTHERS = 256
COUNTS = len(NAMES) + OTHERS
"""Open elements are counted by number, those without by a part of their code: a name that is not open is not sought."""
MOST_COLUMNS = 1000
"""Columns of one cell (WHATWG HTML, 4.9.11), and of one table here."""
MOST_DATA = 64
"""Pieces of data for scripts that are looked at; real pages have up to some twenty."""

_FILLED = {
    "text": np.dtype(np.uint8),
    "blocks": b.BLOCK,
    "marks": b.MARK,
    "nodes": b.NODE,
    "names": np.dtype(np.uint32),
    "frames": b.FRAME,
    "tables": b.TABLE,
    "lists": np.dtype((np.int64, (LIST_WIDTH,))),
}
"""The arrays whose sizes a page decides, and what they are of. They lie elsewhere; `fields_of_arrays` says how."""
WORK = np.dtype(
    [
        ("state", np.int64, (STATE,)),
        ("stack", np.int64, (MOST_DEEP, STACK_WIDTH)),
        ("open", np.int64, (COUNTS,)),
        ("found", np.int64, (2 * len(ATTRIBUTES),)),
        ("covered", np.int64, (MOST_COLUMNS + 1,)),
        ("data", np.int64, (MOST_DATA, 3)),
        ("held", np.uint8, (8,)),
        *fields_of_arrays(_FILLED),
    ],
    align=True,
)
Work: TypeAlias = Any
"""A record of WORK in a kernel."""

text_of, blocks_of, marks_of, nodes_of, names_of, frames_of, tables_of, lists_of = (
    array_in(name, dtype) for name, dtype in _FILLED.items()
)
"""Each of the arrays, in a kernel."""


def work_for(sizes: Mapping[str, int]) -> tuple[NDArray[Any], dict[str, NDArray[Any]]]:
    """A record, as an array of one, and the arrays of these sizes that it points to, which must live as long."""
    work = np.empty(1, WORK)
    arrays = {name: np.empty(sizes[name], dtype) for name, dtype in _FILLED.items()}
    for name, array in arrays.items():
        work[f"{name}_at"], work[f"{name}_size"] = array.ctypes.data, len(array)
    return work, arrays
