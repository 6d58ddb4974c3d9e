"""Removing recurring lines as tasks: find, count, remove. Says what runs in which order; executes nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from curate.config.models import Pipeline
from curate.config.step_params import verdict_steps
from curate.dedup.buckets import BUCKET_KEYS, bucket_bits, bucket_span
from curate.dedup.records import part_span
from curate.dedup.scoped import kept_documents
from curate.dedup.step import Deduplicate, Lines
from curate.dedup.tasks.lines import (
    SENTENCES,
    CountParams,
    RemoveParams,
    SpanParams,
    count_recurring,
    find_recurring,
    remove_recurring,
)
from curate.engine.exchange import regroup
from curate.engine.runner import Runner, check_balance
from curate.engine.task import Task
from curate.flow import Flow
from curate.verdicts.steps import VerdictStep, thresholds

_CHARACTERS_OF_A_PIECE = 40  # fewer than most lines and sentences have: buckets come out small rather than large
_BYTES_OF_A_KEY = 6 * 16  # keys and numbers, sorted through a copy, and what is found among them
_SLACK = 64 << 20

_SPAN_SENTENCES = 3  # Raffel et al. 2020, section 2.2: "any three-sentence span"


def remove_lines(pipeline: Pipeline, setting: Deduplicate, lines: Lines, flow: Flow, runner: Runner) -> Flow:
    """The flow with recurring lines, or spans of three sentences, removed from all documents but the first."""
    members = [position for position, part in enumerate(flow.parts) if pipeline.sources[part.source].role == "training"]
    pieces = sum(flow.parts[position].read.counts["chars"] for position in members) // _CHARACTERS_OF_A_PIECE
    spans = lines.unit == "three_sentences"
    bits = bucket_bits(pieces)
    described = []
    for number, position in enumerate(members):
        part = flow.parts[position]
        scope, inputs = kept_documents(setting, part)
        size = _SPAN_SENTENCES if spans else 1
        params = SpanParams(part=number, sentences=spans, size=size, scope=scope)
        described.append((part, params, inputs))
    find = [Task("lines-found", find_recurring, params, inputs, part.name) for part, params, inputs in described]
    files = [result.file("keys") for result in runner.stage(find)]
    keys = regroup(runner, "keys", files, "key", [bucket_span(bucket, bits) for bucket in range(1 << bits)])
    count = [
        Task(
            "lines-counted",
            count_recurring,
            CountParams(bucket=bucket, bits=bits, min_count=lines.min_count),
            {"keys": given},
            f"bucket {bucket}",
        )
        for bucket, given in enumerate(keys)
    ]
    counted = runner.stage(count, _SLACK + _BYTES_OF_A_KEY * BUCKET_KEYS)
    files = [result.file("recurring") for result in counted]
    recurring = regroup(runner, "recurring", files, "number", [part_span(number) for number in range(len(members))])
    kind = "spans" if spans else "lines"
    remove = [
        Task(
            "lines-removed",
            remove_recurring,
            RemoveParams(**params, kind=kind, rules=_sentence_rules(pipeline, part.source)),
            {**inputs, "recurring": given},
            part.name,
        )
        for (part, params, inputs), given in zip(described, recurring, strict=True)
    ]
    parts = list(flow.parts)
    for position, result in zip(members, runner.stage(remove), strict=True):
        part, counts = parts[position], result.counts
        check_balance(
            f"lines {part.name}",
            into=part.decided[-1].counts["kept"],
            kept=counts["kept"],
            dropped=sum(counts["dropped"].values()),
        )
        parts[position] = part.after(
            result,
            documents=result.file("documents"),
            verdicts=result.file("verdicts"),
            columns=(*part.columns, result.file("columns")),
            decided=(*part.decided, result),
        )
    return replace(flow, parts=tuple(parts))


def _sentence_rules(pipeline: Pipeline, source: str) -> list[dict[str, Any]]:
    """The source's steps, as JSON, with none but their rules on the number of sentences."""
    steps = []
    for step in verdict_steps(pipeline, source):
        rules = tuple(rule for rule in thresholds((step,)) if rule.metric == SENTENCES)
        if rules:
            steps.append(VerdictStep(step.name, rules).to_json())
    return steps
