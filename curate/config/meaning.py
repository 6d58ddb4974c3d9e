"""What the types of a pipeline cannot say: the order of steps, names used once, sources that exist.

Knows the pipeline's models; knows no file and no line: it gives key paths and sentences.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from curate.config.expectations import mistakes_of_expectations
from curate.config.formats import format_named
from curate.config.models import VERDICTS, Pipeline, Shards, Source
from curate.config.refusals import KeyPath
from curate.config.steps import StepModel
from curate.errors import ConfigError, nearest
from curate.steps import combining_steps, source_steps

Mistake = tuple[KeyPath, str]


def mistakes(pipeline: Pipeline) -> list[Mistake]:
    """(key path, what is wrong and would be right) of everything that no pipeline may say."""
    found: list[Mistake] = []
    for name, source in pipeline.sources.items():
        found += _of_order(name, source)
        found += _of_format(name, source)
    found += _of_sources_named(pipeline)
    found += _of_combining(pipeline)
    found += _of_bounds(pipeline)
    found += _of_mixture(pipeline)
    found += mistakes_of_expectations(pipeline)
    found += _of_text_out(pipeline)
    return found


def _of_order(source_name: str, source: Source) -> Iterator[Mistake]:
    highest, seen = "", set()
    for index, step in enumerate(source.steps):
        place: KeyPath = ("sources", source_name, "steps", index)
        kind, name = step.kind, step.name
        if highest and source_steps()[kind].place < source_steps()[highest].place:
            yield place, f"step out of order: {kind} comes before {highest}"
        else:
            highest = kind
        if name in seen:
            yield place, f"a second step named {name!r}; give it a name: {{pack: {name}, as: {name}-again}}"
        seen.add(name)


def _of_format(source_name: str, source: Source) -> Iterator[Mistake]:
    kinds = [step.kind for step in source.steps]
    try:
        markup = format_named(source.read.format).markup
    except ConfigError as error:
        yield ("sources", source_name, "read", "format"), str(error)
        return
    if source.read.metadata and source.read.format in ("warc", "wet"):
        yield ("sources", source_name, "read", "metadata"), f"{source.read.format} records have no columns to carry"
    if markup and "extract" not in kinds:
        yield (
            ("sources", source_name, "steps"),
            f"{source.read.format.upper()} files hold HTML: begin with '- extract: {{}}'",
        )
    if not markup and "extract" in kinds:
        place = ("sources", source_name, "steps", kinds.index("extract"))
        yield place, f"{source.read.format} files hold text already: leave this step out"


def _of_sources_named(pipeline: Pipeline) -> Iterator[Mistake]:
    places: list[tuple[KeyPath, StepModel, Callable[[Any], Mapping[str, tuple[str, ...]]]]] = [
        (("sources", name, "steps", index), step, source_steps()[step.kind].sources_named)
        for name, source in pipeline.sources.items()
        for index, step in enumerate(source.steps)
    ]
    places += [
        (("combine", index), step, combining_steps()[step.kind].sources_named)
        for index, step in enumerate(pipeline.combine)
    ]
    for place, step, named in places:
        for key, sources in named(step.setting).items():
            for name in sources:
                if name not in pipeline.sources:
                    yield (*place, step.kind, *key.split(".")), f"no source {name!r}{nearest(name, pipeline.sources)}"


def _of_combining(pipeline: Pipeline) -> Iterator[Mistake]:
    combined = [step.kind for step in pipeline.combine]
    for index, kind in enumerate(combined):
        if kind in combined[:index]:
            yield ("combine", index), f"a second step {kind!r}"
        elif index and combining_steps()[kind].place < combining_steps()[combined[index - 1]].place:
            yield ("combine", index), f"step out of order: {kind} comes before {combined[index - 1]}"
    keepable = ["extract", VERDICTS, *combined]
    for index, kept in enumerate(pipeline.keep):
        if kept not in keepable:
            yield ("keep", index), f"documents cannot be kept after {kept!r}{nearest(kept, keepable)}"


def _of_bounds(pipeline: Pipeline) -> Iterator[Mistake]:
    filters = {
        step.name
        for source in pipeline.sources.values()
        for step in source.steps
        if source_steps()[step.kind].has_bounds
    }
    for name in pipeline.filters:
        if name not in filters:
            yield ("filters", name), f"no filter step {name!r}{nearest(name, filters)}"


def _of_mixture(pipeline: Pipeline) -> Iterator[Mistake]:
    if pipeline.mixture is None or pipeline.mixture.by != "source":
        return
    for place, name in pipeline.mixture.named_groups():
        if name not in pipeline.sources:
            yield ("mixture", *place), f"no source {name!r}{nearest(name, pipeline.sources)}"
        elif pipeline.sources[name].role == "reference":
            yield ("mixture", *place), f"{name!r} has the role 'reference' and is no output"


def _of_text_out(pipeline: Pipeline) -> Iterator[Mistake]:
    """Without tokens nothing can be counted in tokens."""
    if pipeline.tokens is not None:
        return
    if pipeline.mixture is not None:
        yield ("mixture",), "a mixture is counted in tokens, and `tokens: null` makes none: leave one of the two out"
    if "shards" in pipeline.model_fields_set and pipeline.shards != Shards():
        yield ("shards",), "shards hold tokens, and `tokens: null` makes none: leave one of the two out"
