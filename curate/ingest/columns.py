"""What an unknown file is: its format, and which of its columns hold the text, the id, the address and the date.

For a first pipeline file, which people correct: it looks at the beginning of one file and guesses by the names that
published corpora use. Knows formats and columns; writes nothing and decides nothing of a run.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any, Final

import pyarrow as pa

from curate.errors import ConfigError
from curate.ingest.first_look import ROWS, TEXT_NAMES, beginning, first_lines, names_of
from curate.ingest.json_lines import parse
from curate.ingest.parquet import open_table
from curate.ingest.tables import Columns
from curate.ingest.values import is_textual
from curate.storage import SourceFile, open_binary

_ID_NAMES: Final = ("id", "_id", "doc_id", "docid", "document_id", "uuid", "record_id", "warc_record_id", "idx", "key")
_URL_NAMES: Final = ("url", "uri", "source_url", "page_url", "link", "href", "warc_target_uri")
_DATE_NAMES: Final = (
    "date",
    "timestamp",
    "published",
    "created",
    "crawl_date",
    "publish_date",
    "date_download",
    "added",
)
"""What published corpora call a record's own id, address and date, the usual first."""
_MOST_CARRIED: Final = 20
"""Columns carried by name; more are carried as `all`."""


@dataclass(frozen=True)
class Looked:
    """A file's format, and of a table its columns by use; None where none serves."""

    format: str
    text: str | None = None
    id: str | None = None
    url: str | None = None
    date: str | None = None
    others: tuple[str, ...] = ()
    """The columns without a use of their own."""

    def read_keys(self) -> dict[str, Any]:
        """The keys of a source's `read` that differ from their defaults, `paths` left out."""
        keys: dict[str, Any] = {"format": self.format}
        if self.format in ("warc", "wet"):
            return keys
        given = {"text": self.text, "id": self.id, "url": self.url, "date": self.date}
        keys |= {use: name for use, name in given.items() if name and name != getattr(Columns, use)}
        if self.others:
            keys["metadata"] = "all" if len(self.others) > _MOST_CARRIED else list(self.others)
        return keys


def look_up(files: Sequence[SourceFile]) -> Looked:
    """The format and columns of the first file that holds anything. Raises ConfigError where it is none that is read, or no
    column of it holds text; OSError where storage fails."""
    for file in files:
        if file.size:
            return _looked(file)
    raise ConfigError(f"{files[0].path} is empty" if files else "there is no file")


def _looked(file: SourceFile) -> Looked:
    with open_binary(file.path) as handle:
        format, head = beginning(handle, file.relative)
        if format == "parquet":
            return _of_columns(file, format, _parquet_kinds(handle, file))
        if format == "jsonl":
            return _of_columns(file, format, _json_kinds(handle, file))
        if format == "warc":
            return Looked("wet" if b"WARC-Type: conversion" in head else "warc")
    known = "read are WARC, WET, JSON Lines and Parquet, and formats of your own, named module:NAME"
    raise ConfigError(f"{file.path} {names_of(file)}; {known}")


def _parquet_kinds(handle: IO[bytes], file: SourceFile) -> dict[str, float | None]:
    table = open_table(handle, file.size)
    if table is None:
        raise ConfigError(f"{file.path} is a Parquet file that cannot be opened: it is cut, damaged or encrypted")
    schema = table.schema_arrow
    textual = [field.name for field in schema if is_textual(field.type)]
    first = next(table.iter_batches(ROWS, columns=textual), None) if textual and table.metadata.num_rows else None
    return {name: _mean_length(first, name) if name in textual else None for name in schema.names}


def _mean_length(batch: pa.RecordBatch | None, name: str) -> float:
    values = [] if batch is None else batch.column(name).drop_null().to_pylist()
    return sum(map(len, values)) / len(values) if values else 0.0


def _json_kinds(handle: IO[bytes], file: SourceFile) -> dict[str, float | None]:
    rows = [fields for line in _lines(handle, file) if (fields := parse(line, Columns(metadata="all"), Counter()))]
    kinds: dict[str, float | None] = {}
    for name in dict.fromkeys(name for row in rows for name in row):
        values = [row[name] for row in rows if row.get(name) is not None]
        texts = [value for value in values if isinstance(value, str)]
        kinds[name] = sum(map(len, texts)) / len(texts) if texts and len(texts) == len(values) else None
    return kinds


def _lines(handle: IO[bytes], file: SourceFile) -> Iterator[bytes]:
    return itertools.islice(first_lines(handle, file.relative), ROWS)


def _of_columns(file: SourceFile, format: str, lengths: Mapping[str, float | None]) -> Looked:
    """Uses by name; `lengths` are the mean lengths of columns that hold text, None for others."""
    textual = [name for name, length in lengths.items() if length is not None]
    longest = max(textual, key=lambda name: lengths[name] or 0.0, default=None)
    text = _named(TEXT_NAMES, textual) or longest
    if text is None:
        shown = ", ".join(lengths) or "none"
        raise ConfigError(f"{file.path} has no column of text; its columns are {shown}")
    rest = [name for name in lengths if name != text]
    found = {use: _named(names, rest) for use, names in (("id", _ID_NAMES), ("url", _URL_NAMES), ("date", _DATE_NAMES))}
    return Looked(format, text, **found, others=tuple(name for name in rest if name not in found.values()))


def _named(usual: Sequence[str], names: Sequence[str]) -> str | None:
    by_lower = {name.lower(): name for name in names}
    return next((by_lower[name] for name in usual if name in by_lower), None)
