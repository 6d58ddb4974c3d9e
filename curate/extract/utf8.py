"""A page's bytes in UTF-8, without a string in between where they are that already, as most are.

Says what `curate.extract.charset.decode` says; knows nothing else of charsets.
"""

from __future__ import annotations

import functools

import numpy as np

from curate.extract.charset import CODECS, MARKS, TWO_BYTES, declared_charset, decode, header_charset
from curate.text.characters import Bytes
from curate.text.compiled import Scalar, kernel

_ASCII = bytes(range(128))
_EXTEND_ASCII = frozenset(
    name
    for name, codec in CODECS.items()
    if name not in TWO_BYTES and _ASCII.decode(codec, "replace") == _ASCII.decode()
)
"""Charsets in which bytes of ASCII are that, whatever stands before them."""
_ESCAPE = b"\x1b$"
_AT_ONCE = 256
_claimed_by = functools.lru_cache(1 << 12)(header_charset)
"""A crawl has a few hundred values of Content-Type."""


@kernel
def _is_valid(data: Bytes) -> Scalar:
    """Whether bytes are UTF-8 (Unicode 16, table 3-7); those of ASCII are passed over _AT_ONCE at a time."""
    at, end = 0, len(data)
    while at < end:
        if at + _AT_ONCE <= end:
            part, high = data[at : at + _AT_ONCE], np.uint8(0)
            for i in range(_AT_ONCE):
                high = np.uint8(high | part[i])
            if high < 0x80:
                at += _AT_ONCE
                continue
        stop = min(at + _AT_ONCE, end)
        while at < stop:
            first = data[at]
            if first < 0x80:
                at += 1
                continue
            size = 2 if first < 0xE0 else 3 if first < 0xF0 else 4
            if first < 0xC2 or first > 0xF4 or at + size > end:
                return False
            second = data[at + 1]
            lowest = 0xA0 if first == 0xE0 else 0x90 if first == 0xF0 else 0x80
            highest = 0x9F if first == 0xED else 0x8F if first == 0xF4 else 0xBF
            if second < lowest or second > highest:
                return False
            for i in range(at + 2, at + size):
                if data[i] & 0xC0 != 0x80:
                    return False
            at += size
    return True


def is_utf8(body: bytes) -> bool:
    """Whether bytes are UTF-8, surrogates not allowed.

    >>> is_utf8("é".encode()), is_utf8("é".encode("latin-1")), is_utf8(b"")
    (True, False, True)
    """
    return bool(_is_valid(np.frombuffer(body, np.uint8)))


def to_utf8(body: bytes, content_type: str | None) -> tuple[bytes, str]:
    """A page in UTF-8 and the charset that it was in: `decode`, encoded again.

    >>> to_utf8("Déjà vu".encode("latin-1"), "text/html; charset=iso-8859-1")
    (b'D\\xc3\\xa9j\\xc3\\xa0 vu', 'windows-1252')
    """
    name = _as_it_is(body, content_type)
    if name is not None:
        return body, name
    text, name = decode(body, content_type)
    return text.encode("utf-8", "replace"), name


def _as_it_is(body: bytes, content_type: str | None) -> str | None:
    """The charset of a page whose bytes are its text in UTF-8 by the first evidence that counts; None where others do."""
    if b"\0" in body or any(body.startswith(mark) for mark, _ in MARKS):
        return None
    claim = _claimed_by(content_type) or declared_charset(body)
    if body.isascii():
        return (claim if claim in _EXTEND_ASCII else None) if claim or _ESCAPE in body else "utf-8"
    return "utf-8" if claim not in TWO_BYTES and is_utf8(body) else None
