"""A page's bytes in UTF-8, without a string in between where they are that already, as most are.

Says what `curate.extract.charset.decode` says; knows nothing else of charsets.
"""

from __future__ import annotations

import struct

import pyarrow as pa

from curate.extract.charset import CODECS, MARKS, TWO_BYTES, declared_charset, decode, header_charset

_ASCII = bytes(range(128))
_EXTEND_ASCII = frozenset(
    name
    for name, codec in CODECS.items()
    if name not in TWO_BYTES and _ASCII.decode(codec, "replace") == _ASCII.decode()
)
"""Charsets in which bytes of ASCII are that, whatever stands before them."""
_ENDS = struct.Struct("=qq")
_ESCAPE = b"\x1b$"


def is_utf8(body: bytes) -> bool:
    """Whether bytes are UTF-8, surrogates not allowed.

    >>> is_utf8("é".encode()), is_utf8("é".encode("latin-1")), is_utf8(b"")
    (True, False, True)
    """
    ends = pa.py_buffer(_ENDS.pack(0, len(body)))
    try:
        pa.Array.from_buffers(pa.large_string(), 1, [None, ends, pa.py_buffer(body)]).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


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
    claim = header_charset(content_type) or declared_charset(body)
    if body.isascii():
        return (claim if claim in _EXTEND_ASCII else None) if claim or _ESCAPE in body else "utf-8"
    return "utf-8" if claim not in TWO_BYTES and is_utf8(body) else None
