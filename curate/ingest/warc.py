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

from curate.ingest.evidence import is_binary
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
from curate.ingest.spans import BEGIN, END, WHOLE, Span
from curate.ingest.tables import Columns
from curate.storage import SourceFile

MAX_BLOCK: Final = 32 << 20
"""Most bytes of a record's block. Larger ones are stepped over: memory must not follow what a header claims."""
_START: Final = b"WARC/"
_RECORD_START = re.compile(  # WARC 1.1, section 4: version line, named fields
    rb"WARC/[0-9]\.[0-9]{1,4}[ \t]{0,4}\r{0,2}\n[A-Za-z-]{1,40}:"
)
_WINDOW: Final = 1 << 20
_LONGEST_START: Final = 64  # bytes that hold any match of the above
_NEWLINES = re.compile(rb"[\r\n]*+")
_AFTER_BLOCK = re.compile(rb"(?:\r{0,2}\n){2}")  # WARC 1.1, section 4: two line ends
_BLOCKS_END = re.compile(rb"(?:\r{0,2}\n){1,2}\Z")
_NEARLY: Final = 64
"""A record that ends so few bytes before its length is one from which those were lost, and is kept."""
_REWINDS: Final = 16
"""Most lengths over MAX_BLOCK that turn out wrong before others in the file are taken for wrong unseen: each costs
another decoding of its frame."""
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
    return decoded.startswith(_START, _past_newlines(decoded, 0))


def _past_newlines(data: bytes | bytearray, at: int) -> int:
    """The first position from `at` on that holds no line end."""
    found = _NEWLINES.match(data, at)
    return found.end() if found else at


def _skip_newlines(frames: Frames) -> None:
    """Drop the empty lines between records."""
    while True:
        frames.drop(_past_newlines(frames.buffer, 0))
        if frames.buffer or not frames.fill():
            return


def _header(frames: Frames) -> tuple[Any, int, int | None] | str:
    """Header fields, where they end and the block's length, if they say it; or the reason why they cannot be read."""
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
    if headers is None or not _RECORD_START.match(frames.buffer):
        return DAMAGED
    length = _DIGITS.fullmatch((headers.get_bytes(b"Content-Length") or b"").strip())
    return headers, begin, int(length[0]) if length else None


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
    searched = size
    while not frames.boundaries(size, len(frames.buffer)) and not _RECORD_START.search(frames.buffer, searched):
        searched = max(size, len(frames.buffer) - _LONGEST_START)
        if len(frames.buffer) > size + MAX_BLOCK or not frames.fill():
            break
    return frames.failure is not None


def _true_end(frames: Frames, begin: int, size: int | None) -> tuple[int, int] | str:
    """Where a block that begins at `begin` ends and the next record begins, if a length is missing or wrong.

    `size` is where it was said to end. The end is the next start of a record or the end of the compressed frame; of a
    plain file only after an empty line or near `size`, for else the record is cut there. Or the reason why none shows.
    """
    start = _next_start(frames, begin)
    if start is None:
        if frames.failure or len(frames.buffer) - begin > MAX_BLOCK:
            return frames.failure or DAMAGED
        if not frames.between_frames and not _is_whole(frames.buffer, begin):
            return TRUNCATED_FILE
        start = len(frames.buffer)
    blanks = _BLOCKS_END.search(frames.buffer, max(begin, start - 6), start)
    end = blanks.start() if blanks else start
    whole = (blanks and _AFTER_BLOCK.match(frames.buffer, end)) or frames.boundaries(start, start)
    near = size is not None and size - start <= _NEARLY
    return (end, start) if whole or near else DAMAGED


def _next_start(frames: Frames, begin: int) -> int | None:
    """Where in the buffer the first record starts that begins after `begin`; None where none does within the limit."""
    at = begin
    while not (found := _RECORD_START.search(frames.buffer, at)):
        if len(frames.buffer) - begin > MAX_BLOCK or frames.failure:
            return None
        at = max(at, len(frames.buffer) - _LONGEST_START)
        if not frames.fill():
            return None
    return found.start()


def _is_whole(data: bytearray, begin: int) -> bool:
    """Whether a block that runs to the end of a plain file ends as records do, and not just with its own header."""
    if not _AFTER_BLOCK.search(data, max(begin, len(data) - 6)):
        return False
    inner = header_end(data[begin : begin + MAX_HEADER], MAX_HEADER)
    return inner is not None and begin + inner[1] < len(data) - 6


