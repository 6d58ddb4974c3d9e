"""Runs beside each other as a page: what each keeps, what only it keeps, how far they agree, and which settings differ.

Knows a comparison's numbers; counts nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from curate.audit.compare import Comparison
from curate.audit.rendering import Answer, Cell, Table
from curate.audit.report.frame import document
from curate.audit.report.headlines import plural
from curate.text.html import Html, bar, count, join, named, rounded, share_of, shortened, svg, table, tag

_SETS = 12
"""Sets of runs that are drawn, those that keep most records."""
_SETTINGS = 60
_CELL = 26


def comparison_page(
    found: Comparison, settings: Sequence[Sequence[Cell]] = (), reports: Mapping[str, str] | None = None
) -> str:
    """The page. `settings`: (key, first, second) where two runs are compared; `reports`: addresses of runs' reports."""
    sections = [
        ("yield", "What each keeps", _yield_says(found), _yields(found, reports or {})),
        ("sets", "Who keeps what", _sets_says(found), _sets(found)),
        ("agreement", "How far they agree", _agreement_says(found), _agreement(found)),
        (
            "languages",
            "Languages",
            _kinds_says(found.languages, "language"),
            _kinds(found, found.languages, "language"),
        ),
        ("domains", "Domains", _kinds_says(found.domains, "domain"), _kinds(found, found.domains, "domain")),
    ]
    if settings:
        says = f"{plural(len(settings), 'setting')} {'differs' if len(settings) == 1 else 'differ'}"
        sections.append(("settings", "Settings", says, settings_table(settings, found.names)))
    return _page(" · ".join(map(shortened, found.names)), _head(found), sections)


def _page(title: str, head: Html, sections: Sequence[tuple[str, str, str, Html]]) -> str:
    links = (tag("a", topic, href=f"#{name}") for name, topic, _, _ in sections)
    body = join(
        [
            tag("a", "To the content", href=f"#{sections[0][0]}", class_="skip"),
            head,
            tag("nav", tag("div", *links), aria_label="Contents"),
            tag(
                "main",
                *(
                    tag(
                        "section",
                        tag("p", topic, class_="kicker") if says else None,
                        tag("h2", says or topic),
                        content,
                        id=name,
                    )
                    for name, topic, says, content in sections
                ),
            ),
        ]
    )
    return document(title, body)


def _head(found: Comparison) -> Html:
    crawl = "One crawl" if found.shared else "Several crawls"
    lead = (
        f"{plural(found.shared, 'record')} were read by all of them, and are compared one by one."
        if found.shared
        else "No record was read by all of them, so only their totals are compared."
    )
    return tag(
        "header",
        tag("p", "Runs beside each other", class_="quiet"),
        tag("h1", f"{crawl}, {plural(len(found.names), 'run')}"),
        tag("p", lead, found.unlike, class_="sentence"),
        class_="top",
    )


def _number(cell: Cell) -> float:
    return float(cell) if isinstance(cell, int | float) else 0.0


def _amount(row: Sequence[Cell]) -> tuple[float, str]:
    """Tokens of a run, or its characters where it has none."""
    return (_number(row[4]), "tokens") if row[4] is not None else (_number(row[5]), "characters")


def _yield_says(found: Comparison) -> str:
    order = sorted(found.yields, key=lambda row: (-_number(row[2]), str(row[0])))
    most, least = order[0], order[-1]
    if most[2] == least[2]:
        return f"All keep {count(_number(most[2]))} documents"
    parts = [f"{row[0]} keeps {kind}, {share_of(_number(row[2]), _number(row[1])) or 'none'}" for row, kind in
             ((most, "most"), (least, "least"))]  # fmt: skip
    return "; ".join(parts)


def _yields(found: Comparison, reports: Mapping[str, str]) -> Html:
    largest = max((_amount(row)[0] for row in found.yields), default=0.0) or 1.0
    rows = []
    for row in found.yields:
        name = str(row[0])
        amount = _amount(row)[0]
        link = tag("a", named(name), href=reports[name]) if name in reports else named(name)
        state = str(row[6]).partition(":")[0]
        rows.append(
            (
                link, count(_number(row[1])), count(_number(row[2])), share_of(_number(row[2]), _number(row[1])),
                bar(1.0, _number(row[2]) / (_number(row[1]) or 1.0)), rounded(amount),
                bar(amount / largest, amount / largest), count(_number(row[7])),
                tag("span", str(row[6]), class_=f"chip {state}"),
            )
        )  # fmt: skip
    units = {_amount(row)[1] for row in found.yields}
    heads = ("run", "documents", "kept", "share", "kept of its documents", " or ".join(sorted(units)), "against the most",
             "only it keeps", "findings")  # fmt: skip
    note = tag(
        "p",
        "The first bar is the share of a run's documents that it keeps, the second its "
        f"{' or '.join(sorted(units))} against the run that has most. Only it keeps: records that every run read, and "
        "every other run drops.",
        class_="quiet",
    )
    return join([note, table(heads, rows)])


