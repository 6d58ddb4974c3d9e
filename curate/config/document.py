"""The one reader of YAML: a file as a tree of plain values, with the line of each key; a tree as a typed model.

Every file that people write for curate is read here: pipelines, packs, training and validation files. Knows YAML, lines
and pydantic's errors; knows no kind of file and no step.

The YAML is that of version 1.2 as far as people use it: `true` and `false` are the only booleans, so that `no` stays a
word; `012` is twelve; `12:30` and dates are words. Aliases, anchors, merge keys and tags are refused: they let 400 bytes
stand for gigabytes, and a settings file needs none. A key given twice is an error. Size, depth and number of values are
bounded before anything is built.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from yaml.reader import Reader

from curate.config.refusals import KeyPath, refusals
from curate.errors import ConfigError, located

Value = TypeVar("Value", bound=BaseModel)

MOST_BYTES = 1 << 20
"""Largest file that is read: a hundred times the largest pack or recipe known."""
MOST_DEPTH = 50
"""Deepest nesting: a pipeline needs ten."""
MOST_VALUES = 50_000
"""Most keys and values of a file."""

_INTEGER = re.compile(r"[-+]?[0-9][0-9_]*$")
_NUMBER_TYPES = {
    "tag:yaml.org,2002:bool": re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"),
    "tag:yaml.org,2002:int": re.compile(r"^(?:[-+]?[0-9][0-9_]*|0o[0-7]+|0x[0-9a-fA-F]+)$"),
    "tag:yaml.org,2002:float": re.compile(
        r"^(?:[-+]?(?:\.[0-9]+|[0-9][0-9_]*(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
    ),
    "tag:yaml.org,2002:null": re.compile(r"^(?:~|null|Null|NULL|)$"),
}
_FIRST_CHARACTERS = {"bool": "tTfF", "int": "-+0123456789", "float": "-+0123456789.", "null": ["~", "n", "N", ""]}
_BREAKS = frozenset("\x85\u2028\u2029\ufeff")
_ENCODINGS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16", b"\x00\x00\xfe\xff": "UTF-32"}


class _Loader(yaml.SafeLoader):
    """Composes nodes within the bounds; see the module for what is refused."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.depth = self.values = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        self.values += 1
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            sign = "*" if isinstance(event, yaml.AliasEvent) else "&"
            raise _mistake(f"{sign}{event.anchor}: aliases are not read; write the value out", event.start_mark)
        if getattr(event, "tag", None) not in (None, "!"):
            raise _mistake(f"{event.tag}: tags are not read; put quotes around what must be a word", event.start_mark)
        if self.depth >= MOST_DEPTH:
            raise _mistake(f"values nested more than {MOST_DEPTH} deep", event.start_mark)
        if self.values > MOST_VALUES:
            raise _mistake(f"more than {MOST_VALUES:,} values", event.start_mark)
        self.depth += 1
        node: yaml.Node | None = super().compose_node(parent, index)
        self.depth -= 1
        return node


_Loader.yaml_implicit_resolvers = {}  # none of YAML 1.1
for _tag, _pattern in _NUMBER_TYPES.items():
    _Loader.add_implicit_resolver(_tag, _pattern, list(_FIRST_CHARACTERS[_tag.rpartition(":")[2]]))


def _mistake(problem: str, mark: yaml.Mark | None) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=mark)


