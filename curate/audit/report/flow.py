"""The flow of all sources in one picture: from each source to what became of its documents, and on into the mixture.

Knows the counts of fates and the mixture's groups; draws them in documents and in text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from curate.audit.report import facts
from curate.audit.report.headlines import plural
from curate.records.statistics import RunNumbers, outputs
from curate.text.html import Html, count, join, roughly, share_of, shortened, svg, tag

_MOST_SOURCES = 10
"""Sources that are drawn by themselves, the largest; the rest together."""
_MOST_GROUPS = 12
TALL, _GAP = 340.0, 21.0
"""Pixels of all documents together, and between two nodes: a line of words has room."""
WIDE = 1000.0
NODE = 8.0
AT = (0.0, 560.0, WIDE - NODE)
"""Where the columns begin, in thousandths of the width."""
THINNEST = 1.0
KEPT = "kept"
_OTHERS = "other sources"

Unit = Literal["documents", "text"]


@dataclass
class Node:
    """A source, a fate, or a group of the mixture: how much it is, and where it is drawn."""

    name: str
    amount: float
    top: float = 0.0
    tall: float = 0.0
    taken: dict[str, float] = field(default_factory=dict)
    """How far each side is taken by bands, in pixels."""

    def take(self, side: str, amount: float) -> tuple[float, float]:
        """The next so much of a side, from top to bottom."""
        start = self.taken.get(side, 0.0)
        size = self.tall * amount / self.amount if self.amount else 0.0
        self.taken[side] = start + size
        return self.top + start, self.top + start + size


@dataclass(frozen=True)
class Flow:
    """Amounts by (source, fate), the sources and fates in the order in which they are drawn, and the mixture's groups: what
    each has to take, what it takes, and how often."""

    unit: str
    amounts: Mapping[tuple[str, str], float]
    sources: Sequence[str]
    fates: Sequence[str]
    groups: Sequence[tuple[str, float, float, float]]
    by_source: bool


def flow_of(stats: RunNumbers, unit: Unit) -> Flow:
    """The flow in documents, or in tokens: of what was dropped, its characters at the rate of what its source keeps."""
    names = outputs(stats["sources"])
    sizes = sorted(names, key=lambda name: (-stats["sources"][name]["documents"], name))
    shown = set(sizes if len(sizes) <= _MOST_SOURCES else sizes[: _MOST_SOURCES - 1])
    amounts: dict[tuple[str, str], float] = {}
    for name in names:
        rate = facts.token_rate(name, stats)
        for fate, each in stats["audit"].get(name, {}).get("fates", {}).items():
            key = (name if name in shown else _OTHERS, fate or "no output")
            amounts[key] = amounts.get(key, 0.0) + (each["documents"] if unit == "documents" else each["chars"] * rate)
    totals: dict[str, float] = {}
    for (_, fate), amount in amounts.items():
        totals[fate] = totals.get(fate, 0.0) + amount
    order = [row["step"] for name in names for row in stats["sources"][name]["funnel"]]
    steps = [fate for fate in dict.fromkeys([*order, *totals]) if fate != KEPT and totals.get(fate)]
    mixture = stats["mixture"]
    groups = []
    for name, group in (mixture["groups"] if mixture else {}).items():
        available, taken = (
            ("available_documents", "documents") if unit == "documents" else ("available_tokens", "tokens")
        )
        groups.append((name, float(group[available]), float(group[taken]), float(group["epochs"])))
    groups.sort(key=lambda each: (-each[2], each[0]))
    return Flow(
        unit="documents" if unit == "documents" else facts.unit(stats),
        amounts=amounts,
        sources=[*(name for name in names if name in shown), *([_OTHERS] if len(shown) < len(names) else [])],
        fates=[*([KEPT] if totals.get(KEPT) else []), *steps],
        groups=groups if len(groups) <= _MOST_GROUPS else [],
        by_source=bool(mixture) and {name for name, *_ in groups} <= set(names),
    )


def picture(stats: RunNumbers) -> Html | None:
    """Both pictures, of which one is shown, and the buttons that choose."""
    if not any(stats["sources"][name]["documents"] for name in outputs(stats["sources"])):
        return None
    units: tuple[Unit, Unit] = ("documents", "text")
    flows = [flow_of(stats, unit) for unit in units]
    buttons = [
        tag("button", each.unit, type="button", data_flow=unit, aria_pressed="true" if unit == units[0] else "false")
        for unit, each in zip(units, flows, strict=True)
    ]
    drawn = [
        tag("div", _drawn(each), id=f"flow-{unit}", class_="sankey", hidden=unit != units[0])
        for unit, each in zip(units, flows, strict=True)
    ]
    return tag("figure", tag("p", "in ", *buttons, class_="buttons"), *drawn, class_="flow")


def _drawn(flow: Flow) -> Html:
    """Bands in a picture that is as wide as the page, and words in one that is never scaled."""
    whole = sum(flow.amounts.values())
    scale = TALL / (max(whole, sum(taken for _, _, taken, _ in flow.groups)) or 1.0)
    sources = placed(
        flow.sources, [sum(flow.amounts.get((name, fate), 0.0) for fate in flow.fates) for name in flow.sources], scale
    )
    fates = placed(
        flow.fates, [sum(flow.amounts.get((name, fate), 0.0) for name in flow.sources) for fate in flow.fates], scale
    )
    bands, words = [], []
    for place, source in enumerate(sources):
        for fate in fates:
            amount = flow.amounts.get((source.name, fate.name), 0.0)
            if amount:
                says = f"{source.name}, {fate.name}: {_said(amount, flow.unit)}"
                kind = f"band tint{place % 10 if len(sources) > 1 else 'only'}{'' if fate.name == KEPT else ' gone'}"
                bands.append(
                    band(source.take("out", amount), fate.take("in", amount), 0, says, kind, source.name, fate.name)
                )
        words.append(word(source, 0, f"{shortened(source.name)} {_short(source.amount, flow.unit)}"))
    groups = _groups(flow, fates, scale, bands, words)
    for fate in fates:
        label = f"{fate.name} {_short(fate.amount, flow.unit)}"
        share = tag("tspan", f", {share_of(fate.amount, whole)}", class_="extra")
        words.append(tag("a", word(fate, 1, label, share), href="#reader", data_fate=fate.name))
    nodes = [
        tag("rect", x=AT[column], y=node.top, width=NODE, height=max(THINNEST, node.tall),
            class_="node" if node.name == KEPT or column != 1 else "node gone")
        for column, listed in enumerate((sources, fates, groups))
        for node in listed
    ]  # fmt: skip
    high = max((node.top + node.tall for node in [*sources, *fates, *groups]), default=0.0) + 12
    says = f"{_said(whole, flow.unit)} from {plural(len(flow.sources), 'source')}: " + "; ".join(
        f"{fate.name} {share_of(fate.amount, whole)}" for fate in fates
    )
    return join(
        [
            svg(WIDE, high, *bands, *nodes, height=high, preserveAspectRatio="none", role="img", aria_label=says),
            tag("svg", *words, class_="words", height=high),
        ]
    )


def _groups(flow: Flow, fates: Sequence[Node], scale: float, bands: list[Html], words: list[Html]) -> list[Node]:
    """The mixture's groups, beside what is kept; a band that widens is a group with more than one epoch."""
    kept = next((fate for fate in fates if fate.name == KEPT), None)
    if kept is None or not flow.groups:
        return []
    order = list(flow.groups)
    if flow.by_source:  # as the strands lie in what is kept
        place = {name: number for number, name in enumerate(flow.sources)}
        order.sort(key=lambda each: place.get(each[0], len(place)))
    found = placed([name for name, *_ in order], [taken for _, _, taken, _ in order], scale)
    there = sum(available for _, available, _, _ in order)
    for node, (name, available, taken, epochs) in zip(found, order, strict=True):
        says = f"{name}: {_said(taken, flow.unit)} of {_said(available, flow.unit)} kept, {epochs:.2g} epochs"
        place_of = {source: number for number, source in enumerate(flow.sources)}.get(name, 0)
        kind = f"band tint{place_of % 10 if len(flow.sources) > 1 and flow.by_source else 'only'}"
        left = kept.take("out", kept.amount * available / there if there else 0.0)
        bands.append(band(left, (node.top, node.top + node.tall), 1, says, kind, "", ""))
        words.append(word(node, 2, f"{shortened(name)} × {epochs:.2g}"))
    return found


