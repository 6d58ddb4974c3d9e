"""A rule's metric: a name, or a small sum of names and numbers.

Grammar: terms joined by + and -, factors joined by * and /, parentheses, a leading minus, decimal numbers, names.
Division by zero gives 0. Knows no metric; looks names up in what it is given and executes nothing.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curate.errors import CurateError

Numbers = NDArray[np.float64]

_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)|(?P<name>(?:meta\.)?[A-Za-z_]\w*)|(?P<sign>[-+*/()]))"
)
_MOST_TOKENS = 256  # keeps the recursion shallow whatever a pack says


class ExpressionError(CurateError, ValueError):
    """The text is no expression of the grammar above."""


def _divide(left: Numbers, right: Numbers) -> Numbers:
    left, right = np.broadcast_arrays(left, right)
    return np.divide(left, right, out=np.zeros_like(left), where=right != 0)


_OPERATORS: dict[str, Callable[[Numbers, Numbers], Numbers]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": _divide,
}


@dataclass(frozen=True)
class Expression:
    """A parsed expression: a number, a name, or an operator between two expressions."""

    value: float | str
    left: "Expression | None" = None
    right: "Expression | None" = None

    def names(self) -> tuple[str, ...]:
        """The names used, each once, in the order of their first use."""
        if self.left is not None and self.right is not None:
            return tuple(dict.fromkeys(self.left.names() + self.right.names()))
        return (self.value,) if isinstance(self.value, str) else ()

    def evaluate(self, columns: Mapping[str, Numbers]) -> Numbers:
        """The value per row, float64. Raises KeyError on a name that `columns` lacks."""
        if self.left is not None and self.right is not None:
            return _OPERATORS[str(self.value)](self.left.evaluate(columns), self.right.evaluate(columns))
        if isinstance(self.value, str):
            return columns[self.value]
        return np.asarray(self.value, np.float64)


def _tokens(text: str) -> list[str]:
    tokens = []
    at = 0
    text = text.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ExpressionError(
                f"cannot read {text[at:].strip()!r} in {text!r}; allowed are names, numbers, + - * / ( )"
            )
        tokens.append(match.group().strip())
        at = match.end()
    if len(tokens) > _MOST_TOKENS:
        raise ExpressionError(f"an expression of {len(tokens)} pieces; at most {_MOST_TOKENS} are allowed")
    return tokens


def parse(text: str) -> Expression:
    """Read an expression. Raises ExpressionError saying what was found where."""
    tokens = [*_tokens(text), ""]
    place = 0

    def fail(wanted: str) -> ExpressionError:
        found = repr(tokens[place]) if tokens[place] else "the end"
        return ExpressionError(f"expected {wanted}, found {found} in {text!r}")

    def chain(operators: str, operand: Callable[[], Expression]) -> Expression:
        nonlocal place
        result = operand()
        while tokens[place] and tokens[place] in operators:
            operator = tokens[place]
            place += 1
            result = Expression(operator, result, operand())
        return result

    def factor() -> Expression:
        nonlocal place
        token = tokens[place]
        if token == "-":
            place += 1
            return Expression("-", Expression(0.0), factor())
        if token == "(":
            place += 1
            inside = terms()
            if tokens[place] != ")":
                raise fail("')'")
            place += 1
            return inside
        if not token or token in "+*/)":
            raise fail("a name or a number")
        place += 1
        return Expression(float(token) if token[0].isdigit() else token)

    def terms() -> Expression:
        return chain("+-", lambda: chain("*/", factor))

    result = terms()
    if tokens[place]:
        raise fail("an operator or the end")
    return result
