"""Whether a text is in a run already: its signature against those of every document that reached deduplication.

Knows signatures and the ledger; decides nothing.
"""

from __future__ import annotations

import heapq

import numpy as np

from curate.audit.find import find_ids
from curate.audit.finished_run import AuditError, OpenedRun
from curate.audit.lineage import Made, stage_of
from curate.audit.rendering import Answer, Table
from curate.dedup import Signed, signatures
from curate.dedup.records import binary_words, signature_rows
from curate.records.batches import read_batches


def near(run: OpenedRun, text: str, least: float, most: int) -> Answer:
    """The documents whose normalised text equals this one's, or whose estimated Jaccard similarity is at least `least`.

    Every signature is compared, band or no band. Raises AuditError where the run signed nothing.
    """
    found: list[tuple[float, bool, bytes]] = []
    compared = 0
    for part in run.parts:
        made = stage_of(part, "signatures")
        if made is None:
            continue
        scored, documents = _scores(made, text, least)
        compared += documents
        found = heapq.nlargest(most, [*found, *scored], key=lambda each: (each[1], each[0], each[2]))
    if not compared:
        raise AuditError(f"{run.place} signed no document: it needs a deduplicate step")
    rows = []
    for similarity, equal, identity in found:
        row = find_ids(run, [identity])[0].row
        survivor = bytes(row["duplicate_of"]).hex() if row["duplicate_of"] else None
        rows.append((similarity, equal, row["source"], identity.hex(), row["url"], row["kept"], survivor))
    columns = ("similarity", "equal", "source", "id", "url", "kept", "duplicate of")
    note = f"{compared:,} documents compared" if rows else f"none of {compared:,} documents is like this text"
    return Answer((Table("", columns, tuple(rows), note),), [dict(zip(columns, row, strict=True)) for row in rows])


def _scores(made: Made, text: str, least: float) -> tuple[list[tuple[float, bool, bytes]], int]:
    """((similarity, whether equal, id) of the documents of a part that are like the text, documents compared)."""
    signed: Signed = signatures([text], made.params["ngram"], max(1, made.params["permutations"]))
    found, compared = [], 0
    for batch in read_batches(str(made.path("signatures"))):
        rows = signature_rows(batch)
        equal = (rows.texts == signed.texts[0]).all(axis=1)
        similar = np.zeros(len(equal))
        if signed.sizes[0] and made.params["permutations"]:
            similar = np.where(rows.sizes > 0, (rows.signatures == signed.values[0]).mean(axis=1), 0.0)
        similar[equal] = 1.0
        ids = binary_words(batch.column("id"))
        found += [
            (float(similar[i]), bool(equal[i]), ids[i].tobytes()) for i in np.flatnonzero(equal | (similar >= least))
        ]
        compared += len(equal)
    return found, compared
