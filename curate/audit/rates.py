"""Which languages and domains are kept more or less often than the rest of their source. Knows counts; knows no markup."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from curate.records.statistics import RunNumbers, kept_rate, outputs, text_out

NOT_IDENTIFIED = "not identified"
NO_ADDRESS = "no address"
NO_TOPIC = "no topic"


class Rate(NamedTuple):
    """A language or domain: what was kept of it, and what would have been at its source's rate."""

    name: str
    source: str
    documents: int
    passed: int | None
    kept: int
    tokens: int
    expected: float
    """Its source's rate."""

    @property
    def interval(self) -> tuple[float, float]:
        """Of the rate at which it is kept."""
        return wilson(self.kept, self.documents)

    @property
    def differs(self) -> int:
        """-1 where it is kept less often than its source beyond the interval, 1 where more often, else 0."""
        low, high = self.interval
        return -1 if high < self.expected else 1 if low > self.expected else 0

    @property
    def missing(self) -> float:
        """How many fewer documents are kept than at its source's rate."""
        return self.expected * self.documents - self.kept


def rates(stats: RunNumbers, kind: str, unnamed: str) -> list[Rate]:
    """Languages or domains of all output sources, the most frequent first."""
    found = []
    counted_in = "chars" if text_out(stats) else "tokens"
    for name in outputs(stats["sources"]):
        counted, source = stats["audit"].get(name, {}).get(kind, {}), stats["sources"][name]
        expected = kept_rate(source["documents"], source["kept"]) or 0.0
        found += [
            Rate(key or unnamed, name, each["documents"], each.get("passed"), each["kept"], each[counted_in], expected)
            for key, each in counted.items()
        ]
    return sorted(found, key=lambda rate: (-rate.documents, rate.name, rate.source))


def below(found: Sequence[Rate]) -> list[Rate]:
    """Those kept less often than their source beyond the interval, where most documents are missing first. What is all of
    its source is not held against itself."""
    listed = Counter(rate.source for rate in found)
    low = (rate for rate in found if rate.differs < 0 and listed[rate.source] > 1)
    return sorted(low, key=lambda rate: (-rate.missing, rate.name))


def wilson(part: int, whole: int, z: float = 1.959964) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927); `z` is the normal quantile."""
    if not whole:
        return 0.0, 1.0
    share, square = part / whole, z * z
    middle = (share + square / (2 * whole)) / (1 + square / whole)
    half = z * math.sqrt(share * (1 - share) / whole + square / (4 * whole * whole)) / (1 + square / whole)
    return max(0.0, middle - half), min(1.0, middle + half)
