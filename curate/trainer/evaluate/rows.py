"""Reads JSON Lines, wherever they lie, gzipped or not: rows of tasks, conversations, examples and results. Knows no meaning
of a row but that it is an object, and of a text's row that it has `text`.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from typing import IO, Any

from curate.errors import ConfigError
from curate.storage import open_binary, shown

_GZIP = b"\x1f\x8b"


def read_lines(path: str | Path) -> Generator[dict[str, Any], None, None]:
    """The objects of a JSON Lines file, gzipped or not, of this machine or at an address.

    Raises FileNotFoundError, StorageError, and ConfigError naming the line that is no object in JSON.
    """
    with open_binary(str(path)) as raw:
        gzipped = raw.read(len(_GZIP)) == _GZIP
        raw.seek(0)
        yield from objects_of(gzip.GzipFile(fileobj=raw) if gzipped else raw, shown(str(path)))


def objects_of(file: IO[bytes] | gzip.GzipFile, name: str) -> Generator[dict[str, Any], None, None]:
    """The objects of an open file, an object a line; `name` is for messages. Raises ConfigError."""
    number = 0
    try:
        for number, line in enumerate(file, 1):
            text = line.decode("utf-8-sig" if number == 1 else "utf-8")
            if text.strip():
                row = json.loads(text)
                if not isinstance(row, dict):
                    raise ConfigError(f"{name}, line {number}: {text.strip()[:40]} is no object in JSON")
                yield row
    except json.JSONDecodeError as error:
        raise ConfigError(f"{name}, line {number}: no JSON: {error}") from None
    except (UnicodeDecodeError, EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ConfigError(f"{name}, line {number or 1}: no whole file of JSON Lines in UTF-8: {error}") from None


def read_texts(path: str | Path) -> list[str]:
    """The column `text`. Raises as `read_lines`, and ConfigError naming a row without one."""
    texts = []
    with closing(read_lines(path)) as rows:
        for number, row in enumerate(rows, 1):
            if not isinstance(row.get("text"), str):
                raise ConfigError(f"{path}, row {number}: needs `text`, a string; it has {', '.join(row)}")
            try:
                row["text"].encode()
            except UnicodeEncodeError:
                raise ConfigError(f"{path}, row {number}: `text` holds half a character, which no UTF-8 has") from None
            texts.append(row["text"])
    return texts
