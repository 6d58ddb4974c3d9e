"""How languages and domains fare against the rest of their source: who is over-removed?

Knows rates; counts nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from curate.audit.rates import NO_ADDRESS, NO_TOPIC, NOT_IDENTIFIED, Rate, below, rates
from curate.audit.report import facts
from curate.audit.report.panels import SOURCES_NAMED, long_table, note, whose
from curate.audit.report.treemap import Area, treemap
from curate.records.statistics import RunNumbers, outputs
from curate.text.html import Html, bar, clean, count, join, named, percent, share_of, shortened, tag

_LANGUAGES_OPEN = 12
_DOMAINS_OPEN = 15
_TOPICS_OPEN = 24
_AREAS = 60
"""Languages or domains that have an area of their own."""
_FOUND = 3000
"""Domains that can be looked for."""


def taker(stats: RunNumbers, kind: str, rate: Rate) -> tuple[str, int]:
    """The rule, or step, that took most of a language or domain, and how many documents; nothing where none was taken."""
    key = "" if rate.name in (NOT_IDENTIFIED, NO_ADDRESS) else rate.name
    counts = stats["audit"].get(rate.source, {}).get("taken", {}).get(kind, {}).get(key, {})
    return max(
        ((name, number) for name, number in counts.items()), key=lambda item: (item[1], item[0]), default=("", 0)
    )


def _took(stats: RunNumbers, kind: str, rate: Rate) -> Html:
    name, number = taker(stats, kind, rate)
    return tag("small", f"{shortened(name)} ({count(number)})" if name else "")


def _areas(found: Sequence[Rate], facet: str, what: str, unit: str) -> Html | None:
    """What is kept, over all sources, of those that hold most."""
    sums: dict[str, list[float]] = {}
    for rate in found:
        total = sums.setdefault(rate.name, [0.0, 0.0, 0.0])
        for place, number in enumerate((rate.tokens, rate.kept, rate.documents)):
            total[place] += number
    order = sorted((name for name in sums if sums[name][0]), key=lambda name: (-sums[name][0], name))
    areas = [Area(name, sums[name][0], sums[name][1] / max(1.0, sums[name][2]), facet) for name in order[:_AREAS]]
    held, whole = sum(area.amount for area in areas), sum(sums[name][0] for name in order)
    some = f"The {len(areas)} of {count(len(order))} {what}s that hold most, {share_of(held, whole)} of the {unit}. "
    says = (
        f"An area is as large as the {unit} kept of a {what}; the stronger its colour, the more of its documents are kept. "
        "A click leads to those of the sample."
    )
    return treemap(areas, unit, (some if len(order) > len(areas) else "") + says)


def languages(stats: RunNumbers) -> Html:
    """Documents and what was kept of them by language."""
    found = rates(stats, "languages", NOT_IDENTIFIED)
    if not found:
        return note("No document to tell the language of.")
    rows = [
        (tag("span", rate.name, whose(rate.source, stats["sources"]), data_language=rate.name), *_amounts(rate, found),
         _took(stats, "languages", rate))
        for rate in found[: facts.SHOWN]
    ]  # fmt: skip
    key = note(
        tag("span", class_="key kept"), "kept ", tag("span", class_="key kept-soft"), "dropped. ",
        "A bar is as long as the language has documents. Not identified: the source has no language step, or the text has "
        "no words.",
    )  # fmt: skip
    heads = ("language", "documents", "kept", "rate", facts.unit(stats), "kept of all", "most lost to")
    picture = _areas(found, "language", "language", facts.unit(stats))
    return join([picture, key, long_table(heads, rows, _LANGUAGES_OPEN, "languages"), *_topics(stats)])


def _topics(stats: RunNumbers) -> list[Html]:
    """Documents and what was kept of them by topic, with the words that tell it; nothing of a run without topics."""
    found = rates(stats, "topics", NO_TOPIC)
    rows = []
    for rate in found[: facts.SHOWN]:
        told = stats["sources"][rate.source].get("topics", {}).get(rate.name)
        words = ", ".join(told["words"]) if told else ""
        rows.append((named(rate.name, whose(rate.source, stats["sources"])), words, *_amounts(rate, found)))
    heads = ("topic", "words", "documents", "kept", "rate", facts.unit(stats), "kept of all")
    return [tag("h3", "Topics"), long_table(heads, rows, _TOPICS_OPEN, "topics")] if rows else []


def _amounts(rate: Rate, found: Sequence[Rate]) -> tuple[str, ...]:
    most = found[0].documents
    return (
        count(rate.documents), count(rate.kept), percent(rate.kept, rate.documents), count(rate.tokens),
        bar(rate.documents / most, rate.kept / most),
    )  # fmt: skip


def domains(stats: RunNumbers) -> Html:
    """Who is over-removed: domains kept less often than the rest of their source; then the most frequent ones."""
    found = [rate for rate in rates(stats, "domains", NO_ADDRESS) if rate.name != NO_ADDRESS]
    if not found:
        return note("No record has an address.")
    low = below(found)
    from_domains = [name for name in outputs(stats["sources"]) if any(rate.source == name for rate in found)]
    overall = "; ".join(
        f"{name} keeps {percent(stats['sources'][name]['kept'], stats['sources'][name]['documents'])}"
        for name in from_domains[:SOURCES_NAMED]
    )
    heads = (
        "domain",
        "documents",
        "pass every rule",
        "kept",
        "rate",
        facts.unit(stats),
        "against its source",
        "most lost to",
    )
    areas = _areas(found, "search", "domain", facts.unit(stats))
    parts: list[str | None] = [
        areas,
        note(
            f"Each domain is compared with its own source ({overall}). The dot is the share kept, the line its 95 % "
            "interval (Wilson), the upright mark the source's share. Where line and mark do not touch, the domain fares "
            "unlike its source.",
        ),
        tag("h3", "Removed more than the rest"),
    ]
    if low:
        rows = [(*_domain(rate, stats)[:4], count(rate.missing), *_domain(rate, stats)[4:]) for rate in low]
        parts += [
            long_table((*heads[:4], "missing", *heads[4:]), rows[:facts.SHOWN], _DOMAINS_OPEN, "domains"),
            note(
                f"{count(len(low))} of {count(len(found))} domains. "
                "Missing: how many more would be kept at the source's rate. Of domains that fare like their source, chance "
                "alone puts about one in forty here. What they lost: ",
                tag("code", "curate sample RUN --failed STEP/RULE"), ".",
            ),
        ]  # fmt: skip
    else:
        parts.append(note(f"None of {count(len(found))} domains, beyond what chance explains."))
    if len(found) > facts.SHOWN:
        parts.append(_finder())
    parts += [
        tag("h3", "The most frequent"),
        long_table(heads, [_domain(rate, stats) for rate in found[: facts.SHOWN]], _DOMAINS_OPEN, "domains"),
    ]
    return join(parts)


def _finder() -> Html:
    """Where a domain is looked for; the page's script fills the table."""
    return join(
        [
            tag("h3", "Find a domain"),
            tag(
                "p",
                tag("label", "name, or a part of it ", tag("input", type="search", id="domain-search")),
                class_="buttons",
            ),
            tag("p", "", id="domain-said", role="status", class_="quiet"),
            tag("div", id="domain-rows"),
        ]
    )  # fmt: skip


