"""HTTP responses as archives store them: status, type, and the body with its codings undone.

Lenient where browsers and archives are, and evidence goes before claims. A response is decided in this order:

| question | evidence, the first that speaks decides |
| --- | --- |
| which answer | the last of interim answers, proxies' and redirects' that follow one another in a record |
| status | three digits after `HTTP`, with or without version, with any blanks; a block that is HTML has no header |
| chunks | a size line that the bytes after it agree with, named in a header or not |
| compression | text is not compressed; a signature; what a header names; what gives markup when tried |
| kind | evidently HTML; evidently binary; WARC-Identified-Payload-Type; Content-Type; the body's beginning |

Knows HTTP, and of WARC only that an archive may say what a payload is.
"""

from __future__ import annotations

import io
import re
from collections import Counter
from typing import Final, NamedTuple

from fastwarc.warc import HeaderMap

from curate.extract.robots import directives
from curate.ingest import codings, evidence
from curate.ingest.reasons import (
    BAD_CHUNKING,
    BAD_ENCODING,
    EMPTY,
    NOT_HTML,
    NOT_HTTP,
    NOT_TEXT,
    STATUS,
    TOO_LARGE,
)

MAX_HEADER: Final = 32 << 10  # the limit of fastwarc's own parser
MAX_ROBOTS: Final = 2000
"""Characters kept of what a header says to robots."""
MAX_ANSWERS: Final = 8
"""Most answers that follow one another in a record: browsers follow 20 redirects, archives store each alone."""
_PEEK: Final = 1 << 16  # stored bytes decoded to see whether what is said to be no HTML is HTML after all

_HTML_TYPES: Final = frozenset({b"text/html", b"application/xhtml+xml", b"application/vnd.wap.xhtml+xml"})
_NO_ANSWER: Final = frozenset(
    {b"", b"*/*", b"application/octet-stream", b"application/unknown", b"unknown/unknown", b"content/unknown"}
)
"""Types that say nothing, by servers and detectors that do not know."""
_UNSURE: Final = frozenset({b"text/plain", b"application/xml", b"text/xml"})
"""What detectors say of HTML that begins oddly."""
_BINARY_TYPES = re.compile(rb"(?:image|audio|video|font)/|application/(?:pdf|zip|gzip|x-|vnd\.|msword|java)")

_MEDIA_TYPE = re.compile(rb"[\s\"']*([a-z0-9!#$&^_.+*-]+/[a-z0-9!#$&^_.+*-]+)", re.IGNORECASE)
_BLANK_LINE = re.compile(rb"\n\r*\n|\r\r(?![\r\n])")
_LINE_END = re.compile(rb"(?<!\r)\r*\n")
_HTTP = re.compile(rb"(?:\xef\xbb\xbf)?\s{0,64}(?:HTTP(?![A-Z0-9-])|ICY )", re.IGNORECASE)
_CODE = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:HTTP|ICY)(?:/(?:[0-9]+\.[0-9]+(?=[ \t:])|[0-9]+(?:\.[0-9])?))?[ \t:]*([0-9]{3})(?![0-9])",
    re.IGNORECASE,
)
_ANSWER = re.compile(rb"\s{0,8}HTTP/[0-9](?:\.[0-9])?[ \t]+[0-9]{3}(?:[ \t][^\r\n]{0,400})?\r*\n", re.IGNORECASE)
_FIELD = re.compile(rb"\s{0,8}[A-Za-z][A-Za-z0-9-]{0,60}:[^\r\n]*\r*\n")


class Payload(NamedTuple):
    """What a response holds: `body` where it goes on, else the `reason` why not; what its header says to robots."""

    reason: str | None
    content_type: str | None
    body: bytes | None
    robots: str | None = None


class Header(NamedTuple):
    """A response's header: the status, if it has one, and its fields in order, names in lower case."""

    status: int | None
    fields: list[tuple[bytes, bytes]]

    def values(self, name: bytes) -> list[bytes]:
        """Every value of the field, in order."""
        return [value for field, value in self.fields if field == name]


