"""What can be written in a pipeline file, told to people: steps and their keys, recipes. One text for the terminal, the
docs and editors: the models' own descriptions.

Knows models and bundled files; prints nothing.
"""

from __future__ import annotations

import textwrap
import typing
from collections.abc import Iterator
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import yaml
from pydantic.fields import FieldInfo

from curate.config.bundled import find_recipe, recipes
from curate.config.models import Pipeline
from curate.errors import ConfigError, nearest
from curate.settings import Model
from curate.steps import CombiningStep, SourceStep, combining_steps, source_steps

_WIDTH = 100
REQUIRED = "required"
Key = tuple[str, str, str, str]
"""A key as it is written, what it takes, its default, and what it says."""


def list_steps() -> str:
    """Every step, a line each: those of a source, then those that combine sources."""
    lines = ["Steps of a source:", ""]
    lines += [f"  {name:<14} {about(step)}" for name, step in source_steps().items()]
    lines += ["", "Steps over all sources, under `combine`:", ""]
    lines += [f"  {name:<14} {about(step)}" for name, step in combining_steps().items()]
    return "\n".join([*lines, "", "curate steps show NAME tells every key of one."])


def show_step(name: str) -> str:
    """A step: what it is for, an example, every key. Raises ConfigError for a name that is no step's."""
    step = named_step(name)
    place = "a source's steps" if isinstance(step, SourceStep) else "combine"
    lines = [f"{name}: {about(step)}", "", f"One of {place}, for example:", ""]
    lines += [f"  - {step.example}", ""] if step.example else []
    return "\n".join([*lines, *key_lines(keys(step.settings))])


def named_step(name: str) -> SourceStep | CombiningStep:
    """The step of a name. Raises ConfigError naming the nearest."""
    known: dict[str, SourceStep | CombiningStep] = {**source_steps(), **combining_steps()}
    if name not in known:
        raise ConfigError(f"no step {name!r}{nearest(name, known)} (steps: {', '.join(known)})")
    return known[name]


def about(step: SourceStep | CombiningStep) -> str:
    """What a step is for: the first line of its settings' description."""
    return (step.settings.__doc__ or "").strip().partition("\n")[0]


def steps_told() -> list[tuple[str, str, str, str]]:
    """Every step: its name, the key that it stands under, what it is for, an example."""
    rows = [(name, "sources.NAME.steps", about(step), step.example) for name, step in source_steps().items()]
    return rows + [(name, "combine", about(step), step.example) for name, step in combining_steps().items()]


def recipes_told() -> dict[str, str]:
    """What each bundled pipeline is for, by name."""
    return {path.stem: str(yaml.safe_load(path.read_text()).get("about", "")) for path in recipes()}


def list_recipes() -> str:
    """Every bundled pipeline, a line each."""
    told = recipes_told()
    width = max(map(len, told))
    lines = [f"{name:<{width}}  {text}" for name, text in told.items()]
    return "\n".join([*lines, "", "curate recipes show NAME prints one, curate run NAME runs it."])


def show_recipe(name: str) -> str:
    """A bundled pipeline's file. Raises FileNotFoundError naming the recipes."""
    return find_recipe(name).read_text()


def keys(model: type[Model], under: str = "") -> Iterator[Key]:
    """Every key of a model, those of models within it after theirs, dotted."""
    for attribute, field in model.model_fields.items():
        name = under + (field.alias or attribute)
        yield name, _takes(field.annotation, field), _default(field), field.description or ""
        below = f"{name}.NAME." if _is_mapping(field.annotation) else f"{name}."
        for inner in _models(field.annotation):
            if inner is not model:
                yield from keys(inner, below)


def key_lines(rows: Iterator[Key]) -> list[str]:
    """Keys for a terminal: a line with what it takes and its default, and what it says below."""
    lines = []
    for name, takes, default, told in rows:
        note = default if default in ("", REQUIRED) else f"default: {default}"
        lines.append(f"  {name}: {takes}" + (f"  ({note})" if note else ""))
        lines += textwrap.wrap(told, _WIDTH, initial_indent="      ", subsequent_indent="      ")
    return lines


def pipeline_keys() -> Iterator[Key]:
    """The keys of a pipeline file outside its steps."""
    for key in keys(Pipeline):
        if not key[0].startswith(("sources.NAME.steps.", "combine.")):
            yield key


def _models(annotation: Any) -> list[type[Model]]:
    if isinstance(annotation, type) and issubclass(annotation, Model):
        return [annotation]
    return list(dict.fromkeys(model for inner in get_args(annotation) for model in _models(inner)))


def _is_mapping(annotation: Any) -> bool:
    return get_origin(annotation) is dict or any(map(_is_mapping, get_args(annotation)))


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return REQUIRED
    value = field.get_default(call_default_factory=False)
    if field.default_factory is not None or value is None or isinstance(value, Model) or value in ((), {}, ""):
        return ""
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


_WORDS = {str: "text", int: "whole number", float: "number", bool: "true or false", NoneType: "null", Any: "any value"}


def _takes(annotation: Any, field: FieldInfo | None = None) -> str:
    """What a key takes, in words."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if annotation in _WORDS:
        return _WORDS[annotation]
    if origin is Annotated:
        return _takes(inner[0])
    if origin is Literal:
        return " | ".join(map(str, inner))
    if origin in (Union, UnionType):
        return " or ".join(dict.fromkeys(map(_takes, inner)))
    if origin is tuple:
        return f"list of {_plural(_takes(inner[0]))}"
    if origin is dict:
        return "mapping"
    if isinstance(annotation, type) and issubclass(annotation, Model):
        return "mapping"
    if isinstance(annotation, typing.TypeVar):
        return "any value"
    return "value"


def _plural(word: str) -> str:
    return {"text": "texts", "whole number": "whole numbers", "number": "numbers", "mapping": "mappings"}.get(
        word, word
    )
