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

Phases are solved one after another by the same rules: a group goes on where the phase before left it, and `max_epochs`
counts what all phases took so far. Under the schedule `linear` a group's share moves evenly from what the phase before
ended with to its own, so that over the phase it has the mean of the two.

With `unimax` N every group has the same weight and may have N epochs (Chung et al. 2023, algorithm 1). With `upsample` a
group is a topic, whose cells by the last column get the epochs of Dolma 3's curve (`curate.mixture.upsampling`).

With `temperature` T a group's weight is its tokens to the power 1/T: 1 keeps proportions, more evens them out
(Conneau et al. 2020, section 3.1, where the exponent is alpha = 1/T).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from curate.config.mixture import MOST_EPOCHS, Mixture, MixturePhase, Upsampling, Weighing
from curate.errors import CurateError
from curate.mixture.available_tokens import Stock
from curate.mixture.groups import CELL, NONE
from curate.mixture.planned import FLAT, START, Cut, GroupPlan, MixturePlan, PhasePlan
from curate.mixture.upsampling import most_tokens, upsampling
from curate.mixture.weights import weights_of


class MixtureError(CurateError, ValueError):
    """A mixture that cannot be made of what there is."""


@dataclass(frozen=True)
class _Aim:
    """What a phase is to have of each group in tokens, by which weights, and the most that it may have."""

    total: float
    targets: Mapping[str, float]
    weights: Mapping[str, float]
    caps: Mapping[str, float]

    @property
    def shares(self) -> dict[str, float]:
        """Of the tokens that the targets come to."""
        given = sum(self.targets.values())
        return {name: tokens / given for name, tokens in self.targets.items()} if given else {}


@dataclass(frozen=True)
class _Phase:
    """A phase as it is solved: what it says of the groups, and what it is."""

    weighing: Weighing
    tokens: float
    of: MixturePhase | None = None


def plan_mixture(settings: Mixture, stocks: Mapping[str, Stock]) -> MixturePlan:
    """The plan for these settings and stocks. Raises MixtureError naming a group that is asked for and not there."""
    available = {name: int(stock.tokens.sum()) for name, stock in sorted(stocks.items())}
    plans: list[PhasePlan] = []
    ends: dict[str, Cut] = {}
    used = dict.fromkeys(available, 0)
    shares: dict[str, float] = {}
    for phase in _phases(settings, available):
        aim = _aim(phase, settings.columns, available, used)
        slopes: dict[str, tuple[float, float]] = {}
        own = aim.shares
        if phase.of is not None and phase.of.schedule == "linear":
            slopes = {name: (shares.get(name, 0.0), own.get(name, 0.0)) for name in {*shares, *own}}
            weights = {name: sum(ends_of) / 2 for name, ends_of in slopes.items() if sum(ends_of)}
            aim = _Aim(aim.total, share_out(aim.total, weights, aim.caps), weights, aim.caps)
        plan = _cut(phase, aim, stocks, available, used, ends, slopes)
        plans.append(plan)
        ends = {name: group.end for name, group in plan.groups.items()}
        used = {name: used[name] + group.tokens for name, group in plan.groups.items()}
        shares = own
    return MixturePlan(tuple(plans))


def _phases(settings: Mixture, available: Mapping[str, int]) -> list[_Phase]:
    total = sum(available.values()) if settings.tokens == "all" else settings.tokens
    if not settings.phases:
        return [_Phase(settings, float(total))]
    return [
        _Phase(settings.weighing(each), float(each.tokens) if each.share is None else each.share * total, each)
        for each in settings.phases
    ]


def _aim(phase: _Phase, columns: Sequence[str], available: Mapping[str, int], used: Mapping[str, int]) -> _Aim:
    """Targets of a phase by what it says of the groups. Raises MixtureError."""
    weighing = phase.weighing
    asked = weights_of(weighing, columns)
    if weighing.upsample is not None:
        return _upsampled(weighing, weighing.upsample, phase.tokens, available, asked)
    wanted = {name for name, share in weighing.sources.items() if share.weight != 0 and share.epochs != 0}
    wanted |= {name for name, weight in (asked or {}).items() if weight}
    absent = sorted(name for name in wanted if not available.get(name))
    if absent:
        raise _absent(absent, available)
    weights = asked if asked is not None else _weights(weighing, available)
    weights = {name: weight for name, weight in weights.items() if weight}
    fixed = {
        name: share.epochs * available[name]
        for name, share in weighing.sources.items()
        if share.epochs is not None and name in available
    }
    bounds = dict.fromkeys(available, weighing.unimax or weighing.max_epochs or MOST_EPOCHS) | {
        name: share.max_epochs for name, share in weighing.sources.items()
    }
    caps = {
        name: max(0.0, bound * available.get(name, 0) - used.get(name, 0))
        for name, bound in bounds.items()
        if bound is not None
    }
    left = max(0.0, phase.tokens - sum(fixed.values()))
    return _Aim(phase.tokens, fixed | share_out(left, weights, caps), weights, caps)


