"""The parse itself: one pass over the bytes of a page, from tokens to blocks.

Follows the tree construction of WHATWG HTML where it decides which text is in which element, and not where it moves
elements about: text that stands wrongly in a table stays where it stands, and elements that a page ends in the wrong
order end together. Knows all of the above; chooses nothing.
"""

from __future__ import annotations

import numpy as np

from curate.extract.html import elements as e
from curate.extract.html.blocks import COMPLETE, UNSEEN
from curate.extract.html.building import (
    BLOCK,
    DEPTH,
    ENDED,
    FLAGS,
    FOREIGN,
    FORMULA_END,
    FRAME,
    LINK,
    LIST,
    MATH_STATE,
    MATH_TEXT,
    N_NODES,
    ROW,
    STEPS,
    TABLE,
    TEX_DONE,
    Work,
    end_block,
    line_break,
    put_text,
)
from curate.extract.html.formulas import begin_annotation, begin_math, formula_image, formula_script
from curate.extract.html.naming import FORMULA_IMAGE, KEEP_NONE, names
from curate.extract.html.opened import ELEMENT, block_edge, close_paragraph, end_tag, pop_to
from curate.extract.html.starting import imply_ends, start
from curate.extract.html.tokens import attributes, is_letter, markup_end, raw_end, script_end, tag_name
from curate.text.characters import Bytes
from curate.text.compiled import Scalar, kernel

_LT, _GT, _SLASH, _BANG, _QUESTION = (ord(character) for character in "<>/!?")
_PROPERTIES = e.PROPERTIES
_ANNOTATION_XML, _MTEXT, _DESC = (e.NUMBER[name] for name in ("annotation-xml", "mtext", "desc"))


@kernel
def _reset(work: Work) -> Scalar:
    state = work.state
    state[:] = 0
    work.open[:] = 0
    for key in (FRAME, TABLE, LIST, ROW, BLOCK, FORMULA_END, MATH_TEXT):
        state[key] = -1
    node = work.nodes[0]
    node.parent = -1
    node.first_name = node.end_name = node.element = node.depth = 0
    state[N_NODES] = 1


@kernel
def _break_out(work: Work) -> Scalar:
    """HTML in SVG or MathML ends them, unless one of their elements that hold HTML lies between."""
    state = work.state
    depth = state[DEPTH]
    while depth > 0 and state[FOREIGN] > 0:
        depth -= 1
        state[STEPS] += 1
        element = work.stack[depth, ELEMENT]
        if element == e.FOREIGNOBJECT or element in (_ANNOTATION_XML, _MTEXT, _DESC):
            return
        if element == e.SVG or element == e.MATH:
            pop_to(work, depth)
        elif _PROPERTIES[element] & e.SCOPE:
            return


@kernel
def _end(work: Work, element: Scalar, code: Scalar) -> Scalar:
    """An end tag."""
    state = work.state
    if element == e.BR:
        line_break(work)
    elif element == e.BODY or element == e.HTML:
        return
    elif element == e.P:
        if not close_paragraph(work):
            block_edge(work)
    elif element == e.FORM:
        depth = state[DEPTH]
        while depth > 0 and (work.stack[depth - 1, ELEMENT] == e.P or work.stack[depth - 1, ELEMENT] == e.LI):
            depth -= 1
        if depth > 0 and work.stack[depth - 1, ELEMENT] == e.FORM:
            pop_to(work, depth - 1)
        else:
            block_edge(work)
    else:
        end_tag(work, element, code)
        if element == e.A:
            state[LINK] = 0


@kernel
def _void(work: Work, data: Bytes, element: Scalar) -> Scalar:
    """An element without content."""
    if element == e.BR:
        line_break(work)
    elif element == e.HR:
        close_paragraph(work)
        block_edge(work)
    elif element == e.IMG and work.found[2 * e.CLASS] >= 0:
        meaning, _, _ = names(work, data, work.found[2 * e.CLASS], work.found[2 * e.CLASS + 1], KEEP_NONE)
        if meaning & FORMULA_IMAGE:
            formula_image(work, data)


@kernel
def _raw(work: Work, data: Bytes, at: Scalar, end: Scalar, element: Scalar, code: Scalar) -> Scalar:
    """An element whose content has no tags: where that ends."""
    if element == e.SCRIPT:
        stop = script_end(data, at, end)
        formula_script(work, data, at, stop)
        return stop
    stop = end if element == e.PLAINTEXT else raw_end(data, at, end, code)
    if element == e.TITLE or element == e.XMP or element == e.PLAINTEXT:
        imply_ends(work, element)
        start(work, data, element, code)
        if element == e.TITLE:
            end_block(work)
        put_text(work, data, at, stop, False, element == e.TITLE)
        if element == e.TITLE:
            end_block(work)
    return stop


@kernel
def _start(work: Work, data: Bytes, at: Scalar, end: Scalar, element: Scalar, code: Scalar) -> Scalar:
    """A start tag that ends at this place: where the parse goes on."""
    state = work.state
    if state[FOREIGN] > 0 and (_PROPERTIES[element] & e.BLOCK or element == e.BR) and element != e.TITLE:
        _break_out(work)
    foreign = state[FOREIGN] > 0
    if _PROPERTIES[element] & e.VOID and not foreign:
        _void(work, data, element)
        return at
    if _PROPERTIES[element] & (e.RAW | e.RCDATA) and not foreign:
        return _raw(work, data, at, end, element, code)
    if element == e.SVG or element == e.MATH:
        foreign = True
    if foreign and data[at - 2] == _SLASH:
        return at
    if not imply_ends(work, element):
        return at
    start(work, data, element, code)
    if element == e.SVG or element == e.MATH:
        state[FOREIGN] += 1
        if element == e.MATH and state[MATH_STATE] != TEX_DONE:
            begin_math(work, data)
    elif element == e.ANNOTATION:
        begin_annotation(work, data)
    elif element == _ANNOTATION_XML:
        state[FLAGS] |= UNSEEN
    return at


@kernel
def parse(work: Work, data: Bytes, end: Scalar) -> Scalar:
    """Parse the first `end` bytes of a page of UTF-8; all that is known of it is in `work` then."""
    _reset(work)
    state = work.state
    at = 0
    while at < end and state[ENDED] == COMPLETE:
        state[STEPS] += 1
        if data[at] != _LT or at + 1 >= end:
            at = put_text(work, data, at, end, True, True)
            continue
        second = data[at + 1]
        if second in (_BANG, _QUESTION):
            at, first, last = markup_end(data, at, end, state[FOREIGN] > 0)
            if last > first:
                put_text(work, data, first, last, False, False)
        elif second == _SLASH:
            if at + 2 < end and is_letter(data[at + 2]):
                at, code = tag_name(data, at + 2, end)
                at = attributes(data, at, end, work.found)
                if at < 0:
                    break
                _end(work, e.element_number(code), code)
            else:
                at += 2
                while at < end and data[at] != _GT:
                    at += 1
                at += 1
        elif is_letter(second):
            at, code = tag_name(data, at + 1, end)
            at = attributes(data, at, end, work.found)
            if at < 0:
                break
            at = _start(work, data, at, end, e.element_number(code), code)
        else:
            at = put_text(work, data, at, end, True, True)
    pop_to(work, 0)
    end_block(work)


@kernel
def count_tags(data: Bytes, end: Scalar) -> Scalar:
    """How many tags a page can have at most: every `<` may be one."""
    count = 0
    for i in range(end):
        count += data[i] == _LT
    return np.int64(count)
