"""Records drawn from the ledger for people to read, by what failed them or any condition. Knows SQL; judges nothing."""

from __future__ import annotations

from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from curate.audit.explain import document_number
from curate.audit.find import row_at
from curate.audit.finished_run import AuditError, OpenedRun
from curate.audit.ledger import ask, connect
from curate.audit.rendering import Answer, Passage, Table
from curate.audit.shown import snippet
from curate.errors import nearest
from curate.records.pages import ID
from curate.text.chance import draw
from curate.verdicts.steps import judged_rules

MOST = 10_000
"""Records that a person may ask to read."""


def known_rules(run: OpenedRun) -> list[str]:
    """Every `step/rule` that a record of the run failed, in the order of steps."""
    rules = [rule for source in run.stats["sources"].values() for step in source["funnel"] for rule in step["rules"]]
    return list(dict.fromkeys(rules))


def condition(run: OpenedRun, failed: str | None, kept: bool | None, where: str | None) -> str:
    """The SQL condition on `records` of a sample. Raises AuditError for a rule that nothing failed, with the nearest."""
    conditions = []
    if failed is not None:
        known = known_rules(run)
        steps = {rule.split("/")[0] for rule in known}
        if failed in steps:
            listed = ", ".join(f"'{rule}'" for rule in known if rule.startswith(f"{failed}/"))
            conditions.append(f"list_has_any(failed, [{listed}])")
        elif failed in known:
            conditions.append(f"list_contains(failed, '{failed}')")
        else:
            raise AuditError(f"no record failed {failed!r}{nearest(failed, [*known, *steps])}")
    if kept is not None:
        conditions.append("kept" if kept else "not kept")
    if where:
        conditions.append(f"({where})")
    return " and ".join(conditions) or "true"


def sample(run: OpenedRun, sql: str, size: int, seed: int) -> Answer:
    """`size` records that meet a condition, with their text. The draw is a function of (seed, ids): ids are hashes, so
    those that follow a point chosen by the seed are a uniform sample. Raises AuditError with DuckDB's complaint.
    """
    if not 1 <= size <= MOST:
        raise AuditError(f"a sample is of 1 to {MOST:,} records, not {size:,}; `curate query` shows more")
    start = _start(seed)
    connection = connect(run.ledger)
    try:
        found = ask(
            connection,
            "select count(*) as total, arg_min(struct_pack(part := part, row := row), (id < $start, id), $size) as chosen "
            f"from records where {sql}",
            {"start": start, "size": size},
        )
        ((total, chosen),) = ((row["total"], row["chosen"]) for row in found.to_pylist())
    except duckdb.Error as error:
        raise AuditError(f"the condition {sql!r} failed: {str(error).splitlines()[0]}") from None
    rows = [row_at(run, place["part"], place["row"]) for place in chosen or ()]
    blocks: list[Table | Passage] = [Table(f"{len(rows):,} of {total:,} records", (), ())]
    data: list[dict[str, Any]] = []
    for found in rows:
        try:
            number = document_number(found)
            text = snippet(run, found.part.name, number) if number is not None else "(never became a document)"
        except AuditError as error:
            text = f"(no text: {error})"
        why = [
            f"{rule.name}: {rule.metric} is {rule.value:,.6g}, must be {rule.bounds}"
            if isinstance(rule.value, int | float)
            else rule.name
            for rule in judged_rules(run.verdict_steps(found.part.source), found.row)
            if rule.fails
        ]
        why = why or list(found.row["failed"] or ())
        title = f"{found.row['url'] or found.row['record_id'] or found.id.hex()}"
        blocks.append(Passage("\n".join([title, f"{found.id.hex()}  {found.row['source']}", *why]), text))
        data.append(
            {"id": found.id.hex(), "url": found.row["url"], "source": found.row["source"], "failed": why, "text": text}
        )
    return Answer(tuple(blocks), {"total": total, "records": data})


def _start(seed: int) -> bytes:
    """Where the sample of a seed begins among ids: 16 bytes."""
    words = draw(pa.array([bytes(16), bytes([1] * 16)], ID), seed, "sample")
    return np.asarray(words, "<u8").tobytes()
