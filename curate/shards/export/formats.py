"""What an export is made of: files, each a pure function of the shards, written where they are told. Knows no format."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from curate.errors import CurateError
from curate.shards.entry import ShardEntry
from curate.shards.reader import ShardReader, ShardView
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

    def open(self, entry: ShardEntry) -> ShardView:
        """A shard without the rows whose document was removed: they keep their numbers in shards, and are nothing here."""
        view = self.reader.open(entry)
        filled = np.diff(view.offsets) > 0
        if filled.all():
            return view
        batch = view.batch.filter(pa.array(filled))
        tokens = batch.column("tokens")
        return ShardView(tokens.flatten().to_numpy(), view.offsets[np.append(filled, True)], batch)


@dataclass(frozen=True)
class ExportFile:
    """A file of an export: its name in the folder, and what writes it to a path."""

    name: str
    write: Callable[[Path], None]
