"""Which rules fail together: the sets of rules that most documents fail, each document in one set.

Knows counts of sets; knows no run.
"""

from __future__ import annotations

from collections.abc import Mapping

from curate.audit.report.headlines import plural
from curate.text.html import Html, bar, count, join, named, percent, shortened, svg, table, tag

SETS_SHOWN = 14
_RULES = 16
"""Rules that have a column of dots."""
_NAMED = 3
_STEP = 16


def ordered(sets: Mapping[str, int]) -> list[str]:
    """The sets, the largest first, each as its rules with a blank between."""
    return sorted(sets, key=lambda each: (-sets[each], each))


def panel(sets: Mapping[str, int]) -> Html | None:
    """A row for each set, the largest first: its rules, as names and as dots, and its documents."""
    if not sets:
        return None
    order = ordered(sets)
    whole, most = sum(sets.values()), sets[order[0]]
    failing: dict[str, int] = {}
    for each, number in sets.items():
        for rule in each.split(" "):
            failing[rule] = failing.get(rule, 0) + number
    shown = [rule for each in order[:SETS_SHOWN] for rule in each.split(" ")]
    columns = sorted(dict.fromkeys(shown), key=lambda rule: (-failing[rule], rule))[:_RULES]
    rows = [
        (
            _label(each),
            _dots(each, columns),
            count(sets[each]),
            percent(sets[each], whole),
            bar(sets[each] / most, sets[each] / most),
        )
        for each in order[:SETS_SHOWN]
    ]
    alone = sum(number for each, number in sets.items() if " " not in each)
    more = len(order) - len(rows)
    return join(
        [
            tag(
                "p",
                f"Of {count(whole)} documents that fail a rule, {count(alone)} fail one alone. A row is a set of rules; its "
                "documents fail these and no other. A dot is a rule, those that most documents fail leftmost.",
                f" {plural(more, 'smaller set')} {'is' if more == 1 else 'are'} left out." if more else None,
                class_="quiet",
            ),
            table(
                ("fails exactly", "rules", "documents", "of those that fail", "share of the largest"),
                rows,
                class_="sets",
            ),
            tag("h3", "Rule by rule"),
        ]
    )


def _label(each: str) -> Html:
    rules = each.split(" ")
    names = [named(shortened(rule)) for rule in rules[:_NAMED]]
    parts: list[str] = []
    for name in names:
        parts += [name, Html(" · ")]
    rest = len(rules) - len(names)
    more = tag("small", f" and {rest} more") if rest else None
    return join([*parts[:-1], more])


def _dots(each: str, columns: list[str]) -> Html:
    there = set(each.split(" "))
    places = [place for place, rule in enumerate(columns) if rule in there]
    dots = [
        tag("circle", tag("title", rule), cx=place * _STEP + 8, cy=8, r=4.5, class_="in" if rule in there else "out")
        for place, rule in enumerate(columns)
    ]
    if len(places) > 1:
        ends = {"x1": places[0] * _STEP + 8, "x2": places[-1] * _STEP + 8}
        dots.insert(0, tag("line", y1=8, y2=8, class_="joins", **ends))
    wide = len(columns) * _STEP
    return svg(wide, _STEP, *dots, width=wide, height=_STEP, class_="set", aria_hidden="true")
