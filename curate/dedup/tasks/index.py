"""The index's files: the survivors of a part with their signatures, and fetching those of earlier runs."""

from __future__ import annotations

import shutil
from typing import TypedDict

import pyarrow as pa
import pyarrow.compute as pc

from curate.dedup.records import index_schema
from curate.engine.task import Inputs, Output
from curate.records.batches import BatchWriter, read_batches
from curate.records.counts import DocumentCounts
from curate.storage import open_binary


class IndexParams(TypedDict):
    """The width of signatures."""

    permutations: int


class Nothing(TypedDict):
    """No params, or no counts."""


def index_part(params: IndexParams, inputs: Inputs, output: Output) -> DocumentCounts:
    """Inputs: the part's `signatures`, and its `verdicts` and `groups` after deduplication. Writes `index` (index_schema).

    Only what was kept: what was removed is like it, and a document is measured against what stayed.
    """
    kept, groups = [pa.array([], pa.bool_())], [pa.array([], pa.binary(16))]
    for verdict, group in zip(read_batches(inputs.path("verdicts")), read_batches(inputs.path("groups")), strict=True):
        signed = pc.is_valid(group.column("group"))
        kept.append(verdict.column("kept").filter(signed))
        groups.append(group.column("group").filter(signed))
    stays, group_of = pa.concat_arrays(kept), pa.concat_arrays(groups)
    start = 0
    with BatchWriter(output.path("index"), index_schema(params["permutations"]), compressed=False) as writer:
        for batch in read_batches(inputs.path("signatures")):
            rows = stays.slice(start, len(batch))
            chosen = batch.filter(rows)
            columns = {name: chosen.column(name) for name in chosen.schema.names}
            writer.write(columns | {"group": group_of.slice(start, len(batch)).filter(rows)})
            start += len(batch)
    return {"documents": writer.rows}


def fetch_file(params: Nothing, inputs: Inputs, output: Output) -> Nothing:
    """Input `file`, which lies anywhere. Writes `fetched`, its bytes."""
    with open_binary(inputs.path("file")) as source, open(output.path("fetched"), "wb") as target:
        shutil.copyfileobj(source, target)
    return {}
