"""Counts of a ledger part for reports, and the merging of parts' counts: so a report reads so many numbers, not rows.

Knows ledger files; what is counted is the audit's business.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

import pyarrow as pa
import pyarrow.parquet as pq

from curate.audit.aggregates import Unit, aggregate, merge, needed_columns
from curate.audit.failing import Aggregate
from curate.audit.sampled import merge_samples
from curate.engine.task import Inputs, Output
from curate.records.counts import DocumentCounts
from curate.verdicts.steps import steps_from_json


class AggregateParams(TypedDict):
    """A part's source, the verdict steps that it was judged by, as JSON, and what kept documents are counted in."""

    source: str
    steps: Sequence[Mapping[str, Any]]
    unit: Unit


class NoParams(TypedDict):
    """Nothing."""


def aggregate_part(params: AggregateParams, inputs: Inputs, output: Output) -> DocumentCounts:
    """Input `ledger`, whose file is called as the part is. Writes `aggregate` and `sample`."""
    file = inputs.file("ledger")
    ledger = pq.ParquetFile(file.path)
    steps = steps_from_json(params["steps"])
    columns = needed_columns(steps)
    counts: list[Aggregate] = []
    samples: list[pa.Table] = []
    documents = 0
    for group in range(max(ledger.num_row_groups, 1)):
        table = ledger.read_row_group(group, columns) if ledger.num_row_groups else ledger.read(columns)
        found, sample = aggregate(table, steps, documents, params["unit"])
        documents += found["documents"]
        for sides in found["nearest"].values():
            for nearest in sides.values():
                for each in nearest:
                    each.append(file.name)
        counts.append(found)
        samples.append(sample.append_column("part", pa.repeat(pa.scalar(file.name), sample.num_rows)))
    return _write({params["source"]: merge(counts)}, samples, output)


def merge_parts(params: NoParams, inputs: Inputs, output: Output) -> DocumentCounts:
    """Inputs `aggregate` and `sample` of several parts or mergers. Writes the same of all."""
    counts = []
    for path in inputs.paths("aggregate"):
        with open(path, encoding="utf-8") as opened:
            counts.append(json.load(opened))
    return _write(merge(counts), [_read(path) for path in inputs.paths("sample")], output)


def _read(path: str) -> pa.Table:
    with pa.memory_map(path) as file:
        return pa.ipc.open_file(file).read_all()


def _write(counts: Aggregate, samples: Sequence[pa.Table], output: Output) -> DocumentCounts:
    with open(output.path("aggregate"), "w", encoding="utf-8") as file:
        json.dump(counts, file, sort_keys=True, allow_nan=False)
    sample = merge_samples(samples)
    with pa.ipc.new_file(
        output.path("sample"), sample.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")
    ) as writer:
        writer.write_table(sample)
    return {"documents": sum(each["documents"] for each in counts.values())}
