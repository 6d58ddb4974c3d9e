"""Rules on numbers: typed values that decide, describe themselves, and travel as JSON.

The verdict stage, what-if, the report and explain ask the same object. A rule belongs to a step and looks at columns
by their names in the ledger. Knows columns; computes no metric and touches no text.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from curate.records.metadata import META
from curate.verdicts.draws import keeps, lomax, score_kept_half_the_time
from curate.verdicts.expression import parse

Columns = Mapping[str, pa.Array]
Row = Mapping[str, Any]
Mask = npt.NDArray[np.bool_]
Values = npt.NDArray[np.float64]
_SHOWN_DIGITS = 8  # of the hash that tells two tables of bounds apart
Failures = dict[str, Mask]
"""Per rule, named `step/rule`, which rows fail it."""


@dataclass(frozen=True)
class Judged:
    """A rule as it met one record: `name` is `step/rule`, `value` the metric's, `bounds` what it had to be."""

    name: str
    metric: str
    value: float | str | None
    bounds: str
    fails: bool

    def as_json(self) -> dict[str, Any]:
        """The same as a mapping."""
        return asdict(self)


class Rule(Protocol):
    """What every kind of rule can be asked. `step` and `name` make its full name, `step/name`."""

    kind: ClassVar[str]
    step: str

    def columns(self) -> tuple[str, ...]:
        """The ledger columns that it looks at."""
        ...

    def fails(self, columns: Columns) -> Failures:
        """Which rows fail, by full name; a rule whose names depend on the data may give several."""
        ...

    def judged(self, row: Row, failed: frozenset[str]) -> Judged:
        """How one ledger row met the rule; `failed` are the full names of the rules that the row failed."""
        ...

    def settings(self) -> dict[str, str]:
        """What decides, by name, as people read it; equal settings decide alike."""
        ...


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


@dataclass(frozen=True)
class AllowedRule:
    """Fails a row whose `column` is none of `values`; null is none of them."""

    kind: ClassVar[str] = "allowed"
    step: str
    name: str
    column: str
    values: tuple[str, ...]

    def columns(self) -> tuple[str, ...]:
        """See Rule.columns."""
        return (self.column,)

    def fails(self, columns: Columns) -> Failures:
        """See Rule.fails."""
        allowed = pc.is_in(columns[self.column], value_set=pa.array(self.values, pa.string()))
        return {f"{self.step}/{self.name}": ~np.asarray(allowed, bool)}

    def judged(self, row: Row, failed: frozenset[str]) -> Judged:
        """See Rule.judged."""
        full = f"{self.step}/{self.name}"
        return Judged(full, self.column, row[self.column], ", ".join(self.values), full in failed)

    def settings(self) -> dict[str, str]:
        """See Rule.settings."""
        return {self.name: ", ".join(self.values)}


@dataclass(frozen=True)
class ListedRule:
    """Fails a row whose `column`, as text in lower case without outer white space, is none of `values`; with `refuse`, one
    that is. A row without a value fails where `missing` says so.

    >>> rule = ListedRule("m", "licence", "meta.licence", ("mit",), refuse=False, missing=True)
    >>> rule.fails({"meta.licence": pa.array(["MIT ", "gpl-3.0", None])})
    {'m/licence': array([False,  True,  True])}
    """

    kind: ClassVar[str] = "listed"
    step: str
    name: str
    column: str
    values: tuple[str, ...]
    refuse: bool
    missing: bool

    def columns(self) -> tuple[str, ...]:
        """See Rule.columns."""
        return (self.column,)

    def fails(self, columns: Columns) -> Failures:
        """See Rule.fails."""
        texts = pc.utf8_lower(pc.utf8_trim_whitespace(columns[self.column].cast(pa.string())))
        listed = np.asarray(pc.is_in(texts, value_set=pa.array(self.values, pa.string())), bool)
        absent = np.asarray(pc.is_null(texts), bool)
        return {f"{self.step}/{self.name}": np.where(absent, self.missing, listed == self.refuse)}

    def judged(self, row: Row, failed: frozenset[str]) -> Judged:
        """See Rule.judged."""
        full, value = f"{self.step}/{self.name}", row[self.column]
        return Judged(full, self.column, None if value is None else str(value), self._text(), full in failed)

    def settings(self) -> dict[str, str]:
        """See Rule.settings."""
        return {
            self.name: self._text()
            + ("" if self.refuse else f"; without a value {'fails' if self.missing else 'passes'}")
        }

    def _text(self) -> str:
        return ("none of " if self.refuse else "one of ") + ", ".join(self.values)


