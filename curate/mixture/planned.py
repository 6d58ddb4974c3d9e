"""What a mixture comes to: of each phase and group how many epochs, from where to where, and what was asked.

A group is an endless stream of its documents, epoch after epoch in the order of their draws. Each phase takes what follows
what the phases before it took, so that phases together read no document more often than their epochs say. Knows counts;
decides nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple


class Cut(NamedTuple):
    """A place in a group's stream: every document `whole` times, and those of the first `bins` bins once more."""

    whole: int
    bins: int


START = Cut(0, 0)
FLAT = (1.0, 1.0)
"""Of a group that is as frequent at a phase's end as at its beginning."""


@dataclass(frozen=True)
class GroupPlan:
    """A group's part in a phase: its stream from `begin` to `end`."""

    available_tokens: int
    available_documents: int
    weight: float | None
    target_tokens: float
    end: Cut
    tokens: int
    documents: int
    begin: Cut = START
    slope: tuple[float, float] = FLAT
    """How frequent it is at the phase's beginning and end, to each other."""

    @property
    def epochs(self) -> float:
        """Tokens used over tokens there are."""
        return self.tokens / self.available_tokens if self.available_tokens else 0.0

    @property
    def sorting(self) -> list[float]:
        """What places its copies: both cuts and the slope, as `curate.shards.copies.Span` takes them."""
        return [*self.begin, *self.end, *self.slope]

    def statement(self, weights: float, total: int) -> dict[str, Any]:
        """As JSON; `weights` of all groups and `total` tokens make its shares."""
        return {
            "available_tokens": self.available_tokens,
            "available_documents": self.available_documents,
            "weight": self.weight,
            "target_tokens": round(self.target_tokens),
            "whole": self.end.whole,
            "bins": self.end.bins,
            "tokens": self.tokens,
            "documents": self.documents,
            "asked_share": round(self.weight / weights, 8) if self.weight is not None and weights else None,
            "epochs": round(self.epochs, 6),
            "share": round(self.tokens / total, 8) if total else 0.0,
        }


def _statements(groups: Mapping[str, GroupPlan]) -> dict[str, dict[str, Any]]:
    weights = sum(group.weight or 0.0 for group in groups.values())
    total = sum(group.tokens for group in groups.values())
    return {name: group.statement(weights, total) for name, group in groups.items()}


@dataclass(frozen=True)
class PhasePlan:
    """A stretch of the training split. A mixture without phases is one that has no name."""

    name: str
    groups: Mapping[str, GroupPlan]
    missing_tokens: int
    schedule: str = "constant"
    sequence_length: int | None = None

    @property
    def tokens(self) -> int:
        """Tokens of all groups."""
        return sum(group.tokens for group in self.groups.values())

    @property
    def documents(self) -> int:
        """Documents of all groups, repetitions counted."""
        return sum(group.documents for group in self.groups.values())

    def statement(self, total: int) -> dict[str, Any]:
        """What was asked and what was achieved, as JSON; `total` are the mixture's tokens."""
        groups = _statements(self.groups)
        for name, group in self.groups.items():
            groups[name] |= {"begin_whole": group.begin.whole, "begin_bins": group.begin.bins}
        return {
            "name": self.name,
            "tokens": self.tokens,
            "share": round(self.tokens / total, 8) if total else 0.0,
            "missing_tokens": self.missing_tokens,
            "schedule": self.schedule,
            "sequence_length": self.sequence_length,
            "groups": groups,
        }


@dataclass(frozen=True)
class MixturePlan:
    """The whole mixture of the training split."""

    phases: tuple[PhasePlan, ...]

    @property
    def groups(self) -> Mapping[str, GroupPlan]:
        """Each group over all phases. A weight is then the share that the phases ask for together."""
        if len(self.phases) == 1:
            return self.phases[0].groups
        return {name: self._over_phases(name) for name in self.phases[0].groups}

    @property
    def missing_tokens(self) -> int:
        """Tokens that were asked for and that no group could give."""
        return sum(phase.missing_tokens for phase in self.phases)

    @property
    def tokens(self) -> int:
        """Tokens of all phases."""
        return sum(phase.tokens for phase in self.phases)

    def statement(self) -> dict[str, Any]:
        """What was asked and what was achieved, as JSON for manifests and reports."""
        told = {"tokens": self.tokens, "missing_tokens": self.missing_tokens, "groups": _statements(self.groups)}
        if self.phases[0].name:
            told["phases"] = [phase.statement(self.tokens) for phase in self.phases]
        return told

    def _over_phases(self, name: str) -> GroupPlan:
        each = [phase.groups[name] for phase in self.phases]
        weights = []
        for phase, group in zip(self.phases, each, strict=True):
            of_all = sum(other.weight or 0.0 for other in phase.groups.values())
            if group.weight is not None and of_all:
                weights.append(group.weight / of_all * (phase.tokens + phase.missing_tokens))
        return replace(
            each[-1],
            begin=START,
            slope=FLAT,
            weight=sum(weights) / (self.tokens + self.missing_tokens or 1) if weights else None,
            target_tokens=sum(group.target_tokens for group in each),
            tokens=sum(group.tokens for group in each),
            documents=sum(group.documents for group in each),
        )
