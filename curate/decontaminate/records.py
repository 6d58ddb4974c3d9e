"""The Arrow files that decontamination's tasks pass on. Knows schemas and how the n-grams are stored."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.decontaminate.grams import Grams
from curate.records.batches import BatchWriter, read_batches
from curate.records.pages import ID

GRAMS = pa.schema([("key", pa.uint64()), ("items", pa.list_(pa.int64())), ("places", pa.list_(pa.int64()))])
"""An n-gram, the numbers of the items it is of, and the word of each at which it begins first."""
HEADS = pa.schema([("key", pa.uint64())])
ITEMS = pa.schema([("set", pa.string()), ("item", pa.string()), ("matched", pa.bool_()), ("words", pa.int64())])
"""Items by number; `matched`: whether it has an n-gram, or is too short; `words`: those that its n-grams cover."""
MATCHES = pa.schema([("row", pa.int64()), ("start", pa.int64()), ("end", pa.int64()), ("gram", pa.int64())])
"""Batch by batch of the documents: the row in the batch, the stretch of bytes in its text, the n-gram's number."""
COUNTS = pa.schema([("gram", pa.int64()), ("documents", pa.int64())])
"""In how many documents an n-gram stands; ascending n-grams."""
OUTCOME = pa.schema([("contamination", pa.list_(pa.string()))])
"""The ledger's column: `set:item` of each item found; null where an earlier step dropped the document."""
FOUND = pa.schema([("number", pa.int64()), ("id", ID), ("url", pa.string()), ("text", pa.string())])
"""An item found in a document: the item's number, the overlapping text."""


def write_grams(grams: Grams, path: str, heads: str) -> None:
    """Write the n-grams and, apart, the heads."""
    with BatchWriter(path, GRAMS, compressed=False) as writer:
        items = pa.ListArray.from_arrays(pa.array(grams.offsets.astype(np.int32)), pa.array(grams.items))
        places = pa.ListArray.from_arrays(items.offsets, pa.array(grams.places))
        writer.write({"key": pa.array(grams.keys), "items": items, "places": places})
    with BatchWriter(heads, HEADS, compressed=False) as writer:
        writer.write({"key": pa.array(grams.heads)})


def read_grams(path: str, heads: str, lengths: Sequence[int], words: NDArray[np.int64] | None = None) -> Grams:
    """What `write_grams` wrote; `lengths` are those of the n-grams, `words` those of the items, where they are needed."""
    (batch,) = read_batches(path)
    (head,) = read_batches(heads)
    items = batch.column("items")
    return Grams(
        batch.column("key").to_numpy(),
        np.array(lengths, np.int64),
        head.column("key").to_numpy(),
        items.offsets.to_numpy().astype(np.int64),
        items.values.to_numpy(),
        batch.column("places").values.to_numpy(),
        np.zeros(0, np.int64) if words is None else words,
    )
