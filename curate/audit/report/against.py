"""Runs beside each other as a page: what each keeps, what only it keeps, how far they agree, and which settings differ.

Knows a comparison's numbers; of two runs it asks what became of whom.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from curate.audit.compare import LISTED, Comparison, Kind
from curate.audit.diff import compare, differing_settings
from curate.audit.finished_run import OpenedRun
from curate.audit.only_here import OnlyHere, only_here
from curate.audit.rendering import Cell
from curate.audit.report.agreement import agreement, agreement_says, number_of, sets, sets_says
from curate.audit.report.answers import Section, sectioned_page, settings_table
from curate.audit.report.flips import (
    Fates,
    documents_of,
    fates_picture,
    fates_says,
    only_here_texts,
    share_kept,
)
from curate.audit.report.headlines import plural
from curate.storage import write_atomically
from curate.text.html import Html, bar, count, join, named, rounded, share_of, shortened, table, tag

_NAMED = 4
"""Runs up to which a sentence names each."""


def comparison_page(
    found: Comparison,
    settings: Sequence[Sequence[Cell]] = (),
    reports: Mapping[str, str] | None = None,
    fates: Fates | None = None,
    only: Sequence[OnlyHere] = (),
    places: Sequence[str] = (),
) -> str:
    """The page. `settings`: (key, first, second) where two runs are compared; `reports`: addresses of runs' reports;
    `fates`: of two runs, what became of the records that both read; `only`: documents that one run alone keeps, to be read,
    of the runs at these `places`."""
    sections: list[Section] = [("yield", "What each keeps", _yield_says(found), _yields(found, reports or {}))]
    if found.shared:
        sections.append(("sets", "Who keeps what", sets_says(found), sets(found)))
    if fates:
        sections.append(("fates", "What changes", fates_says(fates), fates_picture(fates, found.names)))
    if only:
        sections.append(("only", "To read", _only_says(found), only_here_texts(only, found.names, places)))
    if found.shared:
        sections.append(("agreement", "How far they agree", agreement_says(found), agreement(found)))
    sections += [
        ("steps", "Where they lose", _lost_says(found), _lost(found)),
        (
            "languages",
            "Languages",
            _kinds_says(found.languages, "language"),
            _kinds(found, found.languages, "language"),
        ),
        ("domains", "Domains", _kinds_says(found.domains, "domain"), _kinds(found, found.domains, "domain")),
    ]
    if found.topics:
        sections.append(("topics", "Topics", _kinds_says(found.topics, "topic"), _kinds(found, found.topics, "topic")))
    if settings:
        says = f"{plural(len(settings), 'setting')} {'differs' if len(settings) == 1 else 'differ'}"
        sections.append(("settings", "Settings", says, settings_table(settings, found.names)))
    return sectioned_page(" · ".join(map(shortened, found.names)), _head(found), sections)


def _head(found: Comparison) -> Html:
    runs = plural(len(found.names), "run")
    title = (
        f"One crawl, {runs}"
        if found.shared
        else f"One recipe, {runs}"
        if found.one_recipe
        else f"{runs} of several crawls"
    )
    lead = (
        f"{plural(found.shared, 'record')} were read by all of them, and are compared one by one."
        if found.shared
        else "No record was read by all of them, so only their totals are compared."
    )
    if not found.shared and found.one_recipe:
        lead += " They differ in nothing but in what they read."
    return tag(
        "header",
        tag("p", "Runs beside each other", class_="quiet"),
        tag("h1", title),
        tag("p", lead, found.unlike, class_="sentence"),
        class_="top",
    )


def _amount(row: Sequence[Cell]) -> tuple[float, str]:
    """Tokens of a run, or its characters where it has none."""
    return (number_of(row[4]), "tokens") if row[4] is not None else (number_of(row[5]), "characters")


def _yield_says(found: Comparison) -> str:
    order = sorted(found.yields, key=lambda row: (-number_of(row[2]), str(row[0])))
    most, least = order[0], order[-1]
    if most[2] == least[2]:
        return f"All keep {count(number_of(most[2]))} documents"
    parts = [f"{row[0]} keeps {kind}, {share_of(number_of(row[2]), number_of(row[1])) or 'none'}" for row, kind in
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
                link, count(number_of(row[1])), count(number_of(row[2])), share_of(number_of(row[2]), number_of(row[1])),
                rounded(amount), count(number_of(row[7])), "" if row[8] is None else rounded(number_of(row[8])),
                bar(1.0, number_of(row[2]) / (number_of(row[1]) or 1.0)), bar(amount / largest, amount / largest),
                tag("span", str(row[6]), class_=f"chip {state}"),
            )
        )  # fmt: skip
    heads = ("run", "documents", "kept", "share", _units(found), "only it keeps", "tokens in these",
             "kept of its documents", "against the most", "findings")  # fmt: skip
    note = tag(
        "p",
        "The first bar is the share of a run's documents that it keeps, the second its "
        f"{_units(found)} against the run that has most. Only it keeps: records that every run read, and "
        "every other run drops.",
        class_="quiet",
    )
    return join([note, table(heads, rows)])


def _kinds_says(kinds: Sequence[Kind], what: str) -> str:
    """The language, domain or topic about which runs differ most."""
    if not kinds:
        return ""
    most = max(kinds, key=lambda kind: max(kind.kept) - min(kind.kept))
    if max(most.kept) == min(most.kept):
        return f"They keep the same of every {what}"
    numbers = f"from {count(min(most.kept))} to {count(max(most.kept))} documents"
    return f"They differ most about {shortened(most.name)}: {numbers}"


def _kinds(found: Comparison, kinds: Sequence[Kind], what: str) -> Html:
    """Kept documents by language or domain, with the share kept; and, folded, their tokens."""
    if not kinds:
        return tag("p", "There is nothing to tell.", class_="quiet")
    heads = (what, *map(shortened, found.names))
    listed = [
        (
            named(kind.name),
            *(
                join([Html(count(kept)), tag("small", f" {share_kept(kept, documents)}")])
                for kept, documents in zip(kind.kept, kind.documents, strict=True)
            ),
        )
        for kind in kinds
    ]
    amounts = [(named(kind.name), *map(rounded, kind.amounts)) for kind in kinds]
    which = f", the {LISTED} that they keep most of together" if len(kinds) == LISTED else ""
    note = tag(
        "p",
        f"Documents kept of each {what}{which}, and which share of the run's documents of that {what} they are.",
        class_="quiet",
    )
    folded = tag("details", tag("summary", f"The same in {_units(found)}"), table(heads, amounts))
    return join([note, table(heads, listed, class_="numbers"), folded])


def _units(found: Comparison) -> str:
    return " or ".join(sorted({_amount(row)[1] for row in found.yields}))


def _only_says(found: Comparison) -> str:
    """How many records each run alone keeps, the most first."""
    order = sorted(found.yields, key=lambda row: (-number_of(row[7]), str(row[0])))
    listed = [f"{shortened(str(row[0]))} {count(number_of(row[7]))}" for row in order if row[7]]
    return f"Kept by one run alone: {', '.join(listed)}"


def _lost_says(found: Comparison) -> str:
    """Of one recipe the step whose shares lie furthest apart, of several what takes most in each."""
    if not found.one_recipe and len(found.names) <= _NAMED:
        most = []
        for place, name in enumerate(found.names, 1):
            shares = [(float(str(row[place])), str(row[0])) for row in found.lost if row[place]]
            if shares:
                share, taker = max(shares)
                most.append(f"{shortened(taker)} in {shortened(name)} ({_percent(share)})")
        return f"What takes most: {', '.join(most)}" if most else ""
    apart = []
    for label, *cells in found.lost:
        known = [float(str(cell)) for cell in cells if cell is not None]
        if len(known) > 1:
            apart.append((max(known) - min(known), str(label), min(known), max(known)))
    if not apart:
        return ""
    _, name, least, greatest = max(apart, key=lambda each: (each[0], each[1]))
    return f"They differ most at {name}: it drops from {_percent(least)} to {_percent(greatest)} of a run's documents"


def _lost(found: Comparison) -> Html:
    if not found.lost:
        return tag("p", "No step drops a document.", class_="quiet")
    note = tag(
        "p", "The share of a run's documents that leave at each step; one that fails several steps leaves at the first. A "
        "step that a run does not have is left empty.", class_="quiet",
    )  # fmt: skip
    rows = [
        (named(str(step)), *("" if share is None else _percent(float(share)) for share in shares))
        for step, *shares in found.lost
    ]
    return join([note, table(("step", *map(shortened, found.names)), rows)])


def _percent(share: float) -> str:
    return share_of(share, 1) or "0 %"


def write_comparison(runs: Sequence[OpenedRun], found: Comparison, file: Path) -> None:
    """Write the page of a comparison of these runs, with links to the reports that lie beside them."""
    beside = file.resolve().parent
    reports = {
        name: Path(os.path.relpath((run.folder / "report.html").resolve(), beside)).as_posix()
        for name, run in zip(found.names, runs, strict=True)
        if (run.folder / "report.html").exists()
    }
    two = len(runs) == 2
    settings = differing_settings(runs[0], runs[1]) if two else []
    fates = documents_of(compare(runs[0], runs[1], 0).fates) if two and found.shared else {}
    only = [] if runs[0].texts == "none" else only_here(runs, found)
    page = comparison_page(found, settings, reports, fates, only, [run.place for run in runs])
    write_atomically(file, page.encode())
