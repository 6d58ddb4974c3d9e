"""The verdict as one HTML file, under the policy of the report's pages. Knows a Verdict; decides nothing."""

from __future__ import annotations

from collections.abc import Sequence

from curate.text.html import Html, tag
from curate.text.page import document
from curate.trainer.compare.comparison import Pair, Verdict
from curate.trainer.compare.comparison_charts import COLOURS, DEPTHS, curves_plot, differences_plot, heat_map, interval
from curate.trainer.compare.comparison_markdown import (
    DIFFERENCES,
    PLACES,
    SIGNAL_HEADS,
    better,
    deciding,
    difference_cells,
    number,
    place_cells,
    ranking_notes,
    reading,
    signal_cells,
)

_STYLE = """
:root{color-scheme:light dark;--ink:#1c1c1a;--quiet:#63625c;--line:#deddd6;--paper:#fbfaf6;--card:#fff;--good:#00805c}
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
svg .curve{fill:none;stroke:var(--c);stroke-width:2}svg .dot{fill:var(--c)}
svg .shown{stroke:var(--c);fill:var(--c)}svg .open{stroke:var(--quiet);fill:var(--quiet)}
.deciding{display:flex;flex-wrap:wrap;gap:1rem;margin:1.2rem 0}
.deciding div{background:var(--card);padding:.7rem 1rem;flex:1 1 11rem}.deciding span{color:var(--quiet)}
.deciding b{display:block;font-size:1.5rem;font-weight:600;font-variant-numeric:tabular-nums}
tr.place td:first-child{border-left:4px solid var(--c);padding-left:.5rem}
li{margin:.2rem 0}ul{padding-left:1.2rem;color:var(--quiet);max-width:46rem}
@media(prefers-color-scheme:dark){:root{--ink:#e9e8e3;--quiet:#a3a29b;--line:#3a3a3d;--paper:#16171a;--card:#1e1f23;--good:#2f9e78}
.c0{--c:#56b4e9}.c1{--c:#f0914e}.c2{--c:#3fc79f}.c3{--c:#dd94bd}.c4{--c:#e6b53c}.c5{--c:#9fd3f2}}
@media(max-width:480px){svg.curves text{font-size:18px}}
@media print{body{padding:0;max-width:none}.scroll{overflow:visible}h2,p,tr{break-inside:avoid}}
"""
"""Six colours after Okabe and Ito 2008, told apart by all; lighter ones on a dark page."""


def to_html(verdict: Verdict) -> str:
    """The page."""
    mixes = [curve.mix for curve in verdict.curves]
    parts: list[Html] = [tag("h1", verdict.name)]
    for pair in verdict.pairs:
        winner = f" c{mixes.index(better(pair, pair.primary)) % COLOURS}" if pair.primary.better else ""
        parts.append(tag("p", pair.sentence, class_=f"verdict{winner}"))
    parts += [tag("p", each.sentence) for each in verdict.stopped]
    parts += [_deciding(verdict), *_ranking(verdict), *_domains(verdict)]
    about = "Mean over domains of bits per byte: lower is better. Bars are one deviation between seeds."
    parts += [tag("h2", "Learning curves"), tag("p", about), curves_plot(verdict.curves), *_apart(verdict)]
    if verdict.signals:
        rows = [tag("tr", *(tag("td", cell) for cell in signal_cells(each))) for each in verdict.signals]
        parts += [tag("h2", "What each measure can tell apart"), _table(SIGNAL_HEADS, rows)]
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
    return document(verdict.name, tag("main", *parts), _STYLE + DEPTHS)


def _apart(verdict: Verdict) -> list[Html]:
    """How far the other curves are from the one of the baseline, or else of the best mix, which the scale of the curves
    themselves hides."""
    ranking = verdict.ranking
    base = (ranking.baseline or ranking.places[0].mix) if ranking else verdict.curves[0].mix
    drawn = differences_plot(verdict.curves, base)
    if drawn is None:
        return []
    says = f"At the same tokens: below the line at zero is better than {base}. Intervals are in the ranking."
    return [tag("h3", f"Differences from {base}"), tag("p", says), drawn]


def _deciding(verdict: Verdict) -> Html:
    """The numbers that decide, and what they cost."""
    boxes = [tag("div", tag("b", each.value), tag("span", each.meaning)) for each in deciding(verdict)]
    return tag("div", *boxes, class_="deciding")


def _ranking(verdict: Verdict) -> list[Html]:
    if verdict.ranking is None:
        return []
    heads, rows = PLACES, [place_cells(place) for place in verdict.ranking.places]
    mixes = [curve.mix for curve in verdict.curves]
    body = [
        tag("tr", *(tag("td", cell) for cell in row), class_=f"place c{mixes.index(row[0]) % COLOURS}") for row in rows
    ]
    differences = [
        tag("tr", *(tag("td", cell) for cell in difference_cells(each))) for each in verdict.ranking.differences
    ]
    notes = [tag("p", note) for note in ranking_notes(verdict.ranking)]
    return [
        tag("h2", "Ranking on these texts"),
        _table(heads, body),
        tag("p", "Second less first, intervals together:"),
        _table(DIFFERENCES, differences),
        *notes,
    ]


def _domains(verdict: Verdict) -> list[Html]:
    """Bits per byte of each domain by mix."""
    if not verdict.domains:
        return []
    mixes = list(next(iter(verdict.domains.values())))
    values = {domain: [by_mix[mix] for mix in mixes] for domain, by_mix in verdict.domains.items()}
    about = "Bits per byte; the deeper the colour, the better beside the others in the row. One scale for all rows."
    return [tag("h2", "Domains"), tag("p", about), heat_map(mixes, values)]


def _table(heads: Sequence[str], rows: Sequence[Html]) -> Html:
    top = tag("thead", tag("tr", *(tag("th", each, scope="col") if each else tag("td") for each in heads)))
    return tag("div", tag("table", top, tag("tbody", *rows)), class_="scroll", tabindex="0")


def _comparisons(pair: Pair, verdict: Verdict) -> Html:
    heads = [
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
        cells = (
            found.name if row is pair.primary else f"{found.name} ({found.unit})",
            str(found.items),
            f"{found.first:.4f}",
            f"{found.second:.4f}",
            number(found.difference),
            f"{number(found.low)} … {number(found.high)}",
            interval(row, largest[found.unit]),
            number(row.adjusted_p, ".3f"),
            better(pair, row),
        )
        body.append(tag("tr", *(tag("td", cell) for cell in cells), class_="primary" if row is pair.primary else None))
    return _table(heads, body)
