"""Texts as people are shown them: personal data replaced as the run's own scrubbing does, raw, or not at all.

A page of texts is passed around, and dropped documents were never scrubbed: so what is shown is, before it is cut. Knows
texts and the run's settings; chooses none.
"""

from __future__ import annotations

from collections.abc import Sequence

from curate.audit.finished_run import OpenedRun
from curate.pii import Detection, Replacement, scrub
from curate.pii.plan import detection_of
from curate.pii.step import Scrub

HIDDEN = "(text not shown: --no-texts)"


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
