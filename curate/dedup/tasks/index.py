"""The index's files: the survivors of a part with their signatures, and fetching those of earlier runs."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from curate.batches import BatchWriter, read_batches
from curate.dedup.records import index_schema
from curate.engine.task import Counts, File, Output
from curate.storage import open_binary


def index_part(params: Mapping[str, Any], inputs: Sequence[File], output: Output) -> Counts:
    """Inputs: the part's `signatures`, and its `verdicts` and `groups` after deduplication. Writes `index` (index_schema).

    Only what was kept: what was removed is like it, and a document is measured against what stayed.
    """
    files = {file.name: file.path for file in inputs}
    kept, groups = [pa.array([], pa.bool_())], [pa.array([], pa.binary(16))]
    for verdict, group in zip(read_batches(files["verdicts"]), read_batches(files["groups"]), strict=True):
        signed = pc.is_valid(group.column("group"))
        kept.append(verdict.column("kept").filter(signed))
        groups.append(group.column("group").filter(signed))
    stays, group_of = pa.concat_arrays(kept), pa.concat_arrays(groups)
    start = 0
    with BatchWriter(output.path("index"), index_schema(params["permutations"]), compressed=False) as writer:
        for batch in read_batches(files["signatures"]):
            rows = stays.slice(start, len(batch))
            chosen = batch.filter(rows)
            columns = {name: chosen.column(name) for name in chosen.schema.names}
            writer.write(columns | {"group": group_of.slice(start, len(batch)).filter(rows)})
            start += len(batch)
    return {"documents": writer.rows}


def fetch_file(params: Mapping[str, Any], inputs: Sequence[File], output: Output) -> Counts:
    """Input: a file anywhere. Writes `fetched`, its bytes."""
    (file,) = inputs
    with open_binary(file.path) as source, open(output.path("fetched"), "wb") as target:
        shutil.copyfileobj(source, target)
    return {}
