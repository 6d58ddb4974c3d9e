"""Rules on numbers: typed values that decide, describe themselves, and travel as JSON.

The verdict stage, what-if, the report and explain ask the same object. A rule belongs to a step and looks at columns
by their names in the ledger. Knows columns; computes no metric and touches no text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from curate.records.judging import Columns, Failures, Judged, Row, Rule
from curate.verdicts.bounds import BoundsByRule, BoundsRule
from curate.verdicts.draws import keeps, lomax, score_kept_half_the_time


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
    """Fails a row whose `column`, as text in lower case without outer white space, is not listed in `values`; with `refuse`,
    one that is. A row without a value fails where `missing` says so.

    A value is listed as a whole, or by its parts between commas: to be allowed each of them is listed, to be refused one. A
    listed value that ends with `*` stands for all that begin so.

    >>> rule = ListedRule("m", "licence", "meta.licence", ("mit", "cc-*"), refuse=False, missing=True)
    >>> rule.fails({"meta.licence": pa.array(["MIT ", "gpl-3.0", "mit, CC-BY", None])})
    {'m/licence': array([False,  True, False,  True])}
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
        texts = texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
        parts = pc.split_pattern(texts, ",")
        of_row = np.asarray(pc.list_parent_indices(parts))
        hit = self._holds(pc.utf8_trim_whitespace(pc.list_flatten(parts)))
        hits, count = np.bincount(of_row[hit], minlength=len(texts)), np.bincount(of_row, minlength=len(texts))
        listed = self._holds(texts) | (hits > 0 if self.refuse else (hits == count) & (count > 0))
        absent = np.asarray(pc.is_null(texts), bool)
        return {f"{self.step}/{self.name}": np.where(absent, self.missing, listed == self.refuse)}

    def _holds(self, texts: pa.Array) -> npt.NDArray[np.bool_]:
        found = np.asarray(pc.is_in(texts, value_set=pa.array(self.values, pa.string())), bool)
        for value in self.values:
            if value.endswith("*"):
                found |= np.asarray(pc.fill_null(pc.starts_with(texts, value[:-1]), False), bool)
        return found

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


def rule_to_json(rule: Rule) -> dict[str, Any]:
    """A rule as JSON; its step is named once, around its rules. Raises TypeError for a kind that no audit could read."""
    if not isinstance(rule, AnyRule):
        raise TypeError(
            f"{rule.step}: a rule is one of {', '.join(kind.__name__ for kind in _KINDS.values())}: {rule!r}"
        )
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


def step_names(rules: Sequence[str]) -> list[str]:
    """The steps of rules named `step/rule`."""
    return [rule.split("/", 1)[0] for rule in rules]
