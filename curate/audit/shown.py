"""Texts as people are shown them: personal data replaced as the run's own scrubbing does, raw, or not at all.

A page of texts is passed around, and dropped documents were never scrubbed: so what is shown is, before it is cut. Knows
texts and the run's settings; chooses none.
"""

from __future__ import annotations

from collections.abc import Sequence

from curate.audit.finished_run import AuditError, OpenedRun
from curate.audit.lineage import extracted_texts, text_at
from curate.pii import Detection, Replacement, scrub
from curate.pii.plan import detection_of
from curate.pii.step import Scrub

HIDDEN = "(text not shown: --no-texts)"
SNIPPET = 400
"""Characters of a passage."""
_AROUND = 4000
"""Characters beyond a passage that are scrubbed with it: what begins within it may end there."""


def shown(run: OpenedRun, texts: Sequence[str]) -> list[str]:
    """The texts, whole, as `run.texts` lets them be shown. Without a `scrub` step every type is looked for that the step
    would by itself.
    """
    if run.texts == "raw":
        return list(texts)
    if run.texts == "none":
        return [HIDDEN for _ in texts]
    setting = run.pipeline.combined(Scrub)
    detection = detection_of(setting) if setting is not None else Detection()
    # values hashed with a key in the product are named by type here: the key is not needed to look at a run
    placeholders = {str(name): text for name, text in setting.placeholders.items()} if setting is not None else {}
    scrubbed: list[str] = scrub(list(texts), detection, Replacement(placeholders)).texts.to_pylist()
    return scrubbed


def snippet(run: OpenedRun, part: str, document: int, length: int = SNIPPET) -> str:
    """The beginning of a document's extracted text, before edits, or a line that says why it cannot be shown."""
    if run.texts == "none":
        return HIDDEN
    try:
        path = extracted_texts(run.part(part))
        text = text_at(path, document) if path else ""
    except (AuditError, OSError) as error:
        return f"(no text: {error})"
    (text,) = shown(run, [text[: length + _AROUND]])
    return text if len(text) <= length else text[:length].rstrip() + " …"
