"""The text of one block as Markdown: escapes, code spans, superscripts and subscripts, formulas.

Escapes what would act and nothing else (CommonMark 0.31, GFM 0.29). Knows one block; knows no lists and no tables.
"""

from __future__ import annotations

import re

from curate.extract.html.blocks import CODE_ON, DISPLAY_ON, MATH_ON, SUB_ON, SUP_ON, Page

_ACTING = re.compile(
    r"\\(?=[!-/:-@\[-`{-~])"  # a backslash before punctuation
    r"|[`*\[]"
    r"|(?<![^\W_])_|_(?![^\W_])"  # between letters it is itself
    r"|<(?=[A-Za-z/!?])"
    r"|&(?=#\d|#[xX][0-9a-fA-F]|[A-Za-z][A-Za-z0-9]*;)"
    r"|~(?=~)|(?<=~)~"
    r"|^(?:#(?=#{0,5}(?:\s|$))|>|[-+](?=\s|$)|[-=](?=[-=]*\s*$))",
    re.MULTILINE,
)
_TEX_MARK = re.compile(r"\\[(\[]|\$\$")
_DELIMITER = re.compile(r"\\[()\[\]]|\$\$|\n")
_CLOSED_BY = {"\\(": "\\)", "\\[": "\\]", "$$": "$$"}
"""What begins TeX in running text, and what ends it in the same line."""
_NUMBERED = re.compile(r"^(\d{1,9})([.)])(?=\s|$)", re.MULTILINE)
_TICKS = re.compile(r"`+")


def escaped(text: str) -> str:
    """Running text, with a backslash before each character that Markdown would take for a mark.

    Formulas between delimiters that only TeX has stay as they are: they are source, whoever renders it.

    >>> escaped("5 * 3 is_not <b>")
    '5 \\\\* 3 is_not \\\\<b>'
    """
    if _TEX_MARK.search(text) is None:
        return _escaped(text)
    pieces, since, opened = [], 0, None
    for found in _DELIMITER.finditer(text):
        if opened is not None and found[0] == _CLOSED_BY[opened[0]] and found.start() > opened.end():
            pieces += [_escaped(text[since : opened.start()]), text[opened.start() : found.end()]]
            since, opened = found.end(), None
        elif found[0] == "\n":
            opened = None
        elif opened is None and found[0] in _CLOSED_BY:
            opened = found
    return "".join((*pieces, _escaped(text[since:])))


def _escaped(text: str) -> str:
    return _NUMBERED.sub(r"\1\\\2", _ACTING.sub(r"\\\g<0>", text))


def code_span(text: str) -> str:
    """Code within a line: the delimiter is longer than any run of backticks in it."""
    text = text.replace("\n", " ")
    ticks = "`" * (1 + max((len(run) for run in _TICKS.findall(text)), default=0))
    pad = " " if text[:1] == "`" or text[-1:] == "`" or (text[:1] == " " == text[-1:] and text.strip()) else ""
    return f"{ticks}{pad}{text}{pad}{ticks}"


def fenced(text: str, language: str) -> list[str]:
    """Lines of a fenced block of code, every blank and blank line of it kept."""
    longest = max((len(run) for run in _TICKS.findall(text)), default=0)
    mark = "~" * max(3, 1 + max(map(len, re.findall("~+", text)), default=0)) if "`" in language else ""
    mark = mark or "`" * max(3, longest + 1)
    return [mark + language, *text.split("\n"), mark]


def _wrapped(kind: int, text: str) -> str:
    if kind == CODE_ON:
        return code_span(text) if text else ""
    if kind == MATH_ON:
        return f"${text}$"
    if kind == DISPLAY_ON:
        return f"$${text}$$"
    return text


def inline(page: Page, number: int) -> str:
    """A block's text with its marks; line feeds are those of `br`."""
    block = page.blocks[number]
    start, end = int(block["start"]), int(block["end"])
    marks = page.marks[block["first_mark"] : block["end_mark"]]
    text = page.text
    if not len(marks):
        return escaped(bytes(text[start:end]).decode())
    pieces: list[str] = []
    raised: list[int] = []
    verbatim, since = -1, start
    for at, kind in [*marks.tolist(), (end, -1)]:
        at = min(max(at, start), end)
        if verbatim >= 0:
            if kind == verbatim + 1 or kind < 0:
                pieces.append(_wrapped(verbatim, bytes(text[since:at]).decode()))
                verbatim, since = -1, at
            continue
        pieces.append(escaped(bytes(text[since:at]).decode()))
        since = at
        if kind in (CODE_ON, MATH_ON, DISPLAY_ON):
            verbatim = kind
        elif kind in (SUP_ON, SUB_ON):
            raised.append(kind)
            pieces.append("<sup>" if kind == SUP_ON else "<sub>")
        elif kind - 1 in raised:
            raised.remove(kind - 1)
            pieces.append("</sup>" if kind - 1 == SUP_ON else "</sub>")
    pieces += ["</sup>" if kind == SUP_ON else "</sub>" for kind in reversed(raised)]
    return "".join(pieces)
