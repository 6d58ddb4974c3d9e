"""What a module does, as a text: its syntax tree without what cannot change a result. Knows Python's syntax; runs nothing.

Left out: comments and formatting (no tree has them), docstrings and other strings that stand alone, annotations of
functions' arguments and results and of variables outside classes, overloads, what stands under `if TYPE_CHECKING`, and
imports of names that only annotations read.

What may be read while a program runs stays: annotations in classes, of which dataclasses and settings are made; those
of functions under a decorator that is not known to leave them alone, as `functools.singledispatch` does not; all of
them, and docstrings, in a module that asks for them.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

_WORD = re.compile(r"[^\W\d]\w*")
_DOTTED = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*")

_LEAVES_ANNOTATIONS = frozenset(
    {"abstractmethod", "cache", "cached_property", "classmethod", "contextmanager", "deleter", "final", "getter", "jit"}
    | {"kernel", "lru_cache", "njit", "no_grad", "override", "property", "setter", "staticmethod", "wraps"}
)
"""Decorators, by the last part of their names, that look at no annotation."""

_READS_ANNOTATIONS = frozenset(
    ["__annotations__", "get_annotations", "get_type_hints", "getfullargspec", "signature", "__doc__", "getdoc"]
)
"""Names by which a module may read annotations or docstrings, its own or others'."""

_UNREAD = frozenset({"ctx", "kind", "type_comment", "type_ignores"})
"""Fields of a tree that say nothing of what it does: a name's context follows from where it stands."""

_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Import:
    """`from {level dots}{module} import {names}`, or `import module` with no names."""

    level: int
    module: str
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Behaviour:
    """A module's text, equal for modules that do the same; what it imports; and strings that may name modules."""

    text: str
    imports: tuple[Import, ...]
    dotted: frozenset[str]
    """Strings made as `package.module`: a module run as a program is named so."""
    loaded: frozenset[str]
    """Strings given to `import_module` or `__import__`."""


def behaviour(source: bytes, filename: str = "<source>") -> Behaviour:
    """What a module does. Raises SyntaxError where the source is no Python.

    >>> one = behaviour(b"def f(x: int) -> int:\\n    '''Says.'''\\n    return x  # why")
    >>> one.text == behaviour(b"def f(x):\\n  return x").text
    True
    """
    tree = ast.parse(source, filename)
    mentioned = any(name.encode() in source for name in _READS_ANNOTATIONS)
    return _Writer(tree, mentioned and any(map(_reads_annotations, ast.walk(tree)))).written()


