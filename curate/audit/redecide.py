"""Decides every document of a ledger again under changed settings, with the rules' own code.

Streams the ledger a row group at a time and reads only the columns that the changed steps look at, so memory follows
neither the run's size nor its width. Exact up to deduplication. Knows verdicts; knows no text.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curate.audit.finished_run import OpenedPart, OpenedRun
from curate.audit.removals import STEP as REMOVED
from curate.config.models import Pipeline
from curate.config.step_params import text_choice, verdict_steps
from curate.quality.plan import rules_before_scores
from curate.quality.step import Quality
from curate.quality.threshold import passing_scores, threshold_of_share
from curate.records.quality import SCORE
from curate.verdicts.choice import CHARS, ENGINE, TextChoice
from curate.verdicts.steps import BEFORE_DOCUMENTS, VerdictStep

Mask = npt.NDArray[np.bool_]

_ALWAYS = ["id", "language", "failed", "dropped_at", "kept", "tokens", "chars", "cluster_size"]
_EDITED = "edits.list.element.chars"
_TOPIC = "topic"
"""A column of ledgers whose run has the step, and of no older one."""
_TEXT = frozenset({"language", "dropped_at", _TOPIC})


@dataclass(frozen=True)
class Steps:
    """A source's verdict steps before and after a change, and what chooses between the texts of several engines after it,
    where that may choose otherwise. `changed` names the steps that differ."""

    old: tuple[VerdictStep, ...]
    new: tuple[VerdictStep, ...]
    choice: TextChoice | None = None
    chosen_by: tuple[str, str] | None = None
    """The setting `choose` before and after, where it differs."""

    @property
    def changed(self) -> frozenset[str]:
        """Names of the steps that are not the same on both sides."""
        old = {step.name: step for step in self.old}
        new = {step.name: step for step in self.new}
        return frozenset(name for name in (*old, *new) if old.get(name) != new.get(name))

    @property
    def judged(self) -> tuple[VerdictStep, ...]:
        """The steps that judge every engine's text again, because another may be chosen."""
        return self.choice.judging(self.new) if self.choice else ()

    @property
    def redone(self) -> frozenset[str]:
        """Names of the steps whose rules are asked again."""
        return self.changed | {step.name for step in self.judged}

    def columns(self) -> list[str]:
        """The ledger's columns that the steps look at which are asked again."""
        alone = self.redone - {step.name for step in self.judged}
        needed = (name for step in self.new if step.name in alone for name in step.columns())
        texts = (ENGINE, *self.choice.needed(self.new)) if self.choice else ()
        return list(dict.fromkeys([*needed, *texts]))


def changed_steps(run: OpenedRun, pipeline: Pipeline) -> dict[str, Steps]:
    """Per source the verdict steps that the run applied, and those of a changed pipeline."""
    found = {}
    for name in run.pipeline.sources:
        old = run.verdict_steps(name)
        removals = tuple(step for step in old if step.name == REMOVED)
        new = verdict_steps(pipeline, name, _least_score(run, pipeline, name))
        steps = Steps(old, (*removals, *new))
        before, after = text_choice(run.pipeline, name), text_choice(pipeline, name)
        if before is not None and after is not None:
            moved = (before.by, after.by) if before.by != after.by else None
            if moved or steps.changed & {step.name for step in after.judging(steps.new)}:
                steps = replace(steps, choice=after, chosen_by=moved)
        found[name] = steps
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
    engines: tuple[pa.Array, pa.Array] | None = None
    """The engines whose texts are chosen, before and after, where another may be."""


def redecide_part(part: OpenedPart, path: Path, variants: Sequence[Steps]) -> Iterator[list[Redecided]]:
    """Every row group of a part's ledger, read once and decided under each variant. Only documents: records dropped before
    they were one stay dropped."""
    file = pq.ParquetFile(path, read_dictionary=["failed.list.element", *sorted(_TEXT)])
    there = [_TOPIC] if _TOPIC in file.schema_arrow.names else []
    columns = list(dict.fromkeys([*_ALWAYS, *there, _EDITED, *(name for each in variants for name in each.columns())]))
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
    failed_any, failed_unchanged = _failed_any(table, [judged_before, judged_before - steps.redone])
    passed = ~failed_any
    columns = {name: _plain(one_array(table, name)) for name in steps.columns()}
    fails: dict[str, Mask] = {}
    engines = None
    if steps.choice is not None:
        fails, after = _choose_again(steps.choice, steps.new, columns)
        engines = (columns[ENGINE], after)
    judged = {step.name for step in steps.judged}
    for step in steps.new:
        if step.name in steps.changed and step.name not in judged:
            fails |= step.fails(columns)
    passes = ~failed_unchanged
    for mask in fails.values():
        passes &= ~mask
    return Redecided(part, first, table, passed, passes, fails, engines)


def _choose_again(
    choice: TextChoice, steps: Sequence[VerdictStep], columns: Mapping[str, pa.Array]
) -> tuple[dict[str, Mask], pa.Array]:
    """(which documents' chosen texts fail each rule, the engines of those texts), chosen from all engines' columns."""
    texts = [choice.of_engine(engine, columns) for engine in choice.engines]
    there = np.stack([np.asarray(pc.fill_null(each[CHARS], 0)) > 0 for each in texts])
    failures = choice.failures(steps, texts)
    chosen, _ = choice.choose(texts, there, failures)
    rows = np.arange(len(chosen))
    fails = {rule: np.stack([each[rule] for each in failures])[chosen, rows] for rule in failures[0]}
    return fails, pa.array(choice.engines, pa.string()).take(pa.array(chosen))


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
