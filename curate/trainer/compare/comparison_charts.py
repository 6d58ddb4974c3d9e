"""What the page of a comparison draws: intervals, learning curves, the heat map of domains. Knows numbers and HTML.

Colours are the page's: a mix's own is the class `c` and its number.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from curate.text.html import Html, join, svg, tag
from curate.trainer.compare.comparison import Curve, Row

COLOURS = 6
_WIDTH, _HEIGHT, _MARGIN = 720, 320, 76
_BAR = 160  # width of an interval's plot
_DEEPEST, _DEPTH = 70, 5  # per cent of colour in the heat map's strongest cell, and of a step towards it
DEPTHS = "".join(
    f".d{depth}{{background:color-mix(in srgb,var(--good) {depth}%,transparent)}}"
    for depth in range(0, _DEEPEST + 1, _DEPTH)
)
"""The style of the heat map's cells: a page's policy lets no element have one of its own."""


def heat_map(mixes: Sequence[str], measures: Mapping[str, Sequence[float]]) -> Html:
    """Measures, of which less is better, by mix: the deeper a cell's colour, the better that mix is in its row.

    One scale for all rows, so that a row in which nothing differs stays pale.
    """
    largest = max((max(values) - min(values) for values in measures.values()), default=0.0) or 1.0
    rows = [
        tag("tr", tag("td", name), *(_cell(value, max(values) - value, largest) for value in values))
        for name, values in measures.items()
    ]
    head = tag("thead", tag("tr", *(tag("th", each) for each in ("domain", *mixes))))
    return tag("div", tag("table", head, tag("tbody", *rows), class_="heat"), class_="scroll")


def _cell(value: float, better: float, largest: float) -> Html:
    return tag("td", f"{value:.4f}", class_=f"d{_DEPTH * round(_DEEPEST * better / largest / _DEPTH)}")


def interval(row: Row, largest: float) -> Html:
    """A line from low to high with a dot at the difference; the grey stroke is zero."""
    found = row.comparison
    if found.low != found.low or not largest:
        return join(())

    def x(value: float) -> str:
        return f"{_BAR / 2 + value / largest * (_BAR / 2 - 6):.1f}"

    drawn = tag(
        "g",
        tag("line", x1=x(found.low), x2=x(found.high), y1=8, y2=8, stroke_width=2),
        tag("circle", cx=x(found.difference), cy=8, r=3.5),
        class_="shown" if row.better else "open",
    )
    zero = tag("line", x1=x(0), x2=x(0), y1=0, y2=16, class_="zero")
    label = f"{found.low:+.4f} to {found.high:+.4f}"
    return svg(_BAR, 16, zero, drawn, width=_BAR, height=16, role="img", aria_label=label, class_="c0")


def less(curves: tuple[Curve, ...], base: str) -> tuple[Curve, ...]:
    """What each mix's mean is above that of mix `base`, at the tokens that both were measured at; without deviations, which
    are not of differences."""
    there = {
        tokens: mean for each in curves if each.mix == base for tokens, mean in zip(each.tokens, each.mean, strict=True)
    }
    found = []
    for each in curves:
        points = [
            (tokens, mean - there[tokens])
            for tokens, mean in zip(each.tokens, each.mean, strict=True)
            if tokens in there and each.mix != base
        ]
        if points:
            tokens, means = zip(*points, strict=True)
            found.append(replace(each, tokens=tokens, mean=means, deviation=(0.0,) * len(points)))
    return tuple(found)


def differences_plot(curves: tuple[Curve, ...], base: str) -> Html | None:
    """How far each mix is from mix `base` over tokens, about a line at zero; None where no point can be compared."""
    found = less(curves, base)
    if not found:
        return None
    return curves_plot(found, [curve.mix for curve in curves], f"bits per byte less those of {base}", True)


def curves_plot(
    curves: tuple[Curve, ...], every: Sequence[str] = (), what: str = "bits per byte", zero: bool = False
) -> Html:
    """Bits per byte over tokens, a line per mix, bars of one deviation between seeds. `every`: the names of all mixes of the
    page, by whose order a mix has its colour; `zero`: whether zero is on the axis."""
    tokens = [token for curve in curves for token in curve.tokens]
    ends = [
        mean + sign * deviation
        for curve in curves
        for mean, deviation in zip(curve.mean, curve.deviation, strict=True)
        for sign in (-1, 1)
    ]
    if zero:
        ends.append(0.0)
    low, high, most = min(ends), max(ends), max(tokens)
    order = list(every or (curve.mix for curve in curves))
    spread = (high - low) or 1.0

    def x(token: int) -> float:
        return _MARGIN + token / most * (_WIDTH - 2 * _MARGIN)

    def y(value: float) -> float:
        return _HEIGHT - _MARGIN / 2 - (value - low) / spread * (_HEIGHT - _MARGIN)

    drawn: list[Html] = []
    for value in (low, low + spread / 2, low + spread):
        drawn.append(_line(_MARGIN, y(value), _WIDTH - _MARGIN, y(value), class_="rule"))
        drawn.append(_text(_MARGIN - 8, y(value) + 4, f"{value:.{_digits(spread)}f}", "end"))
    if zero:
        drawn.append(_line(_MARGIN, y(0.0), _WIDTH - _MARGIN, y(0.0), class_="zero"))
    for token in sorted({*curves[0].tokens, most}):
        drawn.append(_text(x(token), _HEIGHT, f"{token:,} tokens" if token == most else f"{token:,}", "middle"))
    for index, curve in enumerate(curves):
        points = list(zip(curve.tokens, curve.mean, curve.deviation, strict=True))
        line = " ".join(f"{x(token):.1f},{y(mean):.1f}" for token, mean, _ in points)
        marks = [tag("polyline", points=line, class_="curve")]
        for token, mean, deviation in points:
            marks.append(_line(x(token), y(mean + deviation), x(token), y(mean - deviation), class_="curve"))
            marks.append(_dot(x(token), y(mean), 3))
        height = 24 + 26 * index
        marks += [_dot(_WIDTH - _MARGIN, height - 5, 5), _text(_WIDTH - _MARGIN - 12, height, curve.mix, "end", "")]
        drawn.append(tag("g", *marks, class_=f"c{order.index(curve.mix) % COLOURS}"))
    label = f"{what} over tokens of training, per mix"
    return svg(_WIDTH, _HEIGHT + 6, *drawn, class_="curves", role="img", aria_label=label)


def _digits(spread: float) -> int:
    """Decimals that tell an axis' ends apart."""
    return min(6, max(3, 1 - math.floor(math.log10(spread))))


def _line(x1: float, y1: float, x2: float, y2: float, **more: str) -> Html:
    return tag("line", x1=f"{x1:.1f}", y1=f"{y1:.1f}", x2=f"{x2:.1f}", y2=f"{y2:.1f}", **more)


def _dot(x: float, y: float, radius: float) -> Html:
    return tag("circle", cx=f"{x:.1f}", cy=f"{y:.1f}", r=radius, class_="dot")


def _text(x: float, y: float, words: str, anchor: str, kind: str = "quiet") -> Html:
    return tag("text", words, x=f"{x:.1f}", y=f"{y:.1f}", text_anchor=anchor, class_=kind)