def robots_of(header: Header) -> str | None:
    """What `X-Robots-Tag` and `tdm-reservation` say, as `curate.extract.robots` writes it; None where they are not there.

    >>> robots_of(Header(200, [(b"x-robots-tag", b"noai, GoogleBot: noindex"), (b"tdm-reservation", b"1")]))
    'noai, googlebot: noindex, tdm-reservation: 1'
    """
    said = [directives(text_of(value) or "") for value in header.values(b"x-robots-tag")]
    said += [directives(text_of(value) or "", "tdm-reservation") for value in header.values(b"tdm-reservation")]
    return ", ".join(each for each in said if each)[:MAX_ROBOTS] or None


def header_end(data: bytes | bytearray, limit: int) -> tuple[int, int] | None:
    """Where the header's last line ends and the block begins, if that is within `limit` bytes.

    Lines end with CR LF, with LF, or with LF after any number of CRs, as archives and proxies have left them.
    """
    blank = _BLANK_LINE.search(data, 0, limit)
    if blank is None:
        return None
    end = blank.start()
    while end and data[end - 1] == 0x0D:
        end -= 1
    return end, blank.end()


def parse_headers(block: bytes) -> HeaderMap | None:
    """A first line and header fields, the last line's end left out; None where they are beyond reading."""
    headers = HeaderMap()
    try:
        headers.parse(io.BytesIO(_LINE_END.sub(b"\r\n", block) + b"\r\n\r\n"))
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


def media_type(content_type: bytes | None) -> bytes:
    """The type without its parameters, in lower case, whatever stands around it; empty where there is none."""
    found = _MEDIA_TYPE.match(content_type or b"")
    return found[1].lower() if found else b""


def page(body: bytes, content_type: bytes | None, identified: bytes | None = None) -> Payload:
    """The payload of decoded bytes with the type they are served as, and the type that the archive found them to be."""
    return _page(body, [content_type] if content_type else [], identified)


def _page(body: bytes, served: list[bytes], identified: bytes | None) -> Payload:
    named = text_of(served[-1]) if served else None
    reason = _refusal(body, [media_type(value) for value in served], media_type(identified))
    if reason is None and len(body) > codings.MAX_BODY:
        reason = TOO_LARGE
    return Payload(reason, named, body if reason is None else None)


def _refusal(body: bytes, served: list[bytes], identified: bytes) -> str | None:
    """Why a body is no page; None where it is one. Evidence first, then the archive's word, then the server's."""
    if evidence.is_html(body):
        return None
    said = [kind for kind in served if kind not in _NO_ANSWER]
    says_html = any(kind in _HTML_TYPES for kind in said)
    if not body.strip():
        return EMPTY if says_html or not said else NOT_HTML
    if evidence.is_binary(body):
        return NOT_TEXT if says_html or not said else NOT_HTML
    if identified in _HTML_TYPES:
        return None
    if identified and identified not in _NO_ANSWER | _UNSURE:
        return NOT_TEXT if _BINARY_TYPES.match(identified) else NOT_HTML
    if said:
        return None if says_html else NOT_HTML
    return None if evidence.may_be_html(body) else NOT_HTML


def _header(block: bytes, begin: int, end: int) -> Header:
    """The status and fields between two positions. Lines that are no field are passed over, folded ones joined."""
    status = _CODE.match(block, begin, end)
    fields: list[tuple[bytes, bytes]] = []
    for line in _LINE_END.sub(b"\n", block[begin:end]).replace(b"\r", b"\n").split(b"\n"):
        if line[:1] in (b" ", b"\t") and fields:
            fields[-1] = (fields[-1][0], fields[-1][1] + b" " + line.strip())
            continue
        name, colon, value = line.partition(b":")
        if colon:
            fields.append((name.strip().lower(), value.strip()))
    return Header(int(status[1]) if status else None, fields)


def _last_answer(block: bytes) -> tuple[Header, bytes]:
    """The header and body of the last of answers that follow one another: interim ones, a proxy's, redirects."""
    begin = 0
    for _ in range(MAX_ANSWERS):
        ends = header_end(memoryview(block)[begin : begin + MAX_HEADER].tobytes(), MAX_HEADER)
        end, start = (begin + ends[0], begin + ends[1]) if ends else (min(begin + MAX_HEADER, len(block)), len(block))
        if not _ANSWER.match(block, start):
            break
        begin = start
    return _header(block, begin, end), block[start:]


