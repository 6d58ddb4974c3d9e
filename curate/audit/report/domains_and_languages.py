"""How languages and domains fare against the rest of their source: who is over-removed?

Knows rates; counts nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from curate.audit.rates import NO_ADDRESS, NO_TOPIC, NOT_IDENTIFIED, Rate, below, rates
from curate.audit.report import facts
from curate.audit.report.panels import SOURCES_NAMED, long_table, note, whose
from curate.records.statistics import RunNumbers, outputs
from curate.text.html import Html, bar, count, join, named, percent, tag

_LANGUAGES_OPEN = 12
_DOMAINS_OPEN = 15
_TOPICS_OPEN = 24


def languages(stats: RunNumbers) -> Html:
    """Documents and what was kept of them by language."""
    found = rates(stats, "languages", NOT_IDENTIFIED)
    if not found:
        return note("No document to tell the language of.")
    rows = [
        (tag("span", rate.name, whose(rate.source, stats["sources"]), data_language=rate.name), *_amounts(rate, found))
        for rate in found[: facts.SHOWN]
    ]
    key = note(
        tag("span", class_="key kept"), "kept ", tag("span", class_="key kept-soft"), "dropped. ",
        "A bar is as long as the language has documents. Not identified: the source has no language step, or the text has "
        "no words.",
    )  # fmt: skip
    heads = ("language", "documents", "kept", "rate", facts.unit(stats), "kept of all")
    return join([key, long_table(heads, rows, _LANGUAGES_OPEN, "languages"), *_topics(stats)])


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
    heads = ("domain", "documents", "pass every rule", "kept", "rate", facts.unit(stats), "against its source")
    parts: list[str] = [
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
    parts += [
        tag("h3", "The most frequent"),
        long_table(heads, [_domain(rate, stats) for rate in found[: facts.SHOWN]], _DOMAINS_OPEN, "domains"),
    ]
    return join(parts)


def _domain(rate: Rate, stats: RunNumbers) -> tuple[str, ...]:
    return (
        named(rate.name, whose(rate.source, stats["sources"])), count(rate.documents), count(rate.passed or 0),
        count(rate.kept), percent(rate.kept, rate.documents), count(rate.tokens), _against(rate),
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
