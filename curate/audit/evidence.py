"""What steps saw in a record's text: passages that evaluation items share with it, and personal data before it was scrubbed.

Reads committed texts; finds personal data with the run's own settings, and decides nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from curate.audit.find import Found
from curate.audit.finished_run import OpenedRun
from curate.audit.lineage import stage_of
from curate.pii import find
from curate.pii.plan import detection_of
from curate.pii.step import Scrub
from curate.records.batches import read_batches

_SCRUB = "scrub"


def shared_passages(found: Found) -> list[tuple[str, str]]:
    """(set:item, text) of each evaluation item found in the record, the text being what both hold. Raises AuditError."""
    items: Sequence[str] = found.row["contamination"] or ()
    made = stage_of(found.part, "decontaminate") if items else None
    if made is None:
        return []
    texts = [
        row["text"]
        for batch in read_batches(str(made.path("found")))
        for row in batch.to_pylist()
        if row["id"] == found.id
    ]
    return list(zip(items, texts, strict=True))


def personal_data(
    run: OpenedRun, row: Mapping[str, Any], versions: Sequence[tuple[str, str]]
) -> list[tuple[str, int, int, str]]:
    """(type, start, end, text) of the personal data that was scrubbed: offsets in characters of the text before that step.

    What only comes to light beside a placeholder is counted in the ledger and not listed here.
    """
    setting = run.pipeline.combined(Scrub)
    stages = [stage for stage, _ in versions]
    if setting is None or not row["pii"] or _SCRUB not in stages:
        return []
    _, before = versions[stages.index(_SCRUB) - 1]
    (spans,) = find([before], detection_of(setting), [row.get("language")])
    return [(span.type, span.start, span.end, before[span.start : span.end]) for span in spans]
