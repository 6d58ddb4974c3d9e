"""A manifest of shards as a typed value, and what is wrong with one. Knows names and numbers; opens nothing.

A manifest may come from anywhere: what it names becomes paths and sizes here, so every field has its form and its bound.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from curate.engine.seal import unsealed
from curate.errors import CurateError

MANIFEST = "manifest.json"
SHARDS_FORMAT = "curate-shards/1"
MIX_FORMAT = "curate-mix/1"
"""Of a manifest whose shards are indexes: `part` and `row` of each document in the files of its `store`."""
FORMATS = (SHARDS_FORMAT, MIX_FORMAT)

MOST_MANIFEST_BYTES = 256 << 20
"""Of a manifest: a million shards."""
_MOST_ROWS = 1 << 31
_MOST_TOKENS = 1 << 31  # offsets of a list are int32
_MOST_SHARD_BYTES = 64 << 30
_MOST_PHASES = 1000

_Hash = Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")]
_Short = Annotated[str, Field(max_length=1024)]


class ShardError(CurateError, ValueError):
    """A folder that holds no readable shards; the message says what is wrong with which file."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class ShardEntry(_Frozen):
    """A shard as the manifest lists it. `rows` counts those that became empty because their document was removed too."""

    file: Annotated[str, Field(pattern=r"^(train|validation)-[0-9]{1,9}(\.r[0-9]{1,9})?\.(arrow|index)$")]
    split: Literal["train", "validation"]
    rows: Annotated[int, Field(ge=0, le=_MOST_ROWS)]
    tokens: Annotated[int, Field(ge=0, le=_MOST_TOKENS)]
    bytes: Annotated[int, Field(ge=0, le=_MOST_SHARD_BYTES)]
    sha256: _Hash
    emptied: Annotated[int, Field(ge=0, le=_MOST_ROWS)] = 0
    """Rows without a token."""
    phase: Annotated[int, Field(ge=0, lt=_MOST_PHASES)] = 0
    """The number of the phase of a training shard, in the manifest's list."""


class PhaseEntry(_Frozen):
    """A stretch of the training that the manifest lists: its shards are read before those of the next."""

    name: _Short
    sequence_length: Annotated[int, Field(ge=1, le=_MOST_TOKENS)] | None = None
    """Of the sequences that a loader makes of it; None for the loader's own."""


class TokenizerEntry(_Frozen):
    """What the ids of the shards mean."""

    name: _Short
    vocabulary_size: Annotated[int, Field(ge=1, le=1 << 31)]
    vocabulary_sha256: _Hash
    end_of_text: Annotated[int, Field(ge=0, le=(1 << 31) - 1)]
    dtype: Literal["uint16", "uint32"]


class _Manifest(_Frozen):
    format: Literal["curate-shards/1", "curate-mix/1"]
    name: _Short
    fingerprint: Annotated[str, Field(pattern=r"^[0-9a-f]{8,64}$")]
    tokenizer: TokenizerEntry
    shards: tuple[ShardEntry, ...]
    phases: Annotated[tuple[PhaseEntry, ...], Field(max_length=_MOST_PHASES)] = ()
    store: tuple[Annotated[str, Field(pattern=r"^\.\./\.\./tokens/[A-Za-z0-9_][A-Za-z0-9._-]*$")], ...] = ()
    store_sha256: tuple[_Hash, ...] = ()


def parse_manifest(data: bytes, place: str) -> tuple[dict[str, Any], tuple[ShardEntry, ...]]:
    """A manifest's fields and its shards. Raises ShardError naming the field that is not as it must be."""
    if len(data) > MOST_MANIFEST_BYTES:
        raise ShardError(f"{place} has more than {MOST_MANIFEST_BYTES:,} bytes: it is no manifest of shards")
    try:
        fields = json.loads(data)
        if isinstance(fields, dict) and "checksum" in fields:
            fields = unsealed(data)
    except (ValueError, RecursionError) as error:
        raise ShardError(f"{place} is damaged: {error}") from None
    if not isinstance(fields, dict) or fields.get("format") not in FORMATS:
        found = fields.get("format") if isinstance(fields, dict) else None
        raise ShardError(f"{place} has format {found!r}; this version reads {' and '.join(FORMATS)}")
    try:
        manifest = _Manifest.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise ShardError(f"{place} is no manifest of shards: {where}: {first['msg']}") from None
    names = [entry.file for entry in manifest.shards]
    if len(set(names)) < len(names):
        raise ShardError(f"{place} lists a file twice")
    if any(entry.phase >= max(1, len(manifest.phases)) for entry in manifest.shards):
        raise ShardError(f"{place} has a shard of a phase that it does not list")
    if manifest.format == MIX_FORMAT and len(manifest.store_sha256) not in (0, len(manifest.store)):
        raise ShardError(f"{place}: store and store_sha256 differ in length")
    return fields, manifest.shards


def phase_entries(mixture: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """What a manifest says of the phases of a mixture's statement: names and lengths of sequences, in order."""
    return [
        {"name": each["name"], "sequence_length": each["sequence_length"]} for each in (mixture or {}).get("phases", ())
    ]
