"""What an export is made of: files, each a pure function of the shards, written where they are told. Knows no format."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from curate.errors import CurateError
from curate.shards.reader import ShardReader
from curate.tokens.tokenizer import Tokenizer


class ExportError(CurateError, ValueError):
    """An export that cannot be made; the message says why and what would do."""


@dataclass(frozen=True)
class Source:
    """What is exported: the shards, their tokenizer, and the length of sequences for formats that cut the stream."""

    reader: ShardReader
    tokenizer: Tokenizer
    sequence_length: int

    @property
    def splits(self) -> list[str]:
        """The splits that have shards, in order."""
        return list(dict.fromkeys(entry.split for entry in self.reader.entries))


@dataclass(frozen=True)
class ExportFile:
    """A file of an export: its name in the folder, and what writes it to a path."""

    name: str
    write: Callable[[Path], None]
