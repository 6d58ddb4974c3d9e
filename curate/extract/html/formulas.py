"""Formulas: the TeX that pages carry beside what they show, once.

It lies in MathML's `alttext` or its annotation (KaTeX, MediaWiki, LaTeXML), in scripts (MathJax 2), or in the
description of an image (WordPress, MediaWiki). MathML without any keeps the text of its own. Knows the parse's state.
"""

from __future__ import annotations

import numpy as np

from curate.extract.html import elements as e
from curate.extract.html.blocks import DISPLAY_ON, JSON_LD, MATH_ON, NEXT_DATA, UNSEEN
from curate.extract.html.building import flush_space, put_mark, put_text
from curate.extract.html.naming import value_code
from curate.extract.html.opened import end_formula
from curate.extract.html.tokens import lower
from curate.extract.html.work import (
    BLOCK,
    FLAGS,
    IN_TEX,
    LINK,
    MATH_CHARACTERS,
    MATH_DISPLAY,
    MATH_STATE,
    MATH_TEXT,
    MATH_WORDS,
    N_MARKS,
    N_TEXT,
    NO_FORMULA,
    SPACE,
    Work,
    blocks_of,
    marks_of,
)
from curate.text.characters import Bytes, Offsets
from curate.text.compiled import Scalar
from curate.text.compiled import lean_kernel as kernel
from curate.text.hashing import word_code

_BLOCK_DISPLAY = np.uint64(word_code("block"))
_SCRIPT_TYPE = np.uint64(word_code("math/tex"))
_JSON_LD_TYPE, _NEXT_DATA_ID = np.uint64(word_code("application/ld+json")), np.uint64(word_code("__next_data__"))
_TEX = np.frombuffer(b"tex", np.uint8)
_DISPLAY = np.frombuffer(b"mode=display", np.uint8)
_WRAPPED = np.frombuffer(b"{\\displaystyle", np.uint8)
_CLOSING, _BLANK = (ord(character) for character in "} ")


@kernel
def contains(data: Bytes, at: Scalar, end: Scalar, word: Bytes) -> Scalar:
    """Whether these bytes hold this short word, in any case."""
    for i in range(at, end - len(word) + 1):
        k = 0
        while k < len(word) and lower(data[i + k]) == word[k]:
            k += 1
        if k == len(word):
            return True
    return False


@kernel
def put_formula(work: Work, data: Bytes, at: Scalar, end: Scalar, display: Scalar, references: Scalar) -> Scalar:
    """Add TeX that lies in one place of the page; `{\\displaystyle ...}` around it is left out."""
    while at < end and data[at] <= _BLANK:
        at += 1
    while end > at and data[end - 1] <= _BLANK:
        end -= 1
    size = len(_WRAPPED)
    wrapped = end - at > size and data[end - 1] == _CLOSING and data[at + size] <= _BLANK
    if wrapped and contains(data, at, at + size, _WRAPPED):
        at, end = at + size + 1, end - 1
        while end > at and data[end - 1] <= _BLANK:
            end -= 1
    if at >= end or work.state[FLAGS] & UNSEEN:
        return
    work.state[MATH_DISPLAY] = display
    put_mark(work, DISPLAY_ON if display else MATH_ON, 0, 0)
    put_text(work, data, at, end, at > end, references)  # never to a tag
    end_formula(work)


@kernel
def begin_math(work: Work, data: Bytes) -> Scalar:
    """After the start of the outermost `math`: whether its TeX is in `alttext`; else its own text begins here."""
    state, found = work.state, work.found
    at = found[2 * e.DISPLAY]
    state[MATH_DISPLAY] = at >= 0 and value_code(data, at, found[2 * e.DISPLAY + 1]) == _BLOCK_DISPLAY
    if found[2 * e.ALTTEXT] >= 0 and found[2 * e.ALTTEXT + 1] > found[2 * e.ALTTEXT]:
        return True
    flush_space(work)
    state[MATH_STATE] = NO_FORMULA
    state[MATH_TEXT] = state[N_TEXT]
    state[MATH_WORDS] = state[MATH_CHARACTERS] = 0
    if state[BLOCK] >= 0:
        state[MATH_WORDS] = blocks_of(work)[state[BLOCK]].words
        state[MATH_CHARACTERS] = blocks_of(work)[state[BLOCK]].characters
    return False


@kernel
def begin_annotation(work: Work, data: Bytes) -> Scalar:
    """After the start of an `annotation`: of TeX, it takes the place of what the formula has shown; others are unseen."""
    state, found = work.state, work.found
    at = found[2 * e.ENCODING]
    tex = at >= 0 and contains(data, at, found[2 * e.ENCODING + 1], _TEX)
    if not tex or state[MATH_STATE] != NO_FORMULA:
        state[FLAGS] |= UNSEEN
        return
    if state[BLOCK] >= 0 and blocks_of(work)[state[BLOCK]].start <= state[MATH_TEXT] <= state[N_TEXT]:
        block = blocks_of(work)[state[BLOCK]]
        if state[LINK]:
            block.link_words -= block.words - state[MATH_WORDS]
            block.link_characters -= block.characters - state[MATH_CHARACTERS]
        block.words = state[MATH_WORDS]
        block.characters = state[MATH_CHARACTERS]
        state[N_TEXT] = state[MATH_TEXT]
        while state[N_MARKS] > block.first_mark and marks_of(work)[state[N_MARKS] - 1].at > state[N_TEXT]:
            state[N_MARKS] -= 1
        state[SPACE] = 0
    put_mark(work, DISPLAY_ON if state[MATH_DISPLAY] else MATH_ON, 0, 0)
    state[MATH_STATE] = IN_TEX


@kernel
def script_content(data: Bytes, found: Offsets) -> Scalar:
    """What the content of a script is, its attributes found: 1 for TeX, 2 for TeX in lines of its own, JSON_LD, NEXT_DATA,
    else 0."""
    first, last, name = found[2 * e.TYPE], found[2 * e.TYPE + 1], found[2 * e.ID]
    kind = value_code(data, first, last) if first >= 0 else np.uint64(0)
    if kind == _SCRIPT_TYPE:
        return 2 if contains(data, first, last, _DISPLAY) else 1
    if kind == _JSON_LD_TYPE:
        return JSON_LD
    if name >= 0 and value_code(data, name, found[2 * e.ID + 1]) == _NEXT_DATA_ID:
        return NEXT_DATA
    return 0
