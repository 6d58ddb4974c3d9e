"""A rule: a metric, its bounds, and why. Rules compare; they never compute a metric and never touch text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from curate.errors import nearest
from curate.filters.errors import PackError
from curate.filters.language_table import LanguageValues
from curate.verdicts.bounds import BoundsByRule, BoundsRule, bounds_text
from curate.verdicts.expression import Expression, Numbers, parse

_FIELDS = ("metric", "min", "max", "exclusive", "why", "languages")
_OF_LANGUAGE = ("language", "off")
BOUNDS = ("min", "max")


@dataclass(frozen=True)
class OfLanguage:
    """A bound that depends on the document's language: the number `key` of its line in the pack's file of languages.

    A language whose number is `off` has no such bound.
    """

    bound: str
    key: str
    off: float | None = None

    def value(self, line: LanguageValues) -> float | None:
        """The bound in a language. Raises KeyError where its line has no such number."""
        number = line.numbers[self.key]
        return None if number == self.off else number


@dataclass(frozen=True)
class Rule:
    """Fails a document whose metric is below `min` or above `max`; an `exclusive` rule fails the bounds themselves too.

    `metric` is the expression as written, `why` the reason and its source. `languages`: the only ones it is right for;
    empty: any. `varying`: bounds that depend on the language, which `of_language` puts in place.
    """

    name: str
    metric: str
    expression: Expression
    min: float | None
    max: float | None
    why: str
    exclusive: bool = False
    languages: tuple[str, ...] = ()
    varying: tuple[OfLanguage, ...] = ()

    def of_language(self, line: LanguageValues) -> "Rule":
        """The rule with the bounds of one language."""
        bounds = {each.bound: each.value(line) for each in self.varying}
        return replace(self, min=bounds.get("min", self.min), max=bounds.get("max", self.max), varying=())

    def of_languages(self, step: str, column: str, lines: Sequence[LanguageValues]) -> BoundsRule | BoundsByRule:
        """The rule as a step applies it to documents of several languages, which `column` of the ledger names."""
        if not self.varying:
            return self.of_step(step)
        rules = [(line.language, self.of_language(line)) for line in lines]
        bounds = tuple((language, rule.min, rule.max) for language, rule in rules)
        return BoundsByRule(step, self.name, self.metric, column, bounds, self.exclusive)

    def of_step(self, step: str) -> BoundsRule:
        """The rule as a step of that name applies it: what verdicts, what-if, report and explain work with."""
        return BoundsRule(step, self.name, self.metric, self.min, self.max, self.exclusive)

    def fails(self, columns: Mapping[str, Numbers]) -> NDArray[np.bool_]:
        """Per row, whether the rule fails. A value that is no number fails every bound."""
        return self.of_step("").outside(np.asarray(self.expression.evaluate(columns)))

    def bounds_text(self) -> str:
        """The bounds as a person writes them."""
        if self.varying:
            return " and ".join(
                f"{'>=' if each.bound == 'min' else '<='} the language's {each.key}" for each in self.varying
            )
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
    varying = tuple(
        _varying(bound, fields[bound], f"{place}.{bound}") for bound in BOUNDS if isinstance(fields.get(bound), Mapping)
    )
    low, high = (
        None if isinstance(fields.get(bound), Mapping) else _bound(fields.get(bound), f"{place}.{bound}")
        for bound in BOUNDS
    )
    if low is None and high is None and not varying:
        raise PackError(f"{place}: a rule needs min or max")
    exclusive = fields.get("exclusive", False)
    if not isinstance(exclusive, bool):
        raise PackError(f"{place}.exclusive: expected true or false, found {exclusive!r}")
    try:
        expression = parse(metric)
    except ValueError as error:
        raise PackError(f"{place}.metric: {error}") from None
    spoken = fields.get("languages", [])
    if not isinstance(spoken, list):
        raise PackError(f"{place}.languages: expected a list of codes, found {spoken!r}")
    why = str(fields.get("why", ""))
    return Rule(name, metric, expression, low, high, why, exclusive, tuple(map(str, spoken)), varying)


def _varying(bound: str, fields: Mapping[str, object], place: str) -> OfLanguage:
    for key in fields:
        if key not in _OF_LANGUAGE:
            raise PackError(f"{place}.{key}: unknown key{nearest(str(key), _OF_LANGUAGE)}")
    if not isinstance(fields.get("language"), str):
        raise PackError(f"{place}.language: expected the name of a number in the file of languages")
    return OfLanguage(bound, str(fields["language"]), _bound(fields.get("off"), f"{place}.off"))


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
        varying = tuple(each for each in rule.varying if each.bound not in given)
        low, high = given.get("min", rule.min), given.get("max", rule.max)
        changed.append(replace(rule, min=low, max=high, varying=varying))
    return tuple(changed)
