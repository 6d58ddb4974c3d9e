"""A shard as a manifest lists it, and what is wrong with one. Knows names and numbers; opens nothing."""

from __future__ import annotations

from dataclasses import dataclass

from curate.errors import CurateError


class ShardError(CurateError, ValueError):
    """A folder that holds no readable shards; the message says what is wrong with which file."""


@dataclass(frozen=True)
class ShardEntry:
    """A shard as the manifest lists it."""

    file: str
    split: str
    rows: int
    tokens: int
    bytes: int
    sha256: str
