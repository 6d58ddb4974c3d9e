"""The first screen of the report: the run in one sentence, its funnel in pages and in text, and what it says of itself.

Knows the numbers of stats.json and the findings; draws no other section.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from curate.audit.findings import command, verdict
from curate.audit.report import facts
from curate.audit.report.headlines import lost_by_step, plural
from curate.records.findings import Finding
from curate.records.statistics import RunNumbers, outputs
from curate.steps import combining_steps
from curate.text.html import Html, clean, count, join, percent, rounded, share_of, tag

_OPEN = 7
"""Findings that are not folded."""
_LISTED = 150
"""Findings that are on the page at all."""


class Published(NamedTuple):
    """What a published recipe kept: `share` from 0 to 1, `of` what, and where it says so."""

    name: str
    share: float
    of: str
    source: str


PUBLISHED = (
    Published("RefinedWeb", 0.10, "of the crawl's documents, nearly 90 % removed", "Penedo et al. 2023, figure 2"),
    Published("DCLM, FineWeb-Edu", 0.10, "of what reaches the classifier, 90 % removed", "Su et al. 2024, abstract"),
    Published("GPT-3", 0.013, "of the bytes, 570 GB of 45 TB", "Brown et al. 2020, section 2.2"),
)
"""Yields of recipes on Common Crawl. They count different things, so each says what."""


class Level(NamedTuple):
    """A level of the funnel: documents of the sources that are output, and the characters in them as extracted."""

    name: str
    documents: int
    chars: int


def funnel(stats: RunNumbers) -> list[Level]:
    """From what was extracted over what passes every rule to what is kept."""
    after = {*combining_steps(), "kept"}
    fates = facts.summed(stats["audit"], outputs(stats["sources"]), "fates")
    mine = [stats["sources"][name] for name in outputs(stats["sources"])]

    def chars(*, of: set[str] | None) -> int:
        return sum(each["chars"] for fate, each in fates.items() if of is None or fate in of)

    passed = sum(stats["audit"].get(name, {}).get("passed", 0) for name in outputs(stats["sources"]))
    return [
        Level("extracted", sum(source["documents"] for source in mine), chars(of=None)),
        Level("pass every rule", passed, chars(of=after)),
        Level("kept, copies removed", sum(source["kept"] for source in mine), chars(of={"kept"})),
    ]


def sentence(stats: RunNumbers) -> str:
    """The run in words: what came in, what came out, where most was lost."""
    totals = facts.totals(stats["sources"])
    worst = lost_by_step(stats)[:2]
    whole = "all" if totals.documents and totals.kept == totals.documents else share_of(totals.kept, totals.documents)
    says = (
        f"Of {plural(totals.documents, 'document')}, {count(totals.kept)} ({whole or 'none'}) became "
        f"{rounded(totals.amount)} {facts.unit(stats)}."
    )
    if worst:
        says += f" The largest loss is {worst[0][0]} ({count(worst[0][1])} documents)"
        says += f", then {worst[1][0]} ({count(worst[1][1])})." if len(worst) > 1 else "."
    return says


def funnel_picture(stats: RunNumbers, before: RunNumbers | None = None, before_name: str = "") -> Html | None:
    """Bars of documents and of text, each against what was extracted, with ticks where another run and published recipes
    ended."""
    levels = funnel(stats)
    if not levels[0].documents:
        return None
    ghosts = funnel(before) if before else []
    totals = facts.totals(stats["sources"])
    rate = totals.amount / levels[-1].chars if levels[-1].chars else 0.0
    unit = facts.unit(stats) if rate else "characters"
    rows = []
    for place, level in enumerate(levels):
        ghost = ghosts[place].documents / ghosts[0].documents if ghosts and ghosts[0].documents else None
        ghost_text = ghosts[place].chars / ghosts[0].chars if ghosts and ghosts[0].chars else None
        last = level is levels[-1]
        about = "" if last else "≈ "
        rows.append(
            tag(
                "tr",
                tag("th", level.name, scope="row"),
                tag(
                    "td",
                    tag("b", count(level.documents)),
                    tag("small", " documents"),
                    _bar(level.documents / levels[0].documents, ghost, last),
                ),
                tag(
                    "td",
                    tag("b", about + rounded(level.chars * rate if rate else level.chars)),
                    tag("small", f" {unit}"),
                    _bar(level.chars / max(1, levels[0].chars), ghost_text, False),
                ),
            )
        )
    table = tag(
        "table",
        tag(
            "thead",
            tag(
                "tr", tag("th", "step", scope="col"), tag("th", "documents", scope="col"), tag("th", unit, scope="col")
            ),
        ),
        tag("tbody", *rows),
        class_="funnel",
    )
    return tag("figure", table, _legend(before_name if before else "", rate > 0))


def _bar(share: float, ghost: float | None, published: bool) -> Html:
    marks = [("ghost", ghost, "the other run")] if ghost is not None else []
    if published:
        marks += [("published", each.share, f"{each.name}: {share_of(each.share, 1)} {each.of}") for each in PUBLISHED]
    return tag(
        "svg",
        tag("rect", class_="soft", width="100%", height="100%"),
        tag("rect", class_="solid", width=f"{100 * min(1.0, share):.2f}%", height="100%"),
        *(
            tag("line", tag("title", title), class_=kind, x1=_at(at), x2=_at(at), y1="-35%", y2="135%")
            for kind, at, title in marks
        ),
        class_="bar",
        role="img",
        aria_label="; ".join(
            [
                share_of(share, 1) or "0 %",
                *(f"{title}: {share_of(at, 1)}" for kind, at, title in marks if kind == "ghost"),
            ]
        ),
    )


def _at(share: float) -> str:
    return f"{100 * min(1.0, max(0.0, share)):.2f}%"


def _legend(before: str, tokens: bool) -> Html:
    named_before = join([tag("span", class_="key ghost"), f"where {clean(before)} ended. "]) if before else None
    listed = "; ".join(f"{each.name} {share_of(each.share, 1)} {each.of} ({each.source})" for each in PUBLISHED)
    guess = "Tokens of what was dropped are its characters at the rate of what is kept. " if tokens else ""
    return tag(
        "figcaption", named_before, guess, tag("span", class_="key published"), "published yields, each of its own kind: ",
        listed, ".",
    )  # fmt: skip


_CHIPS = {"ok": "nothing found", "look": "worth a look", "stop": "stop and look"}


def findings_panel(found: Sequence[Finding], folder: str) -> Html:
    """Every finding, the worst first: claim, evidence, command."""
    state = verdict(found)
    if not found:
        return tag(
            "section",
            tag("h2", "Findings ", tag("span", _CHIPS[state], class_=f"chip {state}")),
            tag("p", "No rule of findings has anything to say of this run.", class_="quiet"),
            id="findings",
        )
    items = [_item(each, folder) for each in found[:_LISTED]]
    rest = f"The {count(len(found) - _LISTED)} after these are in findings.json." if len(found) > _LISTED else None
    more = tag(
        "details",
        tag("summary", plural(len(found) - _OPEN, "more finding")),
        tag("ol", *items[_OPEN:], class_="findings", start=_OPEN + 1),
        tag("p", rest, class_="quiet") if rest else None,
    )
    return tag(
        "section",
        tag("h2", "Findings ", tag("span", _CHIPS[state], class_=f"chip {state}")),
        tag("ol", *items[:_OPEN], class_="findings"),
        more if len(items) > _OPEN else None,
        id="findings",
    )


def _item(each: Finding, folder: str) -> Html:
    level = "stop" if each["missed"] else each.get("level", "note")
    call = command(each, folder)
    section = each.get("section")
    return tag(
        "li",
        tag("p", tag("span", "missed" if each["missed"] else level, class_=f"chip {level}"), " ", clean(each["says"])),
        tag(
            "p",
            tag("a", "evidence", href=f"#{section}") if section else None,
            tag("code", call, class_="copy", tabindex="0", role="button", aria_label=f"copy: {clean(call)}")
            if call
            else None,
            class_="cure",
        )
        if section or call
        else None,
        class_=level,
    )


def figures(stats: RunNumbers, made_of: str) -> Html:
    """The four numbers of a run: as they are said where they are long, and in full below."""
    totals = facts.totals(stats["sources"])
    rows: tuple[tuple[int, str, str], ...] = (
        (totals.records, "records read", f"from {plural(totals.files, 'file')}"),
        (totals.documents, "documents", f"{percent(totals.documents, totals.records)} of the records hold a text"),
        (totals.kept, "kept", percent(totals.kept, totals.documents) + " of the documents"),
        (totals.amount, facts.unit(stats), f"{made_of}, each document once"),
    )
    listed = (
        tag("div", tag("dt", what), tag("dd", tag("b", _told(size)), tag("small", _in_full(size), note)))
        for size, what, note in rows
    )
    return join([tag("dl", *listed, class_="figures"), _words()])


def _told(size: int) -> str:
    return rounded(size) if size >= _LONG else count(size)


def _in_full(size: int) -> str:
    return f"{count(size)}, " if size >= _LONG else ""


_LONG = 10_000_000
"""From here on a number is said with two digits, and stands in full below."""

_WORDS = (
    ("record", "an entry of an input file: a fetched page, an image, a redirect, a row of a table"),
    ("document", "a record that a text was extracted from; every rule judges every document"),
    ("rule", "a bound on one number of a document, written step/rule: c4/min_words is a rule of the step c4"),
    ("alone", "documents that fail this rule and no other: without it they would pass"),
    (
        "kept",
        "documents that pass every rule, are no copy of another that is kept, and hold no evaluation item that drops them",
    ),
    ("copy", "a document with the same text as another, or nearly; of each cluster of copies one survives"),
    ("epochs", "how often the mixture has each document of a group: 1.3 is once, and three in ten twice"),
    ("sample", "the documents with the smallest draws of their ids: the same ones in every run of these files"),
)


def _words() -> Html:
    """The page's own words, where a newcomer looks first."""
    listed = (join([tag("dt", word), tag("dd", meaning)]) for word, meaning in _WORDS)
    return tag(
        "details", tag("summary", "What the words mean"), tag("dl", *listed, class_="words-of"), class_="glossary"
    )
