"""Reads a pipeline file and `--set` values into a Pipeline, or says what is wrong and where.

Knows YAML, lines and key paths; knows no step's implementation and opens no input of a run.
"""

from __future__ import annotations

import copy
import difflib
import re
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from curate.config.models import Pipeline
from curate.config.steps import raw_name
from curate.dedup.step import Deduplicate
from curate.steps import combining_steps, source_steps
from curate.storage import is_remote, resolve

KeyPath = tuple[str | int, ...]

_PATH_KEYS = frozenset({"paths", "root", "against", "index", "model", "lists", "removals", "key"})
_PATH_OR_NAME_KEYS = frozenset({"pack", "packs", "tokenizer", "filter"})
_MARKUP_FORMATS = frozenset({"warc"})


class ConfigError(ValueError):
    """A pipeline file that cannot be run: a line per mistake, with file, line, key path and what would be right."""


class _Loader(yaml.SafeLoader):
    """YAML 1.2's booleans only, so that the language `no` stays a word; a key given twice is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: dict[Any, int] = {}
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            line = key_node.start_mark.line + 1
            if key in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"the key {key!r} was given on line {seen[key]} already", problem_mark=key_node.start_mark
                )
            seen[key] = line
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)


@dataclass(frozen=True)
class PipelineFile:
    """A pipeline, and where in its file each key stands."""

    path: Path
    pipeline: Pipeline
    raw: Mapping[str, Any]
    lines: Mapping[KeyPath, int] = field(repr=False)

    def error(self, key_path: KeyPath, message: str) -> ConfigError:
        """The error of a key: file, line, key path and message."""
        return ConfigError(_locate(self.path, self.lines, key_path, message))


def read_pipeline(path: str | Path, sets: Sequence[str] = ()) -> PipelineFile:
    """Read a pipeline file with `KEY=VALUE` changes. Its paths are taken from its folder, those in `sets` from here.

    Raises ConfigError with every mistake found, and FileNotFoundError where there is no such file.
    """
    path = Path(path)
    text = path.read_text(encoding="utf-8")
    try:
        node = yaml.compose(text, Loader=_Loader)
        raw = yaml.load(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        at = f":{mark.line + 1}" if mark else ""
        raise ConfigError(f"{path}{at}: not valid YAML: {error.problem or error}") from None
    if not isinstance(raw, dict):
        raise ConfigError(f"{path}: a pipeline file holds keys, such as name, sources and shards")
    return change_pipeline(_absolute(raw, path.resolve().parent), path, sets, dict(_lines(node, ())))


def change_pipeline(
    tree: Mapping[str, Any], path: Path, sets: Sequence[str], lines: Mapping[KeyPath, int] | None = None
) -> PipelineFile:
    """A pipeline given as a tree of keys, its paths absolute, with `KEY=VALUE` changes. `path` and `lines` are for errors.

    Raises ConfigError with every mistake found.
    """
    raw, lines = copy.deepcopy(dict(tree)), lines or {}
    for assignment in sets:
        _assign(raw, assignment, path)
    try:
        pipeline = Pipeline.model_validate(raw)
    except ValidationError as error:
        raise ConfigError("\n".join(_explain(path, lines, detail) for detail in error.errors())) from None
    file = PipelineFile(path, pipeline, raw, lines)
    _check_meaning(file)
    return file


def _lines(node: yaml.Node | None, path: KeyPath) -> Iterator[tuple[KeyPath, int]]:
    if node is None:
        return
    yield path, node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _lines(value, (*path, key.value))
            yield (*path, key.value), key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield from _lines(value, (*path, index))


def _absolute(value: Any, base: Path, key: str = "") -> Any:
    """The same tree with every path taken from `base`."""
    if isinstance(value, dict):
        return {name: _absolute(item, base, key if key == "lists" else str(name)) for name, item in value.items()}
    if isinstance(value, list):
        return [_absolute(item, base, key) for item in value]
    if isinstance(value, str) and (key in _PATH_KEYS or (key in _PATH_OR_NAME_KEYS and _is_path(value))):
        return resolve(value, base)
    return value


def _is_path(value: str) -> bool:
    if is_remote(value) or value.startswith(("hf:", "package:")):  # a tokenizer of the Hub or of a package is a name
        return False
    return "/" in value or value.endswith((".yaml", ".yml", ".json", ".tiktoken", ".model"))


def _assign(raw: dict[str, Any], assignment: str, file: Path) -> None:
    """Carry out one KEY=VALUE of the command line on the raw tree."""
    key, equals, text = assignment.partition("=")
    if not equals or not key:
        raise ConfigError(f"--set {assignment}: write KEY=VALUE, as in tokens.tokenizer=cl100k_base")
    try:
        value = yaml.load(text, Loader=_Loader)
    except yaml.YAMLError:
        value = text  # a bare glob is no YAML
    pieces = key.split(".")
    value = _absolute(value, Path.cwd(), pieces[-1])
    targets: list[dict[str, Any]] = [raw]
    if pieces[0] not in Pipeline.model_fields:
        targets = [step for step in _steps(raw) if raw_name(step) == pieces[0]]
        if not targets:
            known = [*Pipeline.model_fields, *(raw_name(step) for step in _steps(raw))]
            raise ConfigError(f"--set {key}: no key or step {pieces[0]!r}{_near(pieces[0], known)}")
    for target in targets:
        _descend(target, pieces if target is raw else [next(iter(target)), *pieces[1:]], value, key)


def _descend(target: Any, pieces: list[str], value: Any, key: str) -> None:
    for index, piece in enumerate(pieces[:-1]):
        if isinstance(target, list):
            step = next((item for item in target if raw_name(item) == piece), None)
            if step is None:
                raise ConfigError(f"--set {key}: no step {piece!r}{_near(piece, [raw_name(item) for item in target])}")
            target, piece = step, next(iter(step))
        if not isinstance(target, dict):
            raise ConfigError(f"--set {key}: {'.'.join(pieces[:index])} holds a value, not keys")
        inner = target.get(piece)
        bare = source_steps()[piece].bare_key if piece in source_steps() else None
        if isinstance(inner, str) and bare:
            inner = {bare: inner}
        target[piece] = {} if inner is None else inner
        target = target[piece]
    if not isinstance(target, dict):
        raise ConfigError(f"--set {key}: {'.'.join(pieces[:-1])} holds a value, not keys")
    target[pieces[-1]] = value


def _steps(raw: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every step written in the file, of the sources and combining ones."""
    sources = raw.get("sources")
    lists = (
        [source.get("steps") for source in sources.values() if isinstance(source, dict)]
        if isinstance(sources, dict)
        else []
    )
    lists.append(raw.get("combine"))
    return [
        step
        for steps in lists
        if isinstance(steps, list)
        for step in steps
        if isinstance(step, dict) and len(step) == 1
    ]


