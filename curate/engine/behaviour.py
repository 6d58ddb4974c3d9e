"""A module's syntax tree without what cannot change what it does. Knows Python's syntax; runs nothing.

Left out: comments and formatting (no tree has them), docstrings and other strings that stand alone, annotations of
functions' arguments and results and of variables outside classes, what stands under `if TYPE_CHECKING`, and imports of
names that only annotations used. Annotations in classes stay: dataclasses and settings are made of them.
"""

from __future__ import annotations

import ast


def behaviour(source: bytes, filename: str = "<source>") -> ast.Module:
    """The tree of a module. Raises SyntaxError where the source is no Python.

    >>> one = behaviour(b"def f(x: int) -> int:\\n    '''Says.'''\\n    return x  # why")
    >>> ast.dump(one) == ast.dump(behaviour(b"def f(x):\\n  return x"))
    True
    """
    tree = ast.parse(source, filename)
    before = _names(tree)
    stripped = _Strip().visit(tree)
    assert isinstance(stripped, ast.Module)
    after = _names(stripped)
    unused = (before | {"TYPE_CHECKING"}) - after
    tidy = ast.fix_missing_locations(_DropImports(unused).visit(stripped))
    assert isinstance(tidy, ast.Module)
    return tidy


def _names(tree: ast.AST) -> set[str]:
    """Names that a tree reads, and strings that export names."""
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return names | {
        node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def _is_type_checking(test: ast.expr) -> bool:
    name = test.attr if isinstance(test, ast.Attribute) else test.id if isinstance(test, ast.Name) else ""
    return name == "TYPE_CHECKING"


class _Strip(ast.NodeTransformer):
    """Takes out what the module's docstring lists, imports apart."""

    def __init__(self) -> None:
        self._in_class = False

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        """A string alone says something to people only."""
        if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            return None
        return self.generic_visit(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        """A class keeps the annotations of its own body."""
        outer, self._in_class = self._in_class, True
        self.generic_visit(node)
        self._in_class = outer
        return _with_body(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """A function loses its annotations."""
        return self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        """See visit_FunctionDef."""
        return self._function(node)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST:
        outer, self._in_class = self._in_class, False
        node.returns = None
        self.generic_visit(node)
        self._in_class = outer
        return _with_body(node)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        """An argument is its name."""
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        """`x: int = 1` outside classes is `x = 1`, and `x: int` nothing."""
        if self._in_class:
            return self.generic_visit(node)
        if node.value is None:
            return None
        plain = ast.Assign([node.target], node.value)
        return self.generic_visit(ast.copy_location(plain, node))

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt] | None:
        """What only type checkers see is left out."""
        if not _is_type_checking(node.test):
            self.generic_visit(node)
            return _with_body(node)
        kept: list[ast.stmt] = []
        for statement in node.orelse:
            visited = self.visit(statement)
            kept += visited if isinstance(visited, list) else [visited] if visited is not None else []
        return kept or None


def _with_body(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef | ast.If) -> ast.AST:
    """The node with a statement in its body, which may have been a docstring alone."""
    if not node.body:
        node.body = [ast.Pass()]
    return node


class _DropImports(ast.NodeTransformer):
    """Takes out the imports of names that only annotations read."""

    def __init__(self, unused: set[str]) -> None:
        self._unused = unused

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST | None:
        """`from a import B`, where B is such a name."""
        node.names = [alias for alias in node.names if (alias.asname or alias.name) not in self._unused]
        return node if node.names else None
