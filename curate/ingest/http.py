"""HTTP responses as archives store them: status, content type, and the body with its encodings undone.

Lenient where browsers and archives are: a body that a header calls chunked or compressed, but which evidently is not
(most crawlers store it decoded and keep the header), is taken as it is and counted; a body cut short is kept up to the cut.
Knows HTTP, nothing of WARC.
"""

from __future__ import annotations

import io
import re
import zlib
from collections import Counter
from collections.abc import Callable
from typing import Final, NamedTuple

import zstandard
from fastwarc.stream_io import BrotliReader
from fastwarc.warc import HeaderMap

from curate.ingest.reasons import BAD_CHUNKING, BAD_ENCODING, EMPTY, NOT_HTML, NOT_HTTP, STATUS, TOO_LARGE

MAX_BODY: Final = 32 << 20
"""Most bytes of a decoded body: 32 times where Common Crawl cut pages for years, and a bound for compression bombs."""
MAX_HEADER: Final = 32 << 10  # the limit of fastwarc's own parser
_READ: Final = 1 << 16
_HTML_TYPES: Final = frozenset({b"text/html", b"application/xhtml+xml"})
_SNIFFED: Final = 512  # bytes looked at to tell a type; WHATWG MIME Sniffing reads 1,445, most of it for other formats
_HTML_START = re.compile(  # WHATWG MIME Sniffing, 7.1, the patterns for text/html
    rb"(?:\xef\xbb\xbf)?[\t\n\x0c\r ]*<(?:!--|(?:!doctype html|html|head|script|iframe|h1|div|font|table|a|style|title"
    rb"|b|body|br|p)[ >\t\n\x0c\r])",
    re.IGNORECASE,
)
_CHUNK_SIZE = re.compile(rb"[ \t]*([0-9a-fA-F]{1,15})[ \t]*(?:;[^\r\n]*)?\r?\n")  # RFC 9112, 7.1
_CUT_SIZE = re.compile(rb"[ \t]*[0-9a-fA-F]{1,15}[ \t]*(?:;[^\n]*)?")


def header_end(data: bytes | bytearray, limit: int) -> tuple[int, int] | None:
    """Where the header's last line ends and the block begins, if that is within `limit` bytes."""
    crlf = data.find(b"\r\n\r\n", 0, limit)
    lf = data.find(b"\n\n", 0, crlf if crlf >= 0 else limit)
    if lf >= 0:
        return lf, lf + 2
    return (crlf, crlf + 4) if crlf >= 0 else None


class Payload(NamedTuple):
    """What a response holds: `body` where it goes on, else the `reason` why not."""

    reason: str | None
    content_type: str | None
    body: bytes | None


