"""What the start of an element does, once others have ended: what it hands down to all in it.

Knows elements, attributes and the open ones; does not read the page's text.
"""

from __future__ import annotations

import numpy as np

from curate.extract.html import blocks as b
from curate.extract.html import elements as e
from curate.extract.html.building import end_block, put_data, put_mark
from curate.extract.html.naming import (
    CELL_GUTTER,
    DOUBLE,
    FORMULA_SOURCE,
    GUTTER,
    LANGUAGE,
    hides,
    names,
    role_bits,
    value_code,
)
from curate.extract.html.opened import block_edge, push
from curate.extract.html.tables import begin_cell, begin_row, begin_table
from curate.extract.html.work import (
    BACKWARDS,
    CONTAINER,
    CONTAINER_ELEMENT,
    DEPTH,
    FLAGS,
    FOREIGN,
    FRAME,
    ITEMS,
    LANGUAGE_DEPTH,
    LANGUAGE_END,
    LANGUAGE_START,
    LEVEL,
    LINK,
    LIST,
    N_FRAMES,
    N_LISTS,
    N_NAMES,
    N_NODES,
    NEXT,
    NODE,
    QUOTES,
    SKIP_LINE,
    STEP,
    WAITING,
    WANTED,
    Work,
    frames_of,
    lists_of,
    nodes_of,
)
from curate.text.characters import Bytes
from curate.text.compiled import Scalar
from curate.text.compiled import lean_kernel as kernel
from curate.text.hashing import word_code

LANGUAGE_REACH = 2
"""A language of code counts on the `pre` or up to two elements above it."""
_TRUE = np.uint64(word_code("true"))
_NO_NUMBER = -(1 << 31)
_LAST_NUMBER = -2
"""The first of the numbers below zero, and below that of a bullet, that an item has while it waits for its own."""
_PROPERTIES = e.PROPERTIES

_PLACES = np.zeros(len(e.NAMES), np.int64)
for _name, _bit in {
    **{"nav": b.NAV, "footer": b.FOOTER, "aside": b.ASIDE, "header": b.HEADER, "form": b.FORM, "main": b.MAIN},
    **{"article": b.ARTICLE, "noscript": b.IN_NOSCRIPT, "search": b.SEARCHING, "title": b.IN_TITLE},
    **{"caption": b.IN_CAPTION, "figcaption": b.IN_CAPTION, "dt": b.IN_TERM, "select": b.IN_SELECT, "svg": b.IN_SVG},
    **{"dialog": b.IN_DIALOG, "button": b.IN_BUTTON, "math": b.IN_MATH},
}.items():
    _PLACES[e.NUMBER[_name]] = _bit


@kernel
def integer(data: Bytes, at: Scalar, end: Scalar) -> Scalar:
    """The integer that a value begins with, within nine digits; the least of 32 bits where there is none."""
    while at < end and data[at] <= 32:
        at += 1
    negative = at < end and data[at] == 45
    if negative:
        at += 1
    first = at
    number: Scalar = 0
    while at < end and 48 <= data[at] <= 57 and at - first < 9:
        number = 10 * number + np.int64(data[at]) - 48
        at += 1
    if at == first:
        return _NO_NUMBER
    return -number if negative else number


@kernel
def _add_frame(work: Work, kind: Scalar, number: Scalar) -> Scalar:
    state = work.state
    place = state[N_FRAMES]
    if place >= len(frames_of(work)):
        return
    frame = frames_of(work)[place]
    frame.parent = state[FRAME]
    frame.kind = kind
    frame.number = number
    frame.list = state[LIST]
    state[FRAME] = place
    state[N_FRAMES] += 1


@kernel
def _begin_list(work: Work, data: Bytes, element: Scalar) -> Scalar:
    state = work.state
    place = state[N_LISTS]
    if place >= len(lists_of(work)):
        return
    known = lists_of(work)[place]
    known[NEXT] = known[STEP] = known[ITEMS] = known[WAITING] = 0
    if element == e.OL:
        first = integer(data, work.found[2 * e.START], work.found[2 * e.START + 1])
        backwards = work.found[2 * e.REVERSED] >= 0
        known[NEXT] = 1 if first < 0 else first
        known[STEP] = -1 if backwards else 1
        known[WAITING] = backwards and first < 0
        state[BACKWARDS] |= known[WAITING]
    state[LIST] = place
    state[N_LISTS] += 1


@kernel
def _begin_item(work: Work, data: Bytes) -> Scalar:
    state = work.state
    number = -1
    if state[LIST] >= 0 and lists_of(work)[state[LIST], STEP]:
        known = lists_of(work)[state[LIST]]
        number = integer(data, work.found[2 * e.VALUE], work.found[2 * e.VALUE + 1])
        if number >= 0:
            known[WAITING] = 0
        elif known[WAITING]:
            number = _LAST_NUMBER - known[ITEMS]
        else:
            number = max(known[NEXT], 0)
        known[NEXT] = number + known[STEP]
        known[ITEMS] += 1
    _add_frame(work, b.ITEM, number)


@kernel
def number_backwards(work: Work) -> Scalar:
    """Give the items of lists that count down to 1 their numbers, now that it is known how many each list has."""
    for place in range(work.state[N_FRAMES]):
        frame = frames_of(work)[place]
        if frame.number <= _LAST_NUMBER:
            frame.number += lists_of(work)[frame.list, ITEMS] - _LAST_NUMBER


@kernel
def _add_node(work: Work, element: Scalar, first_name: Scalar) -> Scalar:
    state = work.state
    place = state[N_NODES]
    if place >= len(nodes_of(work)):
        return
    node = nodes_of(work)[place]
    node.parent = state[NODE]
    node.first_name = first_name
    node.end_name = state[N_NAMES]
    node.element = element
    node.depth = state[DEPTH]
    state[NODE] = place
    state[N_NODES] += 1


