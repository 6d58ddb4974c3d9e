"""`--set KEY=VALUE`: changes a tree of keys before it becomes a model. Knows key paths, and of steps their names.

Knows no file system.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from curate.config.document import parse_value
from curate.config.refusals import KeyPath
from curate.config.steps import raw_name
from curate.config.tokens import tokenizer_name
from curate.errors import ConfigError, nearest
from curate.steps import source_steps

Adapt = Callable[[Any, str], Any]
"""Makes of a value and its key what the tree is to hold, such as an absolute path."""

BY_NAME = frozenset({"allow", "refuse", "labels"})
"""Keys of settings by names that users give, such as columns: what stands there is no path, whatever the name."""
_BOUNDS = frozenset({"min", "max"})
_ORIGINS = {
    "paths": ("crawl", "segments", "subset", "index", "where"),
    "crawl": ("paths", "root", "index"),
    "index": ("paths", "root", "crawl", "segments", "subset"),
}
"""Keys that say where a source's files are: one that is set takes the place of those of the other."""


def parse_assignment(assignment: str, example: str) -> tuple[list[str], Any]:
    """(the key's pieces, the value) of KEY=VALUE; a value that is no YAML, such as a bare glob, is taken as it stands."""
    key, equals, text = assignment.partition("=")
    if not equals or not key:
        raise ConfigError(f"--set {assignment}: write KEY=VALUE, as in {example}")
    try:
        value = parse_value(text)
    except ConfigError:
        value = text
    return key.split("."), value


def assign(tree: dict[str, Any], assignment: str, example: str) -> KeyPath:
    """Carry out one KEY=VALUE on a tree without steps; returns the path of the changed key. Raises ConfigError."""
    pieces, value = parse_assignment(assignment, example)
    return _descend(tree, pieces, value, ())


def assign_in_pipeline(tree: dict[str, Any], assignment: str, top: Sequence[str], adapt: Adapt) -> list[KeyPath]:
    """Carry out one KEY=VALUE on a pipeline's tree; returns the paths of the changed keys.

    A key begins with one of `top`, or with the name of a step: then it is changed in every step of that name. A step of
    rules takes `STEP.RULE.min` beside its own settings. Raises ConfigError naming the nearest known key.
    """
    pieces, value = parse_assignment(assignment, "tokens.tokenizer=cl100k_base")
    if not BY_NAME & set(pieces[:-1]):
        value = adapt(value, pieces[-1])
    key, first = ".".join(pieces), pieces[0]
    steps = _steps(tree)
    if first == "expect":
        pieces = [first, ".".join(pieces[1:])]  # its keys have points
    if first in top:
        sources = tree.get("sources")
        if first == "sources" and len(pieces) > 2 and isinstance(sources, dict) and pieces[1] not in sources:
            raise ConfigError(f"--set {key}: no source {pieces[1]!r}{nearest(pieces[1], sources)}")
        return [_descend(tree, pieces, value, ())]
    targets = [(place, step) for place, step in steps if raw_name(step) == first]
    if not targets:
        raise ConfigError(f"--set {key}: no key or step {first!r}{_meant(tree, pieces, top, steps)}")
    if len(pieces) == 3 and pieces[2] in _BOUNDS and all(_is_rule(step, pieces[1]) for _, step in targets):
        return [_descend(tree, ["filters", *pieces], value, ())]
    if len(pieces) == 2 and _is_number(value) and all(_is_rule(step, pieces[1]) for _, step in targets):
        raise ConfigError(f"--set {key}: a rule has a min or a max: write {key}.min={value} or {key}.max={value}")
    return [_descend(step, [next(iter(step)), *pieces[1:]], value, place) for place, step in targets]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _meant(
    tree: Mapping[str, Any], pieces: Sequence[str], top: Sequence[str], steps: Sequence[tuple[KeyPath, Any]]
) -> str:
    """The key that was meant by its end, as `limit` or `web.read.limit`, or the nearest word."""
    found = [path for path in _key_paths(tree) if path[-len(pieces) :] == tuple(pieces)]
    if found:
        return f"; did you mean {'.'.join(found[0])!r}?"
    return nearest(pieces[0], [*top, *(raw_name(step) for _, step in steps)])


def _key_paths(tree: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """The keys outside steps, as `--set` writes them: those of the file's sources first."""
    from curate.config.reference import pipeline_keys  # when used: it knows the models, which know this room's reader

    sources = tree.get("sources")
    names = list(sources) if isinstance(sources, dict) else []
    keys = [tuple(key.split(".")) for key, *_ in pipeline_keys()]
    of_sources = [("sources", name, *key[2:]) for key in keys if key[:2] == ("sources", "NAME") for name in names]
    return [*of_sources, *(key for key in keys if "NAME" not in key)]


def _is_rule(step: Mapping[str, Any], name: str) -> bool:
    """Whether a key of a step can only be one of its rules: its own settings have no such key."""
    kind = source_steps().get(next(iter(step)))
    if kind is None or not kind.has_bounds:
        return False
    return name not in {info.alias or key for key, info in kind.settings.model_fields.items()}


def _descend(target: Any, pieces: list[str], value: Any, place: KeyPath) -> KeyPath:
    """Put the value at a key below the target, making what is not there; returns the key's path from the top."""
    key = ".".join(pieces)
    for index, piece in enumerate(pieces[:-1]):
        if isinstance(target, list):
            what, name = ("tokenizer", tokenizer_name) if place[-1:] == ("tokenizers",) else ("step", raw_name)
            names = [name(item) for item in target]
            if piece not in names:
                raise ConfigError(f"--set {key}: no {what} {piece!r}{nearest(piece, names)}")
            found = names.index(piece)
            place = (*place, found)
            if what == "tokenizer":
                target[found] = {"tokenizer": target[found]} if isinstance(target[found], str) else target[found]
                target = target[found]
                continue
            target, piece = target[found], next(iter(target[found]))
        if not isinstance(target, dict):
            raise ConfigError(f"--set {key}: {'.'.join(pieces[:index])} holds a value, not keys")
        inner = target.get(piece)
        bare = source_steps()[piece].bare_key if piece in source_steps() else None
        if isinstance(inner, str) and bare:
            inner = {bare: inner}
        target[piece] = {} if inner is None else inner
        target, place = target[piece], (*place, piece)
    if not isinstance(target, dict):
        raise ConfigError(f"--set {key}: {'.'.join(pieces[:-1])} holds a value, not keys")
    target[pieces[-1]] = value
    if value is not None and pieces[-1] in _ORIGINS and (*place, pieces[-1])[2:-1] == ("read",):
        for other in _ORIGINS[pieces[-1]]:
            target.pop(other, None)
    return (*place, pieces[-1])


def _steps(tree: Mapping[str, Any]) -> list[tuple[KeyPath, dict[str, Any]]]:
    """(path, step) of every step written in the file, of the sources and combining ones."""
    sources = tree.get("sources")
    lists: list[tuple[KeyPath, Any]] = [
        (("sources", name, "steps"), source.get("steps"))
        for name, source in (sources.items() if isinstance(sources, dict) else ())
        if isinstance(source, dict)
    ]
    lists.append((("combine",), tree.get("combine")))
    return [
        ((*place, index), step)
        for place, steps in lists
        if isinstance(steps, list)
        for index, step in enumerate(steps)
        if isinstance(step, dict) and len(step) == 1
    ]