def _step_over(frames: Frames, size: int) -> bool:
    """Drop a block of `size` bytes too large to hold; False, and nothing dropped, where it does not end well."""
    place, left = frames.place(), size
    if frames.rewinds >= _REWINDS or (frames.codec == "plain" and place[0] + size > frames.size):
        return False
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
    size = None if length is None else begin + length
    if size is not None and size - begin > MAX_BLOCK:
        if _step_over(frames, size):
            return Record(*place, frames.stored_end(0) - place[0], headers, b"", True)
        size = None
    while size is not None and len(frames.buffer) < size and frames.fill():
        pass
    claimed = size if size is not None and size <= len(frames.buffer) else None
    end = None if claimed is None else _ends_well(frames, claimed)
    if end is None and claimed is not None and _AFTER_BLOCK.match(frames.buffer, claimed):
        if frames.failure or _breaks_later(frames, claimed):
            return frames.failure or DAMAGED
        end = _past_newlines(frames.buffer, claimed)
    if end is None or claimed is None:
        if frames.failure and not _RECORD_START.search(frames.buffer, begin):
            return frames.failure
        found = _true_end(frames, begin, size)
        if isinstance(found, str):
            return found
        counts["warc.wrong-length"] += 1
        claimed, end = found
    block = bytes(memoryview(frames.buffer)[begin:claimed])
    record = Record(*place, frames.stored_end(claimed) - place[0], headers, block, False)
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


def records(frames: Frames, counts: Counter[str], until: int | None = None) -> Iterator[Record | Damage]:
    """Every record of a file, and one Damage for each span between them that holds none.

    With `until`, those before the first record that begins a frame at this stored position or after it; where that lies,
    or the file's end, is then counted as END.
    """
    lost: tuple[int, int, str] | None = None
    accounted = frames.place()[0]
    while True:
        _skip_newlines(frames)
        if not frames.buffer and not frames.failure:
            break
        stored = frames.stored_end(0)
        told: Counter[str] = Counter()
        found = _next_record(frames, told) if frames.buffer else frames.failure or DAMAGED
        if until is not None and isinstance(found, Record) and found.offset >= until and not found.within:
            counts["bytes.read"] += found.offset - accounted
            counts[END] = found.offset
            if lost:
                yield Damage(*lost[:2], stored - lost[0], DAMAGED)
            return
        counts.update(told)
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
    if until is not None:
        counts[END] = end
    if lost:
        yield Damage(*lost[:2], end - lost[0], lost[2])


def seconds(date: bytes | None) -> int | None:
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
    identified = record.headers.get_bytes(b"WARC-Identified-Payload-Type")
    if record.oversize:
        return Payload(TOO_LARGE, named, None), None
    if kind == b"revisit":
        return Payload(REVISIT, None, None), None
    if media == b"text/dns":
        return Payload(DNS, named, None), None
    if kind == b"response":
        return read_response(record.block, counts, identified), None
    if kind == b"resource" or media not in (b"text/plain", b""):
        payload = page(record.block, content_type, identified)
        return (payload._replace(reason=NOT_TEXT) if kind == b"conversion" and payload.reason else payload), None
    text = record.block
    if is_binary(text):
        return Payload(NOT_TEXT, named, None), None
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
        date=seconds(headers.get_bytes(b"WARC-Date")),
        reason=payload.reason,
        content_type=payload.content_type,
        robots=payload.robots,
        body=payload.body,
        text=text,
    )


def read_warc(file: IO[bytes], name: str, rows: Rows, counts: Counter[str], start: int = 0) -> Iterator[None]:
    """Append the rows of a WARC or WET file from stored position `start` on, pausing after each."""
    for found in records(Frames(file, name, makes_sense, start), counts):
        add_row(rows, found, counts)
        yield


def read_span(
    handle: IO[bytes], file: SourceFile, rows: Rows, columns: Columns, counts: Counter[str], span: Span
) -> Iterator[None]:
    """Append the rows of the records that begin in a span, pausing after each, and count where they begin and end.

    A frame inside a payload may be taken for the first, which shows when the span before this one ends elsewhere.
    """
    frames = Frames(handle, file.relative, makes_sense)
    begin: int | None = span.start
    if not span.exact and span.start:
        plain = frames.codec == "plain"
        begin = _first_plain(handle, span) if plain else frames.first_from(span.start, span.end)
    if begin is None:
        return
    frames.go_to(begin)
    for found in records(frames, counts, span.end):
        add_row(rows, found, counts)
        yield
    counts[BEGIN] = begin
    if frames.rewinds:  # there are only so many in a file
        counts[WHOLE] = 1


def _first_plain(handle: IO[bytes], span: Span) -> int | None:
    """Where in a span of a plain file a record seems to begin first; it may be one in a payload."""
    at = span.start
    while at < span.end:
        handle.seek(at)
        window = handle.read(_WINDOW + _LONGEST_START)
        found = _RECORD_START.search(window)
        if found and found.start() < _WINDOW:
            return at + found.start() if at + found.start() < span.end else None
        at += _WINDOW
    return None


def read_file(
    handle: IO[bytes], file: SourceFile, rows: Rows, columns: Columns, counts: Counter[str], start: int
) -> Iterator[None]:
    """Append the rows of a WARC or WET file, pausing after each; see `curate.config.formats.Format`."""
    return read_warc(handle, file.relative, rows, counts, start)
