"""Gathering what was said of hosts and addresses, and marking a part's documents by it. Drops nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TypedDict

import pyarrow as pa
import pyarrow.compute as pc

from curate.engine.task import Inputs, Output
from curate.filters.opt_out.lists import statements_of_list
from curate.filters.opt_out.statements import AsOf, Statements, sort_statements, statements_of_robots
from curate.records.batches import BatchWriter, read_batches
from curate.records.opt_outs import OPT_OUTS, RULES, SORTED, STATEMENTS


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
    """Input `file`. Writes `statements` (STATEMENTS)."""
    file, counts = inputs.file("file"), Counter[str]()
    if params["robots"]:
        found = statements_of_robots(file.path, file.name, params["agents"], counts)
    else:
        found = statements_of_list(file.path, params["agents"], counts)
    with BatchWriter(output.path("statements"), STATEMENTS) as writer:
        for batch in found:
            writer.write(dict(zip(batch.schema.names, batch.columns, strict=True)))
        return {"statements": writer.rows, "seen": dict(sorted(counts.items()))}


def gather_all(params: NoParams, inputs: Inputs, output: Output) -> GatheredCounts:
    """Inputs `statements` of every file. Writes `sorted` (SORTED) and `rules` (RULES), a batch each and not compressed, so
    that workers map them."""
    told = sort_statements(batch for path in inputs.paths("statements") for batch in read_batches(path))
    for name, schema, batch in zip(("sorted", "rules"), (SORTED, RULES), told, strict=True):
        with BatchWriter(output.path(name), schema, compressed=False) as writer:
            writer.write(dict(zip(batch.schema.names, batch.columns, strict=True)))
    codes = told[0].column("code")
    return {"statements": len(codes), "seen": {"subjects": len(pc.unique(codes))}}


def mark_part(params: MarkParams, inputs: Inputs, output: Output) -> MarkedCounts:
    """Inputs `documents` and `records`, aligned, and `sorted` and `rules` of all statements. Writes `columns` (OPT_OUTS), a
    row per document."""
    told, rules = (next(read_batches(inputs.path(name))) for name in ("sorted", "rules"))
    asked = Statements(told, rules, params["agents"], params["as_of"])
    agents: Counter[str] = Counter()
    refused = 0
    with BatchWriter(output.path("columns"), OPT_OUTS) as writer:
        for batch, records in zip(
            read_batches(inputs.path("documents")), read_batches(inputs.path("records")), strict=True
        ):
            going = records.filter(pc.is_null(records.column("dropped_at")))
            found = asked.ask_all(batch.column("url"), going.column("date").cast(pa.int64()).to_pylist())
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
