"""The verdict as Markdown. Knows a Verdict; decides nothing."""

from __future__ import annotations

import math

from curate.trainer.compare.comparison import Pair, Row, Verdict
from curate.trainer.compare.ranking import Ranking


def to_markdown(verdict: Verdict) -> str:
    """Sentences, then a table per pair of mixes, contamination, learning curves and notes."""
    lines = [f"# {verdict.name}", ""]
    lines += [f"- **{pair.first} / {pair.second}**: {pair.sentence}" for pair in verdict.pairs]
    lines += [f"- {each.sentence}" for each in verdict.stopped]
    if verdict.ranking is not None:
        lines += ["", "## Ranking on these texts", "", *_ranking(verdict.ranking)]
    for pair in verdict.pairs:
        lines += ["", f"## {pair.second} less {pair.first}", "", *_table(pair, verdict)]
    if verdict.contamination:
        mixes = list(next(iter(verdict.contamination.values())))
        lines += ["", "## Tasks' items found in the mixes", "", _cells("task", *mixes), _rule(1 + len(mixes))]
        for task, shares in verdict.contamination.items():
            lines.append(_cells(task, *(_share(shares[mix]) for mix in mixes)))
    lines += ["", "## Learning curves", "", "Mean over domains of bits per byte; ± is the deviation between seeds.", ""]
    lines += [_cells("mix", "tokens", "bits per byte", "±"), _rule(4)]
    for curve in verdict.curves:
        for tokens, mean, deviation in zip(curve.tokens, curve.mean, curve.deviation, strict=True):
            lines.append(_cells(curve.mix, f"{tokens:,}", f"{mean:.4f}", f"{deviation:.4f}"))
    lines += ["", "## How to read this", "", *(f"- {note}" for note in (*reading(verdict), *verdict.notes))]
    return "\n".join(lines) + "\n"


def reading(verdict: Verdict) -> list[str]:
    """What the columns mean."""
    return [
        f"Intervals are {verdict.confidence:.0%}, from {verdict.seeds} seeds and all items, paired by both.",
        "The verdict is on the mean over domains alone. Of several rows some exclude zero by chance: p, and what is called "
        "better, is corrected for their number (Holm).",
        "Bits per byte: less is better. Accuracy: more is better. `?`: no difference shown.",
    ]


def better(pair: Pair, row: Row) -> str:
    """The mix that the row shows to be better, or `?`."""
    return {None: "?", "first": pair.first, "second": pair.second}[row.better]


def number(value: float, form: str = "+.4f") -> str:
    """The number, or a dash where it is not known."""
    return "–" if math.isnan(value) else format(value, form)


def _table(pair: Pair, verdict: Verdict) -> list[str]:
    head = [
        "measure",
        "items",
        pair.first,
        pair.second,
        "difference",
        f"{verdict.confidence:.0%} interval",
        "p",
        "better",
    ]
    lines = [_cells(*head), _rule(len(head))]
    for row in (pair.primary, *pair.rows):
        found = row.comparison
        lines.append(
            _cells(
                f"**{found.name}**" if row is pair.primary else f"{found.name} ({found.unit})",
                str(found.items),
                f"{found.first:.4f}",
                f"{found.second:.4f}",
                number(found.difference),
                f"{number(found.low)} … {number(found.high)}",
                number(row.adjusted_p, ".3f"),
                better(pair, row),
            )
        )
    return lines


def _ranking(ranking: Ranking) -> list[str]:
    lines = [_cells("mix", "bits per byte", "rank between", "probability of being best"), _rule(4)]
    for place in ranking.places:
        ranks = f"{place.highest} and {place.lowest}"
        lines.append(_cells(place.mix, f"{place.mean:.4f}", ranks, f"{place.best:.3f}"))
    lines += ["", _cells("second less first", "difference", "interval", "p", "the second is"), _rule(5)]
    for each in ranking.differences:
        name = f"{each.second} less {each.first}"
        interval = f"{number(each.low)} … {number(each.high)}"
        lines.append(_cells(name, number(each.difference), interval, number(each.p, ".3f"), each.verdict))
    told = "all differences" if ranking.baseline is None else f"all differences from {ranking.baseline}"
    lines += [
        "",
        f"Intervals hold for {told} together; seeds correlate by {number(ranking.correlation, '.2f')} over mixes.",
    ]
    if ranking.unequal:
        lines.append("The mixes' own noise is too unlike to pool: trust the pairs below rather than this table.")
    return lines


def _cells(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _rule(columns: int) -> str:
    return f"|{' --- |' * columns}"


def _share(value: float) -> str:
    return number(value, ".1%")
