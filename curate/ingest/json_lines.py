"""JSON Lines to rows: a bad line costs itself, and a monstrous value beside the text costs only itself.

What a line makes in memory is bounded before it is parsed: a line of more values, or nested deeper, than any document
needs is not parsed whole; the values of the columns asked for are cut out of it.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import IO, Any, Final

from curate.ingest.carried import as_object, carried_names
from curate.ingest.frames import Frames
from curate.ingest.reasons import BAD_JSON, DAMAGED, TOO_LARGE
from curate.ingest.rows import Rows
from curate.ingest.spans import Span, line_bounds
from curate.ingest.tables import Columns, add_row
from curate.ingest.values import label, seconds
from curate.storage import SourceFile

MAX_LINE: Final = 64 << 20
"""Most bytes of a line."""
MAX_VALUES: Final = 1 << 19
"""Most values of a line that is parsed whole: each takes 50 to 200 bytes."""
MAX_DEPTH: Final = 256
"""Deepest nesting of a line that is parsed whole: every version of Python reads it."""
_DIGITS: Final = 4300
"""Digits that Python turns into an int (sys.int_info.default_max_str_digits); longer numbers stay decimal."""
_NEWLINE: Final = b"\n"
_BLOCK: Final = 1 << 20
_BLANKS = re.compile(rb"(?:[ \t\r]*+\n)++")
_BEGINS = re.compile(rb"(?:\xef\xbb\xbf)?\s*\{")


def begins_a_line(decoded: bytes | bytearray) -> bool:
    """Whether bytes begin as a file of JSON objects does."""
    return _BEGINS.match(decoded) is not None


def lines(frames: Frames) -> Iterator[bytes | str | int]:
    """Every line without its end, the reason why it cannot be read, or how many empty lines follow one another."""
    searched = 0
    while True:
        blank = _BLANKS.match(frames.buffer)
        if blank and searched == 0:
            count = frames.buffer.count(_NEWLINE, 0, blank.end())
            frames.drop(blank.end())
            yield count
            continue
        end = frames.buffer.find(_NEWLINE, searched)
        if end >= 0:
            line = bytes(memoryview(frames.buffer)[:end]) if end <= MAX_LINE else b""
            frames.drop(end + 1)
            searched = 0
            yield line if end <= MAX_LINE else TOO_LARGE
            continue
        searched = len(frames.buffer)
        if searched > MAX_LINE:
            while (end := frames.buffer.find(_NEWLINE)) < 0:
                frames.drop(len(frames.buffer))
                if not frames.fill():
                    break
            frames.drop(end + 1)
            searched = 0
            yield TOO_LARGE
        elif not frames.fill():
            if frames.failure:
                reason = frames.failure
                frames.resume()
                searched = 0
                yield DAMAGED if not frames.ended else reason
                continue
            if frames.buffer:
                yield bytes(frames.buffer)
            return


def read_jsonl(file: IO[bytes], name: str, rows: Rows, columns: Columns, counts: Counter[str]) -> Iterator[None]:
    """Append the rows of a JSON Lines file, plain or compressed, pausing after each."""
    yield from _rows_of(Frames(file, name, begins_a_line), 0, rows, columns, counts)


def _rows_of(frames: Frames, first: int, rows: Rows, columns: Columns, counts: Counter[str]) -> Iterator[None]:
    """Append the rows of lines, of which the first has the number `first`."""
    number = first - 1
    for line in lines(frames):
        if isinstance(line, int):
            number += line
            counts["lines.empty"] += line
            continue
        number += 1
        if isinstance(line, str):
            rows.add(number, 1, reason=line)
        elif not line.strip():
            counts["lines.empty"] += 1
            continue
        else:
            _add(rows, number, line, columns, counts)
        yield


def _add(rows: Rows, number: int, line: bytes, columns: Columns, counts: Counter[str]) -> None:
    try:
        fields = parse(line, columns, counts)
    except MemoryError:
        rows.add(number, 1, reason=TOO_LARGE)
        return
    if fields is None:
        rows.add(number, 1, reason=BAD_JSON)
        return
    text = fields.get(columns.text)
    add_row(
        rows,
        number,
        text if isinstance(text, str) else None,
        counts,
        record=label(fields.get(columns.id), counts) if columns.id else None,
        url=label(fields.get(columns.url), counts) if columns.url else None,
        date=seconds(fields.get(columns.date)) if columns.date else None,
        metadata=_carried(fields, columns, counts) if columns.metadata else None,
    )


def _carried(fields: dict[str, Any], columns: Columns, counts: Counter[str]) -> str | None:
    names = carried_names(columns.metadata, list(fields), columns.used())
    return as_object({name: fields[name] for name in names}, counts)


def parse(line: bytes, columns: Columns, counts: Counter[str]) -> dict[str, Any] | None:
    """The line's object, of a monstrous one only the columns named; None where it is none."""
    try:
        line.decode()
    except UnicodeDecodeError:
        counts["text.invalid-utf8"] += 1
        line = line.decode("utf-8", "replace").encode()
    line = line.removeprefix(b"\xef\xbb\xbf")
    opened = line.count(b"{") + line.count(b"[")
    if (opened > MAX_DEPTH or opened + line.count(b",") > MAX_VALUES) and not _is_ordinary(line):
        found = _cut_out(line, columns.named())
        if found is not None:
            counts["lines.read-in-part"] += 1
        return found
    try:
        fields = _loads(line.decode())
    except (ValueError, RecursionError):
        return None
    return fields if isinstance(fields, dict) else None


