"""Rows and columns while a page is parsed: which place in which table a cell has.

A cell that spans rows takes its columns in all of them, so that the cells beside it stand in theirs. Knows tables; knows
no tags.
"""

from __future__ import annotations

import numpy as np

from curate.extract.html.blocks import HAS_HEADER, HAS_TABLE, IN_CELL, IN_HEADER_CELL
from curate.extract.html.work import COLUMN, FLAGS, LIST, MOST_COLUMNS, N_TABLES, ROW, SPAN, TABLE, Work, tables_of
from curate.text.compiled import Scalar
from curate.text.compiled import lean_kernel as kernel

MOST_ROWS = 65534
"""Rows of one cell (WHATWG HTML, 4.9.11)."""
_ROW_BITS = 32
"""`covered` holds, by column, the number of a table and the row before which a cell of an earlier row covers it."""


@kernel
def begin_table(work: Work, flags: Scalar) -> Scalar:
    """A table within whatever is open; the one around it, if any, is known to hold another."""
    state = work.state
    place = state[N_TABLES]
    if place >= len(tables_of(work)):
        return
    table = tables_of(work)[place]
    table.parent = state[TABLE]
    table.rows = table.columns = table.column = 0
    table.flags = flags
    if state[TABLE] >= 0:
        tables_of(work)[state[TABLE]].flags |= HAS_TABLE
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
    table = tables_of(work)[state[TABLE]]
    state[ROW] = table.rows
    table.rows += 1
    table.column = 0


@kernel
def begin_cell(work: Work, header: Scalar, span: Scalar, rows: Scalar) -> Scalar:
    """The next cell of the row, which spans columns and rows; one outside a row makes a row."""
    state = work.state
    if state[TABLE] < 0:
        return
    table = tables_of(work)[state[TABLE]]
    if state[ROW] < 0:
        state[ROW] = max(table.rows - 1, 0)
        table.rows = max(table.rows, 1)
    covered, first_row = work.covered, state[TABLE] << _ROW_BITS
    column = np.int64(table.column)
    while (
        column < MOST_COLUMNS
        and covered[column] > first_row + state[ROW]
        and covered[column] >> _ROW_BITS == state[TABLE]
    ):
        column += 1
    state[COLUMN] = column
    state[SPAN] = min(max(span, 1), MOST_COLUMNS)
    table.column = min(column + state[SPAN], MOST_COLUMNS)
    if rows > 1:
        end = first_row + state[ROW] + min(rows, MOST_ROWS)
        while column < table.column:
            covered[column] = end
            column += 1
    table.columns = max(table.columns, table.column)
    state[FLAGS] |= IN_CELL
    state[LIST] = -1
    if header:
        table.flags |= HAS_HEADER
        state[FLAGS] |= IN_HEADER_CELL
