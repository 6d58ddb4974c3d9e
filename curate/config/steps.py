"""The steps of a pipeline file as the schema sees them: a list of mappings of one key, the step's name, to its settings.

Built from the lists in `curate/steps.py`. Knows no step.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Discriminator, Field, Tag, create_model

from curate.settings import Model
from curate.steps import CombiningStep, SourceStep, combining_steps, source_steps


class StepModel(Model):
    """One step as it is written: a key, and its settings."""

    @property
    def kind(self) -> str:
        """The step's key: `filter`, `scrub`."""
        return next(iter(type(self).model_fields))

    @property
    def setting(self) -> Model:
        """What is said of it."""
        setting: Model = getattr(self, self.kind)
        return setting

    @property
    def name(self) -> str:
        """What it is called in the ledger: filters after their pack unless `as` names them, others by their key."""
        step = source_steps().get(self.kind)
        return step.title(self.setting) if step and step.title else self.kind


def _or_bare_word(schema: dict[str, Any]) -> None:
    """In the schema for editors: the settings, or a word alone."""
    settings = dict(schema)
    schema.clear()
    schema["description"] = settings.pop("description", "")
    schema["anyOf"] = [{"type": "string"}, settings]


def _model_of(step: SourceStep | CombiningStep) -> type[StepModel]:
    bare = isinstance(step, SourceStep) and step.bare_key
    told = (step.settings.__doc__ or "").strip()
    written = Field(description=told, json_schema_extra=_or_bare_word if bare else None)
    fields: Any = {step.name: (step.settings, written)}
    made: type[StepModel] = create_model(f"{step.settings.__name__}Step", __base__=StepModel, **fields)
    return made


def step_kind(value: Any) -> str | None:
    """The key of a step, as written or as checked; None for what is no step."""
    if isinstance(value, Mapping) and len(value) == 1:
        return str(next(iter(value)))
    return value.kind if isinstance(value, StepModel) else None


def _any_of(steps: Mapping[str, SourceStep] | Mapping[str, CombiningStep]) -> Any:
    tagged = [Annotated[_model_of(step), Tag(name)] for name, step in steps.items()]
    return Annotated[reduce(or_, tagged), Discriminator(step_kind)]


if TYPE_CHECKING:
    AnySourceStep = StepModel
    AnyCombiningStep = StepModel
else:
    AnySourceStep = _any_of(source_steps())
    AnyCombiningStep = _any_of(combining_steps())


def raw_name(step: Any) -> str:
    """The name of a step that is not checked yet; empty for what is no step."""
    kind = step_kind(step)
    if kind is None or not isinstance(step, Mapping):
        return ""
    known = source_steps().get(kind)
    return known.raw_title(step[kind]) if known and known.raw_title else kind
