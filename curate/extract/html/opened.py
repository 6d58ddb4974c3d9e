"""The stack of open elements: what an element begins and ends, and which ones another implies the end of.

A deep page does not grow it: at the limit a new element takes the place of the innermost. Knows elements and blocks;
knows no bytes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from curate.extract.html import elements as e
from curate.extract.html.blocks import CODE_OFF, DISPLAY_OFF, IN_CODE, IN_PRE, MATH_OFF, SUB_OFF, SUP_OFF
from curate.extract.html.building import break_in_pre, end_block, put_mark
from curate.extract.html.work import (
    CODE,
    DEPTH,
    ELEMENT,
    FOREIGN,
    FORM,
    FORMULA_END,
    IN_TEX,
    INHERITED,
    LINK,
    MATH_DISPLAY,
    MATH_STATE,
    MOST_DEEP,
    N_BLOCKS,
    N_TEXT,
    NO_FORMULA,
    OTHERS,
    STEPS,
    TEX_DONE,
    Work,
)
from curate.text.characters import Offsets
from curate.text.compiled import Scalar
from curate.text.compiled import lean_kernel as kernel

Stack = NDArray[np.int64]
_PROPERTIES = e.PROPERTIES
_KNOWN = len(e.NAMES)


@kernel
def count_index(element: Scalar, code: Scalar) -> Scalar:
    """Where elements of this name are counted."""
    return element if element else _KNOWN + np.int64(code & np.uint64(OTHERS - 1))


@kernel
def push(work: Work, element: Scalar, code: Scalar) -> Scalar:
    """Begin an element at less than the greatest depth; what it changes of the state is changed after this."""
    state = work.state
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
    kind = -1
    if _PROPERTIES[element] & e.BLOCK:
        if element == e.PRE or element == e.LISTING or element == e.XMP or element == e.PLAINTEXT:
            if not row[0] & IN_PRE:
                end_block(work)
        else:
            block_edge(work)
    elif element == e.SUP:
        kind = SUP_OFF
    elif element == e.SUB:
        kind = SUB_OFF
    elif element == e.CODE or element == e.KBD or element == e.SAMP or element == e.TT:
        if not row[0] & (IN_PRE | IN_CODE):
            kind = CODE_OFF
    elif element == e.ANNOTATION:
        if state[MATH_STATE] == IN_TEX:
            end_formula(work)
            state[MATH_STATE] = TEX_DONE
    elif element == e.MATH:
        state[MATH_STATE] = NO_FORMULA
    if kind >= 0:
        put_mark(work, kind, 0, 0)
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
    put_mark(work, DISPLAY_OFF if work.state[MATH_DISPLAY] else MATH_OFF, 0, 0)
    work.state[FORMULA_END] = work.state[N_TEXT] if work.state[N_BLOCKS] else -1


@kernel
def pop_to(work: Work, depth: Scalar) -> Scalar:
    """End elements until this many are open."""
    while work.state[DEPTH] > depth:
        pop(work)


@kernel
def paragraph_depth(state: Offsets, stack: Stack, counts: Offsets, depth: Scalar) -> Scalar:
    """The depth at which a `p` in button scope is closed, of an element at this depth; that depth if there is none."""
    if counts[e.P] == 0:
        return depth
    for inner in range(depth - 1, -1, -1):
        state[STEPS] += 1
        element = stack[inner, ELEMENT]
        if element == e.P:
            return inner
        if element == e.BUTTON or _PROPERTIES[element] & e.SCOPE:
            break
    return depth


@kernel
def _item_depth(state: Offsets, stack: Stack, counts: Offsets, depth: Scalar, first: Scalar, second: Scalar) -> Scalar:
    """For an open `li`, or `dd` or `dt`, that a new one follows: up to special elements but address, div and p."""
    if counts[first] + counts[second] == 0:
        return depth
    for inner in range(depth - 1, -1, -1):
        state[STEPS] += 1
        element = stack[inner, ELEMENT]
        if element in (first, second):
            return inner
        if _PROPERTIES[element] & e.SPECIAL and element != e.ADDRESS and element != e.DIV and element != e.P:
            break
    return depth


@kernel
def _table_depth(state: Offsets, stack: Stack, counts: Offsets, depth: Scalar, element: Scalar) -> Scalar:
    """For a part of a table: where it belongs; -1 where no table is open."""
    if counts[e.TABLE] == 0:
        return np.int64(-1)
    while depth > 0:
        state[STEPS] += 1
        inner = stack[depth - 1, ELEMENT]
        if inner == e.TABLE:
            break
        if element != e.CAPTION and element != e.COLGROUP and element != e.COL:
            in_body = _PROPERTIES[inner] & e.BODY_PART
            if in_body and not _PROPERTIES[element] & e.BODY_PART:
                break
            if inner == e.TR and (element == e.TD or element == e.TH):
                break
        depth -= 1
    return depth


@kernel
def end_depth(state: Offsets, stack: Stack, counts: Offsets, depth: Scalar, element: Scalar, code: Scalar) -> Scalar:
    """The depth of the element that an end tag closes, with all in it, if the tag can reach it; else this depth."""
    heading = _PROPERTIES[element] & e.HEADING
    if heading:
        count = np.int64(0)
        for number in range(e.H1, e.H6 + 1):
            count += counts[number]
    else:
        count = counts[count_index(element, code)]
    if count == 0:
        return depth
    barrier = e.SCOPE if _PROPERTIES[element] & e.SCOPED_END else e.SPECIAL
    of_table = element == e.TABLE or _PROPERTIES[element] & e.TABLE_PART
    for place in range(depth - 1, -1, -1):
        state[STEPS] += 1
        inner = stack[place, ELEMENT]
        same = inner == element and (element or np.uint64(stack[place, CODE]) == code)
        if same or (heading and _PROPERTIES[inner] & e.HEADING):
            return place
        if of_table:
            if inner == e.TABLE:
                break
        elif _PROPERTIES[inner] & barrier or (element == e.LI and (inner == e.UL or inner == e.OL)):
            break
    return depth


@kernel
def implied_depth(state: Offsets, stack: Stack, counts: Offsets, depth: Scalar, element: Scalar) -> Scalar:
    """The depth to which the start of this element ends others; -1 where the tag does not count."""
    properties = _PROPERTIES[element]
    if properties & e.TABLE_PART:
        return min(_table_depth(state, stack, counts, depth, element), MOST_DEEP - 1)
    top = stack[depth - 1, ELEMENT] if depth else 0
    if element == e.LI or element == e.DD or element == e.DT:
        other = e.LI if element == e.LI else e.DD + e.DT - element
        depth = _item_depth(state, stack, counts, depth, element, other)
    elif element == e.A or element == e.BUTTON:
        depth = end_depth(state, stack, counts, depth, element, np.uint64(0))
    elif element == e.OPTION or element == e.OPTGROUP:
        while depth and (top == e.OPTION or (top == e.OPTGROUP and element == e.OPTGROUP)):
            depth -= 1
            top = stack[depth - 1, ELEMENT] if depth else 0
    elif element == e.RT or element == e.RP:
        if top == e.RT or top == e.RP or top == e.RB:
            depth -= 1
    elif counts[element] and (element == e.FORM or element == e.HTML or element == e.BODY or element == e.HEAD):
        return np.int64(-1)
    if properties & e.CLOSES_P:
        depth = paragraph_depth(state, stack, counts, depth)
    if properties & e.HEADING and depth and _PROPERTIES[stack[depth - 1, ELEMENT]] & e.HEADING:
        depth -= 1
    return min(depth, MOST_DEEP - 1)