def read_response(block: bytes, counts: Counter[str], identified: bytes | None = None) -> Payload:
    """The payload of an HTTP response: status line, header fields, body. `counts` gets leniencies used.

    `identified` is the archive's finding of the payload's type (WARC-Identified-Payload-Type).
    """
    if _HTTP.match(block):
        header, body = _last_answer(block)
        if header.status != 200:
            return Payload(STATUS, text_of(next(iter(header.values(b"content-type")), None)), None)
    elif evidence.is_html(block):
        counts["http.no-header"] += 1
        header, body = Header(None, []), block
    elif _FIELD.match(block):
        header, body = _last_answer(block)
        if not evidence.is_html(body):
            return Payload(NOT_HTTP, None, None)
        counts["http.no-status"] += 1
    else:
        return Payload(NOT_HTTP, None, None)
    return _payload(header, body, counts, identified)


def whole_answer(block: bytes) -> tuple[int | None, bytes]:
    """(status, body without chunks and codings) of an HTTP response of any kind. Raises codings.TooMuch and
    codings.NotDecodable."""
    header, body = _last_answer(block)
    named = codings.claims(header.values(b"content-encoding") + header.values(b"transfer-encoding"))
    chunked = any(b"chunked" in value.lower() for value in header.values(b"transfer-encoding"))
    body, _ = _dechunked(body, chunked, Counter())
    return header.status, codings.undo(body, named, False)[0]


def _payload(header: Header, body: bytes, counts: Counter[str], identified: bytes | None) -> Payload:
    served = header.values(b"content-type")
    named = text_of(served[-1]) if served else None
    codings_named = codings.claims(header.values(b"content-encoding") + header.values(b"transfer-encoding"))
    chunked = any(b"chunked" in value.lower() for value in header.values(b"transfer-encoding"))
    types = [*map(media_type, served), media_type(identified)]
    html = all(kind in _NO_ANSWER for kind in types) or any(kind in _HTML_TYPES for kind in types)
    if not html and not _is_html_inside(body, codings_named, chunked):
        return Payload(NOT_HTML, named, None)
    try:
        body, whole = _dechunked(body, chunked, counts)
        body, stored_decoded = codings.undo(body, codings_named, True)
    except codings.TooMuch:
        return Payload(TOO_LARGE, named, None)
    except codings.NotDecodable:
        return Payload(BAD_ENCODING, named, None)
    if stored_decoded:
        counts["http.stored-decoded"] += 1
    if not whole and evidence.is_binary(body):
        return Payload(BAD_CHUNKING, named, None)
    return _page(body, served, identified)._replace(robots=robots_of(header))


def _is_html_inside(body: bytes, named: list[bytes], chunked: bool) -> bool:
    """Whether a body that is said to be something else is evidently HTML once its codings are undone."""
    try:
        start, _ = _dechunked(body[:_PEEK], chunked, Counter())
        start, _ = codings.undo(start, named, False, evidence.LOOKED)
    except (codings.TooMuch, codings.NotDecodable):
        return False
    return evidence.is_html(start)


def _dechunked(body: bytes, chunked: bool, counts: Counter[str]) -> tuple[bytes, bool]:
    """The body without chunks, if it has any, and whether their sizes are right.

    Where no header names chunks, they count only if each fits and what they hold is markup or compressed.
    """
    start = body.lstrip(b"\r\n")
    if not codings.has_chunk_size(start):
        if chunked:
            counts["http.stored-dechunked"] += 1
        return body, True
    joined, sizes = codings.dechunk(start)
    if not chunked:
        if sizes == "wrong" or not (evidence.may_be_html(joined) or evidence.compression(joined)):
            return body, True
        counts["http.chunks-unnamed"] += 1
    if sizes != "whole":
        counts[f"http.chunks-{sizes}"] += 1
    return joined, sizes != "wrong"
