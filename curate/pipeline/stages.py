"""The stages of a run that belong to no subject: which tasks each has. Executes nothing itself.

A stage's tasks name the files of the stage before, so a change anywhere re-runs what it can reach and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from curate.config.models import Pipeline
from curate.config.step_params import evaluation_steps, read_params, verdict_steps
from curate.engine.runner import Runner, check_balance
from curate.engine.task import File, Task
from curate.flow import Flow, Part, is_output
from curate.pipeline.tasks.documents import write_documents
from curate.pipeline.tasks.evaluate import evaluate_part
from curate.pipeline.tasks.ledger import write_part
from curate.pipeline.tasks.read import read_part
from curate.shards.order import SPLITS
from curate.storage import SourceFile
from curate.tokens import load as load_tokenizer
from curate.tokens.tasks import tokenize_part
from curate.tokens.tokenizer import surroundings
from curate.verdicts.rules import FlagRule
from curate.verdicts.steps import VerdictStep
from curate.verdicts.tasks import judge_part

_REMOVED = VerdictStep("removed", (FlagRule("removed", "listed", "removed", "lists of removals"),))
"""The step that drops documents on lists of removals."""


def keep_documents(flow: Flow, step: str, runner: Runner) -> Flow:
    """Write the documents that are alive after a step as Parquet."""
    tasks = []
    for part in flow.parts:
        verdicts = (replace(part.verdicts, name="verdicts"),) if part.verdicts else ()
        tasks.append(
            Task(
                "documents",
                write_documents,
                {"source": part.source},
                (replace(part.documents, name="documents"), *verdicts),
                part.name,
            )
        )
    results = tuple(runner.stage(f"documents-{step}", tasks))
    return replace(flow, documents={**flow.documents, step: results})


def read(pipeline: Pipeline, inputs: Mapping[str, Sequence[SourceFile]], runner: Runner) -> Flow:
    """Read and extract every file of every source."""
    tasks, origins = [], []
    for name, source in pipeline.sources.items():
        params = read_params(name, source)
        for number, file in enumerate(inputs[name]):
            given = File(file.relative, file.path, file.stamp, file.size)
            tasks.append(Task(f"read-{name}", read_part, params, (given,), f"{name} {file.relative}"))
            origins.append((name, number, file))
    results = runner.stage("read", tasks)
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
            f"evaluate-{part.source}",
            evaluate_part,
            {"steps": steps[part.source]},
            (replace(part.documents, name="documents"),),
            part.name,
        )
        for part in flow.parts
    ]
    parts = []
    for part, result in zip(flow.parts, runner.stage("evaluate", tasks), strict=True):
        documents = result.file("documents") if "documents" in result.files else part.documents
        parts.append(part.after(result, documents=documents, columns=(result.file("columns"),), evaluated=result))
    metrics = dict(pair for params in steps.values() for step in params for pair in map(tuple, step["columns"]))
    return replace(flow, parts=tuple(parts), metrics=tuple(metrics.items()))


def judge(pipeline: Pipeline, flow: Flow, runner: Runner) -> Flow:
    """A verdict on every document, from what was evaluated."""
    removal = [_REMOVED] if flow.removals else []
    tasks = [
        Task(
            f"verdicts-{part.source}",
            judge_part,
            {
                "steps": [
                    step.to_json()
                    for step in (*removal, *verdict_steps(pipeline, part.source, flow.least_score(part.source)))
                ]
            },
            tuple(replace(file, name=f"columns-{i}") for i, file in enumerate(part.columns)),
            part.name,
        )
        for part in flow.parts
    ]
    parts = []
    for part, result in zip(flow.parts, runner.stage("verdicts", tasks), strict=True):
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
        inputs = [replace(part.documents, name="documents"), replace(part.verdicts, name="verdicts")]
        if part.group is not None:
            inputs.append(replace(part.group, name="groups"))
        params = {
            "tokenizer": settings.tokenizer,
            "end_of_text": settings.end_of_text,
            "before": before,
            "after": after,
            "vocabulary": tokenizer.vocabulary_hash,
            "source": part.source,
        }
        tasks.append(Task("tokens", tokenize_part, params, tuple(inputs), part.name))
        positions.append(position)
    parts = list(flow.parts)
    for position, result in zip(positions, runner.stage("tokens", tasks), strict=True):
        part = parts[position]
        check_balance(f"tokens {part.name}", into=part.decided[-1].counts["kept"], tokenized=result.counts["documents"])
        parts[position] = part.after(result, tokens=result, columns=(*part.columns, result.file("counts")))
    return replace(flow, parts=tuple(parts))


def write_ledger(flow: Flow, runner: Runner) -> Flow:
    """The ledger of every part."""
    shards = [result for split in SPLITS for result in flow.shards.get(split, ())]
    places = tuple(result.file("places", f"places-{i}") for i, result in enumerate(shards))
    tasks = []
    for number, part in enumerate(flow.parts):
        columns = tuple(replace(file, name=f"columns-{i}") for i, file in enumerate(part.columns))
        verdicts = (replace(part.verdicts, name="verdicts"),) if part.verdicts else ()
        params: dict[str, Any] = {"metrics": [list(pair) for pair in flow.metrics], "output": part.tokens is not None}
        placed = places if part.tokens is not None else ()
        if placed:
            params |= {"part": number, "shards": list(range(len(shards)))}
        tasks.append(
            Task(
                "ledger",
                write_part,
                params,
                (part.read.file("records"), *verdicts, *columns, *placed),
                part.name,
            )
        )
    results = runner.stage("ledger", tasks)
    for part, result in zip(flow.parts, results, strict=True):
        check_balance(f"ledger {part.name}", into=part.read.counts["records"], written=result.counts["records"])
        if part.tokens is not None:
            check_balance(f"ledger {part.name}", into=result.counts["kept"], tokenized=part.tokens.counts["documents"])
    parts = tuple(part.after(result) for part, result in zip(flow.parts, results, strict=True))
    return replace(flow, parts=parts, ledger=tuple(results))
