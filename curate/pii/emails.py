"""E-mail addresses: as they are written, with %40, and spelled out against collectors. Knows addresses' forms only.

Letters of any script are accepted in either part (RFC 6531), so an address disguised by letters that look alike is found.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from curate.pii.spans import Looking, Match

_LONGEST_LOCAL = 64  # RFC 5321, 4.5.3.1.1
_ENCODED = 2  # characters of a percent-encoding before its last
_LOOKED_AT = 4 * _LONGEST_LOCAL  # characters before an @ in which the local part's beginning is looked for
_SIGN = re.compile(r"@|%40|\uff20")
_LOCAL = re.compile(r"\w[\w.+'%\-]*$")
_NO_LOCAL = re.compile(r"%(?!2[BbDdEe]|5[Ff])[0-9A-Fa-f]{2}|\.{3,}|\u2026")
"""What an address does not hold before its @: the percent-encoding of anything but + - . _, an ellipsis."""
_DOMAIN = re.compile(r"(?:\w(?:[\w\-]{0,61}\w)?\.)+(?:xn--[a-zA-Z0-9\-]{2,59}|[^\W\d_]{2,24})")
_FILE_ENDINGS = """
apk avi bin bmp css csv deb dmg doc docx exe gif gz htm html ico iso jar jpeg jpg js json jsx lock log mjs mp3 mp4 mpeg
ogg otf pdf php png ppt pptx rar rpm scss svg tar tgz tiff ts tsx ttf txt war wasm wav webm webp whl woff woff2 xls xlsx
xml yaml yml zip"""
_FILES = frozenset(_FILE_ENDINGS.split())
"""Last labels that are no top-level domain, or a file's far more often: `icon@2x.png`."""
_VERSION = re.compile(r"v?\d+\.\d|v\d+\.")
"""How a version begins where a domain would: `log4j@2.17.1.jar`."""
_REPOSITORY_USERS = frozenset(("git", "hg", "svn"))
"""Users of a service, not people: `git@github.com:owner/name`."""

# Scripts written without spaces: what stands next to an address is not part of it.
_UNSPACED = r"\u0e00-\u0e7f\u1100-\u11ff\u3040-\u30ff\u3130-\u318f\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
_AFTER_UNSPACED = re.compile(rf"[{_UNSPACED}]([A-Za-z][A-Za-z0-9.+'_\-]*)$")
_BEFORE_UNSPACED = re.compile(rf"[A-Za-z]{{2,}}(?=[{_UNSPACED}])")
_GLUED = re.compile(r"[a-z]{2,}(?=[A-Z])")  # "example.comTel": the next word without its space

_OPEN, _CLOSE = r"[\[({<]\s{0,2}", r"\s{0,2}[\])}>]"
_BRACKETED_DOT = rf"\s{{0,2}}{_OPEN}dot{_CLOSE}\s{{0,2}}"
_DOT = rf"(?:{_BRACKETED_DOT}|\s{{1,2}}dot\s{{1,2}}|\.)"
_WORD_DOT = rf"(?:{_BRACKETED_DOT}|\s{{1,2}}dot\s{{1,2}})"
_NAME = r"\w[\w+\-]{0,40}"
_BRACKETED = re.compile(
    rf"(?<![\w.])({_NAME}(?:{_DOT}{_NAME}){{0,3}})\s{{0,2}}{_OPEN}at{_CLOSE}\s{{0,2}}"
    rf"({_NAME}(?:{_DOT}{_NAME}){{0,3}}{_DOT}[^\W\d_]{{2,24}})(?!\w)",
    re.IGNORECASE,
)
_WORDS = re.compile(
    rf"(?<![\w.])({_NAME}(?:{_DOT}{_NAME}){{0,3}})(?:\s{{1,2}}at\s{{1,2}}|\s?@\s?)"
    rf"({_NAME}(?:{_WORD_DOT}{_NAME}){{0,3}}{_WORD_DOT}([a-z]{{2,6}}))(?!\w)",
    re.IGNORECASE,
)
_SPACED = re.compile(
    rf"(?<![\w.])({_NAME}(?:\.{_NAME}){{0,3}})\s?[@\uff20]\s?({_NAME}(?:(?:\s\.\s|\.){_NAME}){{0,2}}\s\.\s([a-z]{{2,6}}))(?!\w)",
    re.IGNORECASE,
)
_UNDERSCORED = re.compile(
    r"(?<![\w.])([a-z][a-z0-9.+\-]{0,40}(?:_(?!at_)[a-z0-9]{1,40}){0,3})_at_"
    r"([a-z0-9\-]{1,60}(?:(?:\.|_dot_)[a-z0-9\-]{1,60}){0,3}(?:\.|_dot_)([a-z]{2,6}))(?!\w)",
    re.IGNORECASE,
)
_ENDINGS = """
ai app ar au biz br ca ch cl cn co com cz de dev dk edu es eu fi fr gov gr hk hu ie info int io jp kr mil mx net
nl nz org pl pt ro ru se sg tr tv tw uk za"""
_SPOKEN_ENDINGS = frozenset(_ENDINGS.split())
"""Top-level domains that follow a spoken "dot"; those that are English words are left out."""
_WORDS_BEFORE_AT = """
a about all also am an and anything arrive arrived arrives arriving
are available based be been blog book books buy by check
click come comes contact
details do episode find for found free from get go going had has have he held her here hosted him his i in info information
is it join just know learn listen live located look looked looking looks me meet more my now of off on one online only or
order out over page podcast posted published read registered
see she shop show sign site so sold something start that
the their them then there these
they this those to tickets today up us visit was watch we website were what when where with work works you your
yourself"""
_NO_NAMES = frozenset(_WORDS_BEFORE_AT.split())
"""Words before "at example dot com" that are no one's name."""


