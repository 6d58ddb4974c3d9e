"""The numbers of a run, from the counts its tasks committed: the funnel by source and step, rules, tokens, damage.

Knows counts; opens no rows.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from curate.audit.findings import findings
from curate.config.models import Pipeline
from curate.config.tokens import OneOfSeveral
from curate.engine.mirror import here
from curate.engine.task import Committed
from curate.flow import Flow, Part, files_of, is_output
from curate.quality.drift import drift, measured_on
from curate.records.counts import DocumentCounts, EngineNumbers, TokenCounts
from curate.records.metadata import JSON, META, TEXT, CarriedNumbers
from curate.records.statistics import (
    ContaminationNumbers,
    EvaluationSetNumbers,
    FunnelRow,
    QualityNumbers,
    RuleNumbers,
    RunNumbers,
    SourceNumbers,
    SplitNumbers,
    TokenizerNumbers,
)
from curate.verdicts.steps import BEFORE_DOCUMENTS, ROLE, ROLE_RULE

Number = TypeVar("Number", int, float)


def run_statistics(pipeline: Pipeline, flow: Flow, counted: Committed[DocumentCounts] | None) -> RunNumbers:
    """Every number of a run that a person is shown. `counted` holds what was counted of the ledger, by source."""
    sources: dict[str, SourceNumbers] = {}
    text = flow.documents.get(pipeline.last_step) if pipeline.tokens is None else None
    for name, source in pipeline.sources.items():
        parts = [part for part in flow.parts if part.source == name]
        files = [file for _, file in files_of(parts)]
        sources[name] = {
            "role": source.role,
            "files": len(files),
            "bytes": sum(part.read.counts["bytes"] for part in parts)
            if source.read.indexed  # of the records, not of the index
            else sum(file.size for file in files),
            "records": sum(part.read.counts["records"] for part in parts),
            "other_records": _total([*(part.read.counts["others"] for part in parts), flow.selected.get(name, {})]),
            "documents": sum(part.read.counts["documents"] for part in parts),
            "chars": sum((part.chosen or part.read).counts["chars"] for part in parts),
            "funnel": funnel(pipeline, parts),
            "edited_chars": _total(_edited_chars(part) for part in parts),
            "steps": _step_statistics(parts) | _opt_outs(flow, name),
            "quality": _quality_statistics(flow, name, parts),
            "kept": sum(
                part.decided[-1].counts["kept"] for part in parts if part.decided and is_output(pipeline, part)
            ),
            "tokens": sum(part.tokens.counts["tokens"] for part in parts if part.tokens is not None),
        }
        if name in flow.topics:
            sources[name]["topics"] = flow.topics[name]
        chosen = [part.chosen.counts["engines"] for part in parts if part.chosen is not None]
        if chosen:
            sources[name]["engines"] = {engine: _engine(engine, chosen) for engine in chosen[0]}
        carried = _carried(flow, name, parts)
        if carried:
            sources[name]["metadata"] = carried
        if text is not None:
            sources[name]["kept_chars"] = sum(text[part.name].counts["chars"] for part in parts if part.name in text)
    mixture = flow.mixture.statement() if flow.mixture else None
    audit = json.loads(here(counted.files["aggregate"].path).read_bytes()) if counted else {}
    numbers: RunNumbers = {
        "name": pipeline.name,
        "sources": sources,
        "shards": _splits(flow.shards),
        "mixture": mixture,
        "contamination": _contamination_statistics(flow.contamination),
        "audit": audit,
    }
    if pipeline.tokens is not None and pipeline.tokens.further:
        numbers["tokenizers"] = {each.name: _further(each, pipeline, flow) for each in pipeline.tokens.further}
    numbers["findings"] = findings(pipeline, numbers)
    return numbers


def _splits(shards: Mapping[str, Sequence[Committed[TokenCounts]]]) -> dict[str, SplitNumbers]:
    return {
        split: {
            "shards": len(results),
            "documents": sum(result.counts["documents"] for result in results),
            "tokens": sum(result.counts["tokens"] for result in results),
        }
        for split, results in shards.items()
    }


def _further(tokenizer: OneOfSeveral, pipeline: Pipeline, flow: Flow) -> TokenizerNumbers:
    """The numbers of a tokenizer beside the first."""
    tokens = dict.fromkeys(pipeline.sources, 0)
    for part in flow.parts:
        if tokenizer.name in part.further_tokens:
            tokens[part.source] += part.further_tokens[tokenizer.name].counts["tokens"]
    return {
        "tokenizer": tokenizer.tokenizer,
        "tokens": tokens,
        "shards": _splits(flow.further_shards.get(tokenizer.name, {})),
    }


def _edited_chars(part: Part) -> Mapping[str, int]:
    """Characters that edits removed from the texts that went on."""
    counted = part.chosen or part.evaluated
    return counted.counts["edited_chars"] if counted is not None else {}


def _engine(engine: str, chosen: Sequence[Mapping[str, EngineNumbers]]) -> EngineNumbers:
    """The numbers of an engine's texts over all parts."""
    mine = [numbers[engine] for numbers in chosen]
    return {
        "texts": sum(each["texts"] for each in mine),
        "passing": sum(each["passing"] for each in mine),
        "only": sum(each["only"] for each in mine),
        "chosen": sum(each["chosen"] for each in mine),
    }


