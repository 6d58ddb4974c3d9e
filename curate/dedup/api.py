"""Signatures of texts for user code, open to datasketch. Knows texts; compares nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.dedup.normal import find_units
from curate.dedup.records import signature_rows
from curate.dedup.shingles import hash_shingles, hash_texts
from curate.dedup.signatures import SEED, Signatures, sign_shingles
from curate.records.batches import read_batches
from curate.text.columns import as_column, text_buffers

if TYPE_CHECKING:
    from datasketch import MinHash


class Signed(NamedTuple):
    """What deduplication knows of texts: `values` (n, permutations) uint32, `sizes` int32 shingles, `texts` (n, 2) uint64,
    128-bit hashes of the normalised texts."""

    values: Signatures
    sizes: NDArray[np.int32]
    texts: NDArray[np.uint64]

    def minhashes(self) -> list[MinHash | None]:
        """datasketch's MinHash per text (scheme `affine32`); None for a text shorter than a shingle."""
        return [minhash(row) if size else None for row, size in zip(self.values, self.sizes, strict=True)]


def minhash(values: NDArray[np.uint32]) -> MinHash:
    """One signature as datasketch's MinHash, for its `jaccard`, `MinHashLSH` and `MinHashLSHForest`."""
    import datasketch

    return datasketch.MinHash(len(values), SEED, hashvalues=values.copy(), scheme="affine32")


def signatures(texts: Sequence[str] | pa.Array, ngram: int = 5, permutations: int = 256) -> Signed:
    """MinHash signatures of word n-grams of texts (a list, or an Arrow column of string or large_string without nulls)."""
    data, bounds = text_buffers(as_column(texts))
    units = find_units(data, bounds)
    shingles = hash_shingles(units, ngram)
    return Signed(
        sign_shingles(shingles, permutations),
        np.diff(shingles.offsets).astype(np.int32),
        hash_texts(data, bounds, units),
    )


def open_signatures(path: str) -> Iterator[tuple[bytes, MinHash]]:
    """(record id, datasketch's MinHash) of every document of a signature file: one of an index's, or of a run's `.work`.

    Documents shorter than a shingle have no signature and are left out.
    """
    for batch in read_batches(path):
        rows = signature_rows(batch)
        ids = batch.column("id").to_pylist()
        for row in np.flatnonzero(rows.sizes):
            yield ids[row], minhash(rows.signatures[row])