def script_data(stats: RunNumbers) -> dict[str, Any]:
    """The domains that can be looked for, the most frequent ones, as columns."""
    found = [rate for rate in rates(stats, "domains", NO_ADDRESS) if rate.name != NO_ADDRESS]
    found = found[:_FOUND] if len(found) > facts.SHOWN else []
    takers = [taker(stats, "domains", rate) for rate in found]
    names = list(dict.fromkeys(name for name, _ in takers))
    return {
        "name": [clean(shortened(rate.name)) for rate in found],
        "source": [rate.source for rate in found] if len(stats["sources"]) > 1 else [],
        "documents": [rate.documents for rate in found],
        "kept": [rate.kept for rate in found],
        "tokens": [rate.tokens for rate in found],
        "rules": names,
        "rule": [names.index(name) for name, _ in takers],
        "took": [number for _, number in takers],
        "unit": facts.unit(stats),
    }  # fmt: skip


def _domain(rate: Rate, stats: RunNumbers) -> tuple[str, ...]:
    return (
        named(rate.name, whose(rate.source, stats["sources"])), count(rate.documents), count(rate.passed or 0),
        count(rate.kept), percent(rate.kept, rate.documents), count(rate.tokens), _against(rate),
        _took(stats, "domains", rate),
    )  # fmt: skip


def _against(rate: Rate) -> Html:
    (low, high), kind = rate.interval, {-1: "low", 0: "same", 1: "high"}[rate.differs]
    overall = f"{100 * rate.expected:.1f}%"
    return tag(
        "svg",
        tag("line", x1="0%", x2="100%", y1="50%", y2="50%", class_="rail"),
        tag("line", x1=f"{100 * low:.1f}%", x2=f"{100 * high:.1f}%", y1="50%", y2="50%", class_=f"interval {kind}"),
        tag("circle", cx=f"{100 * rate.kept / rate.documents:.1f}%", cy="50%", r=3.5, class_=kind),
        tag("line", x1=overall, x2=overall, y1="0%", y2="100%", class_="overall"),
        class_="bar dots",
        aria_hidden="true",
    )
