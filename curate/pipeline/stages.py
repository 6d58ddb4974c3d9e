"""The stages of a run that belong to no subject: which tasks each has. Executes nothing itself.

A stage's tasks name the files of the stage before, so a change anywhere re-runs what it can reach and nothing else.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from curate.config.formats import format_named
from curate.config.models import Pipeline
from curate.config.step_params import (
    ReadParams,
    evaluated_columns,
    evaluation_steps,
    read_params,
    text_choice,
    verdict_steps,
)
from curate.engine.exchange import FAN_IN, regroup
from curate.engine.runner import Runner, check_balance
from curate.engine.task import Committed, File, Given, Task
from curate.extract.extractors import SAID
from curate.flow import Flow, Part, is_output
from curate.pipeline.chosen import chosen_portions
from curate.pipeline.limits import read_first, sampled
from curate.pipeline.parts import Portion, portions, settled
from curate.pipeline.tasks.choose import ChooseParams, choose_part
from curate.pipeline.tasks.documents import DocumentsParams, write_documents
from curate.pipeline.tasks.evaluate import EvaluateParams, evaluate_part
from curate.pipeline.tasks.judge import JudgeParams, judge_part
from curate.pipeline.tasks.ledger import LedgerParams, write_part
from curate.pipeline.tasks.metadata import MetadataParams, type_metadata
from curate.pipeline.tasks.places import PlacesParams, number_places
from curate.pipeline.tasks.read import MOST_COLUMNS, further_texts, read_part
from curate.records.counts import ChosenCounts, EvaluatedCounts, ReadCounts, TokenCounts
from curate.records.ledger import of_tokenizer
from curate.records.metadata import META, common_type
from curate.shards.order import SPLITS
from curate.shards.tokenize import TokenizeParams, tokenize_part
from curate.steps import Carried, source_steps
from curate.storage import SourceFile
from curate.tokens import load as load_tokenizer
from curate.tokens.tokenizer import surroundings
from curate.verdicts.choice import CHARS, ENGINE, own_column
from curate.verdicts.rules import FlagRule
from curate.verdicts.steps import VerdictStep

_REMOVED = VerdictStep("removed", (FlagRule("removed", "listed", "removed", "lists of removals"),))
"""The step that drops documents on lists of removals."""


def keep_documents(pipeline: Pipeline, flow: Flow, step: str, runner: Runner, *, outputs: bool = False) -> Flow:
    """Write the documents that are alive after a step as Parquet; with `outputs` only those that are the run's product."""
    tasks = []
    parts = [part for part in flow.parts if not outputs or is_output(pipeline, part)]
    columns = dict.fromkeys(pair for pairs in flow.carried.values() for pair in pairs)
    for part in parts:
        carried = part.metadata.file("metadata") if part.metadata is not None else None
        inputs: Given = {"documents": part.documents, "verdicts": part.verdicts, "metadata": carried}
        params = DocumentsParams(source=part.source, carried=[list(pair) for pair in columns])
        tasks.append(Task("documents", write_documents, params, inputs, part.name))
    results = runner.stage(tasks, detail=step)
    written = {part.name: result for part, result in zip(parts, results, strict=True)}
    return replace(flow, documents={**flow.documents, step: written})


