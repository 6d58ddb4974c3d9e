"""The verdict as one HTML file without scripts or outside resources. Knows a Verdict; decides nothing."""

from __future__ import annotations

from collections.abc import Sequence

from curate.text.html import Html, join, svg, tag
from curate.trainer.compare.comparison import Curve, Pair, Row, Verdict
from curate.trainer.compare.comparison_markdown import better, number, reading

_STYLE = """
:root{color-scheme:light dark;--ink:#1c1c1a;--quiet:#63625c;--line:#deddd6;--paper:#fbfaf6;--card:#fff}
.c0{--c:#0072b2}.c1{--c:#c4500a}.c2{--c:#00805c}.c3{--c:#a8508a}.c4{--c:#8a6400}.c5{--c:#2f7fb0}
body{font:15px/1.55 system-ui,sans-serif;max-width:66rem;margin:0 auto;padding:2.5rem 1rem 4rem}
body{color:var(--ink);background:var(--paper)}h1{font-size:2.2rem;margin:0 0 1rem}h2{margin:2.5rem 0 .5rem}
h1,h2,p.verdict{font-family:Charter,Georgia,serif;font-weight:400}
p.verdict{font-size:1.2rem;max-width:46rem;padding:.9rem 1.2rem;border-left:4px solid var(--c,#888);background:var(--card)}
.scroll{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:.87rem}
th,td{padding:.35rem .6rem;border-bottom:1px solid var(--line);text-align:right;white-space:nowrap}
th{font-weight:400;color:var(--quiet);vertical-align:bottom}th:first-child,td:first-child{text-align:left;padding-left:0}
tr.primary td{font-weight:600;border-bottom-width:2px}svg{display:block}svg.curves{width:100%;max-width:720px;height:auto}
svg text{fill:var(--ink);font-size:13px}svg .quiet{fill:var(--quiet)}svg .rule{stroke:var(--line)}
svg .zero{stroke:var(--quiet);stroke-dasharray:2 2}
li{margin:.2rem 0}ul{padding-left:1.2rem;color:var(--quiet);max-width:46rem}
@media(prefers-color-scheme:dark){:root{--ink:#e9e8e3;--quiet:#a3a29b;--line:#3a3a3d;--paper:#16171a;--card:#1e1f23}
.c0{--c:#56b4e9}.c1{--c:#f0914e}.c2{--c:#3fc79f}.c3{--c:#dd94bd}.c4{--c:#e6b53c}.c5{--c:#9fd3f2}}
@media(max-width:480px){svg.curves text{font-size:18px}}
@media print{body{padding:0;max-width:none}.scroll{overflow:visible}h2,p,tr{break-inside:avoid}}
"""
"""Six colours after Okabe and Ito 2008, told apart by all; lighter ones on a dark page."""
_COLOURS = 6
_WIDTH, _HEIGHT, _MARGIN = 720, 320, 76
_BAR = 160  # width of an interval's plot


def to_html(verdict: Verdict) -> str:
    """The page."""
    mixes = [curve.mix for curve in verdict.curves]
    parts: list[Html] = [tag("h1", verdict.name)]
    for pair in verdict.pairs:
        winner = f" c{mixes.index(better(pair, pair.primary)) % _COLOURS}" if pair.primary.better else ""
        parts.append(tag("p", pair.sentence, class_=f"verdict{winner}"))
    parts += [tag("p", each.sentence) for each in verdict.stopped]
    about = "Mean over domains of bits per byte: lower is better. Bars are one deviation between seeds."
    parts += [tag("h2", "Learning curves"), tag("p", about), _plot(verdict.curves)]
    for pair in verdict.pairs:
        parts += [tag("h2", f"{pair.second} less {pair.first}"), _comparisons(pair, verdict)]
    if verdict.contamination:
        columns = list(next(iter(verdict.contamination.values())))
        rows = [
            tag("tr", tag("td", task), *(tag("td", number(shares[mix], ".1%")) for mix in columns))
            for task, shares in verdict.contamination.items()
        ]
        parts += [tag("h2", "Tasks' items found in the mixes"), _table(["task", *columns], rows)]
    notes = [tag("li", note.replace("`", "")) for note in (*reading(verdict), *verdict.notes)]
    parts += [tag("h2", "How to read this"), tag("ul", *notes)]
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width"),
        tag("title", verdict.name),
        tag("style", Html(_STYLE)),
    )
    return f"<!doctype html>{tag('html', head, tag('body', *parts), lang='en')}\n"


def _table(heads: Sequence[str], rows: Sequence[Html]) -> Html:
    top = tag("thead", tag("tr", *(tag("th", each) for each in heads)))
    return tag("div", tag("table", top, tag("tbody", *rows)), class_="scroll")


