"""The verdict as one HTML file without scripts or outside resources. Knows a Verdict; decides nothing."""

from __future__ import annotations

from html import escape

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
    parts = [f"<h1>{escape(verdict.name)}</h1>"]
    mixes = [curve.mix for curve in verdict.curves]
    for pair in verdict.pairs:
        winner = f" c{mixes.index(better(pair, pair.primary)) % _COLOURS}" if pair.primary.better else ""
        parts.append(f'<p class="verdict{winner}">{escape(pair.sentence)}</p>')
    about = "Mean over domains of bits per byte: lower is better. Bars are one deviation between seeds."
    parts.append(f"<h2>Learning curves</h2><p>{about}</p>{_plot(verdict.curves)}")
    for pair in verdict.pairs:
        parts.append(f"<h2>{escape(pair.second)} less {escape(pair.first)}</h2>{_table(pair, verdict)}")
    if verdict.contamination:
        mixes = list(next(iter(verdict.contamination.values())))
        rows = [
            [task, *(number(shares[mix], ".1%") for mix in mixes)] for task, shares in verdict.contamination.items()
        ]
        parts.append(f"<h2>Tasks' items found in the mixes</h2>{_cells(['task', *mixes], rows)}")
    notes = "".join(f"<li>{escape(note.replace('`', ''))}</li>" for note in (*reading(verdict), *verdict.notes))
    parts.append(f"<h2>How to read this</h2><ul>{notes}</ul>")
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{escape(verdict.name)}</title>'
    return f'<!doctype html><html lang="en"><head>{head}<style>{_STYLE}</style></head><body>{"".join(parts)}</body></html>\n'


def _cells(head: list[str], rows: list[list[str]]) -> str:
    top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


def _table(pair: Pair, verdict: Verdict) -> str:
    head = [
        "measure",
        "items",
        pair.first,
        pair.second,
        "difference",
        f"{verdict.confidence:.0%} interval",
        "",
        "p",
        "better",
    ]
    rows = (pair.primary, *pair.rows)
    largest: dict[str, float] = {}
    for row in rows:
        found = row.comparison
        ends = [abs(end) for end in (found.low, found.high, found.difference) if end == end]
        largest[found.unit] = max([largest.get(found.unit, 0.0), *ends])
    body = []
    for row in rows:
        found = row.comparison
        name = found.name if row is pair.primary else f"{found.name} ({found.unit})"
        cells = [
            escape(name),
            str(found.items),
            f"{found.first:.4f}",
            f"{found.second:.4f}",
            number(found.difference),
            f"{number(found.low)} … {number(found.high)}",
            _interval(row, largest[found.unit]),
            number(row.adjusted_p, ".3f"),
            escape(better(pair, row)),
        ]
        kind = ' class="primary"' if row is pair.primary else ""
        body.append(f"<tr{kind}>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>")
    top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    return f'<div class="scroll"><table><thead><tr>{top}</tr></thead><tbody>{"".join(body)}</tbody></table></div>'


def _interval(row: Row, largest: float) -> str:
    """A line from low to high with a dot at the difference; the grey stroke is zero."""
    found = row.comparison
    if found.low != found.low or not largest:
        return ""

    def x(value: float) -> str:
        return f"{_BAR / 2 + value / largest * (_BAR / 2 - 6):.1f}"

    colour = "stroke:var(--c);fill:var(--c)" if row.better else "stroke:var(--quiet);fill:var(--quiet)"
    return (
        f'<svg width="{_BAR}" height="16" viewBox="0 0 {_BAR} 16" role="img" '
        f'aria-label="{found.low:+.4f} to {found.high:+.4f}" class="c0">'
        f'<line x1="{x(0)}" x2="{x(0)}" y1="0" y2="16" class="zero"/>'
        f'<g style="{colour}"><line x1="{x(found.low)}" x2="{x(found.high)}" y1="8" y2="8" stroke-width="2"/>'
        f'<circle cx="{x(found.difference)}" cy="8" r="3.5"/></g></svg>'
    )


def _plot(curves: tuple[Curve, ...]) -> str:
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

    drawn = []
    for value in (low, low + spread / 2, low + spread):
        at = f"{y(value):.1f}"
        drawn.append(f'<line x1="{_MARGIN}" x2="{_WIDTH - _MARGIN}" y1="{at}" y2="{at}" class="rule"/>')
        drawn.append(_text(_MARGIN - 8, y(value) + 4, f"{value:.3f}", "end"))
    for token in sorted({*curves[0].tokens, most}):
        drawn.append(_text(x(token), _HEIGHT, f"{token:,} tokens" if token == most else f"{token:,}", "middle"))
    for index, curve in enumerate(curves):
        points = list(zip(curve.tokens, curve.mean, curve.deviation, strict=True))
        line = " ".join(f"{x(token):.1f},{y(mean):.1f}" for token, mean, _ in points)
        marks = [f'<polyline points="{line}" style="fill:none;stroke:var(--c)" stroke-width="2"/>']
        for token, mean, deviation in points:
            at, top, bottom = f"{x(token):.1f}", f"{y(mean + deviation):.1f}", f"{y(mean - deviation):.1f}"
            marks.append(f'<line x1="{at}" x2="{at}" y1="{top}" y2="{bottom}" style="stroke:var(--c)"/>')
            marks.append(f'<circle cx="{at}" cy="{y(mean):.1f}" r="3" style="fill:var(--c)"/>')
        height = 24 + 26 * index
        marks.append(f'<circle cx="{_WIDTH - _MARGIN}" cy="{height - 5}" r="5" style="fill:var(--c)"/>')
        marks.append(_text(_WIDTH - _MARGIN - 12, height, curve.mix, "end", ""))
        drawn.append(f'<g class="c{index % _COLOURS}">{"".join(marks)}</g>')
    label = "bits per byte over tokens of training, per mix"
    return f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT + 6}" class="curves" role="img" aria-label="{label}">{"".join(drawn)}</svg>'


def _text(x: float, y: float, words: str, anchor: str, kind: str = "quiet") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" class="{kind}">{escape(words)}</text>'
