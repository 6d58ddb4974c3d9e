"""What a step is, and the list of all steps: the only place that names them.

A step of a source computes numbers or edits for every document (its evaluation) and says which rules decide on them; a
combining step turns what a run has made so far into more. Steps are named by reference, so that this file imports
none of them; the schema, the messages, the docs and the order of a run derive from it. Others' steps join by the entry
points `curate.source_steps` and `curate.combining_steps` of an installed distribution.
"""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypedDict

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

if TYPE_CHECKING:  # a task that resolves a name depends neither on kernels nor on rules
    from curate.records.judging import Rule
    from curate.settings import Model
    from curate.text.view import TextView


_SOURCE_STEPS = (
    "curate.extract.step:STEP",
    "curate.filters.url_step:STEP",
    "curate.filters.opt_out.step:STEP",
    "curate.language.step:STEP",
    "curate.filters.step:STEP",
    "curate.filters.datatrove_step:STEP",
    "curate.filters.python_step:STEP",
    "curate.filters.metadata_step:STEP",
    "curate.quality.topics.step:STEP",
    "curate.quality.step:STEP",
)
_COMBINING_STEPS = ("curate.dedup.step:STEP", "curate.decontaminate.step:STEP", "curate.pii.step:STEP")

BEFORE_READING, ON_ADDRESSES, ON_TEXT, ON_TOPICS, ON_SCORES = range(5)
"""Where a source's step stands: what makes text, what looks at addresses, what looks at text, what names its topic, what
scores it last."""


@dataclass(frozen=True)
class Applied:
    """What a step did to a batch: the texts after its edits, its ledger columns, characters removed by kind of edit."""

    view: TextView
    columns: Mapping[str, pa.Array]
    edits: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)


class Evaluator(Protocol):
    """A step made ready in a worker."""

    changes_text: bool
    statistics: Mapping[str, float]
    """Totals of the step's own, shown in stats.json; empty for most."""

    def apply(self, view: TextView, batch: pa.RecordBatch) -> Applied:
        """The step on a batch of documents (`id`, `url`, `text`, and what earlier steps found that is in every ledger, such
        as `language`), whose texts are now those of the view."""
        ...


@dataclass(frozen=True)
class Evaluation:
    """What decides a document's numbers and text at a step. Equal values give equal columns.

    `evaluator` is `module:function`, called with the step's name and `params` (JSON); `columns` are the ledger columns
    `step.NAME` with the names of their Arrow types, `fixed` those of columns that every ledger has.
    """

    evaluator: str
    params: Mapping[str, Any]
    columns: tuple[tuple[str, str], ...] = ()
    fixed: tuple[tuple[str, str], ...] = ()
    foreign: tuple[str, ...] = ()
    """`module:name` of others' code that it runs; its source is part of the result's name."""


class StepParams(TypedDict):
    """What decides a step's columns and its edits."""

    name: str
    evaluator: str
    params: Mapping[str, Any]
    code: Mapping[str, str]
    columns: Sequence[Sequence[str]]
    fixed: Sequence[Sequence[str]]


Carried = tuple[tuple[str, str], ...]
"""(`meta.NAME`, name of its Arrow type) of the columns that a source's rows carry."""

Changes = Mapping[str, Mapping[str, float | None]]
"""New bounds by rule: `filters.STEP.RULE.min` of a pipeline file."""


@dataclass(frozen=True)
class SourceStep:
    """A step that a source can have. `settings` is the model of what a pipeline file says of it."""

    name: str
    settings: type[Model]
    place: int = ON_TEXT
    example: str = ""
    """The step as a pipeline file has it, on one line of YAML."""
    title: Callable[[Any], str] | None = None
    """The step's name in the ledger from its settings; None: the name of the kind, so a source has it once."""
    raw_title: Callable[[Any], str] | None = None
    """The same from what the file says, before it is checked."""
    bare_key: str | None = None
    """The setting that a bare word is, as in `filter: c4`."""
    evaluation: Callable[[str, Any], Evaluation | None] = lambda name, setting: None
    evaluation_with: Callable[[str, Any, Carried], Evaluation | None] | None = None
    """The same for a step that looks at columns carried from the input; its evaluator's batches have them then."""
    rules: Callable[[str, Any, Changes, float | None], tuple[Rule, ...]] = lambda name, setting, changes, least: ()
    """Its rules, from its name, settings, changed bounds, and the least score kept where a share is to be kept."""
    has_bounds: bool = False
    """Whether `filters.STEP.RULE` changes its rules."""
    thresholds: frozenset[str] = frozenset()
    """The settings that only verdicts look at: another value needs no document to be looked at again."""
    reading: Callable[[Any], dict[str, Any]] = lambda setting: {}
    """What the reading of a part must know of it (JSON), for a step that is carried out there."""
    foreign: Callable[[Any], tuple[str, ...]] = lambda setting: ()
    """`module:name` of others' code that the settings name."""
    texts: Callable[[Any], tuple[tuple[str, ...], str] | None] = lambda setting: None
    """The engines that each give a text of a document, and what chooses one; None for a step that gives one or none."""
    sources_named: Callable[[Any], Mapping[str, tuple[str, ...]]] = lambda setting: {}
    """Names of sources in the settings, by dotted key: each must be a source of the pipeline."""
    later_columns: Callable[[Any], tuple[tuple[str, str], ...]] = lambda setting: ()
    """Columns of every ledger that stages of its own fill after evaluation, with the names of their Arrow types."""


@dataclass(frozen=True)
class CombiningStep:
    """A step over all sources. `plan` and `check` are `module:function`.

    `plan(pipeline, flow, runner)` gives the flow after it; `check(pipeline)` raises ValueError or OSError for settings
    that cannot work. Steps come in the order of `place`.
    """

    name: str
    settings: type[Model]
    place: int
    plan: str
    check: str | None = None
    sources_named: Callable[[Any], Mapping[str, tuple[str, ...]]] = lambda setting: {}
    """See SourceStep.sources_named."""
    columns: tuple[tuple[str, str], ...] = ()
    """Ledger columns that it adds, with the names of their Arrow types; the product's own are in every ledger."""
    example: str = ""
    """See SourceStep.example."""


@functools.cache
def source_steps() -> dict[str, SourceStep]:
    """Every step that a source can have, by name."""
    found: list[SourceStep] = [resolve(each) for each in (*_SOURCE_STEPS, *_entry_points("curate.source_steps"))]
    return {step.name: step for step in sorted(found, key=lambda step: step.place)}


@functools.cache
def combining_steps() -> dict[str, CombiningStep]:
    """Every combining step by name, in the order of a run."""
    found: list[CombiningStep] = [
        resolve(each) for each in (*_COMBINING_STEPS, *_entry_points("curate.combining_steps"))
    ]
    return {step.name: step for step in sorted(found, key=lambda step: step.place)}


def _entry_points(group: str) -> list[str]:
    return sorted(each.value for each in importlib.metadata.entry_points(group=group))


def resolve(reference: str) -> Any:
    """What `module:name` names. Raises ImportError or AttributeError where there is no such thing."""
    module, _, name = reference.partition(":")
    return getattr(importlib.import_module(module), name)
