"""A row's columns beside text as one JSON object, so that rows of every format and type travel alike.

Bounded: a value that is too large becomes null and is counted; it costs neither its row nor its neighbours. Knows values of
JSON and of Arrow; nothing of files.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

import pyarrow as pa

from curate.ingest.values import utf8

MAX_VALUE: Final = 1 << 20
"""Most characters of a carried value as JSON: a title or a list of labels is a thousandth of it."""
ALL: Final = "all"


def carried_names(wanted: Sequence[str] | str, there: Sequence[str], taken: Sequence[str]) -> list[str]:
    """The columns to carry of those that are there: the ones named, or all that have no other use.

    >>> carried_names("all", ["text", "stars"], ["text"]), carried_names(["stars"], ["text"], ["text"])
    (['stars'], [])
    """
    if wanted == ALL:
        return [name for name in there if name not in taken]
    return [name for name in wanted if name in there]


def as_object(values: Mapping[str, Any], counts: Counter[str]) -> str | None:
    """A JSON object of the values that are not null; None where none is left."""
    parts = []
    for name, value in values.items():
        if value is None:
            continue
        written = json.dumps(value, ensure_ascii=False, default=_told)
        if len(written) > MAX_VALUE:
            counts["metadata.too-large"] += 1
        else:
            parts.append(f"{json.dumps(name, ensure_ascii=False)}: {written}")
    return utf8("{" + ", ".join(parts) + "}", counts).decode() if parts else None


def _told(value: Any) -> str:
    """What JSON has no form for: bytes as UTF-8, decimals, dates and moments as they are written."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def values_of(column: pa.Array) -> list[Any]:
    """The values of an Arrow column as JSON has them; moments and durations as text."""
    if isinstance(column, pa.ExtensionArray):
        column = column.storage
    if isinstance(column, pa.DictionaryArray):
        column = column.dictionary_decode()
    if pa.types.is_temporal(column.type) and not pa.types.is_duration(column.type):
        column = column.cast(pa.string())
    values: list[Any] = column.to_pylist()
    return values
