"""The rows that deduplication passes between its tasks, and reading them in place. Knows Arrow files; decides nothing.

A document's number is its part's number times 2^32 plus its row in the part's signature file. Parts are numbered in the
order of the run, entries of an index before all.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.dedup.shingles import Shingles
from curate.dedup.signatures import Signatures
from curate.records.pages import ID

STEP = "deduplicate"
"""The step's name in the ledger."""

PART_BITS = 32
NO_DATE = np.iinfo(np.int64).min


def part_span(part: int) -> tuple[int, int]:
    """The numbers of a part's documents: from the first up to, and without, the second."""
    return part << PART_BITS, (part + 1) << PART_BITS


KEYS = pa.schema([("key", pa.uint64()), ("number", pa.uint64())])
"""Ascending by key."""
FOREST = pa.schema([("number", pa.uint64()), ("root", pa.uint64())])
ASSIGNMENTS = pa.schema([("number", pa.uint64()), ("root", pa.uint64()), ("batch", pa.int32())])
"""Documents linked to others, ascending by number: the root of each one's component, and which batch of components that is
in."""
DECISIONS = pa.schema(
    [
        ("number", pa.uint64()),
        ("duplicate_of", ID),
        ("duplicate_kind", pa.string()),
        ("jaccard", pa.float32()),
        ("cluster_size", pa.int32()),
        ("group", ID),
    ]
)
"""Per document linked to others, ascending numbers. `duplicate_of` is null where it is kept."""


def signature_schema(permutations: int) -> pa.Schema:
    """A kept document a row. `text`, `address`: 128-bit hashes, zeros where there is no address; `date`: seconds or
    NO_DATE; `size`: shingles, 0 where it has no signature; `shingles`: their set, ascending, empty where it is not kept.
    Arrow has no lists of fixed size 0: where there are no signatures, each is one zero."""
    return pa.schema(
        [
            ("id", ID),
            ("text", ID),
            ("address", ID),
            ("scope", pa.uint64()),
            ("chars", pa.int64()),
            ("date", pa.int64()),
            ("size", pa.int32()),
            ("signature", pa.list_(pa.uint32(), max(1, permutations))),
            ("shingles", pa.list_(pa.uint32())),
        ]
    )


def index_schema(permutations: int) -> pa.Schema:
    """A signature file of an index: survivors, and the group that their components had."""
    return pa.schema([*signature_schema(permutations), ("group", ID)])


def linked_schema(permutations: int) -> pa.Schema:
    """A signature file of documents linked to others, ascending by batch and number. `tier`, `rank`, `fixed`: see
    `GatherParams`."""
    policy = [("tier", pa.int32()), ("rank", pa.int32()), ("fixed", pa.bool_())]
    return pa.schema([*ASSIGNMENTS, *(pa.field(name, kind) for name, kind in policy), *index_schema(permutations)])


class Rows(NamedTuple):
    """Rows of signature files as arrays, but for the shingles: 16-byte columns as (n, 2) little-endian words."""

    ids: NDArray[np.uint64]
    texts: NDArray[np.uint64]
    addresses: NDArray[np.uint64]
    scopes: NDArray[np.uint64]
    chars: NDArray[np.int64]
    dates: NDArray[np.int64]
    sizes: NDArray[np.int32]
    signatures: Signatures


def binary_words(column: pa.Array) -> NDArray[np.uint64]:
    """A binary(16) column without nulls as (n, 2) words, in place."""
    if not len(column):
        return np.empty((0, 2), np.uint64)
    return np.frombuffer(column.buffers()[1], "<u8").reshape(-1, 2)[column.offset : column.offset + len(column)]


def binary_column(words: NDArray[np.uint64], valid: NDArray[np.bool_] | None = None) -> pa.Array:
    """A binary(16) column of words, null where not valid."""
    data = pa.py_buffer(np.ascontiguousarray(words, "<u8"))
    mask = None if valid is None else pa.py_buffer(np.packbits(valid, bitorder="little"))
    return pa.Array.from_buffers(ID, len(words), [mask, data])


def signature_rows(batch: pa.RecordBatch, *, signed: bool = True) -> Rows:
    """A batch of a signature file, in place; without the signatures themselves unless `signed`."""
    values = np.empty((len(batch), 0), np.uint32)
    signatures = batch.column("signature")
    if signed and (width := signatures.type.list_size):
        values = signatures.flatten().to_numpy().reshape(-1, width)
    ids, texts, addresses = (binary_words(batch.column(name)) for name in ("id", "text", "address"))
    scopes, chars, dates, sizes = (batch.column(name).to_numpy() for name in ("scope", "chars", "date", "size"))
    return Rows(ids, texts, addresses, scopes, chars, dates, sizes, values)


def take_rows(rows: Rows, positions: NDArray[np.int64]) -> Rows:
    """The rows at some positions."""
    columns: Iterator[Any] = (column[positions] for column in rows)
    return Rows(*columns)


def signature_columns(rows: Rows, shingles: Shingles) -> dict[str, pa.Array]:
    """Rows and their documents' sets of shingles as the columns of a signature file."""
    documents, width = rows.signatures.shape
    values = rows.signatures.ravel() if width else np.zeros(documents, np.uint32)
    return {
        "id": binary_column(rows.ids),
        "text": binary_column(rows.texts),
        "address": binary_column(rows.addresses),
        "scope": pa.array(rows.scopes),
        "chars": pa.array(rows.chars),
        "date": pa.array(rows.dates),
        "size": pa.array(rows.sizes),
        "signature": pa.FixedSizeListArray.from_arrays(pa.array(values), max(1, width)),
        "shingles": pa.ListArray.from_arrays(shingles.offsets.astype(np.int32), shingles.hashes),
    }
