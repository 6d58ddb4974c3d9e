"""What a page lets people move: rules that bounds decide, draws by a score, and lists of languages that pass.

A draw is looked at as a bound: the alpha up to which a document's own draw keeps it, compared with the alpha of the run. So
it is counted, and moved, as any other bound is. Knows rules; counts nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curate.verdicts.bounds import BoundsRule
from curate.verdicts.draws import keeps
from curate.verdicts.rules import AllowedRule, DrawRule
from curate.verdicts.steps import VerdictStep

ALPHA = "alpha_kept_up_to"
"""What a draw is compared by."""
SHARE_KEY = ".keep_share"
"""What the key of a share ends with: its bound is a score, found again in each run."""
_MOST = 1e12
"""An alpha for documents that are kept at any."""


@dataclass(frozen=True)
class DrawDial:
    """A draw as a bound on ALPHA, with what `BoundsRule` says of its own.

    A score s is kept at draw u where (1 - u)^(-1/alpha) > 2 - s, so up to alpha = -ln(1 - u) / ln(2 - s).
    """

    rule: DrawRule
    exclusive: bool = True
    single: bool = False
    whole_key: bool = True
    metric: str = ALPHA
    high: None = None

    @property
    def full_name(self) -> str:
        """`step/rule`."""
        return f"{self.rule.step}/{self.rule.name}"

    @property
    def low(self) -> float:
        """The run's alpha."""
        return float(self.rule.alpha)

    @property
    def bounds(self) -> tuple[float, ...]:
        """The run's alpha, alone."""
        return (self.low,)

    @property
    def key(self) -> str:
        """The key of a pipeline file."""
        return f"{self.rule.step}.alpha"

    def columns(self) -> tuple[str, ...]:
        """The columns of the ledger that it looks at."""
        return self.rule.columns()

    def values(self, columns: Mapping[str, pa.Array]) -> npt.NDArray[np.float64]:
        """The alpha up to which each document is kept, NaN where it has no score."""
        score, drawn = (np.asarray(columns[name], np.float32) for name in self.columns())
        above, below = np.log(2.0 - score.astype(np.float64)), -np.log1p(-drawn.astype(np.float64))
        with np.errstate(divide="ignore", invalid="ignore"):
            alpha = np.where(above > 0, below / above, np.where(below > 0, _MOST, 0.0))
        alpha = np.where(np.isnan(score), np.nan, np.minimum(alpha, _MOST))
        kept = keeps(score, drawn, self.low)  # what the run decided stays, where the two differ by rounding
        wrong = ~np.isnan(alpha) & ((alpha > self.low) != kept)
        alpha[wrong] = np.where(kept[wrong], np.nextafter(self.low, np.inf), self.low)
        return alpha


Dial = BoundsRule | DrawDial


def dials(steps: Sequence[VerdictStep]) -> Iterator[Dial]:
    """The rules that one number decides, in order."""
    for step in steps:
        for rule in step.rules:
            if isinstance(rule, BoundsRule) and rule.bounds:
                yield rule
            elif isinstance(rule, DrawRule):
                yield DrawDial(rule)


@dataclass(frozen=True)
class Choice:
    """A rule that lets a list of languages pass."""

    rule: AllowedRule

    @property
    def full_name(self) -> str:
        """`step/rule`."""
        return f"{self.rule.step}/{self.rule.name}"

    @property
    def key(self) -> str:
        """The key of a pipeline file that holds the list."""
        return f"{self.rule.step}.{self.rule.name}"


def choices(steps: Sequence[VerdictStep]) -> Iterator[Choice]:
    """The rules that let a list of languages pass, in order."""
    for step in steps:
        for rule in step.rules:
            if isinstance(rule, AllowedRule) and rule.column == "language":
                yield Choice(rule)
