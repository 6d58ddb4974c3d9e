"""The stages of auditing: marking what lists of removals name, and counting the ledger for reports, part by part and then
merged group by group until one remains. Executes nothing itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from curate.audit.aggregates import Unit
from curate.audit.finished_run import OpenedRun
from curate.audit.removals import LIST
from curate.audit.tasks.aggregate import AggregateParams, NoParams, aggregate_part, merge_parts
from curate.audit.tasks.remove import MarkParams, mark_part
from curate.config.models import Pipeline
from curate.engine.bucket_results import done_here
from curate.engine.runner import Runner
from curate.engine.task import Committed, File, Task
from curate.flow import Flow, Part
from curate.records.counts import DocumentCounts
from curate.storage import digest_file

_MERGED_AT_ONCE = 64
"""Parts whose counts one task merges: its memory is bounded, and the driver reads one file whatever the run's size."""


def aggregate(flow: Flow, runner: Runner, unit: Unit = "tokens") -> Committed[DocumentCounts] | None:
    """The counts of the whole run (files `aggregate` and `sample`), or None for a run without parts."""
    results = runner.stage(
        [
            _count(part.source, applied_steps(part), result.file("ledger", part.name), unit)
            for part, result in zip(flow.parts, flow.ledger, strict=True)
        ]
    )
    while len(results) > 1:
        groups = [results[i : i + _MERGED_AT_ONCE] for i in range(0, len(results), _MERGED_AT_ONCE)]
        results = runner.stage([_merge(group) for group in groups])
    return results[0] if results else None


def aggregate_ledger(
    run: OpenedRun, ledger: Sequence[Path], digests: Sequence[str]
) -> Committed[DocumentCounts] | None:
    """The counts of a finished run over other versions of its ledger's files: what was counted before is not again."""
    work = run.folder.resolve() / ".work"
    unit = unit_of(run.pipeline)
    tasks = [
        _count(
            part.source,
            run.record["verdict_steps"].get(part.source, []),
            File(part.name, str(path), digest, path.stat().st_size),
            unit,
        )
        for part, path, digest in zip(run.parts, ledger, digests, strict=True)
    ]
    results = done_here(work, tasks)
    while len(results) > 1:
        groups = [results[i : i + _MERGED_AT_ONCE] for i in range(0, len(results), _MERGED_AT_ONCE)]
        results = done_here(work, [_merge(group) for group in groups])
    return results[0] if results else None


def _count(source: str, steps: Sequence[Any], ledger: File, unit: Unit) -> Task[AggregateParams, DocumentCounts]:
    params = AggregateParams(source=source, steps=list(steps), unit=unit)
    return Task("aggregate", aggregate_part, params, {"ledger": ledger}, ledger.name)


def unit_of(pipeline: Pipeline) -> Unit:
    """The ledger column that kept documents are counted in."""
    return "chars" if pipeline.tokens is None else "tokens"


def applied_steps(part: Part) -> list[dict[str, Any]]:
    """The verdict steps that the part was judged by."""
    steps: list[dict[str, Any]] = part.decided[0].task.params["steps"] if part.decided else []
    return steps


def mark_removed(pipeline: Pipeline, flow: Flow, folder: Path, runner: Runner) -> Flow:
    """Documents on the lists that the pipeline names or the run directory holds, marked for the verdicts."""
    lists = [Path(path) for path in pipeline.removals] + [folder.resolve() / LIST]
    files = tuple(
        File(f"list-{i}", str(path), digest_file(path), path.stat().st_size)
        for i, path in enumerate(lists)
        if path.exists() or str(path) in pipeline.removals
    )
    if not files:
        return flow
    tasks = [
        Task(
            "remove",
            mark_part,
            MarkParams(),
            {"documents": part.extracted, "records": part.read.file("records"), "lists": files},
            part.name,
        )
        for part in flow.parts
    ]
    results = runner.stage(tasks)
    parts = [
        part.after(result, columns=(*part.columns, result.file("removed")))
        for part, result in zip(flow.parts, results, strict=True)
    ]
    return replace(flow, parts=tuple(parts), removals=True)


def _merge(group: list[Committed[DocumentCounts]]) -> Task[NoParams, DocumentCounts]:
    inputs = {name: [result.file(name) for result in group] for name in ("aggregate", "sample")}
    return Task("aggregate-merge", merge_parts, NoParams(), inputs, f"{len(group)} parts")
