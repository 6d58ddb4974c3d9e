"""Puts text into blocks while a page is parsed: opens and ends them, collapses white space, counts words.

Knows the state of a parse and the arrays it fills; knows no tags.
"""

from __future__ import annotations

import numpy as np

from curate.extract.html.blocks import IN_MATH, IN_PRE, TOO_MANY_BLOCKS, UNSEEN
from curate.extract.html.references import reference
from curate.extract.html.tokens import is_letter, is_space, place_of
from curate.extract.html.work import (
    BLOCK,
    COLUMN,
    CONTAINER,
    CONTAINER_ELEMENT,
    DEPTH,
    ENDED,
    FIRST_MARK,
    FLAGS,
    FRAME,
    LANGUAGE_END,
    LANGUAGE_START,
    LEVEL,
    LINK,
    MATH_STATE,
    N_BLOCKS,
    N_DATA,
    N_MARKS,
    N_TEXT,
    NODE,
    QUOTES,
    ROW,
    SKIP_LINE,
    SOURCE,
    SPACE,
    SPAN,
    TABLE,
    TEX_DONE,
    Work,
    blocks_of,
    marks_of,
    text_of,
)
from curate.text.characters import Bytes
from curate.text.compiled import Scalar
from curate.text.compiled import lean_kernel as kernel

_PLAIN = np.array([byte > 32 and chr(byte) not in "<&" for byte in range(256)])
"""Bytes of text that are only themselves."""
_NONE = np.uint8(0)
_AT_ONCE = 32
"""Bytes of text that are counted at once: a vector's."""
_AMPERSAND, _LT, _LF, _CR, _BLANK = (ord(character) for character in "&<\n\r ")


@kernel
def open_block(work: Work) -> Scalar:
    """Begin a block at the end of the text. Past the limit the parse ends, and the last block takes what is left."""
    state = work.state
    number = state[N_BLOCKS]
    if number >= len(blocks_of(work)) - 1:
        state[ENDED] = TOO_MANY_BLOCKS
    else:
        state[N_BLOCKS] += 1
    state[BLOCK] = number
    block = blocks_of(work)[number]
    block.start = block.end = state[N_TEXT]
    block.first_mark = state[FIRST_MARK]
    block.end_mark = state[FIRST_MARK]
    block.flags = state[FLAGS]
    block.node = state[NODE]
    block.container = state[CONTAINER]
    block.frame = state[FRAME]
    block.table = state[TABLE]
    block.row = state[ROW]
    block.column = state[COLUMN]
    block.span = state[SPAN]
    block.language_start = state[LANGUAGE_START] if state[FLAGS] & IN_PRE else 0
    block.language_end = state[LANGUAGE_END] if state[FLAGS] & IN_PRE else 0
    block.words = block.characters = block.link_words = block.link_characters = block.punctuation = 0
    block.source = state[SOURCE]
    block.level = state[LEVEL]
    block.depth = state[DEPTH]
    block.element = state[CONTAINER_ELEMENT]
    block.quotes = state[QUOTES]
    state[SPACE] = 0


@kernel
def end_block(work: Work) -> Scalar:
    """End the open block, if there is one; without a character that is no white space it never was."""
    state = work.state
    number = state[BLOCK]
    state[SPACE] = 0
    if number < 0:
        return
    block = blocks_of(work)[number]
    end = state[N_TEXT]
    start = np.int64(block.start)
    if block.characters == 0:
        state[N_TEXT] = start
        state[N_BLOCKS] = number
    else:
        if block.flags & IN_PRE:
            if end > start and text_of(work)[end - 1] == _LF:
                end -= 1
        else:
            while end > start and (text_of(work)[end - 1] == _BLANK or text_of(work)[end - 1] == _LF):
                end -= 1
        block.end = end
        block.end_mark = state[N_MARKS]
        state[FIRST_MARK] = state[N_MARKS]
        state[N_TEXT] = end
    state[BLOCK] = -1


