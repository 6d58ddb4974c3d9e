"""The verdict as Markdown. Knows a Verdict; decides nothing."""

from __future__ import annotations

import math
from dataclasses import dataclass

from curate.trainer.compare.comparison import Pair, Row, Verdict
from curate.trainer.compare.ranking import Difference, Place, Ranking
from curate.trainer.compare.signal import Signal


def to_markdown(verdict: Verdict) -> str:
    """Sentences, then a table per pair of mixes, contamination, learning curves and notes."""
    lines = [f"# {verdict.name}", ""]
    lines += [f"- **{pair.first} / {pair.second}**: {pair.sentence}" for pair in verdict.pairs]
    lines += [f"- {each.sentence}" for each in verdict.stopped]
    lines += ["", *(f"- {each.value}: {each.meaning}" for each in deciding(verdict))]
    if verdict.ranking is not None:
        lines += ["", "## Ranking on these texts", "", *_ranking(verdict.ranking)]
    if verdict.domains:
        mixes = list(next(iter(verdict.domains.values())))
        lines += ["", "## Domains", "", _cells("domain", *mixes), _rule(1 + len(mixes))]
        for domain, by_mix in verdict.domains.items():
            lines.append(_cells(domain, *(f"{by_mix[mix]:.4f}" for mix in mixes)))
    if verdict.signals:
        lines += ["", "## What each measure can tell apart", "", _cells(*SIGNAL_HEADS), _rule(len(SIGNAL_HEADS))]
        lines += [_cells(*signal_cells(each)) for each in verdict.signals]
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
        "Spread is the deviation of mixes' means, noise that of a proxy, its mix's and its seed's level taken off. Measures "
        "whose ratio is near 1 or below say little at this size of model.",
        "Bits per byte, of texts and of right answers: less is better. Accuracy, probability, margin: more is better. "
        "`?`: no difference shown.",
    ]


@dataclass(frozen=True)
class Deciding:
    """A number that decides, and what it is."""

    value: str
    meaning: str


def deciding(verdict: Verdict) -> list[Deciding]:
    """The difference of the best mix from the next, or from the baseline; the smallest that would be shown; the chance that
    it is the best; and what the answer cost. The first three only with two seeds and two mixes."""
    told = []
    if verdict.ranking is not None:
        best, *rest = (place.mix for place in verdict.ranking.places)
        other = verdict.ranking.baseline if verdict.ranking.baseline in rest else rest[0]
        found = next((each for each in verdict.ranking.differences if {each.first, each.second} == {best, other}), None)
        pair = next((each for each in verdict.pairs if {each.first, each.second} == {best, other}), None)
        if found is not None:
            side = 1 if found.second == best else -1
            ends = sorted((side * found.low, side * found.high))
            between = f"{best} less {other}, bits per byte; interval {number(ends[0])} to {number(ends[1])}"
            told.append(Deciding(number(side * found.difference), between))
        if pair is not None:
            told.append(Deciding(number(pair.detectable, ".4f"), "the smallest difference shown four times in five"))
        told.append(Deciding(f"{verdict.ranking.places[0].best:.1%}", f"probability that {best} is the best of these"))
    cost = verdict.cost
    told.append(Deciding(f"{cost.flops:.1e} FLOP", f"{cost.proxies} proxies, {cost.tokens:,} tokens of training"))
    return told


PLACES = ("mix", "bits per byte", "rank between", "probability of being best")
DIFFERENCES = ("second less first", "difference", "interval", "p", "the second is")


def place_cells(place: Place) -> tuple[str, ...]:
    """A row under PLACES."""
    return place.mix, f"{place.mean:.4f}", f"{place.highest} and {place.lowest}", f"{place.best:.3f}"


def difference_cells(each: Difference) -> tuple[str, ...]:
    """A row under DIFFERENCES."""
    interval = f"{number(each.low)} … {number(each.high)}"
    return f"{each.second} less {each.first}", number(each.difference), interval, number(each.p, ".3f"), each.verdict


def ranking_notes(ranking: Ranking) -> list[str]:
    """What the ranking's intervals hold for, and whether its noise may be pooled."""
    told = "all differences" if ranking.baseline is None else f"all differences from {ranking.baseline}"
    notes = [f"Intervals hold for {told} together; seeds correlate by {number(ranking.correlation, '.2f')} over mixes."]
    if ranking.unequal:
        notes.append("The mixes' own noise is too unlike to pool: trust the pairs below rather than this table.")
    return notes


SIGNAL_HEADS = ("measure", "spread of mixes", "noise of a proxy", "spread / noise")


def signal_cells(signal: Signal) -> tuple[str, ...]:
    """A row under SIGNAL_HEADS."""
    ratio = number(signal.ratio, ".1f") if math.isfinite(signal.ratio) else "–"
    return f"{signal.name} ({signal.unit})", f"{signal.spread:.5f}", f"{signal.noise:.5f}", ratio


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
    lines = [_cells(*PLACES), _rule(len(PLACES)), *(_cells(*place_cells(place)) for place in ranking.places)]
    lines += ["", _cells(*DIFFERENCES), _rule(len(DIFFERENCES))]
    lines += [_cells(*difference_cells(each)) for each in ranking.differences]
    return [*lines, "", *ranking_notes(ranking)]


def _cells(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _rule(columns: int) -> str:
    return f"|{' --- |' * columns}"


def _share(value: float) -> str:
    return number(value, ".1%")
