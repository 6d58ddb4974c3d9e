"""The elements of HTML that matter to text, as numbers, and what each of them does to a parse.

Names become numbers by their FNV-1a code, in tables that kernels read. Knows names and the standard's lists of
elements (WHATWG HTML, 13.2.4.2 and 15.3); knows no bytes and no page.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from curate.text.compiled import Scalar
from curate.text.compiled import lean_kernel as kernel
from curate.text.hashing import word_code

VOID = 1 << 0
"""Has no content and no end tag."""
BLOCK = 1 << 1
"""Laid out as a block, a list item, or a part of a table: text before, in and after it are different blocks."""
CLOSES_P = 1 << 2
"""Its start closes an open `p` (in button scope)."""
SPECIAL = 1 << 3
"""The standard's category: an end tag of an ordinary element does not reach past it."""
SCOPE = 1 << 4
"""No end tag reaches past it ("has an element in scope")."""
RAW = 1 << 5
"""Content is raw text: no tags, no references."""
RCDATA = 1 << 6
"""Content has references and no tags."""
UNSEEN = 1 << 7
"""Content is never text of the page."""
HEADING = 1 << 8
TABLE_PART = 1 << 9
"""Counts only inside a table."""
BODY_PART = 1 << 10
"""`thead`, `tbody`, `tfoot`."""
SCOPED_END = 1 << 11
"""Its end tag closes it over anything but SCOPE elements; that of others stops at SPECIAL ones."""

_LISTS: dict[int, str] = {
    VOID: "area base basefont bgsound br col embed frame hr img input keygen link meta param source track wbr",
    BLOCK: "address article aside blockquote body caption center dd details dialog dir div dl dt fieldset figcaption "
    "figure footer form frameset h1 h2 h3 h4 h5 h6 header hgroup hr html legend li listing main menu nav ol optgroup "
    "option p plaintext pre search section summary table tbody td tfoot th thead tr ul xmp",
    CLOSES_P: "address article aside blockquote center dd details dialog dir div dl dt fieldset figcaption figure "
    "footer form h1 h2 h3 h4 h5 h6 header hgroup hr li listing main menu nav ol p plaintext pre search section summary "
    "table ul xmp",
    SPECIAL: "address applet area article aside base basefont bgsound blockquote body br button caption center col "
    "colgroup dd details dir div dl dt embed fieldset figcaption figure footer form frame frameset h1 h2 h3 h4 h5 h6 "
    "head header hgroup hr html iframe img input keygen li link listing main marquee menu meta nav noembed noframes "
    "noscript object ol p param plaintext pre script search section select source style summary table tbody td "
    "template textarea tfoot th thead title tr track ul wbr xmp",
    SCOPE: "applet caption html marquee object table td template th",
    RAW: "iframe noembed noframes plaintext script style xmp",
    RCDATA: "textarea title",
    UNSEEN: "audio canvas datalist desc iframe meter mjx-math noembed noframes progress script style template textarea "
    "video",
    HEADING: "h1 h2 h3 h4 h5 h6",
    TABLE_PART: "caption col colgroup tbody td tfoot th thead tr",
    BODY_PART: "tbody tfoot thead",
    SCOPED_END: "address applet article aside blockquote button center dd details dialog dir div dl dt fieldset "
    "figcaption figure footer h1 h2 h3 h4 h5 h6 header hgroup li listing main marquee menu nav object ol p pre search "
    "section summary ul table caption colgroup tbody td tfoot th thead tr template",
}
"""Which elements have which property. `object` shows its fall-back as text; `mjx-math` is what MathJax 3 shows of the
formula that stands as MathML beside it."""

_INLINE = (
    "a abbr annotation annotation-xml b bdi bdo big cite code data del dfn em font foreignobject i ins kbd label map "
    "mark math mi mn mo ms mtext nobr q rb rp rt rtc ruby s samp semantics slot small span strike strong sub sup svg "
    "time tt u var"
)

NAMES = ("", *sorted({name for names in _LISTS.values() for name in names.split()} | set(_INLINE.split())))
"""The elements with a number; 0 stands for every other name."""
NUMBER = {name: number for number, name in enumerate(NAMES)}
PROPERTIES: NDArray[np.int64] = np.array(
    [sum(bit for bit, names in _LISTS.items() if name in names.split()) for name in NAMES], np.int64
)
"""By element number, the bits above."""

