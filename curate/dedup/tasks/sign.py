"""Signing a part: hashes and MinHash signatures of its kept documents. Knows text and hashes; compares nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.dedup.addresses import hash_addresses
from curate.dedup.normal import find_units
from curate.dedup.records import NO_DATE, Rows, binary_words, signature_columns, signature_schema
from curate.dedup.scope import columns_of_documents, document_scopes
from curate.dedup.shingles import distinct_shingles, hash_shingles, hash_texts
from curate.dedup.signatures import sign_shingles
from curate.engine.task import Inputs, Output
from curate.records.batches import BatchWriter, read_batches
from curate.records.counts import DocumentCounts
from curate.text.columns import text_buffers


class SignParams(TypedDict):
    """How documents are signed."""

    ngram: int
    permutations: int
    """0: no signatures."""
    addresses: bool
    sets: int
    """Documents of at most so many shingles have their set kept."""
    dates: bool
    scope: Mapping[str, str]
    """See `document_scopes`."""


def sign_part(params: SignParams, inputs: Inputs, output: Output) -> DocumentCounts:
    """Inputs `documents`, `verdicts`; `records` where dates are wanted; `scope`, a file with the column named so.

    Writes `signatures` (signature_schema).
    """
    width = params["permutations"]
    documents = 0
    with BatchWriter(output.path("signatures"), signature_schema(width), compressed=False) as writer:
        beside = [read_batches(path) for name in ("records", "scope") for path in inputs.paths(name)]
        aligned = map(read_batches, (inputs.path("documents"), inputs.path("verdicts")))
        for batch, verdict in zip(*aligned, strict=True):
            known = columns_of_documents([next(each) for each in beside], batch.num_rows)
            kept = verdict.column("kept")
            chosen = batch.filter(kept)
            dates = _seconds(known["date"].filter(kept)) if params["dates"] else np.full(len(chosen), NO_DATE, np.int64)
            data, bounds = text_buffers(chosen.column("text"))
            units = find_units(data, bounds)
            shingles = hash_shingles(units, params["ngram"])
            addresses = np.zeros((len(chosen), 2), np.uint64)
            if params["addresses"]:
                addresses = hash_addresses(chosen.column("url").to_pylist())
            rows = Rows(
                binary_words(chosen.column("id")),
                hash_texts(data, bounds, units),
                addresses,
                document_scopes(params["scope"], known, kept),
                pc.utf8_length(chosen.column("text")).to_numpy().astype(np.int64),
                dates,
                np.diff(shingles.offsets).astype(np.int32) if width else np.zeros(len(chosen), np.int32),
                sign_shingles(shingles, width),
            )
            writer.write(signature_columns(rows, distinct_shingles(shingles, params["sets"])))
            documents += len(chosen)
    return {"documents": documents}


def _seconds(dates: pa.Array) -> NDArray[np.int64]:
    filled = pc.fill_null(dates.cast(pa.int64()), NO_DATE)
    return np.asarray(filled, np.int64)
