"""Scrubbing a part: personal data replaced in documents that are alive, counts by type for the ledger. Knows no form."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import repeat
from typing import TypedDict

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.engine.task import Inputs, Output
from curate.pii import Detection, Replacement, scrub
from curate.records.batches import BatchWriter, read_batches, read_schema
from curate.records.counts import ScrubbedCounts
from curate.records.documents import DOCUMENTS
from curate.records.verdicts import VERDICTS
from curate.storage import open_binary
from curate.verdicts.decide import drop_documents

STEP = "scrub"
_FINDINGS = f"{STEP}/findings"
_EVALUATED, _LANGUAGE = "evaluated", "language"

OUTCOME = pa.schema([("pii", pa.map_(pa.string(), pa.int32()))])
"""The ledger's column: findings by type, an empty map where there were none, null where the document was dropped before."""


class ScrubParams(TypedDict):
    """What is looked for, what stands in its place, and above how many findings a document is dropped."""

    types: Sequence[str]
    regions: Sequence[str] | None
    options: Sequence[str]
    placeholders: Mapping[str, str]
    drop_above: int | None
    code: Mapping[str, str]


def compile_kernels(params: ScrubParams) -> None:
    """Compile the scan, once per machine."""
    scrub(["Kernels are compiled here."], _detection(params))


def _detection(params: ScrubParams) -> Detection:
    regions = params["regions"]
    return Detection(tuple(params["types"]), None if regions is None else tuple(regions), frozenset(params["options"]))


def _key(inputs: Inputs) -> bytes | None:
    if "key" not in inputs:
        return None
    with open_binary(inputs.path("key")) as file:
        return file.read()


def _languages(inputs: Inputs) -> Iterator[list[str | None] | None]:
    """The languages of every batch of documents in turn, None where the run has not asked for them."""
    if _EVALUATED in inputs and _LANGUAGE in read_schema(inputs.path(_EVALUATED)).names:
        yield from (batch.column(_LANGUAGE).to_pylist() for batch in read_batches(inputs.path(_EVALUATED)))
    yield from repeat(None)


def scrub_part(params: ScrubParams, inputs: Inputs, output: Output) -> ScrubbedCounts:
    """Inputs `documents`, `verdicts`, aligned `evaluated` in which the language may be, and the file `key` where values are
    hashed with it.

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
        aligned = zip(*map(read_batches, (inputs.path("documents"), inputs.path("verdicts"))), strict=True)
        for (batch, verdict), languages in zip(aligned, _languages(inputs), strict=False):
            alive = np.asarray(verdict.column("kept"))
            spoken = None if languages is None else [languages[row] for row in np.flatnonzero(alive)]
            position = pa.array(np.cumsum(alive) - 1, mask=~alive)
            scrubbed = scrub(batch.column("text").filter(pa.array(alive)), detection, replacement, spoken)
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