A, ANNOTATION, ARTICLE, ASIDE = (NUMBER[name] for name in ("a", "annotation", "article", "aside"))
BLOCKQUOTE, BODY, BR, BUTTON = (NUMBER[name] for name in ("blockquote", "body", "br", "button"))
CAPTION, CODE, COL, COLGROUP = (NUMBER[name] for name in ("caption", "code", "col", "colgroup"))
DD, DIALOG, DIR, DIV, DT = (NUMBER[name] for name in ("dd", "dialog", "dir", "div", "dt"))
ADDRESS, FIGCAPTION, FOOTER, FORM = (NUMBER[name] for name in ("address", "figcaption", "footer", "form"))
H1, H6, HEAD, HEADER, HR, HTML = (NUMBER[name] for name in ("h1", "h6", "head", "header", "hr", "html"))
IMG, KBD, LI, LISTING, MAIN, MATH, MENU = (
    NUMBER[name] for name in ("img", "kbd", "li", "listing", "main", "math", "menu")
)
NAV, NOSCRIPT, OL, OPTGROUP, OPTION, P, PLAINTEXT = (
    NUMBER[name] for name in ("nav", "noscript", "ol", "optgroup", "option", "p", "plaintext")
)
PRE, RB, RP, RT, RTC, SAMP = (NUMBER[name] for name in ("pre", "rb", "rp", "rt", "rtc", "samp"))
SCRIPT, SEARCH, SELECT, STYLE, SUB, SUP, SVG = (
    NUMBER[name] for name in ("script", "search", "select", "style", "sub", "sup", "svg")
)
TABLE, TD, TEXTAREA, TH, TITLE, TR, TT, UL, XMP = (
    NUMBER[name] for name in ("table", "td", "textarea", "th", "title", "tr", "tt", "ul", "xmp")
)
FOREIGNOBJECT = NUMBER["foreignobject"]

ATTRIBUTES = (
    *("class", "id", "href", "src", "alt", "role", "type", "lang", "colspan", "start", "hidden", "style", "value"),
    *("encoding", "alttext", "display", "aria-hidden", "open", "data-lang", "data-language", "rowspan"),
    *("reversed", "data-src", "data-preloaded"),
)
"""The attributes that are read; all others are passed over, however many there are."""
(CLASS, ID, HREF, SRC, ALT, ROLE, TYPE, LANG, COLSPAN, START, HIDDEN, STYLE_ATTRIBUTE, VALUE) = range(13)
(ENCODING, ALTTEXT, DISPLAY, ARIA_HIDDEN, OPEN, DATA_LANG, DATA_LANGUAGE, ROWSPAN) = range(13, 21)
REVERSED, DATA_SRC, DATA_PRELOADED = range(21, 24)

_SLOTS = 1024


def _table(names: tuple[str, ...]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Codes and numbers in open addressing; a slot whose code is 0 is free."""
    codes, numbers = np.zeros(_SLOTS, np.uint64), np.zeros(_SLOTS, np.int64)
    for number, name in enumerate(names):
        if not name:
            continue
        slot = word_code(name) % _SLOTS
        while codes[slot]:
            slot = (slot + 1) % _SLOTS
        codes[slot], numbers[slot] = word_code(name), number
    return codes, numbers


_ELEMENT_CODES, _ELEMENT_NUMBERS = _table(NAMES)
_ATTRIBUTE_CODES, _ATTRIBUTE_NUMBERS = _table(ATTRIBUTES)


@kernel
def element_number(code: Scalar) -> Scalar:
    """The number of the element whose lower-case name has this code; 0 for one that is not known."""
    slot = np.int64(code % np.uint64(_SLOTS))
    while _ELEMENT_CODES[slot] != 0:
        if _ELEMENT_CODES[slot] == code:
            return _ELEMENT_NUMBERS[slot]
        slot = (slot + 1) % _SLOTS
    return 0


@kernel
def attribute_number(code: Scalar) -> Scalar:
    """The number of the attribute whose lower-case name has this code; -1 for one that is not read."""
    slot = np.int64(code % np.uint64(_SLOTS))
    while _ATTRIBUTE_CODES[slot] != 0:
        if _ATTRIBUTE_CODES[slot] == code:
            return _ATTRIBUTE_NUMBERS[slot]
        slot = (slot + 1) % _SLOTS
    return -1
