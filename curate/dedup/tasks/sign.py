"""Signing a part: hashes and MinHash signatures of its kept documents. Knows text and hashes; compares nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.batches import BatchWriter, read_batches
from curate.dedup.addresses import hash_addresses
from curate.dedup.normal import find_units
from curate.dedup.records import NO_DATE, Rows, binary_words, signature_columns, signature_schema
from curate.dedup.scope import columns_of_documents, document_scopes
from curate.dedup.shingles import distinct_shingles, hash_shingles, hash_texts
from curate.dedup.signatures import sign_shingles
from curate.engine.task import Counts, File, Output
from curate.text.columns import text_buffers


def sign_part(params: Mapping[str, Any], inputs: Sequence[File], output: Output) -> Counts:
    """Inputs `documents`, `verdicts`; `records` where dates are wanted; `scope`, a file with the column named so.

    Params: `ngram`, `permutations` (0: no signatures), `addresses`, `dates`, `scope` (see `document_scopes`), and
    `sets`: documents of at most so many shingles have their set kept. Writes `signatures` (signature_schema).
    """
    files = {file.name: file.path for file in inputs}
    width = params["permutations"]
    documents = 0
    with BatchWriter(output.path("signatures"), signature_schema(width), compressed=False) as writer:
        beside = [read_batches(files[name]) for name in ("records", "scope") if name in files]
        for batch, verdict in zip(read_batches(files["documents"]), read_batches(files["verdicts"]), strict=True):
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
