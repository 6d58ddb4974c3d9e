"""Rows and columns while a page is parsed: which place in which table a cell has.

A cell that spans rows is known in its first row only. Knows tables; knows no tags.
"""

from __future__ import annotations

from curate.extract.html.blocks import HAS_HEADER, HAS_TABLE, IN_CELL, IN_HEADER_CELL
from curate.extract.html.building import COLUMN, FLAGS, LIST, N_TABLES, ROW, SPAN, TABLE, Work
from curate.text.compiled import Scalar, kernel

MOST_COLUMNS = 1000
"""Columns of one cell (WHATWG HTML, 4.9.11), and of one table here."""


@kernel
def begin_table(work: Work, flags: Scalar) -> Scalar:
    """A table within whatever is open; the one around it, if any, is known to hold another."""
    state = work.state
    place = state[N_TABLES]
    if place >= len(work.tables):
        return
    table = work.tables[place]
    table.parent = state[TABLE]
    table.rows = table.columns = table.column = 0
    table.flags = flags
    if state[TABLE] >= 0:
        work.tables[state[TABLE]].flags |= HAS_TABLE
    state[TABLE] = place
    state[ROW] = state[COLUMN] = -1
    state[SPAN] = 0
    state[LIST] = -1
    state[FLAGS] &= ~(IN_CELL | IN_HEADER_CELL)
    state[N_TABLES] += 1


@kernel
def begin_row(work: Work) -> Scalar:
    """The next row of the innermost table."""
    state = work.state
    if state[TABLE] < 0:
        return
    table = work.tables[state[TABLE]]
    state[ROW] = table.rows
    table.rows += 1
    table.column = 0


@kernel
def begin_cell(work: Work, header: Scalar, span: Scalar) -> Scalar:
    """The next cell of the row; one outside a row makes a row."""
    state = work.state
    if state[TABLE] < 0:
        return
    table = work.tables[state[TABLE]]
    if state[ROW] < 0:
        state[ROW] = max(table.rows - 1, 0)
        table.rows = max(table.rows, 1)
    state[COLUMN] = table.column
    state[SPAN] = min(max(span, 1), MOST_COLUMNS)
    table.column = min(table.column + state[SPAN], MOST_COLUMNS)
    table.columns = max(table.columns, table.column)
    state[FLAGS] |= IN_CELL
    state[LIST] = -1
    if header:
        table.flags |= HAS_HEADER
        state[FLAGS] |= IN_HEADER_CELL