class _Dumper(yaml.SafeDumper):
    """Writes what this reader and one of YAML 1.1 both read as it was meant, without aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


for _tag, _pattern in _NUMBER_TYPES.items():
    _Dumper.add_implicit_resolver(_tag, _pattern, list(_FIRST_CHARACTERS[_tag.rpartition(":")[2]]))


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    """Line breaks beyond ASCII in quotes, which escape them: without, YAML folds them to spaces."""
    style = '"' if _BREAKS & set(text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)


_Dumper.add_representer(str, _represent_text)


def write_document(tree: Mapping[str, Any], width: int = 120) -> str:
    """The keys as a YAML file that `read_document` reads again, in their order."""
    text: str = yaml.dump(dict(tree), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=width)
    return text


@dataclass(frozen=True)
class Document:
    """A file's values, and where each key stands.

    `path` names the file in messages. `changes` are key paths that the command line set, each with what was written
    there, so that a mistake in one is not blamed on the file.
    """

    path: Path
    tree: Mapping[str, Any]
    lines: Mapping[KeyPath, int] = field(default_factory=dict, repr=False)
    changes: Mapping[KeyPath, str] = field(default_factory=dict, repr=False)

    def where(self, key_path: KeyPath) -> str:
        """The place of a key, as messages begin: `FILE:LINE: KEY`."""
        return self._located(key_path, "").removesuffix(": ")

    def error(self, key_path: KeyPath, message: str) -> ConfigError:
        """The error of a key: file, line, key path and message."""
        return ConfigError(self._located(key_path, message))

    def _located(self, key_path: KeyPath, message: str) -> str:
        dotted = dotted_key(key_path)
        for length in range(len(key_path), 0, -1):
            if key_path[:length] in self.changes:
                return located(message, f"--set {self.changes[key_path[:length]]}", key=dotted)
        if key_path not in self.lines:
            for place, written in self.changes.items():  # a key that the command line made on the way to another
                if place[: len(key_path)] == key_path:
                    return located(message, f"--set {written}", key=dotted)
        known = key_path
        while known and known not in self.lines:
            known = known[:-1]
        return located(message, str(self.path), self.lines.get(known), dotted)


def dotted_key(key_path: KeyPath) -> str:
    """A key path as people write it.

    >>> dotted_key(("sources", "web", "steps", 1, "filter"))
    'sources.web.steps[1].filter'
    """
    return "".join(f"[{piece}]" if isinstance(piece, int) else f".{piece}" for piece in key_path).lstrip(".")


def read_document(path: str | Path, what: str = "the file", keys: Sequence[str] = ()) -> Document:
    """The keys of a YAML file. `what` and `keys`, the first of those it may hold, serve messages.

    Raises ConfigError, with file and line, for what is no YAML or holds no keys; OSError where the file cannot be read.
    """
    path = Path(path)
    if path.is_dir():
        raise ConfigError(f"is a folder: give the name of {what} in it", file=str(path))
    tree, lines = _parsed(_read_text(path), str(path))
    if not isinstance(tree, dict):
        example = f", such as {', '.join(keys[:3])}" if keys else ""
        kind = "a list" if isinstance(tree, list) else "nothing" if tree is None else f"the value {tree!r}"
        raise ConfigError(f"{what} holds keys{example}; this one holds {kind}", file=str(path))
    return Document(path, tree, lines)


def parse_value(text: str) -> Any:
    """One YAML value, as the command line gives it. Raises ConfigError where it is no YAML."""
    return _parsed(text, "")[0]


def _read_text(path: Path) -> str:
    with open(path, "rb") as file:
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise ConfigError(f"more than {MOST_BYTES:,} bytes, which no settings need", file=str(path))
    for mark, name in _ENCODINGS.items():
        if data.startswith(mark):
            raise ConfigError(f"the file is {name}; save it as UTF-8", file=str(path))
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        message = f"the byte {data[error.start]:#04x} is not UTF-8; save the file as UTF-8"
        raise ConfigError(message, file=str(path), line=line) from None


def _parsed(text: str, file: str) -> tuple[Any, dict[KeyPath, int]]:
    """(value, line by key path) of a text. Raises ConfigError."""
    unprintable = Reader.NON_PRINTABLE.search(text)
    if unprintable:
        line = text.count("\n", 0, unprintable.start()) + 1
        code = f"U+{ord(unprintable.group()):04X}"
        raise ConfigError(f"the character {code} may not stand in YAML", file=file, line=line)
    lines: dict[KeyPath, int] = {}
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        value = None if node is None else _value(node, (), lines)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        raise ConfigError(
            f"not valid YAML: {_problem(error)}", file=file, line=mark.line + 1 if mark else None
        ) from None
    return value, lines


def _problem(error: yaml.MarkedYAMLError) -> str:
    problem = error.problem or str(error)
    if "'\\t'" in problem:
        return "a tab where spaces belong; indent with spaces"
    if problem == "but found another document":
        return "a second document begins here; a file holds one"
    return problem


def _value(node: yaml.Node, path: KeyPath, lines: dict[KeyPath, int]) -> Any:
    lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        result: dict[Hashable, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise _mistake("a key is one word, not a list or keys", key_node.start_mark)
            key = str(key_node.value)
            if key in result:
                before = lines[(*path, key)]
                raise _mistake(f"the key {key!r} was given on line {before} already", key_node.start_mark)
            lines[(*path, key)] = key_node.start_mark.line + 1
            result[key] = _value(value_node, (*path, key), lines)
        return result
    if isinstance(node, yaml.SequenceNode):
        return [_value(item, (*path, index), lines) for index, item in enumerate(node.value)]
    return _scalar(node)


def _scalar(node: yaml.Node) -> Any:
    kind, text = node.tag.rpartition(":")[2], str(node.value)
    try:
        if kind == "null":
            return None
        if kind == "bool":
            return text.lower() == "true"
        if kind == "int":
            return int(text) if _INTEGER.match(text) else int(text, 0)
        if kind == "float":
            return float(re.sub(r"\.(inf|nan)$", r"\1", text.lower()))
    except ValueError:
        raise _mistake(f"a number of {len(text):,} digits", node.start_mark) from None
    return text


def validate(document: Document, model: type[Value]) -> Value:
    """The document's values as a model. Raises ConfigError with a line for every mistake: its place and what is right."""
    try:
        return model.model_validate(document.tree)
    except ValidationError as error:
        found = refusals(document.tree, model, error.errors())
        raise ConfigError("\n".join(document._located(place, message) for place, message in found)) from None
