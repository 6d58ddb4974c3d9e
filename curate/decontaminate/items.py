"""Evaluation items from JSON Lines (plain, gzip, zstd) and Parquet files. Knows tables; knows no n-gram."""

from __future__ import annotations

import gzip
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any, cast

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from curate.storage import open_binary

_GZIP, _ZSTD, _PARQUET = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PAR1"  # RFC 1952, RFC 8878, the format's own
_ENDINGS = (".gz", ".zst", ".zstd", ".jsonl", ".json", ".ndjson", ".parquet", ".pq")
_IDS = ("id", "item_id", "task_id", "uid", "idx")
"""Fields that name an item where they hold one string or number; else its row does."""

_QUESTIONS = frozenset(
    ("question", "query", "prompt", "problem", "instruction", "goal", "stem", "premise", "context", "ctx")
)
"""Words in the names of fields that hold what is asked, in the sets that evaluation harnesses load."""


@dataclass(frozen=True)
class Item:
    """One item of an evaluation set. `texts`: its fields' texts, an element of a list on its own; `questions`: which of them
    ask, by the name of their field."""

    name: str
    texts: tuple[str, ...]
    questions: tuple[bool, ...]


def set_name(relative: str) -> str:
    """What an evaluation file's set is called: its name without endings."""
    name = relative
    while name.lower().endswith(_ENDINGS):
        name = name[: name.rindex(".")]
    return name


def read_items(path: str, fields: Sequence[str] | None) -> Iterator[Item]:
    """The items of a file in order; `fields` are those to match, all that hold text where it is None.

    Raises ValueError naming the row where one is no object, or has none of the fields.
    """
    with open_binary(path) as file:
        magic = file.read(4)
        file.seek(0)
        rows = _parquet_rows(file) if magic == _PARQUET else _json_rows(_decoded(file, magic), path)
        for number, row in enumerate(rows):
            wanted = row if fields is None else {name: row[name] for name in fields if name in row}
            if fields is not None and not wanted:
                raise ValueError(
                    f"{path}, row {number}: none of the fields {', '.join(fields)}; it has {', '.join(row)}"
                )
            pairs = [(text, _asks(name)) for name, value in wanted.items() for text in _texts(value)]
            yield Item(_name(row, number), tuple(text for text, _ in pairs), tuple(asks for _, asks in pairs))


def _decoded(file: IO[bytes], magic: bytes) -> IO[bytes]:
    if magic.startswith(_GZIP):
        return cast("IO[bytes]", gzip.open(file))
    if magic == _ZSTD:
        return io.BufferedReader(zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True))
    return file


def _json_rows(file: IO[bytes], path: str) -> Iterator[Mapping[str, Any]]:
    for number, line in enumerate(file):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise ValueError(f"{path}, line {number + 1}: no JSON: {error}") from None
        if not isinstance(row, dict):
            raise ValueError(f"{path}, line {number + 1}: a JSON object is needed, found {type(row).__name__}")
        yield row


def _parquet_rows(file: IO[bytes]) -> Iterator[Mapping[str, Any]]:
    for batch in pq.ParquetFile(pa.PythonFile(file)).iter_batches():
        yield from batch.to_pylist()


def _name(row: Mapping[str, Any], number: int) -> str:
    for key, value in row.items():
        if key.lower() in _IDS and isinstance(value, str | int) and not isinstance(value, bool):
            return str(value)
    return str(number)


def _asks(field: str) -> bool:
    return any(part in _QUESTIONS for part in re.split(r"[^a-z]+", field.lower()))


def _texts(value: Any) -> Iterator[str]:
    """Every string in a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)
