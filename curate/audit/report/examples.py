"""Texts beside a rule's bound, the passages that the rule counts marked. Knows the run's texts; chooses none."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from curate.audit.finished_run import AuditError, OpenedRun
from curate.audit.lineage import judged_texts, texts_at
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


Sides = Mapping[str, Sequence[Sequence[Any]]]
"""The documents nearest to a bound on each side: whether other rules drop it, ..., value, id, number in its
part, part."""
Texts = Mapping[tuple[str, int], str | AuditError]
"""By part and document: the text as people may be shown it, or why there is none."""

_SIDES = (("fails", "Just fails"), ("passes", "Just passes"))


def texts_beside(run: OpenedRun, bounds: Iterable[Sides]) -> Texts:
    """The texts that `examples` shows of all these bounds, as the rules saw them, after edits and before anything else. A
    part's files are opened once, whatever the number of bounds."""
    if run.texts == "none":
        return {}
    wanted: dict[str, set[int]] = {}
    for sides in bounds:
        for side, _ in _SIDES:
            for *_, document, part in sides.get(side, [])[:_EACH]:
                wanted.setdefault(part, set()).add(document)
    found: dict[tuple[str, int], str | AuditError] = {}
    for part, documents in sorted(wanted.items()):
        try:
            path = judged_texts(run.part(part))
            if path is None:
                raise AuditError(f"{part} has no texts")
            texts = texts_at(path, sorted(documents))
        except (AuditError, OSError, ValueError) as error:
            found |= {(part, document): AuditError(str(error)) for document in documents}
        else:
            cleaned = shown(run, [text[:_READ] for text in texts.values()])
            found |= {(part, document): text for document, text in zip(texts, cleaned, strict=True)}
    return found


def examples(metric: str, bound_side: str, sides: Sides, texts: Texts, room: int) -> Html:
    """What the rule just drops, and what it just lets pass, in so many characters."""
    window = min(_WINDOW, room // (2 * _EACH))
    shown = []
    for side, title in _SIDES:
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
            text = _text(metric, bound_side, texts.get((part, document)), window)
            shown.append(tag("div", head, text, class_=f"example {side}"))
    return join(shown)


def _text(metric: str, bound_side: str, text: str | AuditError | None, window: int) -> Html:
    if text is None:
        return tag("p", HIDDEN, class_="quiet")
    if isinstance(text, AuditError):
        return tag("p", f"(no text: {text})", class_="quiet")
    return marked(text, spans(metric, text, bound_side), window)


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
