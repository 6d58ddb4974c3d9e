"""What every kind of rule can be asked, and what it answers of one record. Knows no kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Columns = Mapping[str, pa.Array]
Row = Mapping[str, Any]
Mask = npt.NDArray[np.bool_]
Values = npt.NDArray[np.float64]
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

    @property
    def step(self) -> str:
        """The step that it belongs to."""
        ...

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
