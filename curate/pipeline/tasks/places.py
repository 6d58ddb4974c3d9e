"""Where the rows of several shards came from, with the shards' numbers, for the ledger. Knows numbers; knows no document."""

from __future__ import annotations

from typing import TypedDict

import numpy as np
import pyarrow as pa

from curate.engine.task import Inputs, Output
from curate.records.batches import read_batches
from curate.records.counts import DocumentCounts
from curate.records.shards import NUMBERED_PLACES
from curate.records.sorted_files import write_sorted


class PlacesParams(TypedDict):
    """The number of the first shard; the others follow."""

    first: int


def number_places(params: PlacesParams, inputs: Inputs, output: Output) -> DocumentCounts:
    """Inputs: `places` (PLACES) of some shards in their order. Writes `places` (NUMBERED_PLACES), sorted by part."""
    pieces = []
    for shard, path in enumerate(inputs.paths("places"), params["first"]):
        for batch in read_batches(path):
            numbers = pa.array(np.full(len(batch), shard, np.int32))
            pieces.append(pa.record_batch([*batch.columns, numbers], schema=NUMBERED_PLACES))
    table = pa.Table.from_batches(pieces, NUMBERED_PLACES)
    write_sorted(output.path("places"), table, "part")
    return {"documents": table.num_rows}
