"""A record's values beside the bounds they were judged by. Knows verdict settings and ledger rows; reads no file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from curate.filters.expression import parse


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


def bounds(low: float | None, high: float | None, exclusive: bool = False) -> str:
    """A rule's bounds as a person writes them."""
    above, below = ("> ", "< ") if exclusive else (">= ", "<= ")
    parts = [sign + f"{bound:,.10g}" for sign, bound in ((above, low), (below, high)) if bound is not None]
    return " and ".join(parts) or "off"


def judged_rules(steps: Sequence[Mapping[str, Any]], row: Mapping[str, Any]) -> list[Judged]:
    """Every rule of a source's verdict steps with the row's value. Empty for a record that never was a document."""
    failed = frozenset(row["failed"] or ())
    found: list[Judged] = []
    for step in steps:
        for name, metric, value, must in _filter(step, row) if step["kind"] == "filter" else _other(step, row):
            full = f"{step['name']}/{name}"
            found.append(Judged(full, metric, value, must, full in failed))
    return found if any(rule.value is not None for rule in found) else []


def _filter(step: Mapping[str, Any], row: Mapping[str, Any]) -> list[tuple[str, str, float | None, str]]:
    prefix = f"{step['name']}."
    values = {name.removeprefix(prefix): value for name, value in row.items() if name.startswith(prefix)}
    rows = []
    for name, metric, low, high, exclusive in step["rules"]:
        expression = parse(metric)
        numbers = {each: values.get(each) for each in expression.names()}
        known = {each: np.asarray(value, np.float64) for each, value in numbers.items() if value is not None}
        value = float(expression.evaluate(known)) if len(known) == len(numbers) else None
        rows.append((name, metric, value, bounds(low, high, exclusive)))
    return rows


def _other(step: Mapping[str, Any], row: Mapping[str, Any]) -> list[tuple[str, str, float | str | None, str]]:
    """Rules of steps that are no packs: their settings are their bounds."""
    if step["kind"] == "language":
        keep = step["keep"] if isinstance(step["keep"], str) else ", ".join(step["keep"])
        return [
            ("keep", "language", row["language"], keep),
            ("minimum", "language_score", row["language_score"], bounds(step["minimum"], None)),
        ]
    if step["kind"] == "removed":
        return [("listed", "lists of removals", None, "on none")]
    settings = ", ".join(f"{key} {value}" for key, value in step.items() if key not in ("kind", "name"))
    return [(step["kind"], f"{step['kind']}_score", row.get(f"{step['kind']}_score"), settings)]
