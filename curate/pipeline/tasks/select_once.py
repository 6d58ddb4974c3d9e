"""Records that several files of an index name: found by their ids, and left out of all files but the first.

Ids are cut into two whole numbers; sorted by the first of them, equal ones of all files meet in one task. Reads no record.
"""

from __future__ import annotations

import itertools
from typing import Final, TypedDict

import numpy as np
import pyarrow as pa

from curate.engine.task import Inputs, Output
from curate.ingest.crawl_index import PLACES
from curate.ingest.identity import record_id
from curate.records.batches import BatchWriter, read_batches
from curate.records.counts import DocumentCounts, SelectCounts
from curate.records.sorted_files import read_range, write_sorted

KEYS: Final = pa.schema([("key", pa.uint64()), ("rest", pa.uint64()), ("number", pa.int32()), ("row", pa.int64())])
"""Of a chosen place: the two halves of its record's id, the number of its file of the index, its row among those chosen."""
AGAIN: Final = pa.schema([("number", pa.int64()), ("row", pa.int64())])
"""A place that a file before names too."""


class KeysParams(TypedDict):
    """The source, the number of the file among those of the index, and which of its places."""

    source: str
    number: int
    first: int
    last: int


class AgainParams(TypedDict):
    """Which keys are compared, from the lowest up to, and without, the highest."""

    low: int
    high: int


class OnceParams(TypedDict):
    """The number of the file among those of the index."""

    number: int


def even_spans(count: int) -> list[tuple[int, int]]:
    """So many ranges of equal size that hold every key.

    >>> even_spans(2) == [(0, 1 << 63), (1 << 63, 1 << 64)]
    True
    """
    borders = [(number << 64) // count for number in range(count + 1)]
    return list(itertools.pairwise(borders))


def key_places(params: KeysParams, inputs: Inputs, output: Output) -> DocumentCounts:
    """Input `places` (PLACES) of a file of an index. Writes `keys` (KEYS) of those asked for, sorted by key."""
    found: list[pa.RecordBatch] = []
    before = 0
    for batch in read_batches(inputs.path("places")):
        first = max(params["first"] - before, 0)
        taken = batch.slice(first, max(0, params["last"] - max(params["first"], before)))
        named = zip(taken.column("file").to_pylist(), taken.column("offset").to_pylist(), strict=True)
        ids = b"".join(record_id(params["source"], name, offset) for name, offset in named)
        halves = np.frombuffer(ids, "<u8").reshape(-1, 2)
        rows = np.arange(before + first, before + first + len(taken), dtype=np.int64)
        numbers = np.full(len(taken), params["number"], np.int32)
        found.append(pa.record_batch([*map(pa.array, (halves[:, 0], halves[:, 1], numbers, rows))], schema=KEYS))
        before += batch.num_rows
    table = pa.Table.from_batches(found, KEYS)
    write_sorted(output.path("keys"), table, "key")
    return {"documents": table.num_rows}


def find_again(params: AgainParams, inputs: Inputs, output: Output) -> DocumentCounts:
    """Input `keys` (KEYS), sorted files. Writes `again` (AGAIN): places of records that a file before names, by number."""
    batches = read_range(inputs.paths("keys"), "key", params["low"], params["high"])
    table = pa.Table.from_batches(batches, KEYS)
    key, rest, number, row = (table.column(name).to_numpy() for name in KEYS.names)
    order = np.lexsort((row, number, rest, key))
    again = np.zeros(len(order), bool)
    again[1:] = (key[order][1:] == key[order][:-1]) & (rest[order][1:] == rest[order][:-1])
    found = np.sort(order[again])
    told = pa.table({"number": number[found].astype(np.int64), "row": row[found]}, AGAIN)
    write_sorted(output.path("again"), told, "number")
    return {"documents": told.num_rows}


def leave_out(params: OnceParams, inputs: Inputs, output: Output) -> SelectCounts:
    """Inputs: `places` (PLACES) of a file of an index, `again` (AGAIN). Writes `places` without what a file before names."""
    number = params["number"]
    told = [batch.column("row").to_numpy() for batch in read_range(inputs.paths("again"), "number", number, number + 1)]
    gone = np.sort(np.concatenate([np.empty(0, np.int64), *told]))
    documents = stored = before = 0
    with BatchWriter(output.path("places"), PLACES) as writer:
        for batch in read_batches(inputs.path("places")):
            left = ~np.isin(np.arange(before, before + batch.num_rows), gone)
            before += batch.num_rows
            kept = batch.filter(pa.array(left))
            if len(kept):
                writer.write({name: kept.column(name) for name in PLACES.names})
            documents += len(kept)
            stored += int(kept.column("length").to_numpy().sum())
    return {"documents": documents, "rows": before, "refused": 0, "bytes": stored}
