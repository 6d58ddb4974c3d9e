"""From what a person holds (address, id, record id, a place in a shard) to rows of the ledger. Explains none of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from curate.audit.finished_run import AuditError, OpenedPart, OpenedRun
from curate.audit.ledger import ask, connect
from curate.shards.reader import ShardReader

_ID = re.compile(r"[0-9a-fA-F]{32}")
_RECORD_ID = re.compile(r"<?(urn:uuid:[0-9a-fA-F-]{36})>?")
_PLACE = re.compile(r"(?P<shard>\d+|[a-z]+-\d+(?:\.arrow)?)(?P<kind>[:@])(?P<at>\d+)")

MOST_FOUND = 20
"""Rows that one address may lead to and still be shown."""


@dataclass(frozen=True)
class Found:
    """A row of the ledger: its columns by name, ids as bytes, and where it stands."""

    row: dict[str, Any]
    part: OpenedPart
    number: int

    @property
    def id(self) -> bytes:
        """The record's id."""
        return bytes(self.row["id"])


def find(run: OpenedRun, name: str) -> list[Found]:
    """The rows that a name leads to: an id in hexadecimal, a record id, an address, `shard:row`, or `shard@token`, the
    document at a token's position in a shard. Shards go by their number in the manifest or by file name.

    Raises AuditError where there is none.
    """
    place = _PLACE.fullmatch(name)
    record = _RECORD_ID.fullmatch(name)
    if place:
        wanted = _id_at(run, place)
        return find_ids(run, [wanted], f"the row of {name}")
    if _ID.fullmatch(name):
        return find_ids(run, [bytes.fromhex(name)], name)
    if record:
        urn = record[1].lower()
        return _select(run, "lower(record_id) in (?, ?)", [urn, f"<{urn}>"], name)
    # the likelier column first, so that the other is seldom read
    first, second = ("url", "record_id") if "://" in name else ("record_id", "url")
    return _select(run, f"{first} = ?", [name], "") or _select(run, f"{second} = ?", [name], name)


def find_ids(run: OpenedRun, ids: list[bytes], name: str = "") -> list[Found]:
    """The rows of these ids."""
    marks = ", ".join("?" for _ in ids)
    return _select(run, f"id in ({marks})", ids, name)


def row_at(run: OpenedRun, part: str, number: int) -> Found:
    """The row of this number in a part's ledger; only its row group is read."""
    file = pq.ParquetFile(run.file(f"ledger/{part}.parquet"))
    group = at = 0
    while number - at >= file.metadata.row_group(group).num_rows:
        at += file.metadata.row_group(group).num_rows
        group += 1
    (row,) = file.read_row_group(group).slice(number - at, 1).to_pylist()
    return Found(row, run.part(part), number)


def _select(run: OpenedRun, where: str, values: list[Any], name: str) -> list[Found]:
    rows = ask(connect(run.ledger), f"select * from records where {where}", values, MOST_FOUND).to_pylist()
    for row in rows:
        row["pii"] = None if row["pii"] is None else dict(row["pii"])
    if not rows and name:
        raise AuditError(f"no record of {run.place} is {name}; give an address, an id, a record id, or shard:row")
    return [Found(row, run.part(row.pop("part")), row.pop("row")) for row in rows]


def _id_at(run: OpenedRun, place: re.Match[str]) -> bytes:
    reader = ShardReader(run.folder)
    shard, at = place["shard"].removesuffix(".arrow"), int(place["at"])
    named = {entry.file.removesuffix(".arrow"): entry for entry in reader.entries}
    numbered = dict(enumerate(reader.entries))
    entry = numbered.get(int(shard)) if shard.isdigit() else named.get(shard)
    if entry is None:
        raise AuditError(f"no shard {shard} in {run.place}; there are {len(numbered)}: {', '.join(sorted(named)[:8])}")
    view = reader.open(entry)
    if place["kind"] == "@":
        if at >= entry.tokens:
            raise AuditError(f"{entry.file} holds {entry.tokens:,} tokens; there is no token {at:,}")
        at = int(np.searchsorted(view.offsets, at, side="right")) - 1
    if at >= entry.rows:
        raise AuditError(f"{entry.file} holds {entry.rows:,} rows; there is no row {at:,}")
    return bytes(view.batch.column("id")[at].as_py())
