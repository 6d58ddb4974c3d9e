"""Scopes: which documents are compared with each other. Knows columns; knows no key."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Scopes = NDArray[np.uint64]


def columns_of_documents(batches: Sequence[pa.RecordBatch], documents: int) -> dict[str, pa.Array]:
    """Columns of batches aligned with documents, or with records, of which documents are those that go on."""
    columns: dict[str, pa.Array] = {}
    for batch in batches:
        if "record_id" in batch.schema.names:
            batch = batch.filter(pc.is_null(batch.column("dropped_at")))
        if len(batch) != documents:
            raise ValueError(f"{len(batch)} rows beside {documents} documents")
        columns |= {name: batch.column(name) for name in batch.schema.names}
    return columns


def document_scopes(scope: Mapping[str, str], columns: Mapping[str, pa.Array], kept: pa.Array) -> Scopes:
    """A 64-bit hash of the scope of each document that is kept; 0 for the scope of all.

    `scope` is {"constant": text} or {"column": name}; a null is a scope of its own, that of the empty text.
    """
    if "constant" in scope:
        return np.full(int(pc.sum(kept).as_py() or 0), _hash_name(scope["constant"]), np.uint64)
    values = columns[scope["column"]].filter(kept).cast(pa.string()).dictionary_encode()
    hashes = np.array([*map(_hash_name, values.dictionary.to_pylist()), _hash_name("")], np.uint64)
    return hashes[np.asarray(pc.fill_null(values.indices, len(hashes) - 1), np.int64)]


def _hash_name(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little") if name else 0
