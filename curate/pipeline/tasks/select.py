"""Choosing records by an index: the rows of one of its files that a condition is true for. Reads no record."""

from __future__ import annotations

from collections import Counter
from typing import Final, TypedDict

import numpy as np
import pyarrow as pa

from curate.engine.task import Inputs, Output
from curate.ingest.crawl_index import PLACES, matching
from curate.ingest.identity import record_id
from curate.records.batches import BatchWriter
from curate.records.counts import SelectCounts
from curate.records.pages import ID
from curate.storage import SourceFile
from curate.text.chance import draw

TAKE: Final = "take"
"""The purpose of the draws that choose records."""
_SORTED: Final = 1 << 20
"""Places that are held and put in order at once, some 200 MB: those of one file then lie together."""


class SelectParams(TypedDict):
    """The source, the condition, the seed, and how many records are wanted at most, if not all."""

    source: str
    where: str | None
    seed: int
    least: int | None


def select_records(params: SelectParams, inputs: Inputs, output: Output) -> SelectCounts:
    """Input `file`: a file of an index. Writes `places` (PLACES), of which `least` hold the smallest draws."""
    given = inputs.file("file")
    file = SourceFile(given.path, given.name, given.bytes, given.digest)
    counts, least = Counter[str](), params["least"]
    held = PLACES.empty_table()
    with BatchWriter(output.path("places"), PLACES) as writer:
        for found in matching(file, params["where"], counts):
            held = pa.concat_tables([held, _drawn(found, params)])
            if least is not None and len(held) >= max(2 * least, _SORTED):
                held = _smallest(held, least)
            elif least is None and len(held) >= _SORTED:
                _write(writer, held, counts)
                held = PLACES.empty_table()
        _write(writer, held if least is None else _smallest(held, least), counts)
    told: SelectCounts = {
        "documents": counts["places"],
        "rows": counts["rows"],
        "refused": counts["refused"],
        "bytes": counts["bytes"],
    }
    return told


def _drawn(places: pa.Table, params: SelectParams) -> pa.Table:
    """Places with their draws: those that the records' ids will have."""
    if params["least"] is None:
        draws = pa.array(np.zeros(len(places), np.uint64))
    else:
        named = zip(places["file"].to_pylist(), places["offset"].to_pylist(), strict=True)
        ids = pa.array([record_id(params["source"], name, offset) for name, offset in named], ID)
        draws = pa.array(draw(ids, params["seed"], TAKE), pa.uint64())
    return places.append_column("draw", draws).cast(PLACES)


def _smallest(places: pa.Table, least: int) -> pa.Table:
    if len(places) <= least:
        return places
    highest = np.partition(places["draw"].to_numpy(), least - 1)[least - 1]
    return places.filter(pa.array(places["draw"].to_numpy() <= highest))


def _write(writer: BatchWriter, places: pa.Table, counts: Counter[str]) -> None:
    """Write places in the order of their files, each once."""
    places = places.sort_by([("file", "ascending"), ("offset", "ascending"), ("length", "descending")])
    files, offsets = places["file"].combine_chunks(), places["offset"].to_numpy()
    if len(places) > 1:
        again = np.zeros(len(places), bool)
        again[1:] = (offsets[1:] == offsets[:-1]) & np.asarray(pa.compute.equal(files[1:], files[:-1]))
        places = places.filter(pa.array(~again))
    for batch in places.combine_chunks().to_batches():
        writer.write({name: batch.column(name) for name in PLACES.names})
    counts["places"] += len(places)
    counts["bytes"] += int(places["length"].to_numpy().sum())
