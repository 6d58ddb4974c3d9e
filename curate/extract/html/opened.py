"""The stack of open elements: what an element begins and ends, and which ones another implies the end of.

A deep page does not grow it: at the limit a new element takes the place of the innermost. Knows elements and blocks;
knows no bytes.
"""

from __future__ import annotations

import numpy as np

from curate.extract.html import elements as e
from curate.extract.html.blocks import CODE_OFF, DISPLAY_OFF, IN_CODE, IN_PRE, MATH_OFF, SUB_OFF, SUP_OFF
from curate.extract.html.building import (
    DEPTH,
    FOREIGN,
    FORM,
    FORMULA_END,
    IN_TEX,
    INHERITED,
    LINK,
    MATH_DISPLAY,
    MATH_STATE,
    N_BLOCKS,
    N_TEXT,
    NO_FORMULA,
    STEPS,
    TEX_DONE,
    Work,
    break_in_pre,
    end_block,
    put_mark,
)
from curate.text.compiled import Scalar, kernel

MOST_DEEP = 512
"""Open elements at once, as in browsers (Chromium's and lexbor's limit)."""
ELEMENT, CODE = INHERITED, INHERITED + 1
STACK_WIDTH = INHERITED + 2
"""A row of the stack: what the element found when it began, its number and the code of its name."""
_OTHERS = 256
COUNTS = len(e.NAMES) + _OTHERS
"""Open elements are counted by number, those without by a part of their code: a name that is not open is not sought."""

_PROPERTIES = e.PROPERTIES
_KNOWN = len(e.NAMES)


@kernel
def count_index(element: Scalar, code: Scalar) -> Scalar:
    """Where elements of this name are counted."""
    return element if element else _KNOWN + np.int64(code & np.uint64(_OTHERS - 1))


@kernel
def push(work: Work, element: Scalar, code: Scalar) -> Scalar:
    """Begin an element; what it changes of the state is changed after this."""
    state = work.state
    if state[DEPTH] >= MOST_DEEP:
        pop(work)
    row = work.stack[state[DEPTH]]
    for i in range(INHERITED):
        row[i] = state[i]
    row[ELEMENT] = element
    row[CODE] = np.int64(code)
    work.open[count_index(element, code)] += 1
    state[DEPTH] += 1


@kernel
def block_edge(work: Work) -> Scalar:
    """A block-level element begins or ends here."""
    if work.state[0] & IN_PRE:
        break_in_pre(work)
    else:
        end_block(work)


@kernel
def pop(work: Work) -> Scalar:
    """End the innermost element."""
    state = work.state
    state[DEPTH] -= 1
    row = work.stack[state[DEPTH]]
    element = row[ELEMENT]
    if _PROPERTIES[element] & e.BLOCK:
        if element == e.PRE or element == e.LISTING or element == e.XMP or element == e.PLAINTEXT:
            if not row[0] & IN_PRE:
                end_block(work)
        else:
            block_edge(work)
    elif element == e.SUP:
        put_mark(work, SUP_OFF, False)
    elif element == e.SUB:
        put_mark(work, SUB_OFF, False)
    elif element == e.CODE or element == e.KBD or element == e.SAMP or element == e.TT:
        if not row[0] & (IN_PRE | IN_CODE):
            put_mark(work, CODE_OFF, False)
    elif element == e.ANNOTATION:
        if state[MATH_STATE] == IN_TEX:
            end_formula(work)
            state[MATH_STATE] = TEX_DONE
    elif element == e.MATH:
        state[MATH_STATE] = NO_FORMULA
    if element == e.SVG or element == e.MATH:
        state[FOREIGN] -= 1
    elif element == e.FORM:
        state[FORM] = 0
    link = state[LINK]
    for i in range(INHERITED):
        state[i] = row[i]
    if not _PROPERTIES[element] & e.SCOPE:
        state[LINK] = link
    work.open[count_index(element, np.uint64(row[CODE]))] -= 1


@kernel
def end_formula(work: Work) -> Scalar:
    """TeX ends here: note where, so that an image of the same formula is not a second one."""
    put_mark(work, DISPLAY_OFF if work.state[MATH_DISPLAY] else MATH_OFF, False)
    work.state[FORMULA_END] = work.state[N_TEXT] if work.state[N_BLOCKS] else -1


@kernel
def pop_to(work: Work, depth: Scalar) -> Scalar:
    """End elements until this many are open."""
    while work.state[DEPTH] > depth:
        pop(work)


@kernel
def close_paragraph(work: Work) -> Scalar:
    """Close a `p` in button scope; whether there was one."""
    state = work.state
    if work.open[e.P] == 0:
        return False
    depth = state[DEPTH]
    while depth > 0:
        depth -= 1
        state[STEPS] += 1
        element = work.stack[depth, ELEMENT]
        if element == e.P:
            pop_to(work, depth)
            return True
        if element == e.BUTTON or _PROPERTIES[element] & e.SCOPE:
            return False
    return False


@kernel
def close_item(work: Work, first: Scalar, second: Scalar) -> Scalar:
    """Close an open `li`, or `dd` or `dt`, that a new one follows: up to special elements but address, div and p."""
    state = work.state
    if work.open[first] + work.open[second] == 0:
        return
    depth = state[DEPTH]
    while depth > 0:
        depth -= 1
        state[STEPS] += 1
        element = work.stack[depth, ELEMENT]
        if element in (first, second):
            pop_to(work, depth)
            return
        if _PROPERTIES[element] & e.SPECIAL and element != e.ADDRESS and element != e.DIV and element != e.P:
            return


@kernel
def clear_to_table(work: Work, element: Scalar) -> Scalar:
    """Before a part of a table: end what is open up to where the part belongs; False where no table is open."""
    state = work.state
    if work.open[e.TABLE] == 0:
        return False
    depth = state[DEPTH]
    while depth > 0:
        state[STEPS] += 1
        inner = work.stack[depth - 1, ELEMENT]
        if inner == e.TABLE:
            break
        if element != e.CAPTION and element != e.COLGROUP and element != e.COL:
            in_body = _PROPERTIES[inner] & e.BODY_PART
            if in_body and not _PROPERTIES[element] & e.BODY_PART:
                break
            if inner == e.TR and (element == e.TD or element == e.TH):
                break
        depth -= 1
    pop_to(work, depth)
    return True


@kernel
def end_tag(work: Work, element: Scalar, code: Scalar) -> Scalar:
    """Close the element that an end tag names, and all in it, if the tag can reach it; whether it did."""
    state = work.state
    heading = _PROPERTIES[element] & e.HEADING
    if heading:
        count = 0
        for number in range(e.H1, e.H6 + 1):
            count += work.open[number]
    else:
        count = work.open[count_index(element, code)]
    if count == 0:
        return False
    depth = state[DEPTH]
    barrier = e.SCOPE if _PROPERTIES[element] & e.SCOPED_END else e.SPECIAL
    of_table = element == e.TABLE or _PROPERTIES[element] & e.TABLE_PART
    while depth > 0:
        depth -= 1
        state[STEPS] += 1
        inner = work.stack[depth, ELEMENT]
        same = inner == element and (element or np.uint64(work.stack[depth, CODE]) == code)
        if same or (heading and _PROPERTIES[inner] & e.HEADING):
            pop_to(work, depth)
            return True
        if of_table:
            if inner == e.TABLE:
                return False
        elif _PROPERTIES[inner] & barrier or (element == e.LI and (inner == e.UL or inner == e.OL)):
            return False
    return False