def read(pipeline: Pipeline, inputs: Mapping[str, Sequence[SourceFile]], runner: Runner) -> Flow:
    """Read and extract every part of every source."""
    whole: list[tuple[str, Portion, ReadParams]] = []
    read_of_all: dict[str, list[tuple[Portion, Committed[ReadCounts]]]] = {}
    selected: dict[str, Mapping[str, int]] = {}
    for name, source in pipeline.sources.items():
        params, limit = read_params(name, source), source.read.limit
        first = limit is not None and limit.first is not None
        if source.read.indexed:
            given, selected[name] = chosen_portions(name, source, inputs[name], pipeline.seed, runner)
        else:
            given = portions(name, source.read, inputs[name], runner, whole=first)
        if limit is not None and limit.first is not None:
            task = functools.partial(_reading, name)
            read_of_all[name] = read_first(task, params, given, limit.first, runner)
            continue
        if limit is not None and limit.sample is not None:
            params, given = sampled(name, source, params, given, pipeline.seed, limit.sample, runner)
        whole += [(name, portion, params) for portion in given]
    names, params_of = [name for name, _, _ in whole], {name: params for name, _, params in whole}

    def do(of: str, again: Sequence[Portion]) -> list[Committed[ReadCounts]]:
        return runner.stage([_reading(of, portion, params_of[of]) for portion in again], detail="again")

    results = runner.stage([_reading(name, portion, params) for name, portion, params in whole])
    for name in dict.fromkeys(names):
        mine = [(portion, result) for (of, portion, _), result in zip(whole, results, strict=True) if of == name]
        chained = format_named(pipeline.sources[name].read.format).cut_by == "frames"
        read_of_all[name] = settled(mine, functools.partial(do, name), chained)
    parts = []
    for name in pipeline.sources:
        numbered = (each for each in read_of_all.get(name, ()) if not _is_nothing(*each))
        for number, (portion, result) in enumerate(numbered):
            counts = result.counts
            check_balance(
                f"read {portion.label}",
                into=counts["records"],
                documents=counts["documents"],
                dropped=sum(counts["dropped"].values()),
            )
            file, *more = portion.files
            said = (result.file("columns"),) if "columns" in result.files else ()
            documents = result.file("documents")
            parts.append(Part(name, number, file, result, documents, columns=said, way=(result,), more=tuple(more)))
    asked = any(part.columns for part in parts)
    metrics = tuple((field.name, str(field.type)) for field in SAID) if asked else ()
    return Flow(tuple(parts), metrics=metrics, selected=selected)


def carry(pipeline: Pipeline, flow: Flow, runner: Runner) -> Flow:
    """The columns that rows carry from the input, each in one type for the whole run."""
    carried = carried_columns(pipeline, flow)
    positions = [position for position, part in enumerate(flow.parts) if carried.get(part.source)]
    tasks = [
        Task(
            "metadata",
            type_metadata,
            MetadataParams(columns=[list(pair) for pair in carried[part.source]]),
            {"records": part.read.file("records")},
            part.name,
            part.source,
        )
        for part in map(flow.parts.__getitem__, positions)
    ]
    parts = list(flow.parts)
    for position, result in zip(positions, runner.stage(tasks), strict=True):
        part = parts[position]
        check_balance(f"metadata {part.name}", into=part.read.counts["documents"], documents=result.counts["documents"])
        parts[position] = part.after(result, metadata=result, columns=(*part.columns, result.file("metadata")))
    columns = tuple(dict.fromkeys(pair for pairs in carried.values() for pair in pairs))
    return replace(flow, parts=tuple(parts), carried=carried, metrics=(*columns, *flow.metrics))


def carried_columns(pipeline: Pipeline, flow: Flow) -> dict[str, Carried]:
    """By source its columns carried from the input, as the file lists them or by name, and those that its rules look at;
    a name has one type in all sources, from the values of all."""
    kinds: dict[str, Counter[str]] = {}
    names: dict[str, set[str]] = {}
    for part in flow.parts:
        for name, counted in part.read.counts["metadata"].items():
            kinds.setdefault(name, Counter()).update(counted)
            names.setdefault(part.source, set()).add(name)
    found: dict[str, Carried] = {}
    for source, settings in pipeline.sources.items():
        if not settings.read.metadata:
            continue
        if settings.read.metadata == "all":
            judged = (name for step in verdict_steps(pipeline, source, 0.0) for name in step.columns())
            looked_at = {name.removeprefix(META) for name in judged if name.startswith(META)}
            listed = sorted(names.get(source, set()) | looked_at)[:MOST_COLUMNS]
        else:
            listed = list(settings.read.metadata)
        found[source] = tuple((f"{META}{name}", common_type(kinds.get(name, {}))) for name in listed)
    return found


def _reading(name: str, portion: Portion, params: ReadParams) -> Task[ReadParams, ReadCounts]:
    kind = "file" if portion.records is None else "records"
    return Task("read", read_part, params, {kind: portion.given}, f"{name} {portion.label}", name)


