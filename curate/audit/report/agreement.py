"""Which runs keep the same records, as sets and by twos. Knows a comparison's numbers; counts nothing."""

from __future__ import annotations

from curate.audit.compare import Comparison
from curate.audit.rendering import Cell
from curate.audit.report.headlines import plural
from curate.text.html import Html, bar, count, join, named, share_of, shortened, svg, table, tag

_SETS = 12
"""Sets of runs that are drawn, those that keep most records."""
_CELL = 26


def number_of(cell: Cell) -> float:
    return float(cell) if isinstance(cell, int | float) else 0.0


def sets_says(found: Comparison) -> str:
    everybody = tuple(range(len(found.names)))
    if not found.shared:
        return ""
    kept = sum(records for who, records in found.kept_by.items() if who)
    if not kept:
        return "No record that all read is kept by any"
    agreed = found.kept_by.get(everybody, 0)
    return f"Of {plural(kept, 'record')} that any keeps, all keep {share_of(agreed, kept) or 'none'}"


def sets(found: Comparison) -> Html:
    """Which runs keep the same records: a row for each set of runs, a dot for each run in it."""
    sets = sorted((item for item in found.kept_by.items() if item[0] and item[1]), key=lambda item: (-item[1], item[0]))
    if not sets:
        return tag("p", "There is nothing to compare record by record.", class_="quiet")
    most = sets[0][1]
    rows = []
    for who, records in sets[:_SETS]:
        dots = [
            tag("circle", cx=place * 18 + 9, cy=9, r=5.5, class_="in" if place in who else "out")
            for place in range(len(found.names))
        ]
        if len(who) > 1:
            dots.insert(0, tag("line", x1=who[0] * 18 + 9, x2=who[-1] * 18 + 9, y1=9, y2=9, class_="joins"))
        picture = svg(
            18 * len(found.names), 18, *dots, width=18 * len(found.names), height=18, class_="set", aria_hidden="true"
        )
        label = ", ".join(shortened(found.names[place]) for place in who)
        everybody = "both" if len(who) == 2 else f"all {len(who)}"
        words = everybody if len(who) == len(found.names) else f"only {label}"
        rows.append((words, picture, count(records), bar(records / most, records / most)))
    more = len(sets) - _SETS
    note = tag(
        "p",
        "A row is a set of runs that keep the same records and that no other run keeps. Dots are runs, in the order of the "
        "table above.",
        f" {plural(more, 'smaller set')} {'is' if more == 1 else 'are'} left out." if more > 0 else None,
        class_="quiet",
    )
    return join([note, table(("kept by", "runs", "records", "share of the largest"), rows)])


def agreement_says(found: Comparison) -> str:
    known = [row for row in found.pairs if row[4] is not None]
    if not known:
        return ""
    if len(known) == 1:
        first, second, both, either, _ = known[0]
        share = share_of(number_of(both), number_of(either)) or "none"
        return f"{first} and {second} both keep {share} of what either keeps"
    best = max(known, key=lambda row: number_of(row[4]))
    worst = min(known, key=lambda row: number_of(row[4]))
    says = (
        f"{best[0]} and {best[1]} agree most: {share_of(number_of(best[2]), number_of(best[3]))} of what either keeps"
    )
    return says + (f"; {worst[0]} and {worst[1]} least: {share_of(number_of(worst[2]), number_of(worst[3])) or 'none'}"
                   if worst != best else "")  # fmt: skip


def agreement(found: Comparison) -> Html:
    """Every two runs: of the records that either keeps, the share that both keep."""
    shares = {(str(row[0]), str(row[1])): row for row in found.pairs}
    side = len(found.names) * _CELL
    cells = []
    for i, first in enumerate(found.names):
        for j, second in enumerate(found.names):
            row = shares.get((first, second)) or shares.get((second, first))
            share = 1.0 if i == j else number_of(row[2]) / (number_of(row[3]) or 1.0) if row else 0.0
            says = f"{first} and {second}: {share_of(share, 1) or '0 %'} of what either keeps"
            cells.append(
                tag("rect", tag("title", says), x=j * _CELL + 0.5, y=i * _CELL + 0.5, width=_CELL - 1, height=_CELL - 1,
                    class_="self" if i == j else "agree", fill_opacity=max(0.04, round(share, 3)))
            )  # fmt: skip
    picture = svg(
        side,
        side,
        *cells,
        width=side,
        height=side,
        role="img",
        aria_label="Agreement of every two runs",
        class_="agreement",
    )
    note = tag(
        "p", "Of the records that either run keeps, how many both keep (Jaccard). In the picture rows and columns are runs "
        "in the order of the first table; the darker, the more they agree.", class_="quiet",
    )  # fmt: skip
    rows = [
        (
            join([named(str(first)), Html(" · "), named(str(second))]), count(number_of(both)), count(number_of(either)),
            share_of(number_of(both), number_of(either)), bar(1.0, number_of(both) / (number_of(either) or 1.0)),
        )
        for first, second, both, either, _ in found.pairs
    ]  # fmt: skip
    heads = ("runs", "both keep", "either keeps", "agreement", "of what either keeps")
    if len(found.names) == 2:
        return table(heads, rows)
    return join([note, tag("div", picture, class_="scroll", tabindex="0"), table(heads, rows)])