def _near(word: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else f"; known: {', '.join(sorted(set(known)))}"


def _locate(path: Path, lines: Mapping[KeyPath, int], key_path: KeyPath, message: str) -> str:
    known = key_path
    while known and known not in lines:
        known = known[:-1]
    line = lines.get(known)
    dotted = "".join(f"[{piece}]" if isinstance(piece, int) else f".{piece}" for piece in key_path).lstrip(".")
    return f"{path}{f':{line}' if line else ''}: {dotted + ': ' if dotted else ''}{message}"


def _explain(path: Path, lines: Mapping[KeyPath, int], detail: ErrorDetails) -> str:
    """One mistake in words: where it is and what would be right."""
    location = detail["loc"]
    shown = tuple(
        piece
        for i, piece in enumerate(location)
        if not (
            isinstance(piece, str)
            and i
            and isinstance(location[i - 1], int)
            and piece in (*source_steps(), *combining_steps())
        )
    )
    kind, given = detail["type"], detail.get("input")
    if kind == "extra_forbidden":
        message = f"unknown key{_near(str(location[-1]), _known_keys(location[:-1]))}"
    elif kind in ("union_tag_invalid", "union_tag_not_found"):
        known = list(combining_steps() if "combine" in location else source_steps())
        if isinstance(given, Mapping) and len(given) == 1:
            name = str(next(iter(given)))
            message = f"unknown step {name!r}{_near(name, known)}"
            shown = (*shown, name)
        else:
            message = f"a step is one key with its settings, as in '- filter: c4'; known: {', '.join(known)}"
    elif kind == "missing":
        message = "missing"
    else:
        text = detail["msg"].removeprefix("Value error, ")
        message = f"{text[0].lower()}{text[1:]}" + (
            f" (got {given!r})" if isinstance(given, str | int | float | bool) else ""
        )
    return _locate(path, lines, shown, message)


def _known_keys(location: tuple[int | str, ...]) -> list[str]:
    """The keys that the model at a location accepts."""
    current = {Pipeline}
    for piece in location:
        inner = {
            model
            for owner in current
            for name, info in owner.model_fields.items()
            if piece in (name, info.alias)
            for model in _models(info.annotation)
        }
        current = inner or current
    return [info.alias or name for model in current for name, info in model.model_fields.items()]


def _models(annotation: Any) -> Iterator[type[Any]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)


def _check_meaning(file: PipelineFile) -> None:
    """What types cannot say: order of steps, names used once, sources that exist."""
    pipeline = file.pipeline
    problems: list[ConfigError] = []
    filters: set[str] = set()
    for source_name, source in pipeline.sources.items():
        highest, seen = "", set()
        for index, step in enumerate(source.steps):
            at: KeyPath = ("sources", source_name, "steps", index)
            kind, name = step.kind, step.name
            if highest and source_steps()[kind].place < source_steps()[highest].place:
                problems.append(file.error(at, f"step out of order: {kind} comes before {highest}"))
            else:
                highest = kind
            if name in seen:
                problems.append(
                    file.error(at, f"a second step named {name!r}; give it a name: {{pack: {name}, as: {name}-again}}")
                )
            seen.add(name)
            if source_steps()[kind].has_bounds:
                filters.add(name)
        kinds = [step.kind for step in source.steps]
        markup = source.read.format in _MARKUP_FORMATS
        if markup and "extract" not in kinds:
            problems.append(
                file.error(("sources", source_name, "steps"), "WARC files hold HTML: begin with '- extract: {}'")
            )
        if not markup and "extract" in kinds:
            problems.append(
                file.error(
                    ("sources", source_name, "steps", kinds.index("extract")),
                    f"{source.read.format} files hold text already: leave this step out",
                )
            )
        for index, (_, setting) in enumerate(source.named_steps()):
            for positive in getattr(setting, "positives", ()):
                if positive not in pipeline.sources:
                    problems.append(
                        file.error(
                            ("sources", source_name, "steps", index, "quality", "positives"),
                            f"no source {positive!r}{_near(positive, list(pipeline.sources))}",
                        )
                    )
    combined = [step.kind for step in pipeline.combine]
    for index, kind in enumerate(combined):
        if kind in combined[:index]:
            problems.append(file.error(("combine", index), f"a second step {kind!r}"))
        elif index and combining_steps()[kind].place < combining_steps()[combined[index - 1]].place:
            problems.append(
                file.error(("combine", index), f"step out of order: {kind} comes before {combined[index - 1]}")
            )
    keepable = ["extract", "verdicts", *combined]
    for index, kept in enumerate(pipeline.keep):
        if kept not in keepable:
            problems.append(
                file.error(("keep", index), f"documents cannot be kept after {kept!r}{_near(kept, keepable)}")
            )
    deduplicate = pipeline.combined(Deduplicate)
    closed = deduplicate is not None and deduplicate.index is None  # an index may hold sources of other runs
    for preferred in deduplicate.keep.prefer_source if deduplicate and closed else ():
        if preferred not in pipeline.sources:
            place = ("combine", combined.index("deduplicate"), "deduplicate", "keep", "prefer_source")
            problems.append(file.error(place, f"no source {preferred!r}{_near(preferred, list(pipeline.sources))}"))
    for name in pipeline.filters:
        if name not in filters:
            problems.append(file.error(("filters", name), f"no filter step {name!r}{_near(name, sorted(filters))}"))
    if pipeline.mixture is not None and pipeline.mixture.by == "source":
        for name in pipeline.mixture.sources:
            if name not in pipeline.sources:
                problems.append(
                    file.error(("mixture", "sources", name), f"no source {name!r}{_near(name, list(pipeline.sources))}")
                )
            elif pipeline.sources[name].role == "reference":
                problems.append(
                    file.error(("mixture", "sources", name), f"{name!r} has the role 'reference' and is no output")
                )
    if problems:
        raise ConfigError("\n".join(str(problem) for problem in problems))
