"""The parse itself: one pass over the bytes of a page, from tokens to blocks.

Follows the tree construction of WHATWG HTML where it decides which text is in which element, and not where it moves
elements about: text that stands wrongly in a table stays where it stands, and elements that a page ends in the wrong
order end together. Knows all of the above; chooses nothing.
"""

from __future__ import annotations

import numpy as np

from curate.extract.html import elements as e
from curate.extract.html.blocks import COMPLETE, DESCRIPTION, IMAGE, LINK_OFF, UNSEEN, WITH_IMAGES, WITH_LINKS, Records
from curate.extract.html.building import end_block, line_break, put_data, put_mark, put_text
from curate.extract.html.formulas import begin_annotation, begin_math, put_formula, script_content
from curate.extract.html.naming import FORMULA_IMAGE, KEEP_NONE, names
from curate.extract.html.opened import Stack, block_edge, end_depth, implied_depth, paragraph_depth, pop_to
from curate.extract.html.starting import number_backwards, start
from curate.extract.html.tokens import attributes, is_letter, markup_end, raw_end, script_end, tag_name
from curate.extract.html.work import (
    BACKWARDS,
    BLOCK,
    DEPTH,
    ELEMENT,
    ENDED,
    FLAGS,
    FOREIGN,
    FORMULA_END,
    FRAME,
    LINK,
    LIST,
    MATH_DISPLAY,
    MATH_STATE,
    MATH_TEXT,
    N_BLOCKS,
    N_NODES,
    N_TEXT,
    ROW,
    STEPS,
    TABLE,
    TEX_DONE,
    WANTED,
    Work,
    nodes_of,
)
from curate.text.characters import Bytes, Offsets
from curate.text.compiled import Scalar
from curate.text.compiled import lean_entry as entry
from curate.text.compiled import lean_kernel as kernel

_LT, _GT, _SLASH, _BANG, _QUESTION = (ord(character) for character in "<>/!?")
_NO_TAG = np.uint8(0)
_AT_ONCE = 128
"""Bytes whose `<` are counted in eight bits, which makes vectors of 32."""
_PROPERTIES = e.PROPERTIES
_ANNOTATION_XML, _MTEXT, _DESC = (e.NUMBER[name] for name in ("annotation-xml", "mtext", "desc"))


@kernel
def _reset(work: Work) -> Scalar:
    state = work.state
    wanted = state[WANTED]
    state[:] = 0
    state[WANTED] = wanted
    work.open[:] = 0
    work.covered[:] = -1
    for key in (FRAME, TABLE, LIST, ROW, BLOCK, FORMULA_END, MATH_TEXT):
        state[key] = -1
    node = nodes_of(work)[0]
    node.parent = -1
    node.first_name = node.end_name = node.element = node.depth = 0
    state[N_NODES] = 1


@kernel
def _break_out_depth(state: Offsets, stack: Stack) -> Scalar:
    """HTML in SVG or MathML ends them, unless one of their elements that hold HTML lies between: the depth then."""
    depth = state[DEPTH]
    for inner in range(depth - 1, -1, -1):
        state[STEPS] += 1
        element = stack[inner, ELEMENT]
        if element == e.SVG or element == e.MATH:
            depth = inner
        elif (
            element == e.FOREIGNOBJECT or element in (_ANNOTATION_XML, _MTEXT, _DESC) or _PROPERTIES[element] & e.SCOPE
        ):
            break
    return depth


@kernel
def _end_tag_depth(state: Offsets, stack: Stack, counts: Offsets, element: Scalar, code: Scalar) -> Scalar:
    """The depth to which an end tag closes what is open; -1 if it closes nothing and is an edge of blocks."""
    depth = state[DEPTH]
    if element == e.BODY or element == e.HTML:
        return depth
    if element == e.P:
        closed = paragraph_depth(state, stack, counts, depth)
        return closed if closed < depth else -1
    if element == e.FORM:
        inner = depth
        while inner > 0 and (stack[inner - 1, ELEMENT] == e.P or stack[inner - 1, ELEMENT] == e.LI):
            state[STEPS] += 1
            inner -= 1
        return inner - 1 if inner > 0 and stack[inner - 1, ELEMENT] == e.FORM else -1
    return end_depth(state, stack, counts, depth, element, code)


@kernel
def _raw_text(data: Bytes, at: Scalar, end: Scalar, element: Scalar, code: Scalar) -> Scalar:
    """Where the content of an element without tags ends that begins here."""
    if element == e.SCRIPT:
        return script_end(data, at, end)
    return end if element == e.PLAINTEXT else raw_end(data, at, end, code)


@kernel
def _image_formula(work: Work, data: Bytes) -> Scalar:
    """Whether an image is described in TeX and has not just been told of by the formula it stands for."""
    state, found = work.state, work.found
    if found[2 * e.CLASS] < 0 or found[2 * e.ALT] < 0:
        return False
    meaning, _, _ = names(work, data, found[2 * e.CLASS], found[2 * e.CLASS + 1], KEEP_NONE)
    return meaning & FORMULA_IMAGE != 0 and not (state[N_BLOCKS] and state[FORMULA_END] == state[N_TEXT])


@kernel
def _end_link(work: Work) -> Scalar:
    state = work.state
    if state[LINK] and state[WANTED] & WITH_LINKS:
        put_mark(work, LINK_OFF, 0, 0)
    state[LINK] = 0


