"""The report's tables and small pictures: scores, lengths, duplicates, evaluation items, personal data, damage.

Knows what facts and rates say; counts nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from curate.audit.report import facts
from curate.audit.report.losses import Loss, losses
from curate.audit.report.pictures import Bar, histogram
from curate.records.statistics import RunNumbers, Sources, outputs
from curate.text.html import Html, count, join, named, table, tag

_MORE_SHOWN = 200
"""Rows of a table, the folded ones included, that no other limit is set for."""
SOURCES_NAMED = 6
"""Sources whose own numbers a sentence gives."""


def note(*children: str | None) -> Html:
    """A sentence or two that say how to read a section."""
    return tag("p", *children, class_="quiet")


def long_table(heads: Sequence[str], rows: Sequence[Sequence[str]], at_once: int, what: str) -> Html:
    """A table that can be sorted; rows beyond the first so many are folded."""
    rows = rows[:_MORE_SHOWN]
    if len(rows) <= at_once + 3:
        return table(heads, rows, class_="sortable")
    more = tag("summary", f"{count(len(rows) - at_once)} more {what}")
    return join(
        [
            table(heads, rows[:at_once], class_="sortable"),
            tag("details", more, table(heads, rows[at_once:], class_="sortable")),
        ]
    )


def whose(source: str, sources: Sources) -> Html | None:
    """Whose it is, where there is more than one it could be of."""
    return tag("small", f" · {source}", class_="of") if len(sources) > 1 else None


def lengths(audit: Mapping[str, Any], amounts: Mapping[str, int], stats: RunNumbers) -> Html:
    """Tokens per kept document, or characters, by half octaves."""
    rows = facts.lengths(audit, amounts)
    bars = [Bar(label, number) for label, number, _ in rows]
    if not bars:
        return note("Nothing was tokenized.")
    listed = [(name, stats["sources"][name]) for name in outputs(stats["sources"])]
    means = ", ".join(
        f"{name} {facts.amount(each) / each['kept']:,.0f}" for name, each in listed[:SOURCES_NAMED] if each["kept"]
    )
    caption = f"Kept documents by their length in {facts.unit(stats)}; two bars are a doubling. Means: {means}."
    unit = facts.unit(stats)
    by_amount = histogram(
        [Bar(label, number) for label, _, number in rows],
        f"The {unit} in these documents. A context shorter than a document cuts it.",
    )
    return join([histogram(bars, caption), by_amount])


def scores(audit: Mapping[str, Any], sources: Sources) -> Html:
    """Quality scores, of all and of those kept, and how well the classifier tells what it was not trained on."""
    bars = [Bar(*row) for row in facts.scores(audit)]
    if not bars:
        return note("No quality classifier scored this run.")
    caption = (
        "Documents by quality score. Scores crowd at 0 and 1, so a bar is as wide as a doubling of the odds, score / "
        "(1 - score). A step that decides by the score keeps more of each bar from left to right."
    )
    key = note(
        tag("span", class_="key kept"), "kept in the end ", tag("span", class_="key kept-soft"), "dropped by any step"
    )  # fmt: skip
    rows = [
        (what, model, f"{value:.3f}" if isinstance(value, float) else count(value))
        for model, what, value in facts.classifiers(sources)[: facts.SHOWN]
    ]
    held = table(("classifier", "of", "value"), rows, class_="slim") if rows else None
    return join([key, histogram(bars, caption, split=True), held])


def personal_data(found: Mapping[str, Mapping[str, int]]) -> Html:
    """Counts by type; never a value."""
    order = sorted(found, key=lambda kind: (-found[kind]["found"], kind))
    rows = [(kind, count(found[kind]["found"]), count(found[kind]["documents"])) for kind in order]
    if not rows:
        return note("No personal data was looked for or found.")
    return join(
        [
            note(
                "Counted and replaced in the product's texts. Nothing that was found is stored; texts from before the "
                "replacement lie in .work until that folder is removed."
            ),
            table(("type", "found", "documents"), rows, class_="slim"),
        ]
    )


def contamination(stats: RunNumbers) -> Html:
    """Evaluation items that were found in documents."""
    rows = [
        (named(name), *("" if number is None else count(number) for number in numbers))
        for name, *numbers in facts.contaminated(stats)[: facts.SHOWN]
    ]
    if not rows:
        return note("No evaluation item was looked for or found.")
    return join(
        [
            note(
                "A match is one evaluation item in one document. The passages are in contamination.json beside this file."
            ),
            table(facts.CONTAMINATED, rows),
        ]
    )


def engines(sources: Sources) -> Html | None:
    """Whose texts were kept, where several engines extract; nothing where one does."""
    rows = [(named(engine), named(name), *map(count, numbers)) for engine, name, *numbers in facts.engines(sources)]
    if not rows:
        return None
    says = "Every engine's text of a page was evaluated; one of those that pass every rule was chosen, where any does."
    return join([note(says), table(facts.ENGINES, rows, class_="slim")])


_KINDS = {
    "damaged": "Damaged: could not be read",
    "quarantined": "Quarantined: the page broke a limit or its extractor",
    "no page": "No page: read, and holds no text to use",
    "read all the same": "Read in spite of headers that say otherwise",
    "only counted": "Other records, counted only",
}


def damage(sources: Sources) -> Html:
    """What could not be read or extracted, and records of kinds that hold no page."""
    found = losses(sources)
    parts = []
    for kind, title in _KINDS.items():
        rows = [_loss(loss, sources) for loss in found if loss.kind == kind][: facts.SHOWN]
        if rows:
            parts += [tag("h3", title), table(("what", "number", "unit"), rows, class_="slim")]
        elif kind in ("damaged", "quarantined"):
            parts += [tag("h3", title), note("Nothing.")]
    return join(parts)


def _loss(loss: Loss, sources: Sources) -> tuple[str, ...]:
    return named(loss.what, whose(loss.source, sources)), count(loss.number), loss.unit
