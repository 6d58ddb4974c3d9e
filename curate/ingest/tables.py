"""JSON Lines and Parquet files to rows: one row per line or table row, bad ones quarantined where they stand.

`offset` is the row's number from 0 (for JSON Lines the line's, empty lines included) and `length` 1; a damaged span begins
at the first row that was lost, and its length is the number of rows lost where that is known, else 1.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import IO, Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from curate.ingest.frames import Frames
from curate.ingest.reasons import BAD_JSON, DAMAGED, EMPTY, NO_TEXT, TOO_LARGE
from curate.ingest.rows import Rows

MAX_LINE: Final = 64 << 20
"""Most bytes of a JSON line, and of a text: a whole book is 1 to 10 MB."""
_PARQUET_ROWS: Final = 64  # rows decoded at a time: a batch of large documents stays small
_PARQUET_BUFFER: Final = 1 << 20
_NEWLINE: Final = b"\n"


@dataclass(frozen=True)
class Columns:
    """Which columns of a table hold what; None where none does. A `url` column that is absent is no error."""

    text: str = "text"
    id: str | None = None
    url: str | None = "url"
    date: str | None = None


def _utf8(text: str, counts: Counter[str]) -> bytes:
    """The text's bytes; half surrogate pairs, which JSON can escape and UTF-8 cannot hold, become U+FFFD."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        counts["text.lone-surrogates"] += 1
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()


def _seconds(value: Any) -> int | None:
    """A date as seconds since 1970 UTC: ISO 8601, a date or a moment (UTC where no zone is given); else None."""
    try:
        if isinstance(value, str):
            value = datetime.fromisoformat(value.strip())
        if isinstance(value, date) and not isinstance(value, datetime):
            value = datetime(value.year, value.month, value.day, tzinfo=UTC)
        if isinstance(value, datetime):
            return int((value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        pass
    return None


def _label(value: Any, counts: Counter[str]) -> str | None:
    """An id or address as text; numbers as their digits."""
    return None if value is None else _utf8(str(value), counts).decode()


def _add(rows: Rows, number: int, fields: Mapping[str, Any], columns: Columns, counts: Counter[str]) -> None:
    """Append the row of one table row."""
    text = fields.get(columns.text)
    data = _utf8(text, counts) if isinstance(text, str) else None
    reason = None
    if data is None:
        reason = NO_TEXT
    elif not data.strip():
        reason = EMPTY
    elif len(data) > MAX_LINE:
        reason = TOO_LARGE
    rows.add(
        number,
        1,
        record=_label(fields.get(columns.id), counts) if columns.id else None,
        url=_label(fields.get(columns.url), counts) if columns.url else None,
        date=_seconds(fields.get(columns.date)) if columns.date else None,
        reason=reason,
        text=None if reason else data,
    )


def _begins_a_line(decoded: bytes | bytearray) -> bool:
    return decoded.lstrip().startswith(b"{")


def _lines(frames: Frames) -> Iterator[bytes | str]:
    """Every line without its end, or the reason why it cannot be read."""
    searched = 0
    while True:
        end = frames.buffer.find(_NEWLINE, searched)
        if end >= 0:
            line = bytes(memoryview(frames.buffer)[:end])
            frames.drop(end + 1)
            searched = 0
            yield line
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
    """Append the rows of a JSON Lines file, plain, gzip or zstd, pausing after each."""
    for number, line in enumerate(_lines(Frames(file, name, _begins_a_line))):
        if isinstance(line, str):
            rows.add(number, 1, reason=line)
            yield
            continue
        if not line.strip():
            counts["lines.empty"] += 1
            continue
        try:
            decoded = line.decode()
        except UnicodeDecodeError:
            counts["text.invalid-utf8"] += 1
            decoded = line.decode("utf-8", "replace")
        try:
            fields = json.loads(decoded.removeprefix("\ufeff"))
        except (ValueError, RecursionError):
            fields = None
        if isinstance(fields, dict):
            _add(rows, number, fields, columns, counts)
        else:
            rows.add(number, 1, reason=BAD_JSON)
        yield


def _wanted(names: list[str], columns: Columns, path: str) -> list[str]:
    """The columns to read; ValueError where the text or id column named is not there."""
    for name in (columns.text, columns.id, columns.date):
        if name and name not in names:
            raise ValueError(f"{path} has no column {name!r}; its columns are {', '.join(names)}")
    return [name for name in (columns.text, columns.id, columns.url, columns.date) if name and name in names]


def read_parquet(
    file: IO[bytes], path: str, size: int, rows: Rows, columns: Columns, counts: Counter[str]
) -> Iterator[None]:
    """Append the rows of a Parquet file, pausing after each; a row group that cannot be read is one damaged span."""
    try:
        table = pq.ParquetFile(file, buffer_size=_PARQUET_BUFFER)
    except (pa.ArrowInvalid, OSError):
        rows.add(0, size, reason=DAMAGED)
        yield
        return
    wanted = _wanted(table.schema_arrow.names, columns, path)
    first = 0
    for group in range(table.num_row_groups):
        after = first + table.metadata.row_group(group).num_rows
        try:
            for batch in table.iter_batches(_PARQUET_ROWS, row_groups=[group], columns=wanted, use_threads=False):
                for fields in batch.to_pylist():
                    _add(rows, first, fields, columns, counts)
                    first += 1
                    yield
        except (pa.ArrowException, OSError, ValueError):
            rows.add(first, after - first, reason=DAMAGED)
            yield
        first = after
