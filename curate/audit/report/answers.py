"""Pages that are made of tables alone: an answer's, and the sections that every page of several runs is laid out in.

Knows tables and sections; knows no run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from curate.audit.rendering import Answer, Cell, Table
from curate.audit.report.frame import document
from curate.text.html import Html, count, join, named, shortened, table, tag

_SETTINGS = 60
Section = tuple[str, str, str, Html]
"""(name, what it is about, what it found, its content)."""


def sectioned_page(title: str, head: Html, sections: Sequence[Section]) -> str:
    """A page of a head, links and sections, without scripts."""
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
    return sectioned_page(title, head, sections or [empty])


def _table(block: Table) -> Html:
    def cell(value: Any) -> str:
        if value is None:
            return "not set"
        if isinstance(value, int) and not isinstance(value, bool):
            return count(value)
        return named(f"{value:.4g}" if isinstance(value, float) else str(value))

    return table(block.columns, [tuple(map(cell, row)) for row in block.rows])
