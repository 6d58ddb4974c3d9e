"""Scrubbing a part: personal data replaced in documents that are alive, counts by type for the ledger. Knows no form."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TypedDict

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.batches import BatchWriter, read_batches
from curate.engine.task import Inputs, Output
from curate.pii import Detection, Replacement, scrub
from curate.records.counts import ScrubbedCounts
from curate.records.documents import DOCUMENTS
from curate.records.verdicts import VERDICTS
from curate.storage import open_binary
from curate.verdicts.decide import drop_documents

STEP = "scrub"
_FINDINGS = f"{STEP}/findings"

OUTCOME = pa.schema([("pii", pa.map_(pa.string(), pa.int32()))])
"""The ledger's column: findings by type, an empty map where there were none, null where the document was dropped before."""


class ScrubParams(TypedDict):
    """What is looked for, what stands in its place, and above how many findings a document is dropped."""

    types: Sequence[str]
    regions: Sequence[str]
    options: Sequence[str]
    placeholders: Mapping[str, str]
    drop_above: int | None


def compile_kernels(params: ScrubParams) -> None:
    """Compile the scan, once per machine."""
    scrub(["Kernels are compiled here."], _detection(params))


def _detection(params: ScrubParams) -> Detection:
    return Detection(tuple(params["types"]), tuple(params["regions"]), frozenset(params["options"]))


def _key(inputs: Inputs) -> bytes | None:
    if "key" not in inputs:
        return None
    with open_binary(inputs.path("key")) as file:
        return file.read()


def scrub_part(params: ScrubParams, inputs: Inputs, output: Output) -> ScrubbedCounts:
    """Inputs `documents`, `verdicts`, and the file `key` where values are hashed with it.

    Writes `documents` with placeholders (no text where a document is dropped), `verdicts`, `columns` (OUTCOME), aligned.
    """
    detection = _detection(params)
    replacement = Replacement(dict(params["placeholders"]), _key(inputs))
    most = params["drop_above"]
    findings: Counter[str] = Counter()
    alive_documents = removed = with_findings = 0
    with (
        BatchWriter(output.path("documents"), DOCUMENTS) as documents,
        BatchWriter(output.path("verdicts"), VERDICTS) as verdicts,
        BatchWriter(output.path("columns"), OUTCOME) as columns,
    ):
        aligned = map(read_batches, (inputs.path("documents"), inputs.path("verdicts")))
        for batch, verdict in zip(*aligned, strict=True):
            alive = np.asarray(verdict.column("kept"))
            position = pa.array(np.cumsum(alive) - 1, mask=~alive)
            scrubbed = scrub(batch.column("text").filter(pa.array(alive)), detection, replacement)
            too_many = np.array([most is not None and sum(each.values()) > most for each in scrubbed.counts], bool)
            gone = np.zeros(len(alive), bool)
            gone[alive] = too_many
            text = pc.fill_null(scrubbed.texts.take(position), "")
            documents.write(
                {"id": batch.column("id"), "url": batch.column("url"), "text": pc.if_else(pa.array(gone), "", text)}
            )
            verdicts.write(drop_documents(verdict, gone, STEP, pa.array([_FINDINGS] * int(gone.sum()), pa.string())))
            columns.write({"pii": pa.array(scrubbed.counts, OUTCOME.field("pii").type).take(position)})
            for each in scrubbed.counts:
                findings.update(each)
                with_findings += bool(each)
            alive_documents += int(alive.sum())
            removed += int(gone.sum())
    return {
        "documents": alive_documents,
        "kept": alive_documents - removed,
        "dropped": {STEP: removed} if removed else {},
        "failed": {_FINDINGS: removed} if removed else {},
        "alone": {_FINDINGS: removed} if removed else {},
        "findings": dict(sorted(findings.items())),
        "documents_with_findings": with_findings,
    }
