"""WARC and WET files to rows: records found, framed, told apart by kind, and what is damaged stepped over.

fastwarc parses headers; framing is done here, because fastwarc stops at the first damage and takes a cut record for whole.
Every stored byte is accounted for: `bytes.read` and `bytes.damaged` in the counts add up to the file's size, where
a compressed frame in which anything was lost counts as damaged, even if records at its beginning were saved.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import IO, Any, Final, NamedTuple

from curate.ingest.frames import Frames
from curate.ingest.http import MAX_HEADER, Payload, header_end, media_type, page, parse_headers, read_response, text_of
from curate.ingest.reasons import (
    DAMAGED,
    DNS,
    EMPTY,
    NOT_TEXT,
    REVISIT,
    TOO_LARGE,
    TRUNCATED_FILE,
    UNKNOWN_KIND,
)
from curate.ingest.rows import Rows

MAX_BLOCK: Final = 32 << 20
"""Most bytes of a record's block. Larger ones are stepped over: memory must not follow what a header claims."""
_START: Final = b"WARC/"
_RECORD_START = re.compile(rb"WARC/[0-9]\.[0-9]+\r?\n[A-Za-z-]+:")  # WARC 1.1, section 4: version line, named fields
_LONGEST_START: Final = 64  # bytes that hold any match of the above
_DIGITS = re.compile(rb"[0-9]{1,18}")
_ONLY_COUNTED: Final = frozenset({b"warcinfo", b"request", b"metadata", b"continuation"})
_WITH_ROW: Final = frozenset({b"response", b"resource", b"revisit", b"conversion"})


class Record(NamedTuple):
    """One WARC record; `block` is empty where it is `oversize`. `length` spans its stored bytes from `offset`."""

    offset: int
    within: int
    length: int
    headers: Any
    block: bytes
    oversize: bool


class Damage(NamedTuple):
    """One span without a readable record."""

    offset: int
    within: int
    length: int
    reason: str


def makes_sense(decoded: bytes | bytearray) -> bool:
    """Whether bytes begin as a WARC file or record does."""
    return decoded.lstrip(b"\r\n").startswith(_START)


def _past_newlines(data: bytearray, at: int) -> int:
    """The first position from `at` on that holds no line end."""
    while at < len(data) and data[at] in b"\r\n":
        at += 1
    return at


def _skip_newlines(frames: Frames) -> None:
    """Drop the empty lines between records."""
    while True:
        frames.drop(_past_newlines(frames.buffer, 0))
        if frames.buffer or not frames.fill():
            return


def _header(frames: Frames) -> tuple[Any, int, int] | str:
    """Header fields, where they end and the block's length; or the reason why they cannot be read."""
    while len(frames.buffer) < len(_START) and frames.fill():
        pass
    if not frames.buffer.startswith(_START[: len(frames.buffer)]):
        return DAMAGED
    while not (ends := header_end(frames.buffer, MAX_HEADER)):
        if len(frames.buffer) >= MAX_HEADER:
            return DAMAGED
        if not frames.fill():
            return frames.failure or TRUNCATED_FILE
    end, begin = ends
    if _cut(frames, begin) or _RECORD_START.search(frames.buffer, 1, end):
        return DAMAGED
    headers = parse_headers(bytes(frames.buffer[:end]))
    length = headers and _DIGITS.fullmatch((headers.get_bytes(b"Content-Length") or b"").strip())
    if not length or not _RECORD_START.match(frames.buffer):
        return DAMAGED
    return headers, begin, int(length[0])


def _cut(frames: Frames, size: int) -> bool:
    """Whether a new record begins with a frame inside the buffer's first `size` bytes."""
    return any(frames.buffer.startswith(_START, at) for at in frames.boundaries(1, size - 1))


def _ends_well(frames: Frames, size: int) -> int | None:
    """Where the record of `size` bytes ends, empty lines included, if the frame, the file or a record's start follows."""
    at = size
    while True:
        at = _past_newlines(frames.buffer, at)
        if frames.boundaries(size, at):
            return at
        if at < len(frames.buffer) and (len(frames.buffer) - at >= len(_START) or not frames.fill()):
            return at if frames.buffer.startswith(_START, at) else None
        if at == len(frames.buffer) and not frames.fill():
            return None if frames.failure else at


def _breaks_later(frames: Frames, size: int) -> bool:
    """Whether the compressed frame that holds a record of `size` bytes fails before another record or frame begins."""
    if frames.codec == "plain":
        return False
    while not frames.boundaries(size, len(frames.buffer)) and not _RECORD_START.search(frames.buffer, size):
        if len(frames.buffer) > size + MAX_BLOCK or not frames.fill():
            break
    return frames.failure is not None


def _step_over(frames: Frames, size: int) -> bool:
    """Drop a block of `size` bytes too large to hold; False, and nothing dropped, where it does not end well."""
    place, left = frames.place(), size
    while left:
        while not frames.buffer and frames.fill():
            pass
        if not frames.buffer or _cut(frames, min(left, len(frames.buffer))):
            break
        step = min(left, len(frames.buffer))
        frames.drop(step)
        left -= step
    end = None if left else _ends_well(frames, 0)
    if end is None:
        frames.rewind(place)
        return False
    frames.drop(end)
    return True


