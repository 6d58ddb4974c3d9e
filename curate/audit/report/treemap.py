"""Areas as large as what they hold, shaded by a share: languages and domains by what is kept of them.

Squarified (Bruls, Huizing and van Wijk 2000): rows of rectangles as near to squares as they go. Knows amounts; knows no run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from curate.text.html import Html, clean, roughly, share_of, shortened, svg, tag

WIDE, HIGH = 1000.0, 340.0
_CHARACTER = 7.4
"""Pixels of a letter of a label, on a page that is as wide as the picture."""
_LINE = 20.0
_FEWEST = 7
"""Letters of the shortest label."""
_FAINTEST = 0.3


class Area(NamedTuple):
    """What an area stands for: its name, how much, the share of its documents that are kept, and the reader's facet."""

    name: str
    amount: float
    share: float
    facet: str


class Box(NamedTuple):
    """Where an area lies."""

    x: float
    y: float
    wide: float
    high: float


def squarified(amounts: Sequence[float], box: Box) -> list[Box]:
    """A box for each amount, none of them 0, the largest first, that fill `box` in proportion.

    >>> [round(each.wide * each.high) for each in squarified([6, 3, 1], Box(0, 0, 10, 10))]
    [60, 30, 10]
    """
    boxes: list[Box] = []
    left = list(amounts)
    x, y, wide, high = box
    while left:
        scale = wide * high / sum(left)
        short = min(wide, high)
        row = [left[0]]
        while len(row) < len(left) and _worst([*row, left[len(row)]], short, scale) <= _worst(row, short, scale):
            row.append(left[len(row)])
        thick = sum(row) * scale / short if short else 0.0
        at = y if wide >= high else x
        for amount in row:
            long = amount * scale / thick if thick else 0.0
            boxes.append(Box(x, at, thick, long) if wide >= high else Box(at, y, long, thick))
            at += long
        if wide >= high:
            x, wide = x + thick, max(0.0, wide - thick)
        else:
            y, high = y + thick, max(0.0, high - thick)
        left = left[len(row) :]
    return boxes


def _worst(row: Sequence[float], short: float, scale: float) -> float:
    """The least square of a row's rectangles, as the longer side over the shorter."""
    whole = sum(row) * scale
    if not whole or not short:
        return float("inf")
    return max(max(short * short * each * scale / whole**2, whole**2 / (short * short * each * scale)) for each in row)


def treemap(areas: Sequence[Area], unit: str, says: str) -> Html | None:
    """The picture; a click on an area leads to its documents in the reader."""
    there = sorted((area for area in areas if area.amount > 0), key=lambda area: (-area.amount, area.name))
    if len(there) < 2:
        return None
    boxes = squarified([area.amount for area in there], Box(0, 0, WIDE, HIGH))
    drawn, words = [], []
    for area, box in zip(there, boxes, strict=True):
        kept, label = share_of(area.share, 1) or "0 %", shortened(area.name)
        title = f"{label}: {roughly(area.amount)} {unit}, {kept} of its documents kept"
        drawn.append(
            tag(
                "rect", tag("title", title), x=box.x, y=box.y, width=box.wide, height=box.high, class_="area",
                fill_opacity=round(_FAINTEST + (1 - _FAINTEST) * area.share, 2),
                **({"data_facet": area.facet, "data_value": clean(area.name)} if area.facet and label == area.name else {}),
            )
        )  # fmt: skip
        room = int(box.wide / _CHARACTER)
        label = label if len(label) < room else f"{label[: room - 2]}…"
        if box.high >= _LINE and room >= _FEWEST:
            words.append(
                tag("text", label, x=f"{100 * (box.x + 5) / WIDE:.2f}%", y=box.y + 15,
                    class_=None if box.wide > WIDE / 4 else "extra")
            )  # fmt: skip
    return tag(
        "figure",
        tag(
            "div",
            svg(WIDE, HIGH, *drawn, height=HIGH, preserveAspectRatio="none", role="img", aria_label=says),
            tag("svg", *words, class_="words", height=HIGH, aria_hidden="true"),
            class_="sankey treemap",
        ),
        tag("figcaption", says),
        class_="flow",
    )
