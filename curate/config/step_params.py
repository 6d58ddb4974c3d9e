"""What a pipeline's steps tell their tasks: settings split by what they decide, so that a threshold touches verdicts only.

Asks each step; knows none by name and runs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict, cast

from curate.code.fingerprint import named_code
from curate.config.formats import format_named
from curate.config.models import BASE, Pipeline, Source
from curate.config.steps import StepModel
from curate.steps import Carried, StepParams, source_steps
from curate.verdicts.choice import TextChoice
from curate.verdicts.steps import VerdictStep


class TableColumns(TypedDict):
    """Which columns of a table hold what; see `curate.ingest.Columns`."""

    text: str
    id: str | None
    url: str | None
    date: str | None
    metadata: Sequence[str] | str


class ExtractParams(TypedDict):
    """The engine that turns markup into text, the form of it, and whether what pages say of themselves is kept."""

    engine: str
    format: str
    paragraphs: str
    links: bool
    images: bool
    metadata: bool
    also: Sequence[str]
    """Further engines, whose texts are evaluated beside."""
    judgement: NotRequired[str]
    """What names the own engine's learned file."""


class UrlParams(TypedDict):
    """Packs of rules on addresses, their lists by name, and hashes of the content of both."""

    packs: Sequence[str]
    lists: Mapping[str, str]
    content: Mapping[str, str]


class SampleParams(TypedDict):
    """Which records are in a sample: those whose draw by this seed is at most `highest`."""

    seed: int
    highest: int


class ReadParams(TypedDict):
    """What decides a part's records and text."""

    source: str
    format: str
    columns: TableColumns
    extract: NotRequired[ExtractParams]
    url: NotRequired[UrlParams]
    first: NotRequired[int]
    """Records read of the file, from its beginning."""
    sample: NotRequired[SampleParams]
    base: NotRequired[str]
    """What stands before the names of files whose records an index names."""
    code: Mapping[str, str]
    """Names of the reader and of engines from outside; see `curate.code.fingerprint.named_code`."""


def table_columns(source: Source) -> TableColumns:
    """Which columns of a source's tables hold what."""
    read = source.read
    carried = read.metadata if isinstance(read.metadata, str) else list(read.metadata)
    return TableColumns(text=read.text, id=read.id, url=read.url, date=read.date, metadata=carried)


def read_params(name: str, source: Source) -> ReadParams:
    """What decides the records and texts of a source's parts."""
    columns = table_columns(source)
    told: dict[str, Any] = {}
    foreign = list(format_named(source.read.format).foreign)
    for step in source.steps:
        kind = source_steps()[step.kind]
        more = kind.reading(step.setting)
        told |= more
        foreign += kind.foreign(step.setting) if more else ()
    reader = named_code((format_named(source.read.format).reader,))
    params = ReadParams(source=name, format=source.read.format, columns=columns, code=reader | named_code(foreign))
    if source.read.indexed:
        told["base"] = source.read.base or BASE
    return cast(ReadParams, {**params, **told})


def evaluation_steps(source: Source, carried: Carried = ()) -> list[StepParams]:
    """What decides a document's numbers and text: `evaluation_step` of each step that looks at text, in order."""
    steps = (evaluation_step(step, carried) for step in source.steps)
    return [params for params in steps if params is not None]


def evaluation_step(step: StepModel, carried: Carried = ()) -> StepParams | None:
    """A step's name, its evaluator with its parameters, and the ledger columns that it makes; None where it has none.

    `carried`: the columns of the source's rows that reading carries along. Raises CurateError, ImportError,
    OSError or ValueError for a step that cannot be made ready.
    """
    kind = source_steps()[step.kind]
    if carried and kind.evaluation_with is not None:
        evaluation = kind.evaluation_with(step.name, step.setting, carried)
    else:
        evaluation = kind.evaluation(step.name, step.setting)
    if evaluation is None:
        return None
    return {
        "name": step.name,
        "evaluator": evaluation.evaluator,
        "params": dict(evaluation.params),
        "code": named_code((evaluation.evaluator, *evaluation.foreign)),
        "columns": [list(pair) for pair in evaluation.columns],
        "fixed": [list(pair) for pair in evaluation.fixed],
    }


def text_choice(pipeline: Pipeline, source: str, carried: Carried = ()) -> TextChoice | None:
    """What chooses between the texts of a source's engines; None where it has one engine, or none."""
    settings = pipeline.sources[source]
    for step in settings.steps:
        texts = source_steps()[step.kind].texts(step.setting)
        if texts is not None:
            engines, by = texts
            return TextChoice(engines, by, tuple(name for name, _ in evaluated_columns(settings, carried)))
    return None


def evaluated_columns(source: Source, carried: Carried = ()) -> list[tuple[str, str]]:
    """(name, name of the Arrow type) of every ledger column that is evaluated on a source's texts."""
    steps = evaluation_steps(source, carried)
    return [(name, kind) for step in steps for name, kind in (*step["columns"], *step["fixed"])]


def verdict_steps(pipeline: Pipeline, source: str, least_score: float | None = None) -> tuple[VerdictStep, ...]:
    """What decides a document's fate: each step's rules with their bounds, for the steps that have any.

    `least_score` is the least quality score kept, where the source keeps a share of the highest scores.
    """
    steps = [verdict_step(pipeline, step, least_score) for step in pipeline.sources[source].steps]
    return tuple(step for step in steps if step.rules)


def verdict_step(pipeline: Pipeline, step: StepModel, least_score: float | None = None) -> VerdictStep:
    """A step's rules with the pipeline's bounds. Raises PackError for a bound of a rule that the step does not have."""
    changes = {
        rule: bounds.model_dump(exclude_unset=True) for rule, bounds in pipeline.filters.get(step.name, {}).items()
    }
    return VerdictStep(step.name, source_steps()[step.kind].rules(step.name, step.setting, changes, least_score))


def foreign_code(pipeline: Pipeline) -> list[str]:
    """`module:name` of the code from outside the project that a pipeline would run, each once."""
    names: dict[str, None] = {}
    for source in pipeline.sources.values():
        names |= dict.fromkeys(format_named(source.read.format).foreign)
        for step in source.steps:
            names |= dict.fromkeys(source_steps()[step.kind].foreign(step.setting))
    return list(names)
