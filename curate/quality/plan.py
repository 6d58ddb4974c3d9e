"""Quality as tasks: sample, train, score, and a threshold where a share is to be kept. Executes nothing itself.

A source's classifier is trained on its own documents, as the steps before leave their text, against those of the
sources named as positives: a model per fold of hosts. Every document is scored, whatever earlier rules say of it, by the
model that has not seen its host.
"""

from __future__ import annotations

import functools
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.config.models import Pipeline
from curate.config.step_params import verdict_steps
from curate.engine.exchange import gather, parts_at_once
from curate.engine.mirror import here
from curate.engine.runner import Runner, check_balance
from curate.engine.task import File, Task
from curate.errors import ConfigError
from curate.flow import Classified, Flow, Part
from curate.quality.model import read_card
from curate.quality.step import Quality
from curate.quality.tasks import merge
from curate.quality.tasks.bucket import WHOLE_SOURCE, BucketParams, LimitsParams, bucket_part, find_limits
from curate.quality.tasks.sample import SampleParams, sample_part
from curate.quality.tasks.score import ScoreParams, ShareParams, find_threshold, score_part
from curate.quality.tasks.train import TrainParams, train_model
from curate.quality.threshold import ABOVE_ALL, HALVES, half_of_share, least_score
from curate.records.batches import read_schema
from curate.records.counts import DocumentCounts
from curate.records.metadata import META
from curate.records.quality import BUCKET, SCORE
from curate.storage import digest_file
from curate.verdicts.steps import VerdictStep

_SPARE = 6.0  # standard deviations: a sample is too small by chance once in a thousand million runs
_DRAWS = 1 << 64


def score(pipeline: Pipeline, flow: Flow, runner: Runner) -> Flow:
    """The flow with quality scores, for the sources that have the step. Raises ConfigError where none can be had."""
    settings = {name: source.setting(Quality) for name, source in pipeline.sources.items()}
    parts = {name: [part for part in flow.parts if part.source == name] for name in pipeline.sources}
    scoring = {name: setting for name, setting in settings.items() if setting is not None and parts[name]}
    if not scoring:
        return flow
    models = _models(pipeline, scoring, parts, runner)
    by = {name: _calibrated_by(name, models[name], parts[name]) for name in scoring}
    tasks = [
        Task(
            "score",
            score_part,
            ScoreParams(seed=pipeline.seed, label=scoring[part.source].label, by=by[part.source]),
            {
                "documents": part.documents,
                "model": models[part.source],
                "columns": part.columns if by[part.source] else None,
            },
            part.name,
            part.source,
        )
        for name in scoring
        for part in parts[name]
    ]
    results = {result.task.label: result for result in runner.stage(tasks)}
    scored = []
    for part in flow.parts:
        if part.source in scoring:
            result = results[part.name]
            check_balance(f"score {part.name}", into=part.read.counts["documents"], scored=result.counts["documents"])
            part = part.after(result, columns=(*part.columns, result.file("columns")), scored=result)
        scored.append(part)
    scored = _bucketed(pipeline, scoring, scored, runner)
    least = _least_scores(pipeline, scoring, scored, runner)
    classified = {
        name: Classified(model, read_card(str(here(model.path))), least.get(name), scoring[name].model is None)
        for name, model in models.items()
    }
    return replace(flow, parts=tuple(scored), quality=classified)


def _calibrated_by(source: str, model: File, parts: Sequence[Part]) -> str | None:
    """The column that a model's calibration is by, also one carried from the input. Raises ConfigError where the source has
    none."""
    calibration = read_card(model.path).get("calibration")
    if calibration is None or calibration["by"] is None:
        return None
    column = calibration["by"]
    there = {name for file in parts[0].columns for name in read_schema(file.path).names}
    for name in (column, f"{META}{column}"):
        if name in there:
            return name
    wanted = "add the step language before" if column == "language" else f"carry it by `read: {{metadata: [{column}]}}`"
    raise ConfigError(
        f"sources.{source}.steps: {model.path} is calibrated by {column!r}, and no step of {source!r} makes that column: "
        + wanted
    )


def rules_before_scores(pipeline: Pipeline, source: str) -> tuple[VerdictStep, ...]:
    """A source's rules that do not look at quality scores, nor at the buckets made of them."""
    return tuple(step for step in verdict_steps(pipeline, source) if not {SCORE, BUCKET} & {*step.columns()})


def _models(
    pipeline: Pipeline, scoring: dict[str, Quality], parts: dict[str, list[Part]], runner: Runner
) -> dict[str, File]:
    """The model of each source: the file named, or one trained here."""
    models = {}
    training = {}
    for name, setting in scoring.items():
        if setting.model is None:
            training[name] = setting
        else:
            models[name] = File("model", setting.model, digest_file(setting.model), os.path.getsize(setting.model))
    if not training:
        return models
    samples = [
        (name, side, task)
        for name, setting in training.items()
        for side, sources in (("positive", setting.positives), ("negative", (name,)))
        for task in _sampling(pipeline, name, side, [part for source in sources for part in parts[source]], setting)
    ]
    sampled = runner.stage([task for _, _, task in samples])
    chosen: Counter[tuple[str, str]] = Counter()
    for (name, side, _), result in zip(samples, sampled, strict=True):
        chosen[name, side] += result.counts["documents"]
    for (name, side), documents in chosen.items():
        if not documents:
            raise ConfigError(f"sources.{name}.steps: quality has no {side} documents to learn from")
    trained = []
    for name, setting in training.items():
        smallest = functools.partial(_smallest, name, setting.sample)
        given = {
            side: gather(
                runner,
                [
                    result.file("sample")
                    for (owner, of, _), result in zip(samples, sampled, strict=True)
                    if (owner, of) == (name, side)
                ],
                smallest,
                "sample",
            )
            for side in ("positive", "negative")
        }
        params = TrainParams(classifier=setting.classifier, sample=setting.sample, seed=pipeline.seed)
        trained.append(Task("quality", train_model, params, given, name, name))
    for name, model in zip(training, runner.stage(trained), strict=True):
        models[name] = model.file("model")
    return models


