"""The stages of a run that belong to no subject: which tasks each has. Executes nothing itself.

A stage's tasks name the files of the stage before, so a change anywhere re-runs what it can reach and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from curate.config.models import Pipeline
from curate.config.step_params import evaluation_steps, read_params, verdict_steps
from curate.engine.runner import Runner, check_balance
from curate.engine.task import File, Given, Task
from curate.flow import Flow, Part, is_output
from curate.pipeline.tasks.documents import DocumentsParams, write_documents
from curate.pipeline.tasks.evaluate import EvaluateParams, evaluate_part
from curate.pipeline.tasks.judge import JudgeParams, judge_part
from curate.pipeline.tasks.ledger import LedgerParams, write_part
from curate.pipeline.tasks.read import read_part
from curate.shards.order import SPLITS
from curate.storage import SourceFile
from curate.tokens import load as load_tokenizer
from curate.tokens.tasks import TokenizeParams, tokenize_part
from curate.tokens.tokenizer import surroundings
from curate.verdicts.rules import FlagRule
from curate.verdicts.steps import VerdictStep

_REMOVED = VerdictStep("removed", (FlagRule("removed", "listed", "removed", "lists of removals"),))
"""The step that drops documents on lists of removals."""


def keep_documents(flow: Flow, step: str, runner: Runner) -> Flow:
    """Write the documents that are alive after a step as Parquet."""
    tasks = []
    for part in flow.parts:
        tasks.append(
            Task(
                "documents",
                write_documents,
                DocumentsParams(source=part.source),
                {"documents": part.documents, "verdicts": part.verdicts},
                part.name,
            )
        )
    results = tuple(runner.stage(tasks, detail=step))
    return replace(flow, documents={**flow.documents, step: results})


def read(pipeline: Pipeline, inputs: Mapping[str, Sequence[SourceFile]], runner: Runner) -> Flow:
    """Read and extract every file of every source."""
    tasks, origins = [], []
    for name, source in pipeline.sources.items():
        params = read_params(name, source)
        for number, file in enumerate(inputs[name]):
            given = File(file.relative, file.path, file.stamp, file.size)
            tasks.append(Task("read", read_part, params, {"file": given}, f"{name} {file.relative}", name))
            origins.append((name, number, file))
    results = runner.stage(tasks)
    parts = []
    for (name, number, file), result in zip(origins, results, strict=True):
        counts = result.counts
        check_balance(
            f"read {file.relative}",
            into=counts["records"],
            documents=counts["documents"],
            dropped=sum(counts["dropped"].values()),
        )
        parts.append(Part(name, number, file, result, result.file("documents"), way=(result,)))
    return Flow(tuple(parts))


def evaluate(pipeline: Pipeline, flow: Flow, runner: Runner) -> Flow:
    """Edits, metrics and languages of every document."""
    steps = {name: evaluation_steps(source) for name, source in pipeline.sources.items()}
    tasks = [
        Task(
            "evaluate",
            evaluate_part,
            EvaluateParams(steps=steps[part.source]),
            {"documents": part.documents},
            part.name,
            part.source,
        )
        for part in flow.parts
    ]
    parts = []
    for part, result in zip(flow.parts, runner.stage(tasks), strict=True):
        documents = result.file("documents") if "documents" in result.files else part.documents
        parts.append(part.after(result, documents=documents, columns=(result.file("columns"),), evaluated=result))
    metrics = {name: kind for params in steps.values() for step in params for name, kind in step["columns"]}
    return replace(flow, parts=tuple(parts), metrics=tuple(metrics.items()))


def judge(pipeline: Pipeline, flow: Flow, runner: Runner) -> Flow:
    """A verdict on every document, from what was evaluated."""
    removal = [_REMOVED] if flow.removals else []
    tasks = [
        Task(
            "verdicts",
            judge_part,
            JudgeParams(
                steps=[
                    step.to_json()
                    for step in (*removal, *verdict_steps(pipeline, part.source, flow.least_score(part.source)))
                ]
            ),
            {"columns": part.columns},
            part.name,
            part.source,
        )
        for part in flow.parts
    ]
    parts = []
    for part, result in zip(flow.parts, runner.stage(tasks), strict=True):
        counts = result.counts
        check_balance(
            f"verdicts {part.name}",
            into=part.read.counts["documents"],
            kept=counts["kept"],
            dropped=sum(counts["dropped"].values()),
        )
        parts.append(part.after(result, verdicts=result.file("verdicts"), decided=(*part.decided, result)))
    return replace(flow, parts=tuple(parts))


def tokenize(pipeline: Pipeline, flow: Flow, runner: Runner) -> Flow:
    """Tokens of every document that is kept."""
    settings = pipeline.tokens
    tokenizer = load_tokenizer(settings.tokenizer, settings.end_of_text)
    before, after = surroundings(tokenizer, settings.add_bos, settings.prefix, settings.suffix)
    tasks, positions = [], []
    for position, part in enumerate(flow.parts):
        if not is_output(pipeline, part) or part.verdicts is None:
            continue
        params = TokenizeParams(
            tokenizer=settings.tokenizer,
            end_of_text=settings.end_of_text,
            before=before,
            after=after,
            vocabulary=tokenizer.vocabulary_hash,
            source=part.source,
        )
        inputs: Given = {"documents": part.documents, "verdicts": part.verdicts, "groups": part.group}
        tasks.append(Task("tokens", tokenize_part, params, inputs, part.name))
        positions.append(position)
    parts = list(flow.parts)
    for position, result in zip(positions, runner.stage(tasks), strict=True):
        part = parts[position]
        check_balance(f"tokens {part.name}", into=part.decided[-1].counts["kept"], tokenized=result.counts["documents"])
        parts[position] = part.after(result, tokens=result, columns=(*part.columns, result.file("counts")))
    return replace(flow, parts=tuple(parts))


def write_ledger(pipeline: Pipeline, flow: Flow, runner: Runner) -> Flow:
    """The ledger of every part."""
    shards = [result for split in SPLITS for result in flow.shards.get(split, ())]
    places = [result.file("places") for result in shards]
    tasks = []
    for number, part in enumerate(flow.parts):
        params = LedgerParams(metrics=[list(pair) for pair in flow.metrics], output=is_output(pipeline, part))
        inputs: dict[str, File | Sequence[File] | None] = {
            "records": part.read.file("records"),
            "verdicts": part.verdicts,
            "columns": part.columns,
        }
        if part.tokens is not None and places:
            params["part"], params["shards"] = number, list(range(len(shards)))
            inputs["places"] = places
        tasks.append(Task("ledger", write_part, params, inputs, part.name))
    results = runner.stage(tasks)
    for part, result in zip(flow.parts, results, strict=True):
        check_balance(f"ledger {part.name}", into=part.read.counts["records"], written=result.counts["records"])
        if part.tokens is not None:
            check_balance(f"ledger {part.name}", into=result.counts["kept"], tokenized=part.tokens.counts["documents"])
    parts = tuple(part.after(result) for part, result in zip(flow.parts, results, strict=True))
    return replace(flow, parts=parts, ledger=tuple(results))
