"""Decides every document of a ledger again under changed settings, with the rules' own code.

Streams the ledger a row group at a time and reads only the columns that the changed steps look at, so memory follows
neither the run's size nor its width. Exact up to deduplication. Knows verdicts; knows no text.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curate.audit.finished_run import OpenedPart, OpenedRun
from curate.audit.removals import STEP as REMOVED
from curate.config.models import Pipeline
from curate.config.step_params import verdict_steps
from curate.quality.plan import rules_before_scores
from curate.quality.step import SCORE, Quality
from curate.quality.threshold import passing_scores, threshold_of_share
from curate.verdicts.steps import BEFORE_DOCUMENTS, VerdictStep

Mask = npt.NDArray[np.bool_]

_ALWAYS = ["id", "language", "failed", "dropped_at", "kept", "tokens", "chars", "cluster_size"]
_EDITED = "edits.list.element.chars"
_TEXT = frozenset({"language", "dropped_at"})


@dataclass(frozen=True)
class Steps:
    """A source's verdict steps before and after a change. `changed` names those that differ."""

    old: tuple[VerdictStep, ...]
    new: tuple[VerdictStep, ...]

    @property
    def changed(self) -> frozenset[str]:
        """Names of the steps that are not the same on both sides."""
        old = {step.name: step for step in self.old}
        new = {step.name: step for step in self.new}
        return frozenset(name for name in (*old, *new) if old.get(name) != new.get(name))

    def columns(self) -> list[str]:
        """The ledger's columns that the changed steps look at."""
        needed = (name for step in self.new if step.name in self.changed for name in step.columns())
        return list(dict.fromkeys(needed))


def changed_steps(run: OpenedRun, pipeline: Pipeline) -> dict[str, Steps]:
    """Per source the verdict steps that the run applied, and those of a changed pipeline."""
    found = {}
    for name in run.pipeline.sources:
        old = run.verdict_steps(name)
        removals = tuple(step for step in old if step.name == REMOVED)
        new = verdict_steps(pipeline, name, _least_score(run, pipeline, name))
        found[name] = Steps(old, (*removals, *new))
    return found


def _least_score(run: OpenedRun, pipeline: Pipeline, name: str) -> float | None:
    """The least quality score kept where the source keeps a share of what passes the other rules, over its whole ledger."""
    setting = pipeline.sources[name].setting(Quality)
    if setting is None or setting.keep_share is None:
        return None
    steps = rules_before_scores(pipeline, name)
    columns = list(dict.fromkeys([SCORE, *(each for step in steps for each in step.columns())]))

    def chunks() -> Iterator[npt.NDArray[np.float32]]:
        for part, path in zip(run.parts, run.ledger, strict=True):
            if part.source != name:
                continue
            file = pq.ParquetFile(path)
            for group in range(file.num_row_groups):
                table = file.read_row_group(group, columns=columns)
                table = table.filter(pc.is_valid(table.column(SCORE)))  # a document, whose every column has a value
                yield passing_scores({each: one_array(table, each) for each in columns}, steps)

    return threshold_of_share(chunks, setting.keep_share)


@dataclass(frozen=True)
class Redecided:
    """One row group under new rules: masks over its documents, and per changed rule who fails it now."""

    part: OpenedPart
    first: int
    """Number of the group's first document within the part."""
    documents: pa.Table
    passed: Mask
    passes: Mask
    fails: Mapping[str, Mask]


def redecide_part(part: OpenedPart, path: Path, variants: Sequence[Steps]) -> Iterator[list[Redecided]]:
    """Every row group of a part's ledger, read once and decided under each variant. Only documents: records dropped before
    they were one stay dropped."""
    file = pq.ParquetFile(path, read_dictionary=["failed.list.element", *_TEXT])
    columns = list(dict.fromkeys([*_ALWAYS, _EDITED, *(name for each in variants for name in each.columns())]))
    first = 0
    for group in range(file.num_row_groups):
        table = file.read_row_group(group, columns=columns).combine_chunks()
        documents = _is_document(table)
        if not pc.all(documents).as_py():
            table = table.filter(documents)
        yield [_decide(part, first, table, steps) for steps in variants]
        first += table.num_rows


def _is_document(table: pa.Table) -> pa.ChunkedArray:
    early = pc.is_in(table.column("dropped_at").cast(pa.string()), pa.array(BEFORE_DOCUMENTS))
    return pc.invert(pc.fill_null(early, False))


def _decide(part: OpenedPart, first: int, table: pa.Table, steps: Steps) -> Redecided:
    judged_before = {REMOVED, *(step.name for step in steps.old)}  # what was removed since stays removed
    failed_any, failed_unchanged = _failed_any(table, [judged_before, judged_before - steps.changed])
    passed, passes = ~failed_any, ~failed_unchanged
    columns = {name: _plain(one_array(table, name)) for name in steps.columns()}
    fails: dict[str, Mask] = {}
    for step in steps.new:
        if step.name in steps.changed:
            for rule, mask in step.fails(columns).items():
                fails[rule] = mask
                passes &= ~mask
    return Redecided(part, first, table, passed, passes, fails)


def one_array(table: pa.Table, name: str) -> pa.Array:
    """A column as one array."""
    column = table.column(name)
    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks or [pa.nulls(0, column.type)])


def _plain(column: pa.Array) -> pa.Array:
    """The column without a dictionary, as the rules know it."""
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def _failed_any(table: pa.Table, sets: Sequence[Collection[str]]) -> list[Mask]:
    """Which rows failed a rule of the steps of each set."""
    failed = one_array(table, "failed")
    entries = failed.flatten().dictionary_encode()
    steps = [str(rule).split("/")[0] for rule in entries.dictionary.to_pylist()]
    if not steps:
        return [np.zeros(table.num_rows, bool) for _ in sets]
    codes = entries.indices.to_numpy(zero_copy_only=False)
    rows = pc.list_parent_indices(failed).to_numpy(zero_copy_only=False)
    masks = []
    for wanted in sets:
        mask = np.zeros(table.num_rows, bool)
        mask[rows[np.array([step in wanted for step in steps])[codes]]] = True
        masks.append(mask)
    return masks
