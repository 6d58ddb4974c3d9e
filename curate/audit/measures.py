"""The numbers that thresholds are put to: per document the value of every rule that a bound decides.

Knows verdict settings and ledger columns; a rule that no single bound decides (a list of languages, a draw) has none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curate.filters.expression import Expression, parse
from curate.filters.rules import Rule

Numbers = npt.NDArray[np.float64]

BEFORE_DOCUMENTS = ("read", "url", "extract")
"""Steps at which a record is dropped before it is a document: it has no text, and no metric was computed for it."""


@dataclass(frozen=True)
class Measure:
    """A rule that bounds decide: `name` is `step/rule`, `key` its setting without `.min` or `.max`; where `key` ends in
    the bound itself, `whole_key` is true."""

    name: str
    metric: str
    columns: tuple[str, ...]
    low: float | None
    high: float | None
    exclusive: bool
    key: str
    whole_key: bool = False

    def values(self, columns: Mapping[str, pa.Array]) -> Numbers:
        """The rule's value per row, NaN where a column is null."""
        prefix = self.name.partition("/")[0] + "."
        known = {
            name.removeprefix(prefix): np.asarray(columns[name].cast(pa.float64()), np.float64) for name in self.columns
        }
        return np.asarray(parse(self.metric).evaluate(known), np.float64)

    def fails(self, values: Numbers) -> npt.NDArray[np.bool_]:
        """Which values the rule fails."""
        rule = Rule(self.name, "value", Expression("value"), self.low, self.high, "", self.exclusive)
        return rule.fails({"value": values})

    @property
    def bounds(self) -> tuple[float, ...]:
        """The bounds that are set."""
        return tuple(bound for bound in (self.low, self.high) if bound is not None)


def measures(steps: Sequence[Mapping[str, Any]]) -> Iterator[Measure]:
    """The measures of a source's verdict steps, in order."""
    for step in steps:
        name = step["name"]
        if step["kind"] == "filter":
            for rule, metric, low, high, exclusive in step["rules"]:
                columns = tuple(f"{name}.{each}" for each in parse(metric).names())
                yield Measure(f"{name}/{rule}", metric, columns, low, high, exclusive, f"filters.{name}.{rule}")
        elif step["kind"] in _SCORES and step.get("minimum") is not None:
            column = _SCORES[step["kind"]]
            least = float(np.float32(step["minimum"]))  # scores are float32, and judged as such
            yield Measure(f"{name}/minimum", column, (column,), least, None, False, f"{name}.minimum", True)


_SCORES = {"language": "language_score", "quality": "quality_score"}
"""Steps that judge a score by `minimum`, and the score's column."""
