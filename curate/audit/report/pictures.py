"""Bars over ranges or kinds, with their numbers. Knows numbers and labels; knows no run.

Words are in pictures of their own that are never scaled, so that they can be read at any width.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from curate.text.html import Html, count, svg, tag

_TALL = 120
_WIDE = 640
_NARROW = 340  # pixels of a picture on a phone
_CHARACTER = 7.5  # pixels of a digit of a label
_NUMBERED = 20  # bars up to which each has its number above it
_FEW = 6


class Bar(NamedTuple):
    """A bar: what it stands for, how many, and, of them, how many of a kind that is drawn darker."""

    label: str
    number: int
    part: int = 0


def histogram(bars: Sequence[Bar], caption: str, *, split: bool = False) -> Html:
    """Bars with labels below and numbers above where they fit; `split`: `part` counts.

    Heights are as the numbers are, and the dark share of a bar is the part's share of its number.
    """
    if not bars:
        return tag("p", "Nothing to count here.", class_="quiet")
    most = max(bar.number for bar in bars) or 1
    width = _WIDE / len(bars)
    drawn = []
    for place, bar in enumerate(bars):
        title = f"{bar.label}: {count(bar.number)}" + (f", of them {count(bar.part)} kept" if split else "")
        tall = height(bar.number / most, _TALL)
        part = tall * bar.part / bar.number if bar.number else 0.0
        sizes = ((tall, "every"), (part, "alone")) if split else ((tall, "alone"),)
        rects = [
            tag(
                "rect", x=place * width + min(1, width / 8), y=_TALL - tall, width=width - min(2, width / 4), height=tall,
                class_=kind,
            )
            for tall, kind in sizes
            if tall
        ]  # fmt: skip
        whole = tag("rect", x=place * width, y=0, width=width, height=_TALL, class_="hover")
        drawn.append(tag("g", tag("title", title), whole, *rects))
    axis = tag("line", x1=0, x2=_WIDE, y1=_TALL, y2=_TALL, class_="axis")
    picture = svg(
        _WIDE, _TALL, *drawn, axis, role="img", aria_label=caption, preserveAspectRatio="none", class_="picture",
    )  # fmt: skip
    numbered = len(bars) <= _NUMBERED
    above = [count(bar.number) if bar.number and (numbered or bar.number == most) else "" for bar in bars]
    tops = [height(bar.number / most, _TALL) / _TALL for bar in bars]
    rows = [words(above, tops, all_fit=not numbered), picture, words([bar.label for bar in bars])]
    kind = "few" if len(bars) <= _FEW else None
    return tag("figure", tag("div", *rows, class_="plot numbered"), tag("figcaption", caption), class_=kind)


_LEAST = 1.5  # units: what is there at all is seen


def height(share: float, whole: float) -> float:
    """The height of a bar of this share of the tallest, which is `whole` units high."""
    return max(_LEAST, whole * share) if share else 0.0


def words(labels: Sequence[str], tops: Sequence[float] = (), *, all_fit: bool = False) -> Html:
    """Labels at the middles of equal columns: as many as fit on a wide page, and fewer of the same on a phone. With
    `tops`, shares of the height, each stands on its bar."""
    wide = 1 if all_fit else _every(labels, _WIDE)
    narrow = 1 if all_fit else -(-_every(labels, _NARROW) // wide) * wide
    placed = [
        tag(
            "text", label, x=f"{100 * (place + 0.5) / len(labels):.2f}%", text_anchor="middle",
            y=f"{100 * (1 - tops[place]):.1f}%" if tops else 14, dy=-5 if tops else None,
            class_="extra" if place % narrow else None,
        )
        for place, label in enumerate(labels)
        if label and place % wide == 0
    ]  # fmt: skip
    return tag("svg", *placed, class_="words over" if tops else "words", aria_hidden="true")


def _every(labels: Sequence[str], pixels: int) -> int:
    longest = max(len(label) for label in labels) + 1
    return max(1, math.ceil(len(labels) * longest * _CHARACTER / pixels))