@kernel
def line_break(work: Work) -> Scalar:
    """`br`: the text goes on in another line of the same block. In `pre` it is a line feed like any other."""
    state = work.state
    if state[FLAGS] & UNSEEN:
        return
    if state[BLOCK] < 0:
        if not state[FLAGS] & IN_PRE:
            return
        open_block(work)
    if not state[FLAGS] & IN_PRE and text_of(work)[state[N_TEXT] - 1] == _LF:
        return
    text_of(work)[state[N_TEXT]] = _LF
    state[N_TEXT] += 1
    state[SPACE] = 0


@kernel
def break_in_pre(work: Work) -> Scalar:
    """A block begins or ends within `pre`: what follows stands in a line of its own."""
    state = work.state
    if state[BLOCK] < 0:
        return
    at = state[N_TEXT]
    if at > blocks_of(work)[state[BLOCK]].start and text_of(work)[at - 1] != _LF:
        text_of(work)[at] = _LF
        state[N_TEXT] = at + 1


@kernel
def put_mark(work: Work, kind: Scalar, first: Scalar, last: Scalar) -> Scalar:
    """Note that something begins or ends here, and the value it has, if any; white space before what begins is outside."""
    state = work.state
    if state[FLAGS] & UNSEEN or state[N_MARKS] >= len(marks_of(work)):
        return
    if kind % 2 == 0:  # something begins
        flush_space(work)
    mark = marks_of(work)[state[N_MARKS]]
    mark.at = state[N_TEXT]
    mark.kind = kind
    mark.first = first
    mark.last = last
    state[N_MARKS] += 1


@kernel
def put_data(work: Work, kind: Scalar, first: Scalar, last: Scalar) -> Scalar:
    """Note where data for scripts lies; what comes after the first pieces that there is room for is left out."""
    state = work.state
    place = state[N_DATA]
    if place < len(work.data):
        work.data[place, 0] = kind
        work.data[place, 1] = first
        work.data[place, 2] = last
        state[N_DATA] += 1


@kernel
def flush_space(work: Work) -> Scalar:
    """Write the white space that was read and not yet written, if text of the block stands before it."""
    state = work.state
    if state[SPACE] and state[BLOCK] >= 0:
        at = state[N_TEXT]
        if (
            at > blocks_of(work)[state[BLOCK]].start
            and text_of(work)[at - 1] != _LF
            and text_of(work)[at - 1] != _BLANK
        ):
            text_of(work)[at] = _BLANK
            state[N_TEXT] = at + 1
    state[SPACE] = 0


@kernel
def _is_blank(byte: Scalar) -> Scalar:
    return (byte == _BLANK) | (byte == _LF) | (byte == _CR) | (byte == 9) | (byte == 12)


@kernel
def _is_wide(byte: Scalar) -> Scalar:
    """Whether a character of CJK begins so: three bytes, a word by itself."""
    return (byte >= 0xE3) & (byte <= 0xE9)


@kernel
def _is_mark(byte: Scalar, one: Scalar, two: Scalar) -> Scalar:
    """Whether the character that ends with this byte, behind one and two, is . , ! ? ; : or an ideographic form of it."""
    plain = (byte == 46) | (byte == 44) | (byte == 33) | (byte == 63) | (byte == 59) | (byte == 58)
    ideographic = (two == 0xE3) & (one == 0x80) & ((byte == 0x81) | (byte == 0x82))
    full = (two == 0xEF) & (one == 0xBC) & ((byte == 0x8C) | (byte == 0x81) | (byte == 0x9F) | (byte == 0x9B))
    return plain | ideographic | full