def _next_record(frames: Frames, counts: Counter[str]) -> Record | str:
    """The record at the buffer's front, dropped from it; or the reason why there is none, nothing dropped."""
    header = _header(frames)
    if isinstance(header, str):
        return header
    headers, begin, length = header
    place = frames.place()
    size = begin + length
    if length > MAX_BLOCK:
        if not _step_over(frames, size):
            return DAMAGED
        return Record(*place, frames.stored_end(0) - place[0], headers, b"", True)
    while len(frames.buffer) < size and frames.fill():
        pass
    if _cut(frames, min(size, len(frames.buffer))):
        return DAMAGED
    if len(frames.buffer) < size:
        return frames.failure or TRUNCATED_FILE
    end = _ends_well(frames, size)
    if end is None:
        if frames.failure:
            return frames.failure
        if _RECORD_START.search(frames.buffer, begin, size) or _breaks_later(frames, size):
            return DAMAGED
        counts["warc.wrong-length"] += 1
        end = _past_newlines(frames.buffer, size)
    block = bytes(memoryview(frames.buffer)[begin:size])
    record = Record(*place, frames.stored_end(size) - place[0], headers, block, False)
    if frames.codec == "plain":
        record = record._replace(length=end)
    frames.drop(end)
    return record


def _find_record(frames: Frames) -> None:
    """Drop bytes up to the next place where a record seems to start, or to the file's end."""
    while not frames.buffer and frames.fill():
        pass
    frames.drop(min(1, len(frames.buffer)))
    while not (found := _RECORD_START.search(frames.buffer)):
        if frames.failure:
            frames.resume()
            return
        frames.drop(max(0, len(frames.buffer) - _LONGEST_START))
        if not frames.fill():
            if frames.failure:
                continue
            frames.drop(len(frames.buffer))
            return
    frames.drop(found.start())


def records(frames: Frames, counts: Counter[str]) -> Iterator[Record | Damage]:
    """Every record of a file, and one Damage for each span between them that holds none."""
    lost: tuple[int, int, str] | None = None
    accounted = frames.place()[0]
    while True:
        _skip_newlines(frames)
        if not frames.buffer and not frames.failure:
            break
        stored = frames.stored_end(0)
        found = _next_record(frames, counts) if frames.buffer else frames.failure or DAMAGED
        if isinstance(found, Record):
            if lost:
                yield Damage(*lost[:2], stored - lost[0], DAMAGED)
                lost = None
            yield found
        else:
            lost = lost or (*frames.place(), found)
            _find_record(frames)
        position = frames.place()[0]
        counts["bytes.read" if isinstance(found, Record) else "bytes.damaged"] += position - accounted
        accounted = position
    end = frames.stored_end(0)
    counts["bytes.damaged" if lost else "bytes.read"] += end - accounted
    if lost:
        yield Damage(*lost[:2], end - lost[0], lost[2])


def _seconds(date: bytes | None) -> int | None:
    """A WARC-Date (W3C's profile of ISO 8601) in seconds since 1970; None where it is not one."""
    try:
        moment = datetime.fromisoformat((date or b"").decode())
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        return None


def _payload(kind: bytes, record: Record, counts: Counter[str]) -> tuple[Payload, bytes | None]:
    """What a record holds, as HTML or as text."""
    content_type = record.headers.get_bytes(b"Content-Type")
    media = media_type(content_type or b"")
    named = text_of(content_type)
    if record.oversize:
        return Payload(TOO_LARGE, named, None), None
    if kind == b"revisit":
        return Payload(REVISIT, None, None), None
    if media == b"text/dns":
        return Payload(DNS, named, None), None
    if kind == b"response":
        return read_response(record.block, counts), None
    if kind == b"resource" or media not in (b"text/plain", b""):
        payload = page(record.block, content_type)
        return (payload._replace(reason=NOT_TEXT) if kind == b"conversion" and payload.reason else payload), None
    text = record.block
    try:
        text.decode()
    except UnicodeDecodeError:
        counts["text.invalid-utf8"] += 1
        text = text.decode("utf-8", "replace").encode()
    return (Payload(None, named, None), text) if text.strip() else (Payload(EMPTY, named, None), None)


def add_row(rows: Rows, found: Record | Damage, counts: Counter[str]) -> None:
    """Append the row of a record or damaged span; records of kinds without a row are counted."""
    if isinstance(found, Damage):
        rows.add(found.offset, found.length, within=found.within, reason=found.reason)
        return
    headers = found.headers
    kind = headers.get_bytes(b"WARC-Type", b"").strip().lower()
    if kind in _ONLY_COUNTED:
        counts[f"records.{kind.decode()}"] += 1
        return
    payload, text = Payload(UNKNOWN_KIND, None, None), None
    if kind in _WITH_ROW:
        payload, text = _payload(kind, found, counts)
    url = text_of(headers.get_bytes(b"WARC-Target-URI"))
    rows.add(
        found.offset,
        found.length,
        within=found.within,
        record=text_of(headers.get_bytes(b"WARC-Record-ID")),
        url=url.strip().removeprefix("<").removesuffix(">") if url else None,
        date=_seconds(headers.get_bytes(b"WARC-Date")),
        reason=payload.reason,
        content_type=payload.content_type,
        body=payload.body,
        text=text,
    )


def read_warc(file: IO[bytes], name: str, rows: Rows, counts: Counter[str], start: int = 0) -> Iterator[None]:
    """Append the rows of a WARC or WET file from stored position `start` on, pausing after each."""
    for found in records(Frames(file, name, makes_sense, start), counts):
        add_row(rows, found, counts)
        yield
