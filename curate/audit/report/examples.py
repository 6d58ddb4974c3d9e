"""Texts beside a rule's bound, the passages that the rule counts marked. Knows the run's texts; chooses none."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from curate.audit.finished_run import AuditError, OpenedRun
from curate.audit.lineage import judged_texts, text_at
from curate.audit.report.spans import Spans, spans
from curate.audit.shown import HIDDEN, shown
from curate.text.html import Html, join, short, tag

_WINDOW = 420
"""Characters of a text that are shown, around its first mark."""
_LEAD = 60
"""Of them, before the mark."""
_WORD = 24
"""Characters that a window is moved by at most to begin and end with whole words."""
_READ = 200_000
"""Characters of a text that are looked at: a page is not held up by one document."""
_EACH = 2
"""Texts shown on each side of a bound."""


def examples(
    run: OpenedRun,
    metric: str,
    bound_side: str,
    sides: Mapping[str, Sequence[Sequence[Any]]],
    room: int,
) -> Html:
    """What the rule just drops, and what it just lets pass, in so many characters."""
    window = min(_WINDOW, room // (2 * _EACH))
    shown = []
    for side, title in (("fails", "Just fails"), ("passes", "Just passes")):
        for disturbed, _, _, value, id, document, part in sides.get(side, [])[:_EACH]:
            also = " · other rules drop it too" if disturbed else ""
            head = tag(
                "p",
                tag("b", title),
                f" · {metric} ",
                tag("b", short(value)),
                also,
                " · ",
                tag("code", id),
                class_="quiet",
            )
            shown.append(
                tag("div", head, _text(run, metric, bound_side, document, part, window), class_=f"example {side}")
            )
    return join(shown)


def _text(run: OpenedRun, metric: str, bound_side: str, document: int, part: str, window: int) -> Html:
    if run.texts == "none":
        return tag("p", HIDDEN, class_="quiet")
    try:
        (text,) = shown(run, [_judged_text(run, part, document)[:_READ]])
    except (AuditError, OSError, ValueError) as error:
        return tag("p", f"(no text: {error})", class_="quiet")
    return marked(text, spans(metric, text, bound_side), window)


def _judged_text(run: OpenedRun, name: str, document: int) -> str:
    """The text as the rules saw it: after edits, before anything else. Raises AuditError."""
    path = judged_texts(run.part(name))
    if path is None:
        raise AuditError(f"{name} has no texts")
    return text_at(path, document)


def marked(text: str, marks: Spans, window: int = _WINDOW) -> Html:
    """A window of so many characters of a text, with its marks. It begins and ends with whole words if they are short."""
    start = max(0, marks[0][0] - _LEAD) if marks else 0
    if start and (space := re.search(r"\s", text[start : start + _WORD])):
        start = min(start + space.end(), marks[0][0])
    end = min(len(text), start + window)
    if end < len(text) and (space := re.search(r"\s\S*$", text[end - _WORD : end])):
        end += space.start() - _WORD
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
