"""Decontamination as tasks: index the items, match every part, count frequent n-grams over all, cut. Executes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from curate.config.models import Pipeline
from curate.decontaminate.items import set_name
from curate.decontaminate.overlap import NGRAM as OVERLAP_NGRAM
from curate.decontaminate.step import Decontaminate
from curate.decontaminate.tasks import FREQUENT, count_frequent, cut_part, index_items, match_part, report_contamination
from curate.engine.runner import Runner, check_balance
from curate.engine.task import Committed, File, Task
from curate.flow import Flow, Part, is_output
from curate.storage import list_files

GPT3_NGRAM = 13
"""Words of an n-gram (Brown et al. 2020, appendix C)."""


def decontaminate(pipeline: Pipeline, flow: Flow, runner: Runner) -> Flow:
    """The flow with evaluation items cut out of its documents, where the pipeline has the step."""
    setting = pipeline.combined(Decontaminate)
    if setting is None:
        return flow
    members = [position for position, part in enumerate(flow.parts) if is_output(pipeline, part)]
    chosen = [flow.parts[position] for position in members]
    index = _index(setting, runner)
    matched = _match(chosen, index, runner)
    counts = tuple(result.file("counts", f"counts-{number}") for number, result in enumerate(matched))
    (frequent,) = runner.stage("frequent-ngrams", [Task("frequent-ngrams", count_frequent, {}, counts)])
    cut = _cut(setting, chosen, index, matched, frequent, runner)
    parts = list(flow.parts)
    for position, matches, result in zip(members, matched, cut, strict=True):
        part = parts[position]
        parts[position] = part.after(
            matches,
            result,
            documents=result.file("documents"),
            verdicts=result.file("verdicts"),
            columns=(*part.columns, result.file("columns")),
            decided=(*part.decided, result),
        )
    found = tuple(result.file("found", f"found-{number}") for number, result in enumerate(cut))
    params = {
        "sources": [part.source for part in chosen],
        "ngram": _ngram(setting),
        "overlap": setting.overlap,
        "mode": setting.mode,
        "frequent": {"documents_more_than": FREQUENT, "ngrams": frequent.counts["frequent"]},
    }
    report = Task("contamination", report_contamination, params, (index.file("items"), *found))
    (reported,) = runner.stage("contamination", [report])
    return replace(flow, parts=tuple(parts), contamination=reported)


def check_decontaminate(pipeline: Pipeline) -> None:
    """Raise OSError naming a pattern of evaluation files that matches nothing."""
    setting = pipeline.combined(Decontaminate)
    if setting is not None:
        list_files(setting.against)


def _ngram(setting: Decontaminate) -> int:
    """Words of an n-gram: thirteen as GPT-3, where one is enough; fewer where their share is taken."""
    return setting.ngram or (GPT3_NGRAM if setting.overlap is None else OVERLAP_NGRAM)


def _index(setting: Decontaminate, runner: Runner) -> Committed:
    files = list_files(setting.against)
    inputs = tuple(File(file.relative, file.path, file.stamp, file.size) for file in files)
    params = {
        "sets": [set_name(file.relative) for file in files],
        "fields": None if setting.fields is None else list(setting.fields),
        "ngram": _ngram(setting),
        "overlap": setting.overlap,
    }
    (index,) = runner.stage("evaluation-items", [Task("evaluation-items", index_items, params, inputs)])
    return index


def _match(parts: Sequence[Part], index: Committed, runner: Runner) -> list[Committed]:
    tasks = [
        Task(
            "contamination-matches",
            match_part,
            {"lengths": index.counts["lengths"]},
            (*_documents(part), index.file("grams"), index.file("heads")),
            part.name,
        )
        for part in parts
    ]
    results = runner.stage("contamination-matches", tasks)
    for part, result in zip(parts, results, strict=True):
        check_balance(
            f"contamination-matches {part.name}",
            into=part.decided[-1].counts["kept"],
            searched=result.counts["documents"],
        )
    return results


def _cut(
    setting: Decontaminate,
    parts: Sequence[Part],
    index: Committed,
    matched: Sequence[Committed],
    frequent: Committed,
    runner: Runner,
) -> list[Committed]:
    shared = (*(index.file(name) for name in ("grams", "heads", "items")), frequent.file("frequent"))
    tasks = [
        Task(
            "decontaminate",
            cut_part,
            {"lengths": index.counts["lengths"], "mode": setting.mode, "overlap": setting.overlap},
            (*_documents(part), result.file("matches"), *shared),
            part.name,
        )
        for part, result in zip(parts, matched, strict=True)
    ]
    results = runner.stage("decontaminate", tasks)
    for part, result in zip(parts, results, strict=True):
        check_balance(
            f"decontaminate {part.name}",
            into=part.decided[-1].counts["kept"],
            kept=result.counts["kept"],
            dropped=sum(result.counts["dropped"].values()),
        )
    return results


def _documents(part: Part) -> tuple[File, File]:
    assert part.verdicts is not None, "decontamination comes after the verdicts"
    return replace(part.documents, name="documents"), replace(part.verdicts, name="verdicts")