def _carried(flow: Flow, source: str, parts: list[Part]) -> dict[str, CarriedNumbers]:
    """Per column carried from the input its type, its values, and those that are of another type."""
    found: dict[str, CarriedNumbers] = {}
    for column, kind in flow.carried.get(source, ()):
        name = column.removeprefix(META)
        kinds = _total(part.read.counts["metadata"].get(name, {}) for part in parts)
        values = sum(kinds.values())
        same = kinds.get(kind, 0) + (kinds.get(JSON, 0) if kind == TEXT else 0)
        found[name] = {"type": kind, "values": values, "converted": values - same}
    return found


def _contamination_statistics(reported: Committed[Mapping[str, object]] | None) -> ContaminationNumbers | None:
    """Per evaluation set its items, those too short to look for, those found, and the documents that hold them."""
    if reported is None:
        return None
    report = json.loads(here(reported.files["report"].path).read_bytes())
    sets = {
        name: EvaluationSetNumbers(
            items=counts["items"],
            too_short=counts["too_short"],
            found=counts["found"],
            documents=counts["documents"],
        )
        for name, counts in report["sets"].items()
    }
    return {"ngram": report["ngram"], "mode": report["mode"], "sets": sets}


def _quality_statistics(flow: Flow, source: str, parts: list[Part]) -> QualityNumbers:
    """Documents per twentieth of the quality score, what the models saw of the source, and what they say of themselves but
    for their curves."""
    counted = [part.scored.counts for part in parts if part.scored is not None]
    if not counted:
        return {}
    classified = flow.quality[source]
    card = {key: value for key, value in classified.card.items() if key != "held_out"}
    held_out = {key: value for key, value in classified.card.get("held_out", {}).items() if key != "points"}
    numbers: QualityNumbers = {
        "scores": [sum(counts) for counts in zip(*(each["scores"] for each in counted), strict=True)],
        "least_score": classified.least_score,
        "seen": sum(each["seen"] for each in counted),
        "model": card | {"held_out": held_out},
    }
    if classified.trained_here:
        numbers["sampled"] = classified.card["trained_on"]["negative"]
    elif (before := measured_on(classified.card)) and (moved := drift(before, numbers["scores"])):
        numbers["drift"] = moved
    return numbers


def funnel(pipeline: Pipeline, parts: list[Part]) -> list[FunnelRow]:
    """Per step in order: documents in, dropped, kept, and by rule how many failed it and how many failed nothing else."""
    if not parts:
        return []
    dropped: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    alone: Counter[str] = Counter()
    for part in parts:
        for counts in (part.read.counts, *(result.counts for result in part.decided)):
            dropped.update(counts["dropped"])
            failed.update(counts["failed"])
        for result in part.decided:
            alone.update(result.counts["alone"])
    source = pipeline.sources[parts[0].source]
    if source.role == "reference":
        dropped[ROLE] = failed[ROLE_RULE] = alone[ROLE_RULE] = sum(
            part.decided[-1].counts["kept"] for part in parts if part.decided
        )
    for rule in list(failed):
        if rule.split("/")[0] in BEFORE_DOCUMENTS:
            alone[rule] = failed[rule]  # a record that fails here gets no further
    entering = sum(part.read.counts["records"] for part in parts)
    rows: list[FunnelRow] = []
    steps = ["read", *(name for name, _ in source.named_steps())]
    if source.role == "training":
        steps += [next(iter(type(step).model_fields)) for step in pipeline.combine]
    else:
        steps.append(ROLE)
    if dropped["removed"]:
        early = [step for step in steps if step in BEFORE_DOCUMENTS]
        steps = [*early, "removed", *(step for step in steps if step not in early)]
    for step in _in_order_of_work(steps):
        rules: dict[str, RuleNumbers] = {
            rule: {"failed": count, "alone": alone[rule]}
            for rule, count in failed.items()
            if rule.split("/")[0] == step
        }
        rows.append(
            {"step": step, "in": entering, "dropped": dropped[step], "kept": entering - dropped[step], "rules": rules}
        )
        entering -= dropped[step]
    return rows


def _in_order_of_work(steps: list[str]) -> list[str]:
    """Rules on addresses are applied before extraction, wherever they are written."""
    if "url" in steps and "extract" in steps:
        steps = [step for step in steps if step != "url"]
        steps.insert(steps.index("extract"), "url")
    return steps


def _total(counters: Iterable[Mapping[str, Number]]) -> dict[str, Number]:
    total: dict[str, Number] = {}
    for counter in counters:
        for name, number in counter.items():
            total[name] = total[name] + number if name in total else number
    return dict(sorted(total.items()))


def _opt_outs(flow: Flow, source: str) -> dict[str, dict[str, float]]:
    found = flow.opt_outs.get(source)
    return {"opt_out": {name: float(number) for name, number in found.items()}} if found else {}


def _step_statistics(parts: list[Part]) -> dict[str, dict[str, float]]:
    """What steps counted of their own, by step: datatrove's blocks their statistics, others' functions their errors."""
    counted = [
        result.counts for part in parts for result in (part.evaluated, *part.also) if result is not None
    ]  # of every engine's texts: each was looked at
    steps = {name for counts in counted for name in counts["statistics"]}
    return {name: _total(counts["statistics"].get(name, {}) for counts in counted) for name in sorted(steps)}