def _is_nothing(portion: Portion, result: Committed[ReadCounts]) -> bool:
    """Whether a span but the first of its file holds nothing that would be told of."""
    span, counts = portion.span, result.counts
    return span is not None and span.start > 0 and not counts["records"] and not counts["others"]


def evaluate(pipeline: Pipeline, flow: Flow, runner: Runner) -> Flow:
    """Edits, metrics and languages of every document."""
    steps = {name: evaluation_steps(source, flow.carried.get(name, ())) for name, source in pipeline.sources.items()}
    looking = {
        name
        for name, source in pipeline.sources.items()
        if any(source_steps()[step.kind].evaluation_with is not None for step in source.steps)
    }
    tasks: list[Task[EvaluateParams, EvaluatedCounts]] = []
    for part in flow.parts:
        seen = part.metadata is not None and part.source in looking
        carried = part.metadata.file("metadata") if seen and part.metadata else None
        params = EvaluateParams(steps=steps[part.source])
        for documents in (part.documents, *_further_texts(part)):
            inputs: Given = {"documents": documents, "metadata": carried}
            tasks.append(Task("evaluate", evaluate_part, params, inputs, part.name, part.source))
    results = iter(runner.stage(tasks))
    parts = []
    for part in flow.parts:
        result, *further = (next(results) for _ in (part.documents, *_further_texts(part)))
        documents = result.file("documents") if "documents" in result.files else part.documents
        if further:  # which columns go on is not chosen yet
            parts.append(part.after(result, *further, evaluated=result, also=tuple(further)))
            continue
        parts.append(
            part.after(result, documents=documents, columns=(*part.columns, result.file("columns")), evaluated=result)
        )
    metrics = dict(flow.metrics) | {
        name: kind for params in steps.values() for step in params for name, kind in step["columns"]
    }
    return replace(flow, parts=tuple(parts), metrics=tuple(metrics.items()))


def _further_texts(part: Part) -> list[File]:
    """The texts that engines beside the first found of a part."""
    names = (further_texts(number) for number in range(len(part.read.files)))
    return [part.read.file(name) for name in names if name in part.read.files]


def choose(pipeline: Pipeline, flow: Flow, runner: Runner) -> Flow:
    """One of the texts of every document, where several engines found some."""
    choices = {name: text_choice(pipeline, name, flow.carried.get(name, ())) for name in pipeline.sources}
    positions = [position for position, part in enumerate(flow.parts) if choices[part.source] is not None]
    tasks: list[Task[ChooseParams, ChosenCounts]] = []
    metrics = dict(flow.metrics)
    for part in map(flow.parts.__getitem__, positions):
        choice, evaluated = choices[part.source], (part.evaluated, *part.also)
        assert choice is not None
        steps = choice.judging(verdict_steps(pipeline, part.source, 0.0))
        given = [(each, text) for each, text in zip(evaluated, (part.documents, *_further_texts(part)), strict=True)]
        edits = any(each is not None and "documents" in each.files for each in evaluated)
        inputs: Given = {
            "extracted": [text for _, text in given],
            "columns": [each.file("columns") for each, _ in given if each is not None],
            "edited": [each.file("documents") for each, _ in given if each is not None] if edits else None,
            "shared": part.columns,
        }
        params = ChooseParams(choice=choice.to_json(), steps=[step.to_json() for step in steps])
        tasks.append(Task("choose", choose_part, params, inputs, part.name, part.source))
        kinds = evaluated_columns(pipeline.sources[part.source], flow.carried.get(part.source, ()))
        metrics[ENGINE] = "string"
        for engine in choice.engines:
            metrics[own_column(CHARS, engine)] = "int64"
            metrics |= {own_column(name, engine): kind for name, kind in kinds}
    parts = list(flow.parts)
    for position, result in zip(positions, runner.stage(tasks), strict=True):
        part = parts[position]
        counts = result.counts
        check_balance(
            f"choose {part.name}",
            into=part.read.counts["documents"],
            **{engine: numbers["chosen"] for engine, numbers in counts["engines"].items()},
        )
        documents = result.file("edited" if "edited" in result.files else "documents")
        columns = (*part.columns, result.file("columns"))
        parts[position] = part.after(result, documents=documents, columns=columns, chosen=result)
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
    assert settings is not None  # a run without a tokenizer has no such stage
    chosen = ((None, settings), *((each.name, each) for each in settings.further))
    positions = [at for at, part in enumerate(flow.parts) if is_output(pipeline, part) and part.verdicts is not None]
    tasks = []
    for name, each in chosen:
        tokenizer = load_tokenizer(each.tokenizer, each.end_of_text)
        before, after = surroundings(tokenizer, each.add_bos, each.prefix, each.suffix)
        for part in map(flow.parts.__getitem__, positions):
            params = TokenizeParams(
                tokenizer=each.tokenizer,
                end_of_text=each.end_of_text,
                before=before,
                after=after,
                vocabulary=tokenizer.vocabulary_hash,
                source=part.source,
                column=of_tokenizer("tokens", name),
            )
            inputs: Given = {"documents": part.documents, "verdicts": part.verdicts, "groups": part.group}
            tasks.append(Task("tokens", tokenize_part, params, inputs, of_tokenizer(part.name, name)))
    parts = list(flow.parts)
    results = iter(runner.stage(tasks))
    for name, _ in chosen:
        for position in positions:
            part, result = parts[position], next(results)
            kept = part.decided[-1].counts["kept"]
            check_balance(of_tokenizer(f"tokens {part.name}", name), into=kept, tokenized=result.counts["documents"])
            columns = (*part.columns, result.file("counts"))
            if name is None:
                parts[position] = part.after(result, tokens=result, columns=columns)
            else:
                stores = {**part.further_tokens, name: result}
                parts[position] = part.after(result, further_tokens=stores, columns=columns)
    return replace(flow, parts=tuple(parts))