def _sets_says(found: Comparison) -> str:
    everybody = tuple(range(len(found.names)))
    if not found.shared:
        return ""
    kept = sum(records for who, records in found.kept_by.items() if who)
    if not kept:
        return "No record that all read is kept by any"
    agreed = found.kept_by.get(everybody, 0)
    return f"Of {plural(kept, 'record')} that any keeps, all keep {share_of(agreed, kept) or 'none'}"


def _sets(found: Comparison) -> Html:
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
        words = f"all {len(who)}" if len(who) == len(found.names) else f"only {label}"
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


def _agreement_says(found: Comparison) -> str:
    known = [row for row in found.pairs if row[4] is not None]
    if not known:
        return ""
    best = max(known, key=lambda row: _number(row[4]))
    worst = min(known, key=lambda row: _number(row[4]))
    says = f"{best[0]} and {best[1]} agree most: {share_of(_number(best[2]), _number(best[3]))} of what either keeps"
    return says + (f"; {worst[0]} and {worst[1]} least: {share_of(_number(worst[2]), _number(worst[3])) or 'none'}"
                   if worst != best else "")  # fmt: skip


def _agreement(found: Comparison) -> Html:
    """Every two runs: of the records that either keeps, the share that both keep."""
    shares = {(str(row[0]), str(row[1])): row for row in found.pairs}
    side = len(found.names) * _CELL
    cells = []
    for i, first in enumerate(found.names):
        for j, second in enumerate(found.names):
            row = shares.get((first, second)) or shares.get((second, first))
            share = 1.0 if i == j else _number(row[2]) / (_number(row[3]) or 1.0) if row else 0.0
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
            join([named(str(first)), Html(" · "), named(str(second))]), count(_number(both)), count(_number(either)),
            share_of(_number(both), _number(either)), bar(1.0, _number(both) / (_number(either) or 1.0)),
        )
        for first, second, both, either, _ in found.pairs
    ]  # fmt: skip
    heads = ("runs", "both keep", "either keeps", "agreement", "of what either keeps")
    return join([note, tag("div", picture, class_="scroll", tabindex="0"), table(heads, rows)])


def _kinds_says(rows: Sequence[Sequence[Cell]], what: str) -> str:
    """The language or domain about which runs differ most."""
    apart = [(max(map(_number, row[1:])) - min(map(_number, row[1:])), row) for row in rows]
    if not apart:
        return ""
    most, row = max(apart, key=lambda item: item[0])
    if not most:
        return f"They keep the same of every {what}"
    numbers = list(map(_number, row[1:]))
    return f"They differ most about {shortened(str(row[0]))}: from {count(min(numbers))} to {count(max(numbers))} documents"


def _kinds(found: Comparison, rows: Sequence[Sequence[Cell]], what: str) -> Html:
    if not rows:
        return tag("p", "There is nothing to tell.", class_="quiet")
    listed = [(named(str(row[0])), *(count(_number(each)) for each in row[1:])) for row in rows]
    note = tag("p", f"Documents kept of each {what}, the {len(rows)} that they keep most of together.", class_="quiet")
    return join([note, table((what, *map(shortened, found.names)), listed)])


def settings_table(settings: Sequence[Sequence[Cell]], names: Sequence[str]) -> Html:
    """Settings that differ, one a line."""
    rows = [
        (named(str(key)), tag("code", _value(left)), Html("→"), tag("code", _value(right)))
        for key, left, right in settings[:_SETTINGS]
    ]
    more = len(settings) - _SETTINGS
    return join(
        [
            tag("p", "The key is what --set takes, followed by = and a value.", class_="quiet"),
            table(("key", names[0], "", names[-1]), rows),
            tag("p", f"{count(more)} more are told by curate diff --format json.", class_="quiet")
            if more > 0
            else None,
        ]
    )


def _value(cell: Cell) -> str:
    if cell is None:
        return "not set"
    return f"{cell:g}" if isinstance(cell, float) else shortened(str(cell))


def answer_page(title: str, lead: str, answer: Answer) -> str:
    """Any answer of tables as a page: a section for each table that has rows."""
    blocks = [block for block in answer.blocks if isinstance(block, Table) and block.rows]
    sections = [(f"part-{place}", block.title, block.note, _table(block)) for place, block in enumerate(blocks)]
    head = tag("header", tag("h1", title), tag("p", lead, class_="sentence"), class_="top")
    empty = ("part-0", "Nothing", "The runs are the same in every respect that is compared", Html(""))
    return _page(title, head, sections or [empty])


def _table(block: Table) -> Html:
    def cell(value: Any) -> str:
        if value is None:
            return "not set"
        if isinstance(value, int) and not isinstance(value, bool):
            return count(value)
        return named(f"{value:.4g}" if isinstance(value, float) else str(value))

    return table(block.columns, [tuple(map(cell, row)) for row in block.rows])
