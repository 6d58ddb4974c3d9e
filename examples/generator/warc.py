"""Writes WARC files in Common Crawl's layout: one gzip member a record; warcinfo, then request, response, metadata per page
(or, to save space, responses only).

Bytes depend on the records only: no clock, no random identifiers.
"""

import base64
import hashlib
import struct
import uuid
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Header = tuple[str, str]
GZIP_LEVEL = 9
DATE = "2026-03-{day:02d}T{hour:02d}:{minute:02d}:{second:02d}Z"


@dataclass(frozen=True)
class Capture:
    """What was fetched from an address: the body as sent, with the status and headers that came with it."""

    url: str
    body: bytes
    content_type: str = "text/html; charset=utf-8"
    status: str = "200 OK"
    headers: tuple[Header, ...] = ()
    kind: Literal["response", "revisit", "resource", "dns"] = "response"


def gzip_member(data: bytes) -> bytes:
    """One gzip member with no time and no name (RFC 1952)."""
    deflate = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    body = deflate.compress(data) + deflate.flush()
    return b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff" + body + struct.pack("<II", zlib.crc32(data), len(data))


def digest(data: bytes) -> str:
    return "sha1:" + base64.b32encode(hashlib.sha1(data).digest()).decode()


def members(file: str, captures: Sequence[Capture], requests: bool) -> list[bytes]:
    """The gzip members of a WARC file: warcinfo, then the captures in order, each with request and metadata if wanted."""
    software = f"software: examples/make_web.py\r\nformat: WARC File Format 1.0\r\nisPartOf: {file}\r\n"
    parts = [
        _record(
            "warcinfo", f"{file}/warcinfo", 0, "application/warc-fields", software.encode(), [("WARC-Filename", file)]
        )
    ]
    for number, capture in enumerate(captures, start=1):
        parts.extend(_capture(f"{file}/{number}", number, capture, requests))
    return parts


def _capture(key: str, number: int, capture: Capture, requests: bool) -> list[bytes]:
    target = ("WARC-Target-URI", capture.url)
    address = ("WARC-IP-Address", f"203.0.113.{number % 254 + 1}")
    if capture.kind == "dns":
        return [_record("response", key, number, "text/dns", capture.body, [target])]
    if capture.kind == "resource":
        return [_record("resource", key, number, capture.content_type, capture.body, [target])]
    headers = [("Content-Type", capture.content_type), *capture.headers]
    head = f"HTTP/1.1 {capture.status}\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers) + "\r\n"
    fields = [target, address, ("WARC-Payload-Digest", digest(capture.body))]
    if capture.kind == "revisit":
        block = head.encode()
        fields.append(("WARC-Profile", "http://netpreserve.org/warc/1.0/revisit/identical-payload-digest"))
    else:
        block = head.encode() + capture.body
    response = _record(capture.kind, key, number, "application/http; msgtype=response", block, fields)
    if not requests:
        return [response]
    about = [target, ("WARC-Concurrent-To", _identifier(key))]
    host, _, path = capture.url.partition("://")[2].partition("/")
    request = f"GET /{path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: example-crawler/1.0\r\n\r\n".encode()
    metadata = f"fetchTimeMs: {number % 900}\r\n".encode()
    return [
        _record("request", key + "/request", number, "application/http; msgtype=request", request, about),
        response,
        _record("metadata", key + "/metadata", number, "application/warc-fields", metadata, about),
    ]


def _record(kind: str, key: str, number: int, content_type: str, block: bytes, fields: list[Header]) -> bytes:
    date = DATE.format(day=number // 86400 + 1, hour=number // 3600 % 24, minute=number // 60 % 60, second=number % 60)
    headers = [
        ("WARC-Type", kind),
        ("WARC-Date", date),
        ("WARC-Record-ID", _identifier(key)),
        ("Content-Length", str(len(block))),
        ("Content-Type", content_type),
        *fields,
    ]
    head = "WARC/1.0\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers) + "\r\n"
    return gzip_member(head.encode() + block + b"\r\n\r\n")


def _identifier(key: str) -> str:
    return f"<urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, key)}>"