def parse_headers(block: bytes) -> HeaderMap | None:
    """A first line and header fields, the last line's end left out; None where they are beyond reading."""
    headers = HeaderMap()
    try:
        headers.parse(io.BytesIO(block.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n") + b"\r\n\r\n"))
    except (OSError, ValueError):
        return None
    return headers


def text_of(value: bytes | None) -> str | None:
    """A header value as text: UTF-8 where it is that, else Latin-1, which reads any byte."""
    if value is None:
        return None
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def media_type(content_type: bytes) -> bytes:
    """The type without its parameters, in lower case."""
    return content_type.partition(b";")[0].strip().lower()


def is_html(content_type: bytes | None, body: bytes) -> bool:
    """Whether the type given, or without one the body's beginning, is that of HTML."""
    if content_type and (kind := media_type(content_type)):
        return kind in _HTML_TYPES
    return _HTML_START.match(body[:_SNIFFED]) is not None


def page(body: bytes, content_type: bytes | None) -> Payload:
    """The payload of decoded bytes with the type they are served as."""
    named = text_of(content_type)
    if not is_html(content_type, body):
        return Payload(EMPTY if not content_type and not body.strip() else NOT_HTML, named, None)
    if not body.strip():
        return Payload(EMPTY, named, None)
    if len(body) > MAX_BODY:
        return Payload(TOO_LARGE, named, None)
    return Payload(None, named, body)


def dechunk(body: bytes) -> tuple[bytes, bool]:
    """The body without chunked transfer encoding, and whether its chunks are whole; ValueError where they go wrong.

    A body that ends inside a chunk is cut, not wrong.
    """
    pieces: list[bytes] = []
    at = 0
    while at < len(body):
        size = _CHUNK_SIZE.match(body, at)
        if size is None:
            if _CUT_SIZE.fullmatch(body, at):
                break
            raise ValueError(f"no chunk size at byte {at}")
        length = int(size[1], 16)
        if length == 0:
            return b"".join(pieces), True
        at = size.end()
        pieces.append(body[at : at + length])
        at += length
        if at < len(body):
            if body.startswith(b"\r\n", at):
                at += 2
            elif body.startswith(b"\n", at):
                at += 1
            elif body[at:] != b"\r":
                raise ValueError(f"no line end after the chunk at byte {at}")
            else:
                break
    return b"".join(pieces), False


def _inflate(body: bytes, window: int) -> bytes:
    """zlib's decoding of one or more members, up to the size limit."""
    decoded = bytearray()
    while body:
        decoder = zlib.decompressobj(window)
        try:
            for at in range(0, len(body), _READ):
                decoded += decoder.decompress(body[at : at + _READ])
                if decoder.eof or len(decoded) > MAX_BODY:
                    break
        except zlib.error:
            if not decoded:
                raise
            return bytes(decoded)
        if not decoder.eof or window < 0 or len(decoded) > MAX_BODY:
            break
        body = decoder.unused_data + body[at + _READ :]
    return bytes(decoded)


def _gunzip(body: bytes) -> bytes:
    return _inflate(body, zlib.MAX_WBITS | 16)


def _undeflate(body: bytes) -> bytes:
    """`deflate` means zlib's format (RFC 9110, 8.4.1.2), but some servers send the bare stream."""
    try:
        return _inflate(body, zlib.MAX_WBITS)
    except zlib.error:
        return _inflate(body, -zlib.MAX_WBITS)


def _unbrotli(body: bytes) -> bytes:
    reader, decoded = BrotliReader(io.BytesIO(body)), bytearray()
    try:
        while len(decoded) <= MAX_BODY and (data := reader.read(_READ)):
            decoded += data
    except OSError:
        if not decoded:
            raise
    return bytes(decoded)


def _unzstd(body: bytes) -> bytes:
    reader, decoded = zstandard.ZstdDecompressor().stream_reader(body, read_across_frames=True), bytearray()
    try:
        while len(decoded) <= MAX_BODY and (data := reader.read(_READ)):
            decoded += data
    except zstandard.ZstdError:
        if not decoded:
            raise
    return bytes(decoded)


_DECODERS: Final[dict[bytes, Callable[[bytes], bytes]]] = {
    b"gzip": _gunzip,
    b"x-gzip": _gunzip,
    b"deflate": _undeflate,
    b"br": _unbrotli,
    b"zstd": _unzstd,
}
_NO_ENCODING: Final = frozenset({b"", b"identity", b"none"})


def _decoded(body: bytes, encodings: bytes, counts: Counter[str]) -> bytes:
    """The body with its content encodings undone, the last one first; ValueError where that cannot be done."""
    for encoding in reversed([name.strip().lower() for name in encodings.split(b",")]):
        if encoding in _NO_ENCODING or not body:
            continue
        decode = _DECODERS.get(encoding)
        try:
            if decode is None:
                raise ValueError
            body = decode(body)
        except (zlib.error, zstandard.ZstdError, OSError, ValueError) as error:
            if _HTML_START.match(body[:_SNIFFED]) or (decode is _gunzip and not body.startswith(b"\x1f\x8b")):
                counts["http.stored-decoded"] += 1
                continue
            raise ValueError(f"not {encoding!r}") from error
        if not body:
            raise ValueError(f"nothing in {encoding!r}")
    return body


def read_response(block: bytes, counts: Counter[str]) -> Payload:
    """The payload of an HTTP response: status line, header fields, body. `counts` gets leniencies used."""
    if not block.startswith(b"HTTP/"):
        return Payload(NOT_HTTP, None, None)
    end, begin = header_end(block, MAX_HEADER) or (MAX_HEADER, len(block))
    headers, body = parse_headers(block[:end]), block[begin:]
    if headers is None:
        return Payload(NOT_HTTP, None, None)
    content_type = headers.get_bytes(b"Content-Type")
    named = text_of(content_type)
    if headers.status_code != 200:
        return Payload(STATUS, named, None)
    if content_type and not is_html(content_type, b""):
        return Payload(NOT_HTML, named, None)
    if b"chunked" in (headers.get_bytes(b"Transfer-Encoding") or b"").lower():
        if _CHUNK_SIZE.match(body):
            try:
                body, whole = dechunk(body)
            except ValueError:
                return Payload(BAD_CHUNKING, named, None)
            if not whole:
                counts["http.chunks-cut"] += 1
        else:
            counts["http.stored-dechunked"] += 1
    try:
        body = _decoded(body, headers.get_bytes(b"Content-Encoding") or b"", counts)
    except ValueError:
        return Payload(BAD_ENCODING, named, None)
    return page(body, content_type)
