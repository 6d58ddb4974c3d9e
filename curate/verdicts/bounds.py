"""Rules that hold a number between bounds, the same for all rows or by the value of a column. Knows numbers and columns."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.records.judging import Columns, Failures, Judged, Mask, Row, Values
from curate.records.metadata import META
from curate.verdicts.expression import parse

_SHOWN_DIGITS = 8  # of the hash that tells two tables of bounds apart


@dataclass(frozen=True)
class BoundsRule:
    """Fails a row whose value is below `min` or above `max`; an `exclusive` rule fails the bounds themselves too.

    The value is `metric`, an expression over the step's own columns `step.NAME` and `meta.NAME` of the input, or, where
    `column` is given, that column of the ledger. A bound on a float32 column (`single`) is compared as float32, as the
    column was written.
    `setting` is the key of a pipeline file that holds the bound; empty: `filters.STEP.NAME.min` and `.max` do.

    >>> rule = BoundsRule("c4", "min_words", "words", min=3)
    >>> rule.fails({"c4.words": pa.array([2, 3])})
    {'c4/min_words': array([ True, False])}
    """

    kind: ClassVar[str] = "bounds"
    step: str
    name: str
    metric: str
    min: float | None = None
    max: float | None = None
    exclusive: bool = False
    column: str | None = None
    single: bool = False
    setting: str = ""

    @property
    def full_name(self) -> str:
        """`step/rule`."""
        return f"{self.step}/{self.name}"

    @property
    def low(self) -> float | None:
        """The lower bound as it is compared."""
        return self._compared(self.min)

    @property
    def high(self) -> float | None:
        """The upper bound as it is compared."""
        return self._compared(self.max)

    def _compared(self, bound: float | None) -> float | None:
        return bound if bound is None or not self.single else float(np.float32(bound))

    @property
    def bounds(self) -> tuple[float, ...]:
        """The bounds that are set, as they are compared."""
        return tuple(bound for bound in (self.low, self.high) if bound is not None)

    @property
    def key(self) -> str:
        """The key of a pipeline file that moves the rule; of a pack's rule without `.min` or `.max`."""
        return self.setting or f"filters.{self.step}.{self.name}"

    @property
    def whole_key(self) -> bool:
        """Whether `key` is the bound itself, not the rule that has bounds."""
        return bool(self.setting)

    def columns(self) -> tuple[str, ...]:
        """See Rule.columns."""
        if self.column:
            return (self.column,)
        return tuple(_column_of(self.step, name) for name in parse(self.metric).names())

    def values(self, columns: Columns) -> Values:
        """The rule's value per row, NaN where a column is null."""
        if self.column:
            return _numbers(columns[self.column])
        known = {name: _numbers(columns[_column_of(self.step, name)]) for name in parse(self.metric).names()}
        return np.asarray(parse(self.metric).evaluate(known), np.float64)

    def outside(self, values: Values) -> Mask:
        """Which values the rule fails. A value that is no number fails every bound."""
        failed = np.zeros(values.shape, np.bool_)
        if self.low is not None:
            failed |= ~(values > self.low) if self.exclusive else ~(values >= self.low)
        if self.high is not None:
            failed |= ~(values < self.high) if self.exclusive else ~(values <= self.high)
        return failed

    def fails(self, columns: Columns) -> Failures:
        """See Rule.fails."""
        return {self.full_name: self.outside(self.values(columns))}

    def judged(self, row: Row, failed: frozenset[str]) -> Judged:
        """See Rule.judged."""
        value: float | None = None
        if all(row.get(name) is not None for name in self.columns()):
            one = {name: pa.array([row[name]]) for name in self.columns()}
            value = float(np.atleast_1d(self.values(one))[0])
        return Judged(self.full_name, self.metric, value, self.bounds_text(), self.full_name in failed)

    def bounds_text(self) -> str:
        """The bounds as a person writes them."""
        return bounds_text(self.min, self.max, self.exclusive)

    def settings(self) -> dict[str, str]:
        """See Rule.settings."""
        return {self.name: self.bounds_text() + (f" ({self.metric})" if self.metric != self.name else "")}

    def deciding_value(self) -> float | None:
        """The bound, where there is one."""
        return self.bounds[0] if self.bounds else None


@dataclass(frozen=True)
class BoundsByRule:
    """Fails a row whose value is outside the bounds of its group, the value of the ledger's `column`, such as a language.

    `bounds` are (group, lower, upper), None for a bound that is off. A row of another group, or of none, passes.

    >>> rule = BoundsByRule("p", "long", "words", "p.language", (("de", 3, None), ("ja", 1, None)))
    >>> rule.fails({"p.words": pa.array([2, 2, 0]), "p.language": pa.array(["de", "ja", None])})
    {'p/long': array([ True, False, False])}
    """

    kind: ClassVar[str] = "bounds_by"
    step: str
    name: str
    metric: str
    column: str
    bounds: tuple[tuple[str, float | None, float | None], ...]
    exclusive: bool = False

    def _of(self, low: float | None, high: float | None) -> BoundsRule:
        return BoundsRule(self.step, self.name, self.metric, low, high, self.exclusive)

    def columns(self) -> tuple[str, ...]:
        """See Rule.columns."""
        return (*self._of(None, None).columns(), self.column)

    def fails(self, columns: Columns) -> Failures:
        """See Rule.fails."""
        groups = columns[self.column]
        values = self._of(None, None).values(columns)
        failed = np.zeros(len(values), np.bool_)
        known = {group: (low, high) for group, low, high in self.bounds}
        for group in pc.unique(groups.drop_null()).to_pylist():
            if group in known:
                rows = np.asarray(pc.fill_null(pc.equal(groups, group), False), bool)
                failed[rows] = self._of(*known[group]).outside(values[rows])
        return {f"{self.step}/{self.name}": failed}

    def judged(self, row: Row, failed: frozenset[str]) -> Judged:
        """See Rule.judged."""
        own = next(((low, high) for group, low, high in self.bounds if group == row.get(self.column)), (None, None))
        return self._of(*own).judged(row, failed)

    def settings(self) -> dict[str, str]:
        """See Rule.settings."""
        told = hashlib.sha256(repr((self.bounds, self.exclusive)).encode()).hexdigest()[:_SHOWN_DIGITS]
        return {self.name: f"by {self.column}, {len(self.bounds)} groups, {told} ({self.metric})"}


def bounds_text(low: float | None, high: float | None, exclusive: bool = False) -> str:
    """Bounds as a person writes them: `>= 3 and <= 10`, `off` where there are none.

    A number that float32 holds exactly is written with the digits that float32 needs: .65, not .6499999762.
    """
    above, below = ("> ", "< ") if exclusive else (">= ", "<= ")
    parts = [sign + number_text(bound) for sign, bound in ((above, low), (below, high)) if bound is not None]
    return " and ".join(parts) or "off"


def number_text(value: float) -> str:
    """A number with the digits it needs, thousands parted."""
    return f"{value:,.7g}" if abs(value) < 1 and float(np.float32(value)) == value else f"{value:,.10g}"


def _column_of(step: str, name: str) -> str:
    """The ledger column of a name in a metric: the step's own, or one carried from the input."""
    return name if name.startswith(META) else f"{step}.{name}"


def _numbers(column: pa.Array) -> Values:
    if pa.types.is_string(column.type):  # carried from the input: what is no number fails every bound
        return np.array([_number(text) for text in column.to_pylist()], np.float64)
    return np.asarray(column.cast(pa.float64()), np.float64)


def _number(text: str | None) -> float:
    try:
        return float(text) if text is not None else float("nan")
    except ValueError:
        return float("nan")