def _absent(names: Sequence[str], available: Mapping[str, int]) -> MixtureError:
    known = ", ".join(name for name, tokens in available.items() if tokens) or "none"
    return MixtureError(
        f"the mixture asks for {', '.join(map(repr, names))}, of which no token was kept; there are: {known}"
    )


def _cut(
    phase: _Phase,
    aim: _Aim,
    stocks: Mapping[str, Stock],
    available: Mapping[str, int],
    used: Mapping[str, int],
    begins: Mapping[str, Cut],
    slopes: Mapping[str, tuple[float, float]],
) -> PhasePlan:
    """Whole documents for these targets; what a group is over or under, the next makes up where it is cut anyway."""
    groups: dict[str, GroupPlan] = {}
    over = 0.0
    for name in available:
        group = GroupPlan(
            available_tokens=available[name],
            available_documents=int(stocks[name].documents.sum()),
            weight=aim.weights.get(name),
            target_tokens=aim.targets.get(name, 0.0),
            begin=begins.get(name, START),
            slope=slopes.get(name, FLAT),
            end=START,
            tokens=0,
            documents=0,
        )
        groups[name] = _filled(group, stocks[name], used[name], over)
        over += groups[name].tokens - groups[name].target_tokens
    missing = max(0, round(aim.total - sum(aim.targets.values())))
    if phase.of is None:
        return PhasePlan("", groups, missing)
    return PhasePlan(phase.of.name, groups, missing, phase.of.schedule, phase.of.sequence_length)


def _upsampled(
    weighing: Weighing,
    curve: Upsampling,
    total: float,
    available: Mapping[str, int],
    asked: Mapping[str, float] | None,
) -> _Aim:
    """Tokens of each cell by the curve of its topic, and the topic's weight.

    Raises MixtureError naming a topic that is not there, or wants more than the curve can give.
    """
    topics: dict[str, list[str]] = {}
    for name in available:
        topics.setdefault(name.rpartition(CELL)[0], []).append(name)
    sizes = {topic: sum(available[name] for name in cells) for topic, cells in topics.items()}
    given = asked or {topic: share.weight or 0.0 for topic, share in weighing.sources.items()}
    weights = dict(given) or {topic: float(size) for topic, size in sizes.items()}
    absent = [topic for topic, weight in weights.items() if weight and not sizes.get(topic)]
    if absent:
        raise _absent(absent, sizes)
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
    return _Aim(total, targets, shown, {})


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


def _weights(weighing: Weighing, available: Mapping[str, int]) -> dict[str, float]:
    """Weight of each group that has one: the settings', or by the temperature for those without epochs."""
    if weighing.unimax is not None:
        return {name: 1.0 for name, tokens in available.items() if tokens}
    if weighing.temperature is None and weighing.sources:
        return {name: share.weight for name, share in weighing.sources.items() if share.weight and available.get(name)}
    power = 1 / (weighing.temperature or 1.0)
    fixed = {name for name, share in weighing.sources.items() if share.epochs is not None}
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


def _filled(group: GroupPlan, stock: Stock, used: int, over: float) -> GroupPlan:
    """The group's end: whole epochs, and the cut of the next one that comes nearest to the target; or the cut on its other
    side, if it is within a document and makes up for the tokens that the groups before are `over`. `used`: before."""
    tokens = group.available_tokens
    goal = used + group.target_tokens
    whole = int(goal // tokens) if tokens else 0
    reached = np.concatenate([[0], np.cumsum(stock.tokens)])
    wanted = goal - whole * tokens
    filled = int(np.argmin(np.abs(reached - wanted)))  # bins taken of those that hold documents
    other = filled + 1 if reached[filled] < wanted else filled - 1
    if reached[filled] != wanted and 0 <= other < len(reached):
        place = min(filled, other)
        document = stock.tokens[place] / stock.documents[place]
        better = abs(over + reached[other] - wanted) < abs(over + reached[filled] - wanted)
        if better and abs(reached[other] - wanted) <= document:
            filled = other
    documents = int(whole * stock.documents.sum() + stock.documents[:filled].sum())
    taken = int(whole * tokens + reached[filled])
    if filled and filled == len(stock.bins):
        whole, filled = whole + 1, 0
    end = Cut(whole, int(stock.bins[filled - 1]) + 1 if filled else 0)
    return replace(group, end=end, tokens=taken - used, documents=documents - _documents(stock, group.begin))


def _documents(stock: Stock, cut: Cut) -> int:
    """Documents before a cut."""
    return int(cut.whole * stock.documents.sum() + stock.documents[stock.bins < cut.bins].sum())