def _comparisons(pair: Pair, verdict: Verdict) -> Html:
    interval = f"{verdict.confidence:.0%} interval"
    heads = ["measure", "items", pair.first, pair.second, "difference", interval, "", "p", "better"]
    rows = (pair.primary, *pair.rows)
    largest: dict[str, float] = {}
    for row in rows:
        found = row.comparison
        ends = [abs(end) for end in (found.low, found.high, found.difference) if end == end]
        largest[found.unit] = max([largest.get(found.unit, 0.0), *ends])
    body = []
    for row in rows:
        found = row.comparison
        cells = (
            found.name if row is pair.primary else f"{found.name} ({found.unit})",
            str(found.items),
            f"{found.first:.4f}",
            f"{found.second:.4f}",
            number(found.difference),
            f"{number(found.low)} … {number(found.high)}",
            _interval(row, largest[found.unit]),
            number(row.adjusted_p, ".3f"),
            better(pair, row),
        )
        body.append(tag("tr", *(tag("td", cell) for cell in cells), class_="primary" if row is pair.primary else None))
    return _table(heads, body)


def _interval(row: Row, largest: float) -> Html:
    """A line from low to high with a dot at the difference; the grey stroke is zero."""
    found = row.comparison
    if found.low != found.low or not largest:
        return join(())

    def x(value: float) -> str:
        return f"{_BAR / 2 + value / largest * (_BAR / 2 - 6):.1f}"

    colour = "var(--c)" if row.better else "var(--quiet)"
    drawn = tag(
        "g",
        tag("line", x1=x(found.low), x2=x(found.high), y1=8, y2=8, stroke_width=2),
        tag("circle", cx=x(found.difference), cy=8, r=3.5),
        style=f"stroke:{colour};fill:{colour}",
    )
    zero = tag("line", x1=x(0), x2=x(0), y1=0, y2=16, class_="zero")
    label = f"{found.low:+.4f} to {found.high:+.4f}"
    return svg(_BAR, 16, zero, drawn, width=_BAR, height=16, role="img", aria_label=label, class_="c0")


def _plot(curves: tuple[Curve, ...]) -> Html:
    """Bits per byte over tokens, a line per mix, bars of one deviation between seeds."""
    tokens = [token for curve in curves for token in curve.tokens]
    ends = [
        mean + sign * deviation
        for curve in curves
        for mean, deviation in zip(curve.mean, curve.deviation, strict=True)
        for sign in (-1, 1)
    ]
    low, high, most = min(ends), max(ends), max(tokens)
    spread = (high - low) or 1.0

    def x(token: int) -> float:
        return _MARGIN + token / most * (_WIDTH - 2 * _MARGIN)

    def y(value: float) -> float:
        return _HEIGHT - _MARGIN / 2 - (value - low) / spread * (_HEIGHT - _MARGIN)

    drawn: list[Html] = []
    for value in (low, low + spread / 2, low + spread):
        drawn.append(_line(_MARGIN, y(value), _WIDTH - _MARGIN, y(value), class_="rule"))
        drawn.append(_text(_MARGIN - 8, y(value) + 4, f"{value:.3f}", "end"))
    for token in sorted({*curves[0].tokens, most}):
        drawn.append(_text(x(token), _HEIGHT, f"{token:,} tokens" if token == most else f"{token:,}", "middle"))
    for index, curve in enumerate(curves):
        points = list(zip(curve.tokens, curve.mean, curve.deviation, strict=True))
        line = " ".join(f"{x(token):.1f},{y(mean):.1f}" for token, mean, _ in points)
        marks = [tag("polyline", points=line, style="fill:none;stroke:var(--c)", stroke_width=2)]
        for token, mean, deviation in points:
            marks.append(_line(x(token), y(mean + deviation), x(token), y(mean - deviation), style="stroke:var(--c)"))
            marks.append(_dot(x(token), y(mean), 3))
        height = 24 + 26 * index
        marks += [_dot(_WIDTH - _MARGIN, height - 5, 5), _text(_WIDTH - _MARGIN - 12, height, curve.mix, "end", "")]
        drawn.append(tag("g", *marks, class_=f"c{index % _COLOURS}"))
    label = "bits per byte over tokens of training, per mix"
    return svg(_WIDTH, _HEIGHT + 6, *drawn, class_="curves", role="img", aria_label=label)


def _line(x1: float, y1: float, x2: float, y2: float, **more: str) -> Html:
    return tag("line", x1=f"{x1:.1f}", y1=f"{y1:.1f}", x2=f"{x2:.1f}", y2=f"{y2:.1f}", **more)


def _dot(x: float, y: float, radius: float) -> Html:
    return tag("circle", cx=f"{x:.1f}", cy=f"{y:.1f}", r=radius, style="fill:var(--c)")


def _text(x: float, y: float, words: str, anchor: str, kind: str = "quiet") -> Html:
    return tag("text", words, x=f"{x:.1f}", y=f"{y:.1f}", text_anchor=anchor, class_=kind)
