"""A record's values beside the bounds they were judged by. Knows verdict settings and ledger rows; reads no file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from curate.audit.measures import BEFORE_DOCUMENTS
from curate.audit.removals import RULE
from curate.filters.expression import parse
from curate.quality.keep import lomax


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
    if row["dropped_at"] in BEFORE_DOCUMENTS:
        return []
    failed = frozenset(row["failed"] or ())
    found: list[Judged] = []
    for step in steps:
        for name, metric, value, must in _filter(step, row) if step["kind"] == "filter" else _other(step, row):
            full = f"{step['name']}/{name}"
            found.append(Judged(full, metric, value, must, full in failed))
    return found


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


def _other(step: Mapping[str, Any], row: Mapping[str, Any]) -> Iterator[tuple[str, str, float | str | None, str]]:
    """Rules of steps that are no packs: their settings are their bounds."""
    name, score = step["name"], row.get("quality_score")
    if step["kind"] == "language":
        if step["keep"] != "all":
            yield "keep", "language", row["language"], ", ".join(step["keep"])
        yield "minimum", "language_score", row["language_score"], bounds(step["minimum"], None)
        if step["most_other"] is not None:
            yield "most_other", "other_share", row[f"{name}.other_share"], bounds(None, step["most_other"])
    elif step["kind"] == "quality" and "draw" in step:
        alpha = step["draw"]
        number = None if score is None else float(lomax(np.array([row["quality_draw"]], np.float32), alpha)[0])
        above = "> 1 - quality_score" if score is None else f"> {1 - score:,.10g} (1 - quality_score)"
        yield "draw", f"(1 - quality_draw)^(-1/{alpha:g}) - 1", number, above
    elif step["kind"] == "quality":
        rule = "minimum" if "minimum" in step else "keep_share"
        yield rule, "quality_score", score, bounds(step[rule], None)
    elif step["kind"] == "datatrove":
        reason = row[f"{name}.reason"]
        yield reason or "any", "the block's reason", reason or "none", "none"
    elif step["kind"] == "removed":
        yield RULE.partition("/")[2], "lists of removals", None, "on none"
