"""How much of each group the shards hold: weights and epochs to whole epochs and a cut of the last one. Knows counts only.

The rules, in order:

1. The mixture has `tokens` tokens; `all` means as many as the groups have together.
2. A group with `epochs` gets that many of its own tokens. What is left goes to the other groups by weight.
3. A group that its weight would give more than `max_epochs` (4 unless the file says otherwise) gets `max_epochs`; what it
   leaves goes to the others by their weights, and again until nobody is over (as UniMax fills up, Chung et al. 2023,
   algorithm 1, but from given weights).
4. Where every group is at its cap, the rest is missing, and the plan says how much.

Each group is cut within a document of its target, above or below, so that all together come as near to the tokens asked
for as whole documents allow.

With `unimax` N every group has the same weight and may have N epochs (Chung et al. 2023, algorithm 1). With `upsample` a
group is a topic, whose cells by the last column get the epochs of Dolma 3's curve (`curate.mixture.upsampling`).

With `temperature` T a group's weight is its tokens to the power 1/T: 1 keeps proportions, more evens them out
(Conneau et al. 2020, section 3.1, where the exponent is alpha = 1/T).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from curate.config.models import MOST_EPOCHS, Mixture, Upsampling
from curate.errors import CurateError
from curate.mixture.available_tokens import Stock
from curate.mixture.groups import CELL, NONE
from curate.mixture.upsampling import most_tokens, upsampling


class MixtureError(CurateError, ValueError):
    """A mixture that cannot be made of what there is."""


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
    if settings.upsample is not None:
        return _cut(stocks, available, *_upsampled(settings, settings.upsample, available))
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
    bounds = dict.fromkeys(available, settings.unimax or MOST_EPOCHS) | {
        name: share.max_epochs for name, share in settings.sources.items()
    }
    caps = {name: bound * available.get(name, 0) for name, bound in bounds.items() if bound is not None}
    left = max(0.0, total - sum(fixed.values()))
    targets = fixed | share_out(left, weights, caps)
    return _cut(stocks, available, targets, weights, total)


def _cut(
    stocks: Mapping[str, Stock],
    available: Mapping[str, int],
    targets: Mapping[str, float],
    weights: Mapping[str, float],
    total: float,
) -> MixturePlan:
    """Whole documents for these targets; what a group is over or under, the next makes up where it is cut anyway."""
    groups: dict[str, GroupPlan] = {}
    over = 0.0
    for name, tokens in available.items():
        groups[name] = _group_plan(stocks[name], tokens, targets.get(name, 0.0), weights.get(name), over)
        over += groups[name].tokens - groups[name].target_tokens
    missing = max(0, round(total - sum(targets.values())))
    return MixturePlan(groups, missing)


def _upsampled(
    settings: Mixture, curve: Upsampling, available: Mapping[str, int]
) -> tuple[dict[str, float], dict[str, float], float]:
    """(tokens of each cell, weight of each topic's cells, tokens asked for) by the curve of each topic.

    Raises MixtureError naming a topic that is not there, or wants more than the curve can give.
    """
    topics: dict[str, list[str]] = {}
    for name in available:
        topics.setdefault(name.rpartition(CELL)[0], []).append(name)
    sizes = {topic: sum(available[name] for name in cells) for topic, cells in topics.items()}
    weights = {topic: share.weight or 0.0 for topic, share in settings.sources.items()} or dict(sizes)
    absent = [topic for topic, weight in weights.items() if weight and not sizes.get(topic)]
    if absent:
        raise MixtureError(
            f"the mixture asks for {', '.join(map(repr, absent))}, of which no token was kept; there are: "
            + (", ".join(topic for topic, tokens in sizes.items() if tokens) or "none")
        )
    total = sum(sizes.values()) if settings.tokens == "all" else settings.tokens
    targets: dict[str, float] = {}
    for topic, weight in weights.items():
        wanted = total * weight / (sum(weights.values()) or 1.0)
        cells = sorted(topics.get(topic, ()), key=_goodness)
        there = [available[name] for name in cells]
        found = upsampling(there, wanted, curve.discard, curve.most)
        if found is None:
            most = most_tokens(there, curve.discard, curve.most)
            raise MixtureError(
                f"{topic!r} is to have {wanted:,.0f} tokens, and its curve gives at most {most:,.0f} of the "
                f"{sum(there):,} that there are: give it less weight, or upsample.most more than {curve.most:g}"
            )
        targets |= {
            name: tokens * float(factor) for name, tokens, factor in zip(cells, there, found.factors, strict=True)
        }
    shown = {name: weights[name.rpartition(CELL)[0]] for name in targets}
    return targets, shown, float(total)


def _goodness(cell: str) -> float:
    """The number that a cell's last column holds; a document without one is worse than any."""
    last = cell.rpartition(CELL)[2]
    if last == NONE:
        return -math.inf
    try:
        return float(last)
    except ValueError:
        raise MixtureError(
            f"upsample orders by the last column of `by`, a number; {last!r} of {cell!r} is none"
        ) from None


def _wanted(settings: Mixture, name: str) -> bool:
    share = settings.sources[name]
    return share.weight != 0 and share.epochs != 0


def _weights(settings: Mixture, available: Mapping[str, int]) -> dict[str, float]:
    """Weight of each group that has one: the settings', or by the temperature for those without epochs."""
    if settings.unimax is not None:
        return {name: 1.0 for name, tokens in available.items() if tokens}
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


def _group_plan(stock: Stock, tokens: int, target: float, weight: float | None, over: float) -> GroupPlan:
    """Whole epochs, and the cut of the next one that comes nearest to the target; or the cut on its other side, if it is
    within a document and makes up for the tokens that the groups before are `over`."""
    whole = int(target // tokens) if tokens else 0
    reached = np.concatenate([[0], np.cumsum(stock.tokens)])
    wanted = target - whole * tokens
    filled = int(np.argmin(np.abs(reached - wanted)))  # bins taken of those that hold documents
    other = filled + 1 if reached[filled] < wanted else filled - 1
    if reached[filled] != wanted and 0 <= other < len(reached):
        place = min(filled, other)
        document = stock.tokens[place] / stock.documents[place]
        better = abs(over + reached[other] - wanted) < abs(over + reached[filled] - wanted)
        if better and abs(reached[other] - wanted) <= document:
            filled = other
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