def placed(names: Sequence[str], amounts: Sequence[float], scale: float) -> list[Node]:
    """Nodes from top to bottom, apart enough for a line of words each."""
    top, nodes = 4.0, []
    for name, amount in zip(names, amounts, strict=True):
        nodes.append(Node(name, amount, top, amount * scale))
        top += max(nodes[-1].tall, THINNEST) + _GAP
    return nodes


def band(
    left: tuple[float, float], right: tuple[float, float], column: int, says: str, kind: str, source: str, fate: str
) -> Html:
    """A band from one column to the next."""
    x, end = AT[column] + NODE, AT[column + 1]
    middle = (x + end) / 2
    (a, b), (c, d) = left, right
    b, d = max(b, a + THINNEST / 2), max(d, c + THINNEST / 2)
    path = (
        f"M{x:.1f} {a:.1f}C{middle:.1f} {a:.1f} {middle:.1f} {c:.1f} {end:.1f} {c:.1f}"
        f"V{d:.1f}C{middle:.1f} {d:.1f} {middle:.1f} {b:.1f} {x:.1f} {b:.1f}Z"
    )
    return tag("path", tag("title", says), d=path, class_=kind, data_source=source or None, data_fate=fate or None)


def word(node: Node, column: int, *label: str) -> Html:
    """A node's words: beside it, or left of it in the last column, on the height of its middle."""
    last = column == len(AT) - 1
    x = f"{(AT[column] + (-6 if last else NODE + 6)) / WIDE:.2%}"
    return tag(
        "text", *label, x=x, y=node.top + max(node.tall / 2, THINNEST) + 4, text_anchor="end" if last else "start",
        class_="extra" if last else None,
    )  # fmt: skip


def _said(amount: float, unit: str) -> str:
    return f"{_short(amount, unit)} {unit}"


def _short(amount: float, unit: str) -> str:
    return count(amount) if unit == "documents" and amount < 1e6 else roughly(amount)


def rows(stats: RunNumbers) -> list[tuple[Any, ...]]:
    """(source, what became of them, documents, text) as tables have it."""
    documents, text = flow_of(stats, "documents"), flow_of(stats, "text")
    return [
        (source, fate, int(documents.amounts[source, fate]), float(f"{text.amounts.get((source, fate), 0.0):.2g}"))
        for source in documents.sources
        for fate in documents.fates
        if (source, fate) in documents.amounts
    ]
