"""What bytes are by their own beginning: HTML, a compression, something binary, or text.

Headers, file names and archives claim things; this is the one look at the bytes that every claim is held against. It
reads at most LOOKED bytes and knows nothing of who claims what.

    >>> is_html(b"<!doctype html><html>"), compression(b"\\x1f\\x8b\\x08\\0"), is_binary(b"%PDF-1.7 ")
    (True, 'gzip', True)
"""

from __future__ import annotations

import re
from typing import Final

from curate.extract.charset import utf16_without_mark

LOOKED: Final = 2048
"""Bytes looked at. WHATWG MIME Sniffing reads 1,445; pages with a licence in a comment first need a little more."""

_LEAD: Final = rb"(?:\xef\xbb\xbf)?[\t\n\x0c\r ]*"
_HTML = re.compile(
    _LEAD + rb"(?:(?:<\?[^>]*>|<!--.{0,1500}?-->)[\t\n\x0c\r ]*){0,8}"
    rb"(?:<!doctype[\t\n\x0c\r ]+\"?html|<(?:html|head)[\t\n\x0c\r >])",
    re.IGNORECASE | re.DOTALL,
)
"""A document type or root element, after any XML declaration and comments: no other format begins so."""
_HTML_LIKE = re.compile(  # WHATWG MIME Sniffing, 7.1, the patterns for text/html
    _LEAD + rb"<(?:!--|(?:!doctype html|html|head|script|iframe|h1|div|font|table|a|style|title|b|body|br|p|meta|link)"
    rb"[\t\n\x0c\r />])",
    re.IGNORECASE,
)
_TAG = re.compile(rb"<[a-zA-Z!?/][^<>]{0,400}>")

_COMPRESSIONS: Final = (
    ("gzip", re.compile(rb"\x1f\x8b\x08[\x00-\x1f]")),  # RFC 1952, 2.3.1: method 8 is deflate, three flag bits reserved
    ("zstd", re.compile(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18")),  # RFC 8878, 3.1: a frame, a skippable frame
    ("bzip2", re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)")),  # block size, then a block or the end of the stream
    ("xz", re.compile(rb"\xfd7zXZ\x00")),  # The .xz File Format 1.2, 2.1.1.1
)
_SIGNATURES = re.compile(  # of formats whose beginning can look like text, and of those met most often on the web
    _LEAD + rb"(?:%PDF-|%!PS|\{\\rtf)|\x89PNG\r\n|GIF8[79]a|\xff\xd8\xff|PK(?:\x03\x04|\x05\x06|\x07\x08)|RIFF.{4}[A-Z]"
    rb"|OggS\x00|fLaC|ID3[\x02-\x04]|7z\xbc\xaf|Rar!\x1a|\x7fELF|MZ.[\x00-\x0f]|\xca\xfe\xba\xbe|\xd0\xcf\x11\xe0"
    rb"|wOF[F2]|OTTO\x00|\x00\x01\x00\x00|II\*\x00|MM\x00\*|.{4}ftyp|\x00asm|SQLite format 3\x00|[CFZ]WS[\x01-\x30].{3}\x00"
    rb"|!<arch>\n|\x1a\x45\xdf\xa3",
    re.DOTALL,
)
_NO_TEXT: Final = bytes([*range(0x09), 0x0B, *range(0x10, 0x1B), *range(0x1C, 0x20)])
"""WHATWG MIME Sniffing's "binary data bytes", without the shifts 0x0E and 0x0F, which ISO-2022-KR uses."""
_ODD_BYTES: Final = 2
_ODD_SHARE: Final = 1 / 64
"""Above both, bytes are binary: in noise and compressed data one of ten is odd; of 2,013 real pages none has so many."""
_SURE_TEXT: Final = 256
"""So many bytes without an odd one are text: in compressed data the chance is 10^-12."""


def is_html(data: bytes) -> bool:
    """Whether the bytes evidently begin an HTML document, in any charset that pages are served in."""
    head = data[:LOOKED]
    if b"\0" in head[:4]:  # UTF-16
        head = head.removeprefix(b"\xff\xfe").removeprefix(b"\xfe\xff").replace(b"\0", b"")
    return _HTML.match(head) is not None


def may_be_html(data: bytes) -> bool:
    """Whether the bytes begin as HTML may, fragments included; a feed or a script may begin so too."""
    return _HTML_LIKE.match(data[:LOOKED]) is not None or is_html(data)


def has_markup(data: bytes) -> bool:
    """Whether the bytes are text with a tag near their beginning."""
    head = data[:LOOKED]
    return not is_binary(head) and _TAG.search(head) is not None


def compression(data: bytes) -> str | None:
    """The compression whose signature the bytes begin with: `gzip`, `zstd`, `bzip2`, `xz`; else None."""
    return next((name for name, magic in _COMPRESSIONS if magic.match(data)), None)


def is_binary(data: bytes) -> bool:
    """Whether the bytes are evidently no text: another format's signature, or control characters that no text has."""
    head = data[:LOOKED]
    if _SIGNATURES.match(head) or compression(head):
        return True
    odd = len(head) - len(head.translate(None, _NO_TEXT))
    return odd > max(_ODD_BYTES, _ODD_SHARE * len(head)) and not _is_utf16(head)


def is_surely_text(data: bytes) -> bool:
    """Whether the bytes cannot be compressed data: markup, or enough of them without an odd one."""
    head = data[:LOOKED]
    if may_be_html(head) or has_markup(head):
        return True
    return len(head) >= _SURE_TEXT and len(head) == len(head.translate(None, _NO_TEXT))


def _is_utf16(head: bytes) -> bool:
    return head.startswith((b"\xff\xfe", b"\xfe\xff")) or utf16_without_mark(head) is not None
