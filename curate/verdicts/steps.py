"""A step's rules as one value, from the pipeline to the verdict, and from run.json to every audit.

Knows rules; knows no settings and reads no file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from curate.records.judging import Columns, Failures, Judged, Row, Rule
from curate.verdicts.bounds import BoundsRule
from curate.verdicts.rules import rule_from_json, rule_to_json

BEFORE_DOCUMENTS = ("read", "url", "extract")
"""Steps at which a record is dropped before it is a document: it has no text, and no metric was computed for it."""

ROLE = "role"
"""The step at which documents of a source that is no output are dropped: they trained a classifier, and that was all."""
ROLE_RULE = f"{ROLE}/reference"


@dataclass(frozen=True)
class VerdictStep:
    """A step's name and its rules, in the order in which failures are listed."""

    name: str
    rules: tuple[Rule, ...]

    def columns(self) -> tuple[str, ...]:
        """The ledger columns that the rules look at, each once."""
        return tuple(dict.fromkeys(name for rule in self.rules for name in rule.columns()))

    def fails(self, columns: Columns) -> Failures:
        """Which rows fail each rule, by `step/rule`."""
        failures: Failures = {}
        for rule in self.rules:
            failures |= rule.fails(columns)
        return failures

    def settings(self) -> dict[str, str]:
        """What decides, by rule, as people read it."""
        return {name: text for rule in self.rules for name, text in rule.settings().items()}

    def to_json(self) -> dict[str, Any]:
        """The step as JSON: a task's parameter, and an entry of run.json."""
        return {"name": self.name, "rules": [rule_to_json(rule) for rule in self.rules]}


def step_from_json(value: Mapping[str, Any]) -> VerdictStep:
    """A step from its JSON."""
    return VerdictStep(value["name"], tuple(rule_from_json(value["name"], rule) for rule in value["rules"]))


def steps_from_json(values: Sequence[Mapping[str, Any]]) -> tuple[VerdictStep, ...]:
    """Steps from their JSON, in order."""
    return tuple(map(step_from_json, values))


def thresholds(steps: Sequence[VerdictStep]) -> Iterator[BoundsRule]:
    """The rules that bounds decide, in order: what a slider can move."""
    for step in steps:
        yield from (rule for rule in step.rules if isinstance(rule, BoundsRule))


def judged_rules(steps: Sequence[VerdictStep], row: Row) -> list[Judged]:
    """Every rule as it met a ledger row. Empty for a record that never was a document."""
    if row["dropped_at"] in BEFORE_DOCUMENTS:
        return []
    failed = frozenset(row["failed"] or ())
    return [rule.judged(row, failed) for step in steps for rule in step.rules]
