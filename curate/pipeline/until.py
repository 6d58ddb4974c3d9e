"""A pipeline cut short: after a step, as `--until` asks, or to a few records, as `--limit` does.

Knows steps' names and order; runs nothing.
"""

from __future__ import annotations

import dataclasses

from curate.config.expectations import COUNTS, PRODUCT, steps_of
from curate.config.models import Limit, Pipeline, Source
from curate.config.reading import PipelineFile
from curate.errors import ConfigError, nearest

LAST_STEPS = ("tokens", "shards")


def truncated(file: PipelineFile, step: str) -> PipelineFile:
    """The pipeline without what comes after a step. Raises ConfigError for a step that it does not have."""
    pipeline = file.pipeline
    in_sources = [name for source in pipeline.sources.values() for name, _ in source.named_steps()]
    combining = [step.kind for step in pipeline.combine]
    if step in LAST_STEPS:
        if pipeline.tokens is None:
            raise ConfigError(f"--until {step}: `tokens: null` makes text, and no {step}; leave --until out")
        return file
    if step in combining:
        cut = pipeline.model_copy(update={"combine": pipeline.combine[: combining.index(step) + 1]})
    elif step in in_sources or step == "read":
        sources = {name: _cut(source, step) for name, source in pipeline.sources.items()}
        left = {name for source in sources.values() for name, _ in source.named_steps()}
        bounds = {name: rules for name, rules in pipeline.filters.items() if name in left}
        cut = pipeline.model_copy(update={"sources": sources, "combine": (), "filters": bounds})
    else:
        known = ["read", *in_sources, *combining, *LAST_STEPS]
        raise ConfigError(f"--until {step}: no such step{nearest(step, known)}")
    made = {key: wanted for key, wanted in cut.expect.items() if _is_made(cut, *key.split(".", 1))}
    return dataclasses.replace(file, pipeline=cut.model_copy(update={"expect": made}))


def _is_made(pipeline: Pipeline, source: str, number: str) -> bool:
    """Whether a run that is cut short has a number that is expected."""
    return number not in PRODUCT and number in (*COUNTS, *steps_of(pipeline, source))


def limited(file: PipelineFile, first: int | None, sample: int | None) -> PipelineFile:
    """The pipeline with so many records of each source: the first, or a seeded sample; as it is where neither is given."""
    if first is None and sample is None:
        return file
    limit = Limit(first=first, sample=sample)
    sources = {
        name: source.model_copy(update={"read": source.read.model_copy(update={"limit": limit})})
        for name, source in file.pipeline.sources.items()
    }
    return dataclasses.replace(file, pipeline=file.pipeline.model_copy(update={"sources": sources}))


def _cut(source: Source, step: str) -> Source:
    names = [name for name, _ in source.named_steps()]
    if step not in names:
        return source
    return source.model_copy(update={"steps": source.steps[: names.index(step) + 1]})
