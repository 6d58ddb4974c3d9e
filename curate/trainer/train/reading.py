"""Reads a YAML file into one of the trainer's models, or says what is wrong, in which line, and what would be right."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError

from curate.config.reading import ConfigError

Read = TypeVar("Read", bound=BaseModel)
KeyPath = tuple[str | int, ...]


def read(path: str | Path, kind: type[Read], sets: Sequence[str] = ()) -> Read:
    """The file as a `kind`, with `KEY=VALUE` changes. Raises ConfigError with a line per mistake, FileNotFoundError."""
    text = Path(path).read_text(encoding="utf-8")
    try:
        raw, node = yaml.safe_load(text), yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        at = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ConfigError(f"{path}{at}: not valid YAML: {error.problem}") from None
    if not isinstance(raw, dict):
        raise ConfigError(f"{path}: the file holds keys, such as {', '.join(list(kind.model_fields)[:3])}")
    for assignment in sets:
        _assign(raw, assignment)
    try:
        return kind.model_validate(raw)
    except ValidationError as error:
        problems = []
        for detail in error.errors():
            location = detail["loc"]
            message = detail["msg"].removeprefix("Value error, ")
            if detail["type"] == "extra_forbidden":
                message = f"unknown key{_near(str(location[-1]), _known(kind, location[:-1]))}"
            line = _line(node, location)
            dotted = ".".join(str(piece) for piece in location)
            problems.append(f"{path}{f':{line}' if line else ''}: {dotted + ': ' if dotted else ''}{message}")
        raise ConfigError("\n".join(problems)) from None


def _assign(raw: dict[str, Any], assignment: str) -> None:
    key, equals, text = assignment.partition("=")
    if not equals or not key:
        raise ConfigError(f"--set {assignment}: write KEY=VALUE, as in optimizer.learning_rate=3e-4")
    *parents, last = key.split(".")
    target: Any = raw
    for parent in parents:
        target = target.setdefault(parent, {})
        if not isinstance(target, dict):
            raise ConfigError(f"--set {key}: {parent} holds a value, not keys")
    target[last] = yaml.safe_load(text)


def _line(node: yaml.Node | None, location: KeyPath) -> int | None:
    """The line of a key, or of the nearest key above it that the file has."""
    line = None
    for piece in location:
        if isinstance(node, yaml.MappingNode):
            pair = next(((key, value) for key, value in node.value if key.value == piece), None)
            if pair is None:
                break
            line, node = pair[0].start_mark.line + 1, pair[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(piece, int) and piece < len(node.value):
            node = node.value[piece]
            line = node.start_mark.line + 1
        else:
            break
    return line


def _known(kind: type[BaseModel], location: KeyPath) -> list[str]:
    """The keys of the model at a location."""
    for piece in location:
        field = kind.model_fields.get(str(piece))
        inner = None if field is None else _model(field.annotation)
        kind = inner or kind
    return list(kind.model_fields)


def _model(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((model for argument in get_args(annotation) if (model := _model(argument)) is not None), None)


def _near(word: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else f"; known: {', '.join(known)}"
