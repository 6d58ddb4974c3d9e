"""Limits of a source's quality buckets, and the bucket of each document. Decides nothing. Knows scores; knows no text."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

import pyarrow as pa
import pyarrow.compute as pc

from curate.engine.task import Inputs, Output
from curate.quality.buckets import ALL, Names, Scores, buckets, limits
from curate.quality.threshold import passing
from curate.records.batches import BatchWriter, read_batches
from curate.records.counts import DocumentCounts
from curate.records.quality import BUCKET, QUALITY_BUCKET
from curate.verdicts.steps import steps_from_json

WHOLE_SOURCE = "source"
"""What buckets are within where a source is one group."""
_NONE = "none"  # the group of documents without a value


class LimitsParams(TypedDict):
    """The column whose values are the groups; rules that documents must pass to count (JSON); files of columns a part."""

    within: str
    steps: Sequence[Mapping[str, Any]]
    files: int


class BucketParams(TypedDict):
    """The column whose values are the groups."""

    within: str


def find_limits(params: LimitsParams, inputs: Inputs, output: Output) -> DocumentCounts:
    """Inputs `columns`, the files of every part of a source, part by part. Writes `limits`, JSON by group; counts these."""
    steps = steps_from_json(params["steps"])
    paths = inputs.paths("columns")
    parts = [paths[first : first + params["files"]] for first in range(0, len(paths), params["files"])]

    def chunks() -> Iterator[tuple[Scores, Names]]:
        for files in parts:
            for batches in zip(*map(read_batches, files), strict=True):
                columns = {name: batch.column(name) for batch in batches for name in batch.schema.names}
                chosen = pa.array(passing(columns, steps))
                scores = columns["quality_score"].filter(chosen).to_numpy(zero_copy_only=False)
                yield scores, groups_of(columns, params["within"]).filter(chosen)

    found = limits(chunks)
    Path(output.path("limits")).write_text(json.dumps(found, sort_keys=True))
    return {"documents": len(found)}


def bucket_part(params: BucketParams, inputs: Inputs, output: Output) -> DocumentCounts:
    """Inputs `columns` of a part and `limits` of its source. Writes `bucket` (QUALITY_BUCKET), aligned."""
    of = json.loads(Path(inputs.path("limits")).read_bytes())
    with BatchWriter(output.path("bucket"), QUALITY_BUCKET) as writer:
        for batches in zip(*map(read_batches, inputs.paths("columns")), strict=True):
            columns = {name: batch.column(name) for batch in batches for name in batch.schema.names}
            writer.write({BUCKET: buckets(columns["quality_score"], groups_of(columns, params["within"]), of)})
    return {"documents": writer.rows}


def groups_of(columns: Mapping[str, pa.Array], within: str) -> Names:
    """The group of each row: its value as text, or ALL where the source is one group."""
    if within == WHOLE_SOURCE:
        return pa.repeat(ALL, len(columns["quality_score"])).cast(pa.string())
    return pc.fill_null(columns[within].cast(pa.string()), _NONE)