@kernel
def _put_image(work: Work) -> Scalar:
    """Note an image: where it is to be had, and its description. Where `src` waits for a script, `data-src` says it."""
    found = work.found
    source = e.DATA_SRC if found[2 * e.DATA_SRC] >= 0 else e.SRC
    if found[2 * source] >= 0:
        put_mark(work, IMAGE, found[2 * source], found[2 * source + 1])
        if found[2 * e.ALT] >= 0:
            put_mark(work, DESCRIPTION, found[2 * e.ALT], found[2 * e.ALT + 1])


@entry
def parse(works: Records, data: Bytes, end: Scalar) -> Scalar:
    """Parse the first `end` bytes of a page of UTF-8; all that is known of it is in `works[0]` then. Its `state[WANTED]` is
    asked.

    Each turn reads one token and decides; what it decided is done at its end, each thing in one place, which keeps
    the compiled code small.
    """
    work = works[0]
    _reset(work)
    state, stack, counts, found = work.state, work.stack, work.open, work.found
    at = np.int64(0)
    while at < end and state[ENDED] == COMPLETE:
        state[STEPS] += 1
        depth, begins, breaks, edge, unlinks, shows = state[DEPTH], False, False, False, False, False
        first, last, references, tags, formula = np.int64(0), np.int64(0), False, False, 0
        element, code = np.int64(0), np.uint64(0)
        second = data[at + 1] if data[at] == _LT and at + 1 < end else _NO_TAG
        if second in (_BANG, _QUESTION):
            at, first, last = markup_end(data, at, end, state[FOREIGN] > 0)
        elif second == _SLASH and not (at + 2 < end and is_letter(data[at + 2])):
            while at < end and data[at] != _GT:
                at += 1
            at += 1
        elif second == _SLASH or is_letter(second):
            closes = second == _SLASH
            at, code = tag_name(data, at + 2 if closes else at + 1, end)
            at = attributes(data, at, end, found)
            if at < 0:
                break
            element = e.element_number(code)
            properties = _PROPERTIES[element]
            foreign = state[FOREIGN] > 0
            if closes:
                unlinks = element == e.A
                breaks = element == e.BR
                depth = _end_tag_depth(state, stack, counts, element, code)
                edge = depth < 0
                depth = state[DEPTH] if edge else depth
            else:
                if foreign and (properties & e.BLOCK or element == e.BR):
                    depth = _break_out_depth(state, stack)
                    foreign = depth == state[DEPTH]
                if properties & e.VOID and not foreign:
                    breaks = element == e.BR
                    if element == e.HR:
                        depth = paragraph_depth(state, stack, counts, depth)
                        edge = True
                    elif element == e.IMG and _image_formula(work, data):
                        first, last, references, formula = found[2 * e.ALT], found[2 * e.ALT + 1], True, 1
                    elif element == e.IMG and state[WANTED] & WITH_IMAGES:
                        shows = True
                elif properties & (e.RAW | e.RCDATA) and not foreign:
                    first = at
                    at = last = _raw_text(data, at, end, element, code)
                    if element == e.SCRIPT:
                        formula = script_content(data, found)
                        if formula > 2:
                            put_data(work, formula, first, at)
                            formula = 0
                    begins = element == e.TITLE or element == e.XMP or element == e.PLAINTEXT
                    references = element == e.TITLE
                    if not begins and not formula:
                        last = first
                else:
                    begins = not ((foreign or element == e.SVG or element == e.MATH) and data[at - 2] == _SLASH)
                if begins:
                    depth = implied_depth(state, stack, counts, depth, element)
                    begins = depth >= 0
                    depth = depth if begins else state[DEPTH]
                    unlinks = element == e.A
        else:
            first, last, references, tags = at, end, True, True
        if unlinks:
            _end_link(work)
        if depth < state[DEPTH]:  # a call hands over all arrays, which costs more than most tokens
            pop_to(work, depth)
        if edge:
            block_edge(work)
        elif breaks:
            line_break(work)
        elif shows:
            _put_image(work)
        elif begins:
            start(work, data, element, code)
            if element == e.SVG or element == e.MATH:
                state[FOREIGN] += 1
                if element == e.MATH and state[MATH_STATE] != TEX_DONE and begin_math(work, data):
                    first, last, references = found[2 * e.ALTTEXT], found[2 * e.ALTTEXT + 1], True
                    formula = 2 if state[MATH_DISPLAY] else 1
            elif element == e.ANNOTATION:
                begin_annotation(work, data)
            elif element == _ANNOTATION_XML:
                state[FLAGS] |= UNSEEN
            elif element == e.TITLE:
                end_block(work)
        if formula:
            put_formula(work, data, first, last, formula == 2, references)
            if element == e.MATH:
                state[MATH_STATE] = TEX_DONE
        elif last > first:
            stop = put_text(work, data, first, last, tags, references)
            at = stop if tags else at
            if element == e.TITLE:
                end_block(work)
    pop_to(work, 0)
    end_block(work)
    if state[BACKWARDS]:
        number_backwards(work)


@entry
def count_tags(data: Bytes, end: Scalar) -> Scalar:
    """How many tags a page can have at most: every `<` may be one."""
    count = np.int64(0)
    for at in range(0, end, _AT_ONCE):
        part, few = data[at : min(at + _AT_ONCE, end)], np.uint8(0)
        for i in range(len(part)):
            few = np.uint8(few + np.uint8(part[i] == _LT))
        count += few
    return count