def _smallest(owner: str, sample: int, files: Sequence[File]) -> Task[merge.SmallestParams, DocumentCounts]:
    params = merge.SmallestParams(sample=sample)
    return Task("sample-merge", merge.keep_smallest, params, {"sample": files}, f"{len(files)} parts", owner)


def _sampling(
    pipeline: Pipeline, owner: str, side: str, parts: Sequence[Part], setting: Quality
) -> list[Task[SampleParams, DocumentCounts]]:
    """Tasks that leave a few more documents than the sample wants, each with the same chance."""
    documents = sum(part.read.counts["documents"] for part in parts)
    share = min(1.0, (setting.sample + _SPARE * sqrt(setting.sample)) / max(documents, 1))
    limit = str(min(_DRAWS - 1, int(share * _DRAWS)))
    tasks = []
    for part in parts:
        rules = rules_before_scores(pipeline, part.source) if side == "positive" else ()
        steps = [step.to_json() for step in rules]
        columns = part.columns if steps else ()
        tasks.append(
            Task(
                "sample",
                sample_part,
                SampleParams(limit=limit, seed=pipeline.seed, steps=steps),
                {"documents": part.documents, "columns": columns},
                part.name,
                owner,
            )
        )
    return tasks


def _bucketed(pipeline: Pipeline, scoring: dict[str, Quality], parts: Sequence[Part], runner: Runner) -> list[Part]:
    """The parts with buckets of their scores, where the source asks for them. Raises ConfigError for an unknown column."""
    within = {name: setting.buckets for name, setting in scoring.items() if setting.buckets is not None}
    limits = []
    for name, column in within.items():
        mine = [part for part in parts if part.source == name]
        if column != WHOLE_SOURCE and not any(
            column in read_schema(str(here(file.path))).names for file in mine[0].columns
        ):
            raise ConfigError(f"sources.{name}.steps: quality.buckets: no step of {name!r} makes a column {column!r}")
        steps = [step.to_json() for step in rules_before_scores(pipeline, name)]
        params = LimitsParams(within=column, steps=steps, files=len(mine[0].columns))
        given = {"columns": [file for part in mine for file in part.columns]}
        limits.append(Task("bucket-limits", find_limits, params, given, name, name))
    of_source = dict(zip(within, runner.stage(limits), strict=True))
    tasks = [
        Task(
            "buckets",
            bucket_part,
            BucketParams(within=within[part.source]),
            {"columns": part.columns, "limits": of_source[part.source].file("limits")},
            part.name,
            part.source,
        )
        for part in parts
        if part.source in within
    ]
    made = {result.task.label: result for result in runner.stage(tasks)}
    found = []
    for part in parts:
        if part.source in within:
            result = made[part.name]
            check_balance(
                f"bucket {part.name}", into=part.read.counts["documents"], bucketed=result.counts["documents"]
            )
            part = part.after(result, columns=(*part.columns, result.file("bucket")))
        found.append(part)
    return found


def _least_scores(
    pipeline: Pipeline, scoring: dict[str, Quality], parts: Sequence[Part], runner: Runner
) -> dict[str, float]:
    """The least score kept, by source, where a share of what passes the other rules is to be kept."""
    found: dict[str, float] = {}
    tasks = []
    for name, setting in scoring.items():
        if setting.keep_share is None:
            continue
        columns = [part.columns for part in parts if part.source == name]
        steps = [step.to_json() for step in rules_before_scores(pipeline, name)]
        if len(columns) > parts_at_once(len(columns[0])):
            found[name] = _counted_threshold(name, setting.keep_share, steps, columns, runner)
            continue
        params = ShareParams(share=setting.keep_share, steps=steps, files=len(columns[0]))
        given = {"columns": [file for files in columns for file in files]}
        tasks.append(Task("threshold", find_threshold, params, given, name, name))
    results = runner.stage(tasks)
    return found | {result.task.label: result.counts["threshold"] for result in results}


def _counted_threshold(
    name: str, share: float, steps: Sequence[Mapping[str, Any]], columns: Sequence[Sequence[File]], runner: Runner
) -> float:
    """The threshold of a source with many parts, by counts of some at a time, added up; the same as of all at once."""

    def counted(half: int | None) -> NDArray[np.int64]:
        params = merge.HalvesParams(steps=steps, files=len(columns[0]), half=half)
        step = parts_at_once(len(columns[0]))
        groups = [columns[at : at + step] for at in range(0, len(columns), step)]
        tasks = [
            Task(
                "threshold",
                merge.count_halves,
                params,
                {"columns": [file for files in group for file in files]},
                f"{name} {number}",
                name,
            )
            for number, group in enumerate(groups)
        ]
        files = [result.file("halves") for result in runner.stage(tasks)]
        few = gather(runner, files, functools.partial(_added, name), "halves")
        return sum((merge.read_halves(str(here(file.path))) for file in few), np.zeros(HALVES, np.int64))

    found = half_of_share(counted(None), share)
    return ABOVE_ALL if found is None else least_score(*found, counted(found[0]))


def _added(name: str, files: Sequence[File]) -> Task[merge.NoParams, DocumentCounts]:
    return Task("threshold-merge", merge.add_halves, merge.NoParams(), {"halves": files}, f"{len(files)} groups", name)
