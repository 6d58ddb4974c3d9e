"""Topics as tasks: a sample, the clusters in it, and the topic of every document. Executes nothing itself.

Sources that ask for the same number of clusters in samples of the same size share them, so that a topic means the same
in all. Clusters are found among documents that pass every rule known before; every document gets a topic, whatever
rules say.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from curate.config.models import Pipeline
from curate.config.step_params import verdict_steps
from curate.engine.mirror import here
from curate.engine.runner import Runner, check_balance
from curate.engine.task import File, Given, Task
from curate.errors import ConfigError, nearest
from curate.flow import Flow, Part
from curate.quality.topics.model import is_clusters, read_card, weborganizer_labels
from curate.quality.topics.step import Topic
from curate.quality.topics.tasks import (
    ClusterParams,
    SampleParams,
    TopicParams,
    find_clusters,
    name_topics,
    sample_part,
)
from curate.records.counts import DocumentCounts
from curate.records.quality import BUCKET, SCORE
from curate.records.topics import TOPICS, TopicNumbers
from curate.storage import digest_file
from curate.verdicts.steps import VerdictStep

_SPARE = 5
"""How many times the wanted documents are drawn, since not all of them pass the rules, nor do as many as wanted by
chance."""
_DRAWS = 1 << 64


def find_topics(pipeline: Pipeline, flow: Flow, runner: Runner) -> Flow:
    """The flow with topics, for the sources that have the step. Raises ConfigError for a rule on a topic that is not
    there."""
    settings = {name: source.setting(Topic) for name, source in pipeline.sources.items()}
    parts = {name: [part for part in flow.parts if part.source == name] for name in pipeline.sources}
    asking = {name: setting for name, setting in settings.items() if setting is not None and parts[name]}
    if not asking:
        return flow
    models = _models(pipeline, asking, parts, runner)
    tasks = [
        Task(
            "topics",
            name_topics,
            TopicParams(labels=_labels(asking[part.source])),
            {"documents": part.documents, "model": models[part.source]},
            part.name,
            part.source,
        )
        for name in asking
        for part in parts[name]
    ]
    results = {result.task.label: result for result in runner.stage(tasks)}
    counted: dict[str, Counter[str]] = {name: Counter() for name in asking}
    found = []
    for part in flow.parts:
        if part.source in asking:
            result = results[part.name]
            topics = result.counts["topics"]
            check_balance(
                f"topics {part.name}",
                into=part.read.counts["documents"],
                named=sum(topics.values()),
                without=result.counts["without"],
            )
            counted[part.source].update(topics)
            part = part.after(result, columns=(*part.columns, result.file("topics")))
        found.append(part)
    numbers = {name: _numbers(pipeline, name, asking[name], models[name], counted[name]) for name in asking}
    clustered = {name: model for name, model in models.items() if asking[name].clusters is not None}
    return replace(flow, parts=tuple(found), topics=numbers, clusters=clustered)


def rules_before_topics(pipeline: Pipeline, source: str) -> tuple[VerdictStep, ...]:
    """A source's rules that look neither at topics nor at what is scored after them."""
    later = {*TOPICS.names, SCORE, BUCKET}
    return tuple(step for step in verdict_steps(pipeline, source) if not later & {*step.columns()})


def _labels(setting: Topic) -> Mapping[str, str]:
    return weborganizer_labels() if setting.labels == "weborganizer" else dict(setting.labels or {})


def _models(
    pipeline: Pipeline, asking: Mapping[str, Topic], parts: Mapping[str, Sequence[Part]], runner: Runner
) -> dict[str, File]:
    """The model of each source: the file named, or clusters found here."""
    models = {}
    wanted: dict[tuple[int, int], list[str]] = {}
    for name, setting in asking.items():
        if setting.clusters is not None:
            wanted.setdefault((setting.clusters, setting.sample), []).append(name)
        elif setting.classifier is not None:
            path = setting.classifier
            models[name] = File("model", path, digest_file(path), os.path.getsize(path))
    samples = [
        (shared, task)
        for shared, sources in wanted.items()
        for task in _sampling(pipeline, [part for name in sources for part in parts[name]], shared[1])
    ]
    sampled = runner.stage([task for _, task in samples])
    tasks = [
        Task(
            "topic-clusters",
            find_clusters,
            ClusterParams(clusters=shared[0], sample=shared[1], seed=pipeline.seed),
            {
                "sample": [
                    result.file("sample") for (of, _), result in zip(samples, sampled, strict=True) if of == shared
                ]
            },
            ", ".join(sources),
        )
        for shared, sources in wanted.items()
    ]
    for sources, result in zip(wanted.values(), runner.stage(tasks), strict=True):
        models |= dict.fromkeys(sources, result.file("model"))
    return models


def _sampling(pipeline: Pipeline, parts: Sequence[Part], wanted: int) -> list[Task[SampleParams, DocumentCounts]]:
    documents = sum(part.read.counts["documents"] for part in parts)
    limit = str(min(_DRAWS - 1, int(_DRAWS * min(1.0, _SPARE * wanted / max(documents, 1)))))
    tasks = []
    for part in parts:
        steps = [step.to_json() for step in rules_before_topics(pipeline, part.source)]
        params = SampleParams(limit=limit, wanted=wanted, seed=pipeline.seed, steps=steps)
        inputs: Given = {"documents": part.documents, "columns": part.columns if steps else ()}
        tasks.append(Task("topic-sample", sample_part, params, inputs, part.name, part.source))
    return tasks


def _numbers(
    pipeline: Pipeline, source: str, setting: Topic, model: File, counted: Mapping[str, int]
) -> dict[str, TopicNumbers]:
    """By topic its numbers, in the model's order. Raises ConfigError for a rule on a topic that there is not."""
    folded = {name.lower(): name for name in counted}
    for key, name in setting.names:
        if name not in counted and (key == "keep" or name.strip().lower() not in folded):
            raise ConfigError(
                f"sources.{source}.steps: topic.{key}: there is no topic {name!r}{nearest(name, counted)}"
            )
    path = str(here(model.path))
    words = read_card(path)["words"] if is_clusters(path) else {}
    return {name: TopicNumbers(documents=number, words=list(words.get(name, ()))) for name, number in counted.items()}
