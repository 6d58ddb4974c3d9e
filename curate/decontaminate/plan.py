"""Decontamination as tasks: index the items, match every part, count frequent n-grams over all, cut. Executes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from curate.config.models import Pipeline
from curate.decontaminate import merging
from curate.decontaminate.items import set_name
from curate.decontaminate.overlap import NGRAM as OVERLAP_NGRAM
from curate.decontaminate.step import Decontaminate
from curate.decontaminate.tasks import (
    FREQUENT,
    CutParams,
    FrequentCounts,
    IndexCounts,
    IndexParams,
    MatchCounts,
    MatchParams,
    NoParams,
    ReportParams,
    count_frequent,
    cut_part,
    index_items,
    match_part,
    report_contamination,
)
from curate.engine.exchange import gather
from curate.engine.runner import Runner, check_balance
from curate.engine.task import Committed, File, Given, Task
from curate.flow import Flow, Part, is_output
from curate.records.counts import ContaminationCounts, DocumentCounts
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
    counts = gather(runner, [result.file("counts") for result in matched], _added, "counts")
    (frequent,) = runner.stage([Task("frequent-ngrams", count_frequent, NoParams(), {"counts": counts})])
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
    found: list[File] = []
    sources: list[str] = []
    for source in dict.fromkeys(part.source for part in chosen):
        mine = [result.file("found") for part, result in zip(chosen, cut, strict=True) if part.source == source]
        few = gather(runner, mine, _joined, "found")
        found, sources = found + few, sources + [source] * len(few)
    params = ReportParams(
        sources=sources,
        ngram=_ngram(setting),
        overlap=setting.overlap,
        mode=setting.mode,
        frequent={"documents_more_than": FREQUENT, "ngrams": frequent.counts["frequent"]},
    )
    inputs: Given = {"items": index.file("items"), "found": found}
    (reported,) = runner.stage([Task("contamination", report_contamination, params, inputs)])
    return replace(flow, parts=tuple(parts), contamination=reported)


def _added(counts: Sequence[File]) -> Task[merging.NoParams, DocumentCounts]:
    return Task(
        "frequent-ngrams-merge", merging.add_counts, merging.NoParams(), {"counts": counts}, f"{len(counts)} parts"
    )


def _joined(found: Sequence[File]) -> Task[merging.NoParams, DocumentCounts]:
    return Task("contamination-merge", merging.join_found, merging.NoParams(), {"found": found}, f"{len(found)} parts")


def check_decontaminate(pipeline: Pipeline) -> None:
    """Raise OSError naming a pattern of evaluation files that matches nothing."""
    setting = pipeline.combined(Decontaminate)
    if setting is not None:
        list_files(setting.against)


def _ngram(setting: Decontaminate) -> int:
    """Words of an n-gram: thirteen as GPT-3, where one is enough; fewer where their share is taken."""
    return setting.ngram or (GPT3_NGRAM if setting.overlap is None else OVERLAP_NGRAM)


def _index(setting: Decontaminate, runner: Runner) -> Committed[IndexCounts]:
    files = list_files(setting.against)
    inputs = {"files": [File(file.relative, file.path, file.stamp, file.size) for file in files]}
    params = IndexParams(
        sets=[set_name(file.relative) for file in files],
        fields=None if setting.fields is None else list(setting.fields),
        ngram=_ngram(setting),
        overlap=setting.overlap,
    )
    (index,) = runner.stage([Task("evaluation-items", index_items, params, inputs)])
    return index


def _match(parts: Sequence[Part], index: Committed[IndexCounts], runner: Runner) -> list[Committed[MatchCounts]]:
    tasks = [
        Task(
            "contamination-matches",
            match_part,
            MatchParams(lengths=index.counts["lengths"]),
            {
                "documents": part.documents,
                "verdicts": part.verdicts,
                "grams": index.file("grams"),
                "heads": index.file("heads"),
            },
            part.name,
        )
        for part in parts
    ]
    results = runner.stage(tasks)
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
    index: Committed[IndexCounts],
    matched: Sequence[Committed[MatchCounts]],
    frequent: Committed[FrequentCounts],
    runner: Runner,
) -> list[Committed[ContaminationCounts]]:
    shared = {name: index.file(name) for name in ("grams", "heads", "items")} | {"frequent": frequent.file("frequent")}
    tasks = [
        Task(
            "decontaminate",
            cut_part,
            CutParams(lengths=index.counts["lengths"], mode=setting.mode, overlap=setting.overlap),
            {"documents": part.documents, "verdicts": part.verdicts, "matches": result.file("matches"), **shared},
            part.name,
        )
        for part, result in zip(parts, matched, strict=True)
    ]
    results = runner.stage(tasks)
    for part, result in zip(parts, results, strict=True):
        check_balance(
            f"decontaminate {part.name}",
            into=part.decided[-1].counts["kept"],
            kept=result.counts["kept"],
            dropped=sum(result.counts["dropped"].values()),
        )
    return results