class _Writer:
    """Writes a tree, once from top to bottom without recursion: no chain of `elif` is too long for it."""

    def __init__(self, tree: ast.Module, whole: bool) -> None:
        self._tree = tree
        self._out: list[str] = []
        self._read: set[str] = set()
        """Names and words of strings in what is written."""
        self._hinted: set[str] = {"TYPE_CHECKING"}
        """Names in what is left out."""
        self._from: list[tuple[int, ast.ImportFrom]] = []
        """Imports, and where in `_out` they stand: they are written last, when it is known what is read."""
        self._imports: list[Import] = []
        self._dotted: set[str] = set()
        self._loaded: set[str] = set()
        self._whole = whole

    def written(self) -> Behaviour:
        """The behaviour of the tree."""
        waiting: list[tuple[object, bool]] = [(self._tree, False)]
        while waiting:
            item, in_class = waiting.pop()
            if isinstance(item, ast.AST):
                waiting.extend(reversed(list(self._open(item, in_class))))
            elif isinstance(item, list):
                self._out.append("[")
                waiting.append((_Close("]"), in_class))
                waiting.extend((each, in_class) for each in reversed(item))
            else:
                self._out.append(str(item) if isinstance(item, _Close) else f"{item!r},")
        for place, node in self._from:
            names = [alias for alias in node.names if (alias.asname or alias.name) not in self._hinted - self._read]
            if names:
                written = ",".join(f"{alias.name} as {alias.asname}" for alias in names)
                self._out[place] = f"from {node.level} {node.module} import {written}"
                self._imports.append(Import(node.level, node.module or "", tuple(alias.name for alias in names)))
        return Behaviour("".join(self._out), tuple(self._imports), frozenset(self._dotted), frozenset(self._loaded))

    def _open(self, node: ast.AST, in_class: bool) -> Iterator[tuple[object, bool]]:
        """What to write of a node, in order."""
        if isinstance(node, ast.Constant):
            self._see_constant(node.value)
            yield node.value, in_class
            return
        if isinstance(node, ast.ImportFrom):
            self._from.append((len(self._out), node))
            self._out.append("")
            return
        if isinstance(node, ast.Import):
            self._imports.extend(Import(0, alias.name) for alias in node.names)
        elif isinstance(node, ast.Name):
            self._read.add(node.id)
        elif isinstance(node, ast.Call):
            self._see_call(node)
        bare = not self._whole and self._leaves_annotations(node, in_class)
        if isinstance(node, ast.AnnAssign) and bare:
            self._leave_out(node.annotation)
            if node.value is not None:
                yield from self._open(ast.Assign([node.target], node.value), in_class)
            return
        inside = isinstance(node, ast.ClassDef) or (in_class and not isinstance(node, _Function | ast.Lambda))
        yield _Close(type(node).__name__ + "("), inside
        for name in node._fields:
            value = getattr(node, name, None)
            if value is None or value == [] or name in _UNREAD:
                continue
            if bare and name in ("returns", "annotation"):
                self._leave_out(value)
                continue
            if name == "args" and bare and isinstance(node, _Function):
                value = self._without_annotations(value)
            elif isinstance(value, list) and value and isinstance(value[0], ast.stmt):
                value = self._statements(value)
            yield _Close(name + "="), inside
            yield value, inside
        yield _Close(")"), inside

    def _leaves_annotations(self, node: ast.AST, in_class: bool) -> bool:
        """Whether nobody reads the annotations of a function or a variable."""
        if isinstance(node, ast.AnnAssign):
            return not in_class
        if isinstance(node, _Function):
            return all(_last_name(each) in _LEAVES_ANNOTATIONS for each in node.decorator_list)
        return False

    def _without_annotations(self, arguments: ast.arguments) -> ast.arguments:
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
        for argument in every:
            if argument is not None and argument.annotation is not None:
                self._leave_out(argument.annotation)
                argument.annotation = None
        return arguments

    def _statements(self, body: list[ast.stmt]) -> list[ast.stmt]:
        """Statements without those that do nothing: constants alone, `pass`, overloads, what only type checkers see."""
        kept: list[ast.stmt] = []
        for statement in body:
            if isinstance(statement, ast.If) and _last_name(statement.test) == "TYPE_CHECKING":
                self._leave_out(*statement.body)
                kept += self._statements(statement.orelse)
            elif isinstance(statement, _Function) and "overload" in map(_last_name, statement.decorator_list):
                self._leave_out(statement)
            elif not (isinstance(statement, ast.Pass) or (_is_constant(statement) and not self._whole)):
                kept.append(statement)
        return kept

    def _leave_out(self, *nodes: ast.AST) -> None:
        for node in nodes:
            for each in ast.walk(node):
                if isinstance(each, ast.Name):
                    self._hinted.add(each.id)
                elif isinstance(each, ast.Constant) and isinstance(each.value, str):
                    self._hinted.update(_WORD.findall(each.value))

    def _see_constant(self, value: object) -> None:
        if isinstance(value, str):
            self._read.update(_WORD.findall(value))
            if "." in value and _DOTTED.fullmatch(value):
                self._dotted.add(value)

    def _see_call(self, node: ast.Call) -> None:
        if _last_name(node.func) in ("import_module", "__import__") and node.args:
            given = node.args[0]
            if isinstance(given, ast.Constant) and isinstance(given.value, str):
                self._loaded.add(given.value)


class _Close(str):
    """A piece of the text itself, where other strings are values."""

    __slots__ = ()


def _is_constant(statement: ast.stmt) -> bool:
    """Whether a statement is a constant alone: a string that says something to people, or `...`."""
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _reads_annotations(node: ast.AST) -> bool:
    """Whether something is read, and not only set, by which annotations and docstrings are had."""
    return (
        isinstance(node, ast.Name | ast.Attribute)
        and isinstance(node.ctx, ast.Load)
        and _last_name(node) in _READS_ANNOTATIONS
    )


def _last_name(node: ast.AST) -> str:
    """`c` of `a.b.c`, and of `a.b.c(...)`."""
    if isinstance(node, ast.Call):
        node = node.func
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