def write_ledger(pipeline: Pipeline, flow: Flow, runner: Runner) -> Flow:
    """The ledger of every part."""
    further = [each.name for each in pipeline.tokens.further] if pipeline.tokens is not None else []
    places = {
        name: _places(flow, shards, runner) for name, shards in ((None, flow.shards), *flow.further_shards.items())
    }
    tasks = []
    for number, part in enumerate(flow.parts):
        params = LedgerParams(
            metrics=[list(pair) for pair in flow.metrics], output=is_output(pipeline, part), tokenizers=further
        )
        inputs: dict[str, File | Sequence[File] | None] = {
            "records": part.read.file("records"),
            "verdicts": part.verdicts,
            "columns": part.columns,
            "carried": part.metadata.file("rows") if part.metadata is not None else None,
        }
        if part.tokens is not None and places[None]:
            params["part"] = number
            inputs |= {of_tokenizer("places", name): each[number] for name, each in places.items() if each}
        tasks.append(Task("ledger", write_part, params, inputs, part.name))
    results = runner.stage(tasks)
    for part, result in zip(flow.parts, results, strict=True):
        check_balance(f"ledger {part.name}", into=part.read.counts["records"], written=result.counts["records"])
        if part.tokens is not None:
            check_balance(f"ledger {part.name}", into=result.counts["kept"], tokenized=part.tokens.counts["documents"])
    parts = tuple(part.after(result) for part, result in zip(flow.parts, results, strict=True))
    return replace(flow, parts=parts, ledger=tuple(results))


def _places(flow: Flow, shards: Mapping[str, Sequence[Committed[TokenCounts]]], runner: Runner) -> list[list[File]]:
    """By part the files that say in which shards its documents are; nothing where there are no shards."""
    files = [result.file("places") for split in SPLITS for result in shards.get(split, ())]
    tasks = [
        Task(
            "places",
            number_places,
            PlacesParams(first=first),
            {"places": files[first : first + FAN_IN]},
            f"from {first}",
        )
        for first in range(0, len(files), FAN_IN)
    ]
    numbered = [result.file("places") for result in runner.stage(tasks)]
    parts = range(len(flow.parts))
    return regroup(runner, "places", numbered, "part", [(part, part + 1) for part in parts]) if numbered else []
