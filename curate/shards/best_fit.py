"""Best-fit packing: whole documents side by side in sequences, padded at the end; a plan made once and kept in a file.

Documents longer than a sequence are cut into sequences and a rest; the rests and the shorter documents, longest first, each
go where they leave the least room (best-fit decreasing, as Ding et al. 2024, "Fewer Truncations Improve Language
Modeling", section 3). Nothing is discarded; `padding` says what it costs. A shard is packed by itself, so sequences never
span shards. Knows lengths of documents; knows no tokens.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curate.records.batches import BatchWriter, read_batches, read_schema
from curate.shards.packing import Numbers, Stretches
from curate.storage import atomic_path, is_remote
from curate.text.compiled import Scalar, kernel

PLAN = pa.schema([("sequence", pa.int64()), ("at", pa.int32()), ("begin", pa.int64()), ("length", pa.int32())])
"""A stretch a row, in order of (sequence, at): `length` tokens of the split's stream from `begin` on go to `at`."""
_DETAILS = b"curate"


class BestFit:
    """A plan of packed sequences; `padding` is how many places hold no token."""

    name = "best_fit"
    discarded = 0

    def __init__(self, plan: pa.Table, owned: Numbers, length: int) -> None:
        self.owned = owned
        self._plan = [plan.column(name).to_numpy().astype(np.int64) for name in ("at", "begin", "length")]
        self._first = np.searchsorted(plan.column("sequence").to_numpy(), np.arange(int(owned[-1]) + 1))
        self.padding = int(owned[-1]) * (length + 1) - int(self._plan[2].sum())

    def stretches(self, sequences: Numbers) -> Stretches:
        """The documents, or pieces of documents, of each sequence."""
        first, count = self._first[sequences], np.diff(self._first)[sequences]
        row = np.repeat(np.arange(len(sequences), dtype=np.int64), count)
        inside = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
        chosen = np.repeat(first, count) + inside
        at, begin, length = (column[chosen] for column in self._plan)
        return Stretches(row, at, begin, length)


def plan_best_fit(lengths_by_shard: Sequence[npt.NDArray[Any]], length: int) -> tuple[pa.Table, Numbers]:
    """The plan for documents of these lengths, and the sequences before each shard and in all."""
    tables, owned, begin = [PLAN.empty_table()], [0], 0
    for lengths in lengths_by_shard:
        sequence, at, start, size, count = _pack(lengths.astype(np.int64), length + 1)
        order = np.lexsort((at, sequence))
        columns = (sequence + owned[-1], at.astype(np.int32), start + begin, size.astype(np.int32))
        tables.append(pa.table([pa.array(column[order]) for column in columns], schema=PLAN))
        owned.append(owned[-1] + count)
        begin += int(lengths.sum())
    return pa.concat_tables(tables).combine_chunks(), np.array(owned, dtype=np.int64)


def read_or_plan(
    folder: str, split: str, fingerprint: str, lengths_by_shard: Sequence[npt.NDArray[Any]], length: int
) -> BestFit:
    """The plan kept beside the shards if it is theirs; else a new one, kept there if the folder can be written."""
    path = Path(folder) / f"best_fit-{split}-{length}.plan"
    details = {"fingerprint": fingerprint, "split": split, "sequence_length": length}
    if not is_remote(folder) and path.exists():
        kept = json.loads((read_schema(str(path)).metadata or {}).get(_DETAILS, b"{}"))
        if {name: kept.get(name) for name in details} == details:
            table = pa.Table.from_batches(list(read_batches(str(path))), read_schema(str(path)))
            owned = np.array(kept["owned"], dtype=np.int64)
            if _is_plan(table, owned, lengths_by_shard, length):
                return BestFit(table, owned, length)
    plan, owned = plan_best_fit(lengths_by_shard, length)
    if not is_remote(folder):
        _keep(path, plan, details | {"owned": owned.tolist()})
    return BestFit(plan, owned, length)


def _is_plan(
    table: pa.Table, owned: npt.NDArray[np.int64], lengths_by_shard: Sequence[npt.NDArray[Any]], length: int
) -> bool:
    """Whether a plan from a file places every token of the split once, within the sequences: kernels follow it blindly."""
    if (
        not table.schema.equals(PLAN)
        or len(owned) != len(lengths_by_shard) + 1
        or owned[0]
        or (np.diff(owned) < 0).any()
    ):
        return False
    sequence, at, begin, size = (table.column(name).to_numpy().astype(np.int64) for name in PLAN.names)
    order = np.argsort(begin, kind="stable")
    ends = begin[order] + size[order]
    whole = int(sum(int(lengths.sum()) for lengths in lengths_by_shard))
    joined = np.array_equal(begin[order], np.concatenate([[0], ends[:-1]])[: len(order)])
    inside = bool((size > 0).all() and (at >= 0).all() and (at + size <= length + 1).all())
    numbered = bool(
        (np.diff(sequence) >= 0).all() and (len(sequence) == 0 or (sequence[0] >= 0 and sequence[-1] < owned[-1]))
    )
    return joined and inside and numbered and (int(ends[-1]) if len(ends) else 0) == whole


def _keep(path: Path, plan: pa.Table, details: dict[str, Any]) -> None:
    schema = PLAN.with_metadata({_DETAILS: json.dumps(details).encode()})
    try:
        with atomic_path(path) as temporary, BatchWriter(str(temporary), schema) as writer:
            writer.write({name: plan.column(name).combine_chunks() for name in PLAN.names})
    except PermissionError:
        return  # a folder of shards that only reads: the plan is made anew each time


@kernel
def _pack(lengths: Numbers, room: Scalar) -> tuple[Numbers, Numbers, Numbers, Numbers, Scalar]:
    """(sequence, at, begin, length) of every piece, and how many sequences; `room` tokens fit into one."""
    pieces = np.int64(0)
    for length in lengths:
        pieces += (length + room - 1) // room
    sequence, at = np.empty(pieces, np.int64), np.empty(pieces, np.int64)
    begin, size = np.empty(pieces, np.int64), np.empty(pieces, np.int64)
    index, start = np.int64(0), np.int64(0)
    for length in lengths:
        rest = length
        while rest > 0:
            taken = min(rest, room)
            begin[index], size[index] = start, taken
            start += taken
            rest -= taken
            index += 1
    order = np.argsort(-size, kind="mergesort")  # equal lengths in the order of the shard
    # Open sequences by the room they have left: lists linked through `following`, newest first.
    newest, following = np.full(room + 1, -1, np.int64), np.empty(pieces, np.int64)
    used = np.zeros(pieces, np.int64)
    count = np.int64(0)
    for piece in order:
        left = size[piece]
        while left <= room and newest[left] < 0:
            left += 1
        if left > room:
            target = count
            count += 1
        else:
            target = newest[left]
            newest[left] = following[target]
        sequence[piece], at[piece] = target, used[target]
        used[target] += size[piece]
        left = room - used[target]
        following[target] = newest[left]
        newest[left] = target
    return sequence, at, begin, size, count