@kernel
def _is_code(element: Scalar) -> Scalar:
    return element == e.CODE or element == e.KBD or element == e.SAMP or element == e.TT


@kernel
def start(work: Work, data: Bytes, element: Scalar, code: Scalar) -> Scalar:
    """Begin an element that has content, its attributes found; what its names mean, as bits."""
    state, found = work.state, work.found
    properties, kind = _PROPERTIES[element], -1
    preformatted = element == e.PRE or element == e.LISTING or element == e.XMP or element == e.PLAINTEXT
    if preformatted:
        if not state[FLAGS] & b.IN_PRE:
            end_block(work)
    elif properties & e.BLOCK:
        block_edge(work)
    push(work, element, code)
    flags = state[FLAGS] | _PLACES[element]
    first_name, meaning, language_start, language_end = state[N_NAMES], 0, 0, 0
    if found[2 * e.CLASS] >= 0:
        meaning, language_start, language_end = names(
            work, data, found[2 * e.CLASS], found[2 * e.CLASS + 1], first_name
        )
    if found[2 * e.ID] >= 0:
        names(work, data, found[2 * e.ID], found[2 * e.ID + 1], first_name)
    if properties & e.BLOCK or state[N_NAMES] > first_name:
        _add_node(work, element, first_name)
    role = np.int64(0)
    if found[2 * e.ROLE] >= 0:
        role = role_bits(data, found[2 * e.ROLE], found[2 * e.ROLE + 1])
        flags |= role & 0xFFFFFFFF
    if found[2 * e.HIDDEN] >= 0 or (element == e.DIALOG and found[2 * e.OPEN] < 0):
        flags |= b.HIDDEN | b.SAYS_HIDDEN
    style = found[2 * e.STYLE_ATTRIBUTE]
    if style >= 0 and hides(data, style, found[2 * e.STYLE_ATTRIBUTE + 1]):
        flags |= b.HIDDEN
    aria = found[2 * e.ARIA_HIDDEN]
    if aria >= 0 and value_code(data, aria, found[2 * e.ARIA_HIDDEN + 1]) == _TRUE:
        flags |= b.ARIA_HIDDEN
    if meaning & FORMULA_SOURCE:
        flags &= ~(b.HIDDEN | b.SAYS_HIDDEN | b.ARIA_HIDDEN)
    if properties & e.UNSEEN or meaning & GUTTER or (meaning & CELL_GUTTER and element == e.TD):
        flags |= b.UNSEEN
    if meaning & DOUBLE and not properties & e.SCOPE and element != e.BODY:
        flags |= b.UNSEEN
    if element == e.TITLE and state[FOREIGN] > 0:
        flags |= b.UNSEEN
    if element == e.HTML or element == e.BODY:
        flags &= ~(b.HIDDEN | b.SAYS_HIDDEN)  # pages hide all of themselves until a script has run
    state[FLAGS] = flags
    if meaning & LANGUAGE:
        state[LANGUAGE_START], state[LANGUAGE_END], state[LANGUAGE_DEPTH] = language_start, language_end, state[DEPTH]
    for attribute in (e.DATA_LANG, e.DATA_LANGUAGE):
        if found[2 * attribute] >= 0:
            state[LANGUAGE_START], state[LANGUAGE_END] = found[2 * attribute], found[2 * attribute + 1]
            state[LANGUAGE_DEPTH] = state[DEPTH]
    if found[2 * e.DATA_PRELOADED] >= 0:
        put_data(work, b.PRELOADED, found[2 * e.DATA_PRELOADED], found[2 * e.DATA_PRELOADED + 1])
    if properties & e.BLOCK:
        state[CONTAINER] = state[NODE]
        state[CONTAINER_ELEMENT] = element
        if properties & e.HEADING:
            state[LEVEL] = element - e.H1 + 1
        elif state[FLAGS] & b.IN_PRE:  # lines of code, not a list of them
            pass
        elif element == e.LI:
            _begin_item(work, data)
        elif element == e.OL or element == e.UL or element == e.MENU or element == e.DIR:
            _begin_list(work, data, element)
        elif element == e.BLOCKQUOTE:
            state[QUOTES] += 1
            state[LIST] = -1
            _add_frame(work, b.QUOTE, -1)
        elif element == e.TABLE:
            begin_table(work, role >> 32)
        elif element == e.TR:
            begin_row(work)
        elif element == e.TD or element == e.TH:
            span = integer(data, found[2 * e.COLSPAN], found[2 * e.COLSPAN + 1])
            rows = integer(data, found[2 * e.ROWSPAN], found[2 * e.ROWSPAN + 1])
            begin_cell(work, element == e.TH, span, rows)
        elif preformatted:
            if state[DEPTH] - state[LANGUAGE_DEPTH] > LANGUAGE_REACH:
                state[LANGUAGE_START] = state[LANGUAGE_END] = 0
            state[FLAGS] |= b.IN_PRE
            state[SKIP_LINE] = 1
    elif element == e.A:
        state[LINK] = found[2 * e.HREF] >= 0
        if state[LINK] and state[WANTED] & b.WITH_LINKS:
            put_mark(work, b.LINK_ON, found[2 * e.HREF], found[2 * e.HREF + 1])
    elif element == e.SUP:
        kind = b.SUP_ON
    elif element == e.SUB:
        kind = b.SUB_ON
    elif _is_code(element) and not flags & (b.IN_PRE | b.IN_CODE):
        kind = b.CODE_ON
    if kind >= 0:
        put_mark(work, kind, 0, 0)
    if _is_code(element):
        state[FLAGS] |= b.IN_CODE
    return meaning
