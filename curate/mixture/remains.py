"""What a mixture's statement says once documents are removed: each took its group's epochs of its tokens along.

Knows the token store and ledger columns; empties nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.mixture.groups import SOURCE
from curate.mixture.make import ledger_groups
from curate.records.batches import read_batches
from curate.records.pages import ID
from curate.shards.copies import key_bins
from curate.shards.order import in_validation, keys


@dataclass(frozen=True)
class Lost:
    """A document of the token store that is going: `group` decides its split, `ledger` and `row` tell its other groups."""

    id: bytes
    group: bytes
    source: str
    ledger: Path
    row: int
    tokens: int

    def name(self, by: str) -> str:
        """Its group in a mixture by this column."""
        return self.source if by == SOURCE else str(ledger_groups(self.ledger, by)[self.row].as_py())


def lost_documents(store: Path, ledger: Path, ids: pa.Array) -> Iterator[Lost]:
    """The documents of these ids that have tokens, in a file of the token store."""
    row = 0
    for batch in read_batches(str(store)):
        found = np.asarray(pc.is_in(batch.column("id").cast(pa.binary()), value_set=ids.cast(pa.binary())))
        lengths = np.diff(batch.column("tokens").offsets.to_numpy())
        for at in np.flatnonzero(found & (lengths > 0)).tolist():
            id, group, source = (batch.column(name)[at].as_py() for name in ("id", "group", "source"))
            yield Lost(id, group, source, ledger, row + at, int(lengths[at]))
        row += batch.num_rows


def statement_of_rest(
    statement: Mapping[str, Any], lost: Sequence[Lost], seed: int, validation: float
) -> dict[str, Any]:
    """A statement (`by`, tokens, groups) without these documents. Targets, weights and epochs asked for stay."""
    ids, splits = (pa.array([getattr(each, name) for each in lost], ID) for name in ("id", "group"))
    bins = key_bins(keys(ids, seed)).tolist()
    held_out = in_validation(splits, seed, validation).tolist()
    gone = [
        (each.name(statement["by"]), at, each.tokens)
        for each, at, elsewhere in zip(lost, bins, held_out, strict=True)
        if not elsewhere
    ]
    groups = _groups_of_rest(statement["groups"], gone)
    total = sum(group["tokens"] for group in groups.values())
    rest = {**statement, "tokens": total, "groups": groups}
    if "phases" in statement:
        rest["phases"] = [_phase_of_rest(phase, gone, total) for phase in statement["phases"]]
    return rest


def _phase_of_rest(phase: Mapping[str, Any], gone: Sequence[tuple[str, int, int]], total: int) -> dict[str, Any]:
    groups = _groups_of_rest(phase["groups"], gone)
    tokens = sum(group["tokens"] for group in groups.values())
    return {**phase, "tokens": tokens, "share": round(tokens / total, 8) if total else 0.0, "groups": groups}


def _groups_of_rest(before: Mapping[str, Any], gone: Sequence[tuple[str, int, int]]) -> dict[str, dict[str, Any]]:
    """The groups without documents of these (group, bin, tokens)."""
    groups = {name: dict(group) for name, group in before.items()}
    for name, at, tokens in gone:
        group = groups.get(name)
        if group is None:
            continue
        times = group["whole"] + (at < group["bins"])
        times -= group.get("begin_whole", 0) + (at < group.get("begin_bins", 0))
        group["available_tokens"] -= tokens
        group["available_documents"] -= 1
        group["tokens"] -= times * tokens
        group["documents"] -= times
    total = sum(group["tokens"] for group in groups.values())
    for group in groups.values():
        there = group["available_tokens"]
        group["epochs"] = round(group["tokens"] / there, 6) if there else 0.0
        group["share"] = round(group["tokens"] / total, 8) if total else 0.0
    return groups