@dataclass(frozen=True)
class DrawRule:
    """Keeps a row with probability (2 - score)^-alpha, by a draw that lies in a column of its own (Brown et al. 2020)."""

    kind: ClassVar[str] = "draw"
    step: str
    name: str
    alpha: float
    score: str = "quality_score"
    draw: str = "quality_draw"

    def columns(self) -> tuple[str, ...]:
        """See Rule.columns."""
        return (self.score, self.draw)

    def fails(self, columns: Columns) -> Failures:
        """See Rule.fails."""
        scores, draws = (np.asarray(columns[name], np.float32) for name in self.columns())
        return {f"{self.step}/{self.name}": ~keeps(scores, draws, self.alpha)}

    def judged(self, row: Row, failed: frozenset[str]) -> Judged:
        """See Rule.judged."""
        score, number = row.get(self.score), None
        if score is not None:
            number = float(lomax(np.array([row[self.draw]], np.float32), self.alpha)[0])
        above = f"> 1 - {self.score}" if score is None else f"> {1 - score:,.10g} (1 - {self.score})"
        full, metric = f"{self.step}/{self.name}", f"(1 - {self.draw})^(-1/{self.alpha:g}) - 1"
        return Judged(full, metric, number, above, full in failed)

    def settings(self) -> dict[str, str]:
        """See Rule.settings."""
        return {self.name: f"alpha {self.alpha:g}"}

    def deciding_value(self) -> float | None:
        """The score that is kept every other time."""
        return score_kept_half_the_time(self.alpha)


@dataclass(frozen=True)
class ReasonRule:
    """Fails a row for the reason in `column`, null where there is none: the rule's name is the reason."""

    kind: ClassVar[str] = "reason"
    step: str
    column: str

    def columns(self) -> tuple[str, ...]:
        """See Rule.columns."""
        return (self.column,)

    def fails(self, columns: Columns) -> Failures:
        """See Rule.fails."""
        reasons = columns[self.column]
        found = sorted(pc.unique(reasons.drop_null()).to_pylist())
        masks = {name: pc.fill_null(pc.equal(reasons, name), False) for name in found}
        return {f"{self.step}/{name}": mask.to_numpy(zero_copy_only=False) for name, mask in masks.items()}

    def judged(self, row: Row, failed: frozenset[str]) -> Judged:
        """See Rule.judged."""
        reason = row[self.column]
        full = f"{self.step}/{reason or 'any'}"
        return Judged(full, "the block's reason", reason or "none", "none", full in failed)

    def settings(self) -> dict[str, str]:
        """See Rule.settings."""
        return {}


@dataclass(frozen=True)
class FlagRule:
    """Fails a row whose `column` (bool) is true. `about` says what the column tells."""

    kind: ClassVar[str] = "flag"
    step: str
    name: str
    column: str
    about: str

    def columns(self) -> tuple[str, ...]:
        """See Rule.columns."""
        return (self.column,)

    def fails(self, columns: Columns) -> Failures:
        """See Rule.fails."""
        return {f"{self.step}/{self.name}": np.asarray(columns[self.column], bool)}

    def judged(self, row: Row, failed: frozenset[str]) -> Judged:
        """See Rule.judged."""
        full = f"{self.step}/{self.name}"
        return Judged(full, self.about, None, "on none", full in failed)

    def settings(self) -> dict[str, str]:
        """See Rule.settings."""
        return {self.name: "on"}


AnyRule = BoundsRule | BoundsByRule | AllowedRule | ListedRule | DrawRule | ReasonRule | FlagRule
_KINDS: dict[str, type[AnyRule]] = {
    kind.kind: kind for kind in (BoundsRule, BoundsByRule, AllowedRule, ListedRule, DrawRule, ReasonRule, FlagRule)
}


def rule_to_json(rule: AnyRule) -> dict[str, Any]:
    """A rule as JSON; its step is named once, around its rules."""
    values = {field.name: getattr(rule, field.name) for field in fields(rule) if field.name != "step"}
    shown = {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
    return {"kind": rule.kind} | shown


def rule_from_json(step: str, value: Mapping[str, Any]) -> AnyRule:
    """A rule from its JSON. Raises KeyError for a kind that nobody knows."""
    given: dict[str, Any] = {name: _tuples(each) for name, each in value.items() if name != "kind"}
    return _KINDS[value["kind"]](step=step, **given)


def _tuples(value: Any) -> Any:
    """JSON's lists, and those within them, as tuples."""
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


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


def step_names(rules: Sequence[str]) -> list[str]:
    """The steps of rules named `step/rule`."""
    return [rule.split("/", 1)[0] for rule in rules]
