"""Texts beside a rule's bound, the passages that the rule counts marked. Knows the run's texts; chooses none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from curate.audit.lineage import stage_of, text_at, text_versions
from curate.audit.opened import AuditError, OpenedRun
from curate.audit.report.html import Html, join, short, tag
from curate.audit.report.spans import Spans, spans

_WINDOW = 420
"""Characters of a text that are shown, around its first mark."""
_LEAD = 60
"""Of them, before the mark."""
_READ = 200_000
"""Characters of a text that are looked at: a page is not held up by one document."""


def examples(run: OpenedRun, metric: str, sides: Mapping[str, Sequence[Sequence[Any]]]) -> Html:
    """What the rule just drops, and what it just lets pass."""
    shown = []
    for side, title in (("fails", "Just outside"), ("passes", "Just inside")):
        for _, _, _, value, id, document, part in sides.get(side, [])[:_EACH]:
            shown.append(_example(run, metric, title, value, id, document, part))
    return join(shown)


_EACH = 2
"""Texts shown on each side of a bound."""


def _example(run: OpenedRun, metric: str, title: str, value: float, id: str, document: int, part: str) -> Html:
    try:
        *_, (_, text) = _judged_text(run, part, document)
    except (AuditError, OSError, ValueError) as error:
        text = f"(no text: {error})"
    head = tag("p", tag("b", title), f" · {short(value)} · ", tag("code", id), class_="quiet")
    text = text[:_READ]
    return tag("div", head, marked(text, spans(metric, text)), class_="example")


def _judged_text(run: OpenedRun, part: str, document: int) -> list[tuple[str, str]]:
    """The text as the rules saw it: after edits, before anything else."""
    made = stage_of(run.part(part), "evaluate")
    if made is not None and "documents" in made.files:
        return [("evaluate", text_at(made.path("documents"), document))]
    return list(text_versions(run.part(part), document))[:1]


def marked(text: str, marks: Spans) -> Html:
    """A window of a text with its marks."""
    start = max(0, marks[0][0] - _LEAD) if marks else 0
    end = min(len(text), start + _WINDOW)
    pieces: list[str] = ["… "] if start else []
    at = start
    for low, high in marks:
        low, high = max(low, start), min(high, end)
        if low >= high:
            continue
        pieces += [text[at:low], tag("mark", text[low:high].replace("\n", "↵\n"))]
        at = high
    pieces += [text[at:end], " …" if end < len(text) else ""]
    return tag("blockquote", *pieces, dir="auto")