def find_at(document: bytes, start: int, end: int, looking: Looking) -> Iterator[Match]:
    """Addresses with an @ or %40 in a stretch of the document."""
    start, text = _decoded(document, start, end)
    for sign in _SIGN.finditer(text):
        local = _LOCAL.search(text, max(0, sign.start() - _LOOKED_AT), sign.start())
        domain = _DOMAIN.match(text, sign.end())
        if local is None or domain is None or _VERSION.match(domain.group()):
            continue
        first = _first_of_local(text, local.start(), sign.start())
        last = _last_of_domain(text, domain.end())
        if not 0 < sign.start() - first <= _LONGEST_LOCAL or text[first : sign.start()].lower() in _REPOSITORY_USERS:
            continue
        if _ending(text[:last]) not in _FILES:
            yield _match(text, start, first, last)


def find_spelled(document: bytes, start: int, end: int, looking: Looking) -> Iterator[Match]:
    """Addresses with a spelled-out `at` or `dot`, or spaces around them, in a stretch of the document."""
    start, text = _decoded(document, start, end)
    for match in _BRACKETED.finditer(text):
        yield _match(text, start, match.start(), match.end())
    for form in (_WORDS, _SPACED, _UNDERSCORED):
        for match in form.finditer(text):
            name, ending = match.group(1).lower(), match.group(3).lower()
            if name not in _NO_NAMES and ending in _SPOKEN_ENDINGS:
                yield _match(text, start, match.start(), match.end())


def _decoded(document: bytes, start: int, end: int) -> tuple[int, str]:
    """(start, text) of the stretch's whole characters."""
    while start < end and document[start] & 0xC0 == 0x80:
        start += 1
    while end < len(document) and document[end] & 0xC0 == 0x80:
        end += 1
    return start, document[start:end].decode()


def _match(text: str, start: int, first: int, last: int) -> Match:
    if text.isascii():
        return Match(start + first, start + last, "EMAIL")
    begin = start + len(text[:first].encode())
    return Match(begin, begin + len(text[first:last].encode()), "EMAIL")


def _first_of_local(text: str, first: int, sign: int) -> int:
    """Where the part before the @ begins: after what no address holds, after a neighbour of another script."""
    for other in _NO_LOCAL.finditer(text, max(0, first - _ENCODED), sign):
        first = other.end()
    while first < sign and not (text[first].isalnum() or text[first] == "_"):
        first += 1
    glued = _AFTER_UNSPACED.search(text, first, sign)
    return glued.start(1) if glued else first


def _last_of_domain(text: str, last: int) -> int:
    """Where the last label ends: before a neighbour of another script, or a word that lacks its space."""
    label = text.rfind(".", 0, last) + 1
    for cut in (_BEFORE_UNSPACED, _GLUED):
        if found := cut.match(text, label, last):
            last = found.end()
    return last


def _ending(text: str) -> str:
    return text[text.rfind(".") + 1 :].lower()
