"""Short passages of documents' texts, for people to judge a decision by. Knows texts; judges nothing."""

from __future__ import annotations

from curate.audit.finished_run import AuditError, OpenedRun
from curate.audit.lineage import stage_of, text_at
from curate.audit.shown import HIDDEN, shown

SNIPPET = 400
"""Characters of a passage."""
_AROUND = 4000
"""Characters beyond a passage that are scrubbed with it: what begins within it may end there."""


def snippet(run: OpenedRun, part: str, document: int, length: int = SNIPPET) -> str:
    """The beginning of a document's extracted text, before edits, or a line that says why it cannot be shown."""
    if run.texts == "none":
        return HIDDEN
    try:
        made = stage_of(run.part(part), "read")
        text = text_at(made.path("documents"), document) if made else ""
    except (AuditError, OSError) as error:
        return f"(no text: {error})"
    (text,) = shown(run, [text[: length + _AROUND]])
    return text if len(text) <= length else text[:length].rstrip() + " …"
