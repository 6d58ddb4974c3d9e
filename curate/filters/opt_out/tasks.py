"""Gathering what was said of hosts and addresses, and marking a part's documents by it. Drops nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TypedDict

import pyarrow as pa
import pyarrow.compute as pc

from curate.engine.task import Inputs, Output
from curate.filters.opt_out.statements import (
    AsOf,
    Statements,
    as_table,
    sorted_table,
    statements_of_list,
    statements_of_robots,
)
from curate.records.batches import BatchWriter, read_batches
from curate.records.opt_outs import EVIDENCE, OPT_OUTS


class GatherParams(TypedDict):
    """The agents that are asked about; whether the file is of robots.txt records, or a list."""

    agents: Sequence[str]
    robots: bool


class GatheredCounts(TypedDict):
    """Statements found in a file, and what else was in it."""

    statements: int
    seen: dict[str, int]


class MarkParams(TypedDict):
    """The agents, and which statements hold for a document."""

    agents: Sequence[str]
    as_of: AsOf


class NoParams(TypedDict):
    """Nothing."""


class MarkedCounts(TypedDict):
    """Documents, those that are refused, and refusals by agent."""

    documents: int
    refused: int
    agents: dict[str, int]


def gather(params: GatherParams, inputs: Inputs, output: Output) -> GatheredCounts:
    """Input `file`. Writes `evidence` (EVIDENCE)."""
    file, counts = inputs.file("file"), Counter[str]()
    if params["robots"]:
        found = list(statements_of_robots(file.path, file.name, params["agents"], counts))
    else:
        found = list(statements_of_list(file.path, params["agents"], counts))
    _write(as_table(found), output.path("evidence"))
    return {"statements": len(found), "seen": dict(sorted(counts.items()))}


def gather_all(params: NoParams, inputs: Inputs, output: Output) -> GatheredCounts:
    """Inputs `evidence` of every file. Writes `evidence` (EVIDENCE), sorted, each statement once."""
    batches = [pa.Table.from_batches(list(read_batches(path)), EVIDENCE) for path in inputs.paths("evidence")]
    table = sorted_table(batches)
    _write(table, output.path("evidence"))
    return {"statements": len(table), "seen": {"subjects": len(pc.unique(table.column("key")))}}


def mark_part(params: MarkParams, inputs: Inputs, output: Output) -> MarkedCounts:
    """Inputs `documents` and `records`, aligned, and `evidence`, sorted. Writes `columns` (OPT_OUTS), a row per
    document."""
    table = pa.Table.from_batches(list(read_batches(inputs.path("evidence"))), EVIDENCE)
    asked = Statements(table, params["agents"], params["as_of"])
    agents: Counter[str] = Counter()
    refused = 0
    with BatchWriter(output.path("columns"), OPT_OUTS) as writer:
        for batch, records in zip(
            read_batches(inputs.path("documents")), read_batches(inputs.path("records")), strict=True
        ):
            going = records.filter(pc.is_null(records.column("dropped_at")))
            dates = going.column("date").cast(pa.int64()).to_pylist()
            found = [asked.ask(url, date) for url, date in zip(batch.column("url").to_pylist(), dates, strict=True)]
            writer.write(
                {
                    "opt_out.refused": pa.array([bool(each.agents) for each in found], pa.bool_()),
                    "opt_out.agents": pa.array([", ".join(each.agents) or None for each in found], pa.string()),
                    "opt_out.date": pa.array([each.date for each in found], pa.string()),
                }
            )
            refused += sum(bool(each.agents) for each in found)
            agents.update(agent for each in found for agent in each.agents)
        return {"documents": writer.rows, "refused": refused, "agents": dict(sorted(agents.items()))}


def _write(table: pa.Table, path: str) -> None:
    with BatchWriter(path, EVIDENCE) as writer:
        for batch in table.to_batches():
            writer.write({name: batch.column(name) for name in EVIDENCE.names})
