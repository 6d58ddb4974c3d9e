"""Writing what deduplication decided beside a part: verdicts, ledger columns, groups. Knows decisions; makes none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TypedDict

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.dedup.records import DECISIONS, PART_BITS, STEP, part_span
from curate.dedup.survivors import KINDS
from curate.engine.task import Inputs, Output
from curate.records.batches import BatchWriter, read_batches
from curate.records.counts import DecisionCounts
from curate.records.pages import ID
from curate.records.sorted_files import read_range
from curate.records.verdicts import VERDICTS
from curate.verdicts.decide import add_failures

OUTCOME = pa.schema(
    [("duplicate_of", ID), ("duplicate_kind", pa.string()), ("jaccard", pa.float32()), ("cluster_size", pa.int32())]
)
"""The ledger's columns of this step; null where an earlier step dropped the document."""
GROUPS = pa.schema([("group", ID)])
"""Documents with the same group share the train/validation split: all of a component."""


class ApplyParams(TypedDict):
    """The part's number among those deduplicated."""

    part: int


def apply_decisions(params: ApplyParams, inputs: Inputs, output: Output) -> DecisionCounts:
    """Inputs: `verdicts`, the part's `signatures`, `decisions` regrouped by part.

    Writes `verdicts`, `columns` (OUTCOME) and `groups` (GROUPS), aligned.
    """
    ids = _ids(inputs.path("signatures"))
    outcome = _outcome_of_kept(ids, inputs.paths("decisions"), params["part"])
    failed: Counter[str] = Counter()
    position = 0
    with (
        BatchWriter(output.path("verdicts"), VERDICTS) as verdicts,
        BatchWriter(output.path("columns"), OUTCOME) as columns,
        BatchWriter(output.path("groups"), GROUPS) as groups,
    ):
        for verdict in read_batches(inputs.path("verdicts")):
            alive = np.asarray(verdict.column("kept"))
            rows = pa.array(position + np.cumsum(alive) - 1, mask=~alive)
            position += int(alive.sum())
            mine = outcome.take(rows).combine_chunks()
            kinds = {kind: pc.equal(mine["duplicate_kind"], kind) for kind in KINDS.values()}
            failures = {f"{STEP}/{kind}": np.asarray(pc.fill_null(mask, False)) for kind, mask in kinds.items()}
            verdicts.write(add_failures(verdict, failures))
            columns.write({name: mine[name].combine_chunks() for name in OUTCOME.names})
            groups.write({"group": mine["group"].combine_chunks()})
            failed.update({rule: int(mask.sum()) for rule, mask in failures.items()})
    removed = failed.total()
    counted = {rule: count for rule, count in sorted(failed.items()) if count}
    return {
        "documents": position,
        "kept": position - removed,
        "dropped": {STEP: removed} if removed else {},
        "failed": counted,
        "alone": counted,
    }


def _ids(path: str) -> pa.Array:
    return pa.concat_arrays([pa.array([], ID), *(batch.column("id") for batch in read_batches(path))])


def _outcome_of_kept(ids: pa.Array, decisions: Sequence[str], part: int) -> pa.Table:
    """Per signed document the columns of OUTCOME and its group: a document that is in no decision is a cluster of one."""
    pieces = [pa.Table.from_batches([], DECISIONS)]
    for batch in read_range(decisions, "number", *part_span(part)):
        pieces.append(pa.Table.from_batches([batch]))
    table = pa.concat_tables(pieces).combine_chunks()
    rows = (table["number"].to_numpy() - np.uint64(part << PART_BITS)).astype(np.int64)
    place: NDArray[np.int64] = np.full(len(ids), -1, np.int64)
    place[rows] = np.arange(len(rows))
    found = table.take(pa.array(place, mask=place < 0))
    return pa.table(
        {name: found[name] for name in OUTCOME.names}
        | {
            "cluster_size": pc.fill_null(found["cluster_size"], 1),
            "group": pc.coalesce(found["group"], pa.chunked_array([ids])),
        }
    )