def _loads(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        raise
    except ValueError:  # a number of more digits than Python makes an int of
        return json.loads(text, parse_int=lambda digits: int(digits) if len(digits) < _DIGITS else Decimal(digits))


def _is_ordinary(line: bytes) -> bool:
    """Whether a line with many brackets and commas holds them in its strings."""
    from curate.text.json_scan import measure

    values, depth = measure(line)
    return values <= MAX_VALUES and depth <= MAX_DEPTH


def _cut_out(line: bytes, names: list[str]) -> dict[str, Any] | None:
    """The values of the names at the line's top level that are no objects or arrays; None where the line is no object."""
    from curate.text.json_scan import members

    spans = members(line, [json.dumps(name, ensure_ascii=False).encode()[1:-1] for name in names])
    if spans is None:
        return None
    fields: dict[str, Any] = {}
    for name, (start, end) in zip(names, spans, strict=True):
        value = line[start:end].strip()
        if value and value[:1] not in b"{[":
            try:
                fields[name] = _loads(value.decode())
            except (ValueError, RecursionError):
                return None
    return fields


def count_line_ends(handle: IO[bytes], file: SourceFile, span: Span) -> int | None:
    """How many line ends lie in [start - 1, end - 1) of a span: a row begins after each, so those of all spans before one,
    and one more, are the number of its first row. None where the file is compressed and cannot be cut by lines."""
    if Frames(handle, file.relative, begins_a_line).codec != "plain":
        return None
    at, stop, found = max(0, span.start - 1), span.end - 1, 0
    handle.seek(at)
    while at < stop and (block := handle.read(min(_BLOCK, stop - at))):
        found += block.count(_NEWLINE)
        at += len(block)
    return found


def read_span(
    handle: IO[bytes], file: SourceFile, rows: Rows, columns: Columns, counts: Counter[str], span: Span
) -> Iterator[None]:
    """Append the rows of the lines that begin in a span of a plain file, pausing after each."""
    bounds = line_bounds(handle, span)
    if bounds is not None:
        begin, end = bounds
        yield from _rows_of(Frames(handle, file.relative, begins_a_line, begin, end), span.row, rows, columns, counts)


def read_file(
    handle: IO[bytes], file: SourceFile, rows: Rows, columns: Columns, counts: Counter[str], start: int
) -> Iterator[None]:
    """Append the rows of a JSON Lines file, pausing after each; see `curate.config.formats.Format`."""
    return read_jsonl(handle, file.relative, rows, columns, counts)
