"""Short passages of documents' texts, for people to judge a decision by. Knows texts; judges nothing."""

from __future__ import annotations

from curate.audit.finished_run import AuditError, OpenedRun
from curate.audit.lineage import stage_of, text_at

SNIPPET = 400
"""Characters of a passage."""


def snippet(run: OpenedRun, part: str, document: int, length: int = SNIPPET) -> str:
    """The beginning of a document's extracted text, before edits, or a line that says why it cannot be shown."""
    try:
        made = stage_of(run.part(part), "read")
        text = text_at(made.path("documents"), document) if made else ""
    except (AuditError, OSError) as error:
        return f"(no text: {error})"
    return text if len(text) <= length else text[:length].rstrip() + " …"
