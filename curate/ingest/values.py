"""Values of tables as what rows hold: text as UTF-8 bytes, labels as strings, dates as seconds.

A value that cannot be had in full is repaired and counted, or null: it costs neither its row nor its neighbours. Knows
values of JSON and of Arrow; nothing of files.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

MAX_TEXT: Final = 64 << 20
"""Most bytes of a text: a whole book is 1 to 10 MB."""
MAX_LABEL: Final = 64 << 10
"""Most characters of an id or address; longer ones are cut. Browsers stop at 64 kB to 2 MB."""
_MILLISECONDS: Final = 1e11
_MICROSECONDS: Final = 1e14
_NANOSECONDS: Final = 1e17
"""From these on a number is no date in seconds (that would be the year 5138) but in parts of one."""


def utf8(text: str | bytes, counts: Counter[str]) -> bytes:
    """The text's bytes in valid UTF-8; half surrogate pairs and invalid bytes become U+FFFD and are counted."""
    if isinstance(text, bytes):
        try:
            text.decode()
        except UnicodeDecodeError:
            counts["text.invalid-utf8"] += 1
            return text.decode("utf-8", "replace").encode()
        return text
    try:
        return text.encode()
    except UnicodeEncodeError:
        counts["text.lone-surrogates"] += 1
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()


def label(value: Any, counts: Counter[str]) -> str | None:
    """An id or address as text; numbers as their digits, bytes as UTF-8."""
    if value is None:
        return None
    return utf8(value if isinstance(value, bytes) else str(value), counts).decode()[:MAX_LABEL]


def seconds(value: Any) -> int | None:
    """A date as seconds since 1970 UTC; None where it is none.

    Read are ISO 8601, RFC 2822 (HTTP's dates), dates and moments, UTC where no zone is given, and numbers, or digits, of
    seconds, milliseconds, microseconds or nanoseconds since 1970, told apart by their size.

        >>> seconds("2024-05-18") == seconds("Sat, 18 May 2024 00:00:00 GMT") == seconds(1715990400000)
        True
    """
    try:
        if isinstance(value, bytes):
            value = value.decode()
        if isinstance(value, str):
            value = _parsed(value.strip())
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return _epoch(value)
        if isinstance(value, date) and not isinstance(value, datetime):
            value = datetime(value.year, value.month, value.day, tzinfo=UTC)
        if isinstance(value, datetime):
            return int((value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError, TypeError, IndexError):
        pass
    return None


def _parsed(value: str) -> datetime | float:
    if len(value) > 100:
        raise ValueError("no date")
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        pass
    try:
        return float(value)
    except ValueError:
        return parsedate_to_datetime(value)


def _epoch(number: float) -> int:
    size = abs(number)
    parts = 1 if size < _MILLISECONDS else 1e3 if size < _MICROSECONDS else 1e6 if size < _NANOSECONDS else 1e9
    moment = int(number / parts)
    if not _FIRST_SECOND <= moment < _LAST_SECOND:
        raise ValueError("no year from 1 to 9999")
    return moment


def is_textual(kind: pa.DataType) -> bool:
    """Whether a column of this type holds text: strings or bytes of any layout, plain or by dictionary."""
    if isinstance(kind, pa.BaseExtensionType):
        kind = kind.storage_type
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    types = pa.types
    return any(
        test(kind)
        for test in (
            types.is_string,
            types.is_large_string,
            types.is_string_view,
            types.is_binary,
            types.is_large_binary,
            types.is_binary_view,
            types.is_fixed_size_binary,
        )
    )


def is_flat(kind: pa.DataType) -> bool:
    """Whether a column of this type has one value a row, and no parts."""
    return not pa.types.is_nested(kind)


def _plain(column: pa.Array) -> pa.Array:
    if isinstance(column, pa.ExtensionArray):
        column = column.storage
    return column.dictionary_decode() if isinstance(column, pa.DictionaryArray) else column


def texts(column: pa.Array) -> list[bytes | None]:
    """The values of a textual column as bytes, valid UTF-8 or not."""
    found: list[bytes | None] = _plain(column).cast(pa.large_binary()).to_pylist()
    return found


def labels(column: pa.Array, counts: Counter[str]) -> list[str | None]:
    """The values of a flat column as text."""
    values = texts(column) if is_textual(column.type) else _plain(column).to_pylist()
    return [label(value, counts) for value in values]


def dates(column: pa.Array) -> list[int | None]:
    """The values of a flat column as seconds since 1970 UTC."""
    column = _plain(column)
    if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
        moments = column.cast(pa.timestamp("s", getattr(column.type, "tz", None)), safe=False).cast(pa.int64())
        valid = pc.and_(pc.greater(moments, _FIRST_SECOND), pc.less(moments, _LAST_SECOND))
        found: list[int | None] = pc.if_else(valid, moments, pa.scalar(None, pa.int64())).to_pylist()
        return found
    values = texts(column) if is_textual(column.type) else column.to_pylist()
    return [seconds(value) for value in values]


_FIRST_SECOND: Final = -62135596800  # the year 1
_LAST_SECOND: Final = 253402300800  # the year 10000
