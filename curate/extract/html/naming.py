"""What the classes, ids, roles and styles of an element say: hashed words, and the few names that have a meaning here.

Knows names that sites and their software use; knows no open elements.
"""

from __future__ import annotations

import numpy as np

from curate.extract.html.blocks import ARTICLE, ASIDE, FOOTER, HEADER, IS_LAYOUT, MAIN, NAV, SEARCHING
from curate.extract.html.tokens import is_space, lower
from curate.extract.html.work import N_NAMES, Work, names_of
from curate.text.characters import Bytes
from curate.text.compiled import Scalar
from curate.text.compiled import lean_kernel as kernel
from curate.text.hashing import FNV_OFFSET, add_to_code, word_code

NAMES_AN_ELEMENT = 16
"""Words of class and id that are kept of an element."""
KEEP_NONE = -(1 << 31)
"""For `first` where an element's words are not to be kept."""

DOUBLE = 1 << 0
"""A second, visible form of a formula whose source stands beside it (KaTeX, MathJax)."""
GUTTER = 1 << 1
"""Line numbers beside code, and the mark that links a heading to itself."""
FORMULA_IMAGE = 1 << 2
"""An image whose description is TeX."""
FORMULA_SOURCE = 1 << 3
"""Hidden from sight, and the formula's source all the same."""
CELL_GUTTER = 1 << 4
"""A gutter if it is a table's cell; grids of pages have gutters too."""
LANGUAGE = 1 << 5
"""A class that names a language of code."""
NEXT_LANGUAGE = 1 << 6
"""A class after which another names the language."""

_MEANINGS = {
    **dict.fromkeys(("katex-html", "mathjax_preview", "mathjax_display", "mathjax", "mathjax_svg"), DOUBLE),
    **dict.fromkeys(("mjx_assistive_mathml", "mathjax_chtml", "mjx-chtml"), DOUBLE),
    **dict.fromkeys(("linenos", "lineno", "line-numbers-rows", "rouge-gutter", "hljs-ln-numbers", "blob-num"), GUTTER),
    "headerlink": GUTTER,
    "gutter": CELL_GUTTER,
    **dict.fromkeys(("latex", "math", "tex"), FORMULA_IMAGE),
    **dict.fromkeys(("mwe-math-fallback-image-inline", "mwe-math-fallback-image-display"), FORMULA_IMAGE),
    **dict.fromkeys(("mwe-math-mathml-inline", "mwe-math-mathml-display", "mwe-math-mathml-a11y"), FORMULA_SOURCE),
    "katex-mathml": FORMULA_SOURCE,
    **dict.fromkeys(("hljs", "sourcecode", "brush:"), NEXT_LANGUAGE),
}
"""KaTeX, MathJax, Pygments, Rouge, Prism, highlight.js, GitHub, Sphinx, WordPress, MediaWiki, Pandoc, SyntaxHighlighter."""
_MEANING_CODES = np.array([word_code(name) for name in _MEANINGS], np.uint64)
_MEANING_BITS = np.array(list(_MEANINGS.values()), np.int64)
_MEANING_FIRST = np.zeros(256, np.bool_)
for _code in _MEANING_CODES:
    _MEANING_FIRST[int(_code) & 255] = True

_PREFIXES = np.array(
    [word_code(p) for p in ("language-", "lang-", "highlight-source-", "highlight-", "mw-highlight-lang-")], np.uint64
)
"""What a class begins with that goes on with the name of a language."""

_ROLES = {
    "navigation": NAV,
    "contentinfo": FOOTER,
    "complementary": ASIDE,
    "banner": HEADER,
    "search": SEARCHING,
    "main": MAIN,
    "article": ARTICLE,
    "presentation": IS_LAYOUT << 32,
    "none": IS_LAYOUT << 32,
}
"""Landmark roles (WAI-ARIA 1.2) as bits of a block; from bit 32 on those of a table."""
_ROLE_CODES = np.array([word_code(name) for name in _ROLES], np.uint64)
_ROLE_BITS = np.array(list(_ROLES.values()), np.int64)

_STYLES = np.array([word_code(style) for style in ("display:none", "visibility:hidden")], np.uint64)
_DASH, _SEMICOLON, _BANG = (ord(character) for character in "-;!")


@kernel
def value_code(data: Bytes, at: Scalar, end: Scalar) -> Scalar:
    """The code of a value in lower case, up to its first white space or semicolon."""
    code = FNV_OFFSET
    while at < end and is_space(data[at]):
        at += 1
    while at < end and not is_space(data[at]) and data[at] != _SEMICOLON:
        code = add_to_code(code, lower(data[at]))
        at += 1
    return code


@kernel
def role_bits(data: Bytes, at: Scalar, end: Scalar) -> Scalar:
    """What a role says of all in it."""
    code = value_code(data, at, end)
    for i in range(len(_ROLE_CODES)):
        if _ROLE_CODES[i] == code:
            return _ROLE_BITS[i]
    return np.int64(0)


@kernel
def hides(data: Bytes, at: Scalar, end: Scalar) -> Scalar:
    """Whether a style has `display: none` or `visibility: hidden`."""
    code = FNV_OFFSET
    while at < end:
        byte = data[at]
        if byte in (_SEMICOLON, _BANG):
            if code == _STYLES[0] or code == _STYLES[1]:
                return True
            code = FNV_OFFSET
        elif not is_space(byte):
            code = add_to_code(code, lower(byte))
        at += 1
    return code == _STYLES[0] or code == _STYLES[1]


@kernel
def names(work: Work, data: Bytes, at: Scalar, end: Scalar, first: Scalar) -> tuple[Scalar, Scalar, Scalar]:
    """Keep the words of a class or id, those between other characters than letters and digits, in lower case.

    What the names between white space mean, as bits, and where a language is named. `first` is the place of the
    element's first word.
    """
    meaning = language_start = language_end = 0
    while at < end:
        while at < end and is_space(data[at]):
            at += 1
        begin, whole, word, size = at, FNV_OFFSET, FNV_OFFSET, 0
        prefixed = 0
        while at < end and not is_space(data[at]):
            byte = lower(data[at])
            whole = add_to_code(whole, byte)
            if byte == _DASH:
                for i in range(len(_PREFIXES)):
                    if _PREFIXES[i] == whole:
                        prefixed = at + 1
            if 48 <= byte <= 57 or 97 <= byte <= 122 or byte >= 0x80:
                word = add_to_code(word, byte)
                size += 1
            elif size:
                _keep(work, word, first)
                word, size = FNV_OFFSET, 0
            at += 1
        if at == begin:
            break
        if size:
            _keep(work, word, first)
        if prefixed and at > prefixed:
            meaning |= LANGUAGE
            language_start, language_end = prefixed, at
        elif meaning & NEXT_LANGUAGE and not meaning & LANGUAGE:
            meaning |= LANGUAGE
            language_start, language_end = begin, at
        if _MEANING_FIRST[whole & np.uint64(255)]:
            for i in range(len(_MEANING_CODES)):
                if _MEANING_CODES[i] == whole:
                    meaning |= _MEANING_BITS[i]
    return meaning, language_start, language_end


@kernel
def _keep(work: Work, word: Scalar, first: Scalar) -> Scalar:
    place = work.state[N_NAMES]
    if place - first < NAMES_AN_ELEMENT and place < len(names_of(work)):
        names_of(work)[place] = np.uint32(word ^ (word >> np.uint64(32)))
        work.state[N_NAMES] += 1
