"""How much of each group the shards hold: weights and epochs to whole epochs and a cut of the last one. Knows counts only.

The rules, in order:

1. The mixture has `tokens` tokens; `all` means as many as the groups have together.
2. A group with `epochs` gets that many of its own tokens. What is left goes to the other groups by weight.
3. A group that its weight would give more than `max_epochs` (4 unless the file says otherwise) gets `max_epochs`; what it
   leaves goes to the others by their weights, and again until nobody is over (as UniMax fills up, Chung et al. 2023,
   algorithm 1, but from given weights).
4. Where every group is at its cap, the rest is missing, and the plan says how much.

With `temperature` T a group's weight is its tokens to the power 1/T: 1 keeps proportions, more evens them out
(Conneau et al. 2020, section 3.1, where the exponent is alpha = 1/T).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from curate.config.models import MOST_EPOCHS, Mixture
from curate.errors import CurateError


class MixtureError(CurateError, ValueError):
    """A mixture that cannot be made of what there is."""


@dataclass(frozen=True)
class Stock:
    """What a group has: the bins of keys that hold documents, in order; their tokens, end-of-text included; documents."""

    bins: npt.NDArray[np.int64]
    tokens: npt.NDArray[np.int64]
    documents: npt.NDArray[np.int64]


@dataclass(frozen=True)
class GroupPlan:
    """A group's part: every document `whole` times, those of the first `bins` bins once more."""

    available_tokens: int
    available_documents: int
    weight: float | None
    target_tokens: float
    whole: int
    bins: int
    tokens: int
    documents: int

    @property
    def epochs(self) -> float:
        """Tokens used over tokens there are."""
        return self.tokens / self.available_tokens if self.available_tokens else 0.0


@dataclass(frozen=True)
class MixturePlan:
    """The whole mixture of the training split."""

    groups: Mapping[str, GroupPlan]
    missing_tokens: int

    @property
    def tokens(self) -> int:
        """Tokens of all groups."""
        return sum(group.tokens for group in self.groups.values())

    def statement(self) -> dict[str, Any]:
        """What was asked and what was achieved, as JSON for manifests and reports."""
        total = self.tokens
        weights = sum(group.weight or 0.0 for group in self.groups.values())
        groups = {
            name: asdict(group)
            | {
                "asked_share": round(group.weight / weights, 8) if group.weight is not None and weights else None,
                "target_tokens": round(group.target_tokens),
                "epochs": round(group.epochs, 6),
                "share": round(group.tokens / total, 8) if total else 0.0,
            }
            for name, group in self.groups.items()
        }
        return {"tokens": total, "missing_tokens": self.missing_tokens, "groups": groups}


def plan_mixture(settings: Mixture, stocks: Mapping[str, Stock]) -> MixturePlan:
    """The plan for these settings and stocks. Raises MixtureError naming a group that is asked for and not there."""
    available = {name: int(stock.tokens.sum()) for name, stock in sorted(stocks.items())}
    absent = [name for name in settings.sources if not available.get(name) and _wanted(settings, name)]
    if absent:
        known = ", ".join(name for name, tokens in available.items() if tokens) or "none"
        raise MixtureError(
            f"the mixture asks for {', '.join(map(repr, absent))}, of which no token was kept; there are: {known}"
        )
    weights = _weights(settings, available)
    fixed = {
        name: share.epochs * available[name]
        for name, share in settings.sources.items()
        if share.epochs is not None and name in available
    }
    total = sum(available.values()) if settings.tokens == "all" else settings.tokens
    bounds = dict.fromkeys(available, MOST_EPOCHS) | {
        name: share.max_epochs for name, share in settings.sources.items()
    }
    caps = {name: bound * available.get(name, 0) for name, bound in bounds.items() if bound is not None}
    left = max(0.0, total - sum(fixed.values()))
    targets = fixed | share_out(left, weights, caps)
    groups = {}
    for name, tokens in available.items():
        target = targets.get(name, 0.0)
        groups[name] = _group_plan(stocks[name], tokens, target, weights.get(name))
    missing = max(0, round(total - sum(targets.values())))
    return MixturePlan(groups, missing)


def _wanted(settings: Mixture, name: str) -> bool:
    share = settings.sources[name]
    return share.weight != 0 and share.epochs != 0


def _weights(settings: Mixture, available: Mapping[str, int]) -> dict[str, float]:
    """Weight of each group that has one: the settings', or by the temperature for those without epochs."""
    if settings.temperature is None and settings.sources:
        return {name: share.weight for name, share in settings.sources.items() if share.weight and available.get(name)}
    power = 1 / (settings.temperature or 1.0)
    fixed = {name for name, share in settings.sources.items() if share.epochs is not None}
    return {name: tokens**power for name, tokens in available.items() if tokens and name not in fixed}


def share_out(total: float, weights: Mapping[str, float], caps: Mapping[str, float]) -> dict[str, float]:
    """Tokens by weight, none over its cap; what a capped one leaves goes to the others by weight."""
    given: dict[str, float] = {}
    open_weights = dict(weights)
    while open_weights:
        rest = max(0.0, total - sum(given.values()))
        scale = rest / sum(open_weights.values())
        over = [name for name, weight in open_weights.items() if name in caps and weight * scale > caps[name]]
        if not over:
            return given | {name: weight * scale for name, weight in open_weights.items()}
        for name in over:
            given[name] = caps[name]
            del open_weights[name]
    return given


def _group_plan(stock: Stock, tokens: int, target: float, weight: float | None) -> GroupPlan:
    """Whole epochs, and the cut of the next one that comes nearest to the target."""
    whole = int(target // tokens) if tokens else 0
    reached = np.concatenate([[0], np.cumsum(stock.tokens)])
    filled = int(np.argmin(np.abs(reached - (target - whole * tokens))))  # bins taken of those that hold documents
    if filled and filled == len(stock.bins):
        whole, filled = whole + 1, 0
    return GroupPlan(
        available_tokens=tokens,
        available_documents=int(stock.documents.sum()),
        weight=weight,
        target_tokens=target,
        whole=whole,
        bins=int(stock.bins[filled - 1]) + 1 if filled else 0,
        tokens=int(whole * tokens + reached[filled]),
        documents=int(whole * stock.documents.sum() + stock.documents[:filled].sum()),
    )
