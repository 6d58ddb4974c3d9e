"""The matrix of rules: of what fails one, how much fails another too. Knows counts of pairs; knows no run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from curate.audit.report.facts import PAIRS, overlaps
from curate.text.html import Html, count, join, named, percent, svg, table, tag

_MOST_RULES = 40
_CELL = 20  # units of a cell
_HEAD = 22  # above the cells
_LABEL = 296  # units of a row's label

Overlap = Mapping[str, Mapping[str, int]]


def _order(overlap: Overlap) -> list[str]:
    return sorted(overlap, key=lambda rule: (-overlap[rule].get(rule, 0), rule))[:_MOST_RULES]


def script_data(overlap: Overlap) -> dict[str, Any]:
    """What the page's script says of a cell that is pointed at."""
    order = _order(overlap)
    return {"rules": order, "both": [[overlap[first].get(second, 0) for second in order] for first in order]}


def panel(overlap: Overlap) -> Html:
    """The matrix, what its ink means, and its largest numbers as a table."""
    order = _order(overlap)
    if len(order) < 2:
        return tag("p", "Fewer than two rules failed anything: there is no overlap to show.", class_="quiet")
    more = len(overlap) - len(order)
    note = tag(
        "p",
        "Row and column are rules, by the same numbers. The darker a cell, the more of the documents that fail the row's "
        "rule fail the column's rule too: a rule with a dark row hardly ever drops a document by itself. Every rule judges "
        "every document, also those that an earlier step drops.",
        f" The {len(order)} rules that most documents fail are shown, {count(more)} are not." if more else None,
        class_="quiet",
    )
    listed = table(
        ("rule", "and", "fail both", "of the first", "of the second"),
        [
            (named(first), named(second), count(both), percent(both, one), percent(both, other))
            for first, second, both, one, other in overlaps(overlap)[:PAIRS]
        ],
    )
    return join(
        [
            note,
            _legend(),
            tag("div", _labels(order), _cells(overlap, order), class_="matrix"),
            tag(
                "output",
                "Point at a cell, or move over the cells with the arrow keys.",
                id="overlap-said",
                class_="quiet",
            ),
            tag("details", tag("summary", "The largest overlaps as a table"), listed),
        ]
    )


def _legend() -> Html:
    steps = [
        tag("rect", x=place * 24, y=0, width=24, height=12, class_="cell", fill_opacity=place / 10)
        for place in range(11)
    ]
    ramp = svg(264, 12, *steps, tag("rect", x=0.5, y=0.5, width=263, height=11, class_="frame"), width=176, height=8)
    return tag("p", "0 % ", ramp, " 100 % fail the column's rule too", class_="quiet ramp")


def _labels(order: list[str]) -> Html:
    lines = []
    for place, rule in enumerate(order):
        step, _, name = rule.partition("/")
        lines.append(
            tag(
                "text", tag("tspan", f"{step}/", class_="step-of"), tag("tspan", name),
                tag("tspan", f"  {place + 1}", class_="number"),
                x=_LABEL - 8, y=_HEAD + place * _CELL + 14, text_anchor="end",
            )
        )  # fmt: skip
    height = _HEAD + len(order) * _CELL + 2
    return svg(
        _LABEL, height, *lines, width=_LABEL, height=height, class_="labels", preserveAspectRatio="xMaxYMin slice",
        aria_hidden="true",
    )  # fmt: skip


def _cells(overlap: Overlap, order: list[str]) -> Html:
    side = len(order) * _CELL
    drawn = []
    for i, first in enumerate(order):
        drawn.append(
            tag("text", str(i + 1), x=i * _CELL + _CELL / 2, y=_HEAD - 8, text_anchor="middle", class_="number")
        )
        for j, second in enumerate(order):
            share = overlap[first].get(second, 0) / overlap[first][first] if i != j else 1.0
            if share:
                drawn.append(
                    tag(
                        "rect", x=j * _CELL + 0.5, y=_HEAD + i * _CELL + 0.5, width=_CELL - 1, height=_CELL - 1,
                        class_="self" if i == j else "cell", fill_opacity=max(0.04, round(share, 3)),
                    )
                )  # fmt: skip
    lines = "".join(
        f"M0,{_HEAD + k * _CELL} h{side} M{k * _CELL},{_HEAD} v{side} " for k in range(len(order) + 1)
    )  # fmt: skip
    cursor = tag("rect", x=0, y=_HEAD, width=_CELL, height=_CELL, class_="cursor", id="overlap-cursor")
    size = {"width": side + 2, "height": _HEAD + side + 2}
    picture = svg(
        side + 2, _HEAD + side + 2, *drawn, tag("path", d=lines, class_="frame"), cursor, id="overlap-cells",
        tabindex="0", role="img", aria_label="Overlap of rules; arrow keys move over the cells",
        aria_describedby="overlap-said", data_cell=_CELL, data_head=_HEAD, **size,
    )  # fmt: skip
    return tag("div", picture, class_="scroll")