@kernel
def _recount(text: Bytes, block: Scalar, start: Scalar, end: Scalar, link: Scalar) -> Scalar:
    """Add what was written between these places to the block's counts; white space before it was read.

    A byte is judged by itself and by the three before it, without a branch, so that _AT_ONCE are judged at once; there
    is room for as many behind the text. The first has nothing before it: it goes on with the word that ends there.
    """
    words, characters, marks = np.int64(0), np.int64(0), np.int64(0)
    at = start
    while at < end and (at == start or at < 3):
        byte = text[at]
        last = text[at - 1] if at > start else _NONE
        last_but_one = text[at - 2] if at > start + 1 else _NONE
        if byte & 0xC0 != 0x80 and not _is_blank(byte):
            inside = start > block.start and text[start - 1] > _BLANK if at == start else not _is_blank(last)
            characters += 1
            words += _is_wide(byte) or not inside
        marks += _is_mark(byte, last, last_but_one)
        at += 1
    while at < end:
        now, left = text[at:], np.uint8(min(_AT_ONCE, end - at))
        one, two, three = text[at - 1 :], text[at - 2 :], text[at - 3 :]
        begun, seen, stops = np.uint8(0), np.uint8(0), np.uint8(0)
        for i in range(_AT_ONCE):
            byte, before = now[i], one[i]
            counts = (byte & 0xC0 != 0x80) & ~_is_blank(byte) & (np.uint8(i) < left)
            seen = np.uint8(seen + np.uint8(counts))
            begun = np.uint8(begun + np.uint8(counts & (_is_wide(byte) | _is_blank(before) | _is_wide(three[i]))))
            stops = np.uint8(stops + np.uint8(_is_mark(byte, before, two[i]) & (np.uint8(i) < left)))
        words += begun
        characters += seen
        marks += stops
        at += _AT_ONCE
    block.words += words
    block.characters += characters
    block.punctuation += marks
    if link:
        block.link_words += words
        block.link_characters += characters


@kernel
def put_text(work: Work, data: Bytes, at: Scalar, end: Scalar, tags: Scalar, references: Scalar) -> Scalar:
    """Add text that begins here, to the next tag if `tags`, else to the end; where that is."""
    state, text, held = work.state, text_of(work), work.held
    unseen = state[FLAGS] & UNSEEN or (state[FLAGS] & IN_MATH and state[MATH_STATE] == TEX_DONE)
    pre = state[FLAGS] & IN_PRE
    place, space, start = state[N_TEXT], state[SPACE], state[N_TEXT]
    opened = state[BLOCK] >= 0
    while at < end:
        byte = data[at]
        if byte == _LT and tags and at + 1 < end:
            after = data[at + 1]
            if is_letter(after) or after == 47 or after == 33 or after == 63:
                break
        if unseen:
            at = place_of(_LT, data, at + 1, end) if tags else end
            continue
        if byte == _AMPERSAND and references:
            stop, size = reference(data, at, end, False, held)
            if stop == 0:
                held[0] = byte
                stop, size = at + 1, 1
        else:
            held[0] = byte
            stop, size = at + 1, 1
        at = stop
        if size == 1 and is_space(held[0]):
            if not pre:
                space = 1
                continue
            if held[0] == _CR and byte == _CR:
                if at < end and data[at] == _LF:
                    continue
                held[0] = _LF
            if held[0] == _LF and state[SKIP_LINE]:
                state[SKIP_LINE] = 0
                continue
        elif held[0] == 0:
            continue
        state[SKIP_LINE] = 0
        if not opened:
            state[SOURCE] = at - 1
            open_block(work)
            opened = True
            space = 0
        elif space:
            space = 0
            if place > blocks_of(work)[state[BLOCK]].start and text[place - 1] != _LF and text[place - 1] != _BLANK:
                text[place] = _BLANK
                place += 1
        for i in range(size):
            text[place + i] = held[i]
        place += size
        while at < end and (_PLAIN[data[at]] or (data[at] == _BLANK and at + 1 < end and _PLAIN[data[at + 1]])):
            text[place] = data[at]
            place += 1
            at += 1
    if place > start:
        _recount(text, blocks_of(work)[state[BLOCK]], start, place, state[LINK])
    state[N_TEXT] = place
    state[SPACE] = space
    return at
