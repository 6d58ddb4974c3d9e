"""What runs decide differently of the same records: of two runs the fates as bands, and documents that one keeps alone.

Knows fates and chosen documents; decides and chooses nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from curate.audit.only_here import OnlyHere
from curate.audit.report.flow import AT, KEPT, NODE, TALL, THINNEST, WIDE, Node, band, placed, word
from curate.audit.report.headlines import plural
from curate.text.html import Html, count, join, named, share_of, shortened, svg, tag
from curate.verdicts.steps import BEFORE_DOCUMENTS

Fates = Mapping[tuple[str, str], int]
"""Records by what became of them in the first run and in the second."""


def documents_of(fates: Fates) -> Fates:
    """Without the records that neither run made a document of."""
    return {pair: number for pair, number in fates.items() if not set(pair) <= set(BEFORE_DOCUMENTS)}


def fates_says(fates: Fates) -> str:
    """How many meet another fate, and the commonest change."""
    whole = sum(fates.values())
    moved = {pair: number for pair, number in fates.items() if pair[0] != pair[1]}
    if not moved:
        return f"All {plural(whole, 'document')} meet the same fate" if whole else ""
    (before, after), most = min(moved.items(), key=lambda item: (-item[1], item[0]))
    verb = "meets" if sum(moved.values()) == 1 else "meet"
    return (
        f"{plural(sum(moved.values()), 'document')} of {count(whole)} {verb} another fate; most often "
        f"{_said(before)} becomes {_said(after)} ({count(most)})"
    )


def _said(fate: str) -> str:
    return fate if fate == KEPT else f"dropped at {fate}"


def fates_picture(fates: Fates, names: Sequence[str]) -> Html:
    """Bands from each fate in the first run to each in the second, as thick as they have documents."""
    sides = [sorted({pair[side] for pair in fates}, key=lambda fate: (fate != KEPT, -_total(fates, side, fate), fate))
             for side in (0, 1)]  # fmt: skip
    scale = TALL / (sum(fates.values()) or 1)
    left, right = (
        placed(sides[side], [float(_total(fates, side, fate)) for fate in sides[side]], scale) for side in (0, 1)
    )
    drawn, words = [], []
    for start in left:
        for end in right:
            number = fates.get((start.name, end.name), 0)
            if number:
                says = f"{names[0]}: {start.name}; {names[1]}: {end.name}: {plural(number, 'document')}"
                same = "tintonly" if start.name == end.name else "tint0" if end.name == KEPT else "tint8"
                kind = f"band {same}{' gone' if end.name != KEPT and start.name == end.name else ''}"
                drawn.append(band(start.take("out", number), end.take("in", number), 0, says, kind, "", ""))
    for column, nodes in enumerate((left, right)):
        for node in nodes:
            words.append(word(node, column, f"{node.name} {count(node.amount)}"))
            drawn.append(_node(node, column))
    high = max((node.top + node.tall for node in [*left, *right]), default=0.0) + 12
    says = "; ".join(f"{a} to {b}: {count(number)}" for (a, b), number in sorted(fates.items()) if a != b)
    note = tag(
        "p", f"Left what became of a document in {shortened(names[0])}, right in {shortened(names[1])}. A band is as thick "
        "as it has documents; only those that go from kept to dropped, or back, change the product.", class_="quiet",
    )  # fmt: skip
    picture = tag(
        "div",
        svg(WIDE, high, *drawn, height=high, preserveAspectRatio="none", role="img", aria_label=says or "no change"),
        tag("svg", *words, class_="words", height=high),
        class_="sankey",
    )
    return join([note, tag("figure", picture, class_="flow")])


def _total(fates: Fates, side: int, fate: str) -> int:
    return sum(number for pair, number in fates.items() if pair[side] == fate)


def _node(node: Node, column: int) -> Html:
    return tag("rect", x=AT[column], y=node.top, width=NODE, height=max(THINNEST, node.tall),
               class_="node" if node.name == KEPT else "node gone")  # fmt: skip


def only_here_texts(found: Sequence[OnlyHere], names: Sequence[str], places: Sequence[str]) -> Html:
    """The documents, by run: what took each from the other runs, how it begins, and the command that tells all of it."""
    parts = [
        tag("p", "Drawn by their ids, which are hashes. Named is the rule that a document fails first in each of the other "
            "runs; the text is as extracted, personal data replaced.", class_="quiet")
    ]  # fmt: skip
    numbers = list(dict.fromkeys(each.run for each in found))
    for number in numbers:
        mine = [each for each in found if each.run == number]
        listed = [_document(each, len(names) - 1, places[number]) for each in mine]
        parts.append(
            tag(
                "details",
                tag("summary", f"only {shortened(names[number])} keeps these"),
                *listed,
                open=number == numbers[0],
            )
        )
    return join(parts)


def _document(each: OnlyHere, others: int, place: str) -> Html:
    taken = "; ".join(what if runs == others == 1 else f"{what} ({runs} of {others})" for what, runs in each.taken)
    return tag(
        "article",
        tag("h4", named(each.url or each.id), tag("small", f"elsewhere taken by {taken or 'nothing'}")),
        tag("blockquote", each.text or "(no text)", dir="auto", tabindex="0"),
        tag("p", tag("code", f"curate explain {place} {each.id}"), class_="quiet"),
        class_="only-here",
    )


def share_kept(part: float, whole: float) -> str:
    """A share for a cell: 0 % where there is something and nothing of it."""
    return (share_of(part, whole) or "0 %") if whole else ""
