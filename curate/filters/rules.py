"""A rule: a metric, its bounds, and why. Rules compare; they never compute a metric and never touch text."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from curate.errors import nearest
from curate.filters.errors import PackError
from curate.verdicts.expression import Expression, Numbers, parse
from curate.verdicts.rules import BoundsRule, bounds_text

_FIELDS = ("metric", "min", "max", "exclusive", "why")
BOUNDS = ("min", "max")


@dataclass(frozen=True)
class Rule:
    """Fails a document whose metric is below `min` or above `max`; an `exclusive` rule fails the bounds themselves too.

    `metric` is the expression as written, `why` the reason and its source.
    """

    name: str
    metric: str
    expression: Expression
    min: float | None
    max: float | None
    why: str
    exclusive: bool = False

    def of_step(self, step: str) -> BoundsRule:
        """The rule as a step of that name applies it: what verdicts, what-if, report and explain work with."""
        return BoundsRule(step, self.name, self.metric, self.min, self.max, self.exclusive)

    def fails(self, columns: Mapping[str, Numbers]) -> NDArray[np.bool_]:
        """Per row, whether the rule fails. A value that is no number fails every bound."""
        return self.of_step("").outside(np.asarray(self.expression.evaluate(columns)))

    def bounds_text(self) -> str:
        """The bounds as a person writes them."""
        return bounds_text(self.min, self.max, self.exclusive)


def _bound(value: object, place: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise PackError(f"{place}: expected a number, found {value!r}")
    return float(value)


def read_rule(name: str, fields: object, place: str) -> Rule:
    """A rule from its YAML mapping. Raises PackError naming the key path."""
    if not isinstance(fields, Mapping):
        raise PackError(f"{place}: expected a mapping with metric, min, max and why, found {fields!r}")
    for key in fields:
        if key not in _FIELDS:
            raise PackError(f"{place}.{key}: unknown key{nearest(str(key), _FIELDS)}")
    metric = fields.get("metric")
    if not isinstance(metric, str):
        raise PackError(f"{place}.metric: expected the name of a metric or an expression, found {metric!r}")
    low, high = (_bound(fields.get(bound), f"{place}.{bound}") for bound in BOUNDS)
    if low is None and high is None:
        raise PackError(f"{place}: a rule needs min or max")
    exclusive = fields.get("exclusive", False)
    if not isinstance(exclusive, bool):
        raise PackError(f"{place}.exclusive: expected true or false, found {exclusive!r}")
    try:
        expression = parse(metric)
    except ValueError as error:
        raise PackError(f"{place}.metric: {error}") from None
    return Rule(name, metric, expression, low, high, str(fields.get("why", "")), exclusive)


def override(
    rules: tuple[Rule, ...], changes: Mapping[str, Mapping[str, float | None]], place: str
) -> tuple[Rule, ...]:
    """Rules with bounds replaced: {'min_words': {'min': 30}}; None takes a bound away."""
    names = [rule.name for rule in rules]
    for name, bounds in changes.items():
        if name not in names:
            raise PackError(f"{place}: no rule {name!r}{nearest(name, names)}")
        for bound in bounds:
            if bound not in BOUNDS:
                raise PackError(f"{place}.{name}: a rule has no bound {bound!r}{nearest(bound, BOUNDS)}")
    changed = []
    for rule in rules:
        given = {
            bound: _bound(value, f"{place}.{rule.name}.{bound}") for bound, value in changes.get(rule.name, {}).items()
        }
        changed.append(replace(rule, min=given.get("min", rule.min), max=given.get("max", rule.max)))
    return tuple(changed)
