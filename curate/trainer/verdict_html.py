"""The verdict as one HTML file without scripts or outside resources. Knows a Verdict; decides nothing."""

from __future__ import annotations

from html import escape

from curate.trainer.verdict import Curve, Pair, Row, Verdict
from curate.trainer.verdict_markdown import better, number, reading

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1b1b;background:#fff}
table{border-collapse:collapse;margin:.5rem 0 1.5rem;font-variant-numeric:tabular-nums}
th,td{padding:.25rem .75rem;border-bottom:1px solid #d5d5d5;text-align:right}th:first-child,td:first-child{text-align:left}
tr.primary{font-weight:600}p.verdict{font-size:1.15rem}svg{max-width:100%;height:auto}
@media(prefers-color-scheme:dark){body{color:#e6e6e6;background:#161616}th,td{border-color:#444}}
"""
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")  # Okabe and Ito 2008: told apart by all
_WIDTH, _HEIGHT, _MARGIN = 720, 320, 64
_BAR = 220  # width of an interval's plot


def to_html(verdict: Verdict) -> str:
    """The page."""
    parts = [f"<h1>{escape(verdict.name)}</h1>"]
    parts += [f'<p class="verdict">{escape(pair.sentence)}</p>' for pair in verdict.pairs]
    parts.append(f"<h2>Learning curves</h2>{_plot(verdict.curves)}")
    for pair in verdict.pairs:
        parts.append(f"<h2>{escape(pair.second)} less {escape(pair.first)}</h2>{_table(pair, verdict)}")
    if verdict.contamination:
        mixes = list(next(iter(verdict.contamination.values())))
        rows = [
            [task, *(number(shares[mix], ".1%") for mix in mixes)] for task, shares in verdict.contamination.items()
        ]
        parts.append(f"<h2>Tasks' items found in the mixes</h2>{_cells(['task', *mixes], rows)}")
    notes = "".join(f"<li>{escape(note)}</li>" for note in (*reading(verdict), *verdict.notes))
    parts.append(f"<h2>How to read this</h2><ul>{notes}</ul>")
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{escape(verdict.name)}</title>'
    return f'<!doctype html><html lang="en"><head>{head}<style>{_STYLE}</style></head><body>{"".join(parts)}</body></html>\n'


def _cells(head: list[str], rows: list[list[str]]) -> str:
    top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


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
    return f"<table><thead><tr>{top}</tr></thead><tbody>{''.join(body)}</tbody></table>"


def _interval(row: Row, largest: float) -> str:
    """A line from low to high with a dot at the difference; the grey stroke is zero."""
    found = row.comparison
    if found.low != found.low or not largest:
        return ""

    def x(value: float) -> str:
        return f"{_BAR / 2 + value / largest * (_BAR / 2 - 6):.1f}"

    colour = _COLOURS[0] if row.better else "#888"
    return (
        f'<svg width="{_BAR}" height="16" role="img" aria-label="{found.low:+.4f} to {found.high:+.4f}">'
        f'<line x1="{x(0)}" x2="{x(0)}" y1="0" y2="16" stroke="#bbb"/>'
        f'<line x1="{x(found.low)}" x2="{x(found.high)}" y1="8" y2="8" stroke="{colour}" stroke-width="2"/>'
        f'<circle cx="{x(found.difference)}" cy="8" r="4" fill="{colour}"/></svg>'
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
    for index, curve in enumerate(curves):
        colour = _COLOURS[index % len(_COLOURS)]
        points = list(zip(curve.tokens, curve.mean, curve.deviation, strict=True))
        line = " ".join(f"{x(token):.1f},{y(mean):.1f}" for token, mean, _ in points)
        drawn.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for token, mean, deviation in points:
            at, top, bottom = x(token), y(mean + deviation), y(mean - deviation)
            drawn.append(f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{top:.1f}" y2="{bottom:.1f}" stroke="{colour}"/>')
            drawn.append(f'<circle cx="{at:.1f}" cy="{y(mean):.1f}" r="3" fill="{colour}"/>')
        drawn.append(_text(_WIDTH - _MARGIN, 24 + 20 * index, curve.mix, colour))
    for value in (low, low + spread / 2, low + spread):
        drawn.append(_text(_MARGIN - 8, y(value) + 4, f"{value:.3f}"))
    drawn.append(_text(_WIDTH - _MARGIN, _HEIGHT - 2, f"{most:,} tokens"))
    label = "bits per byte over tokens of training, per mix"
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" role="img" aria-label="{label}">{"".join(drawn)}</svg>'
    )


def _text(x: float, y: float, words: str, colour: str = "currentColor") -> str:
    return f'<text x="{x}" y="{y:.1f}" text-anchor="end" font-size="13" fill="{colour}">{escape(words)}</text>'
