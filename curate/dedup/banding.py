"""Bands: cutting signatures into keys, which of them make two documents candidates, and how likely that is.

P(candidate | s) = 1 - (1 - s^r)^b for b bands of r rows at Jaccard similarity s (Leskovec, Rajaraman and Ullman, Mining
of Massive Datasets, 3.4). Knows signatures; knows no document.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.dedup.normal import mix64
from curate.dedup.records import Rows
from curate.dedup.signatures import Signatures
from curate.text.compiled import kernel

Keys = NDArray[np.uint64]


def found_share(similarity: float, bands: int, rows: int) -> float:
    """The probability that a pair of this Jaccard similarity shares a band."""
    return float(1.0 - (1.0 - similarity**rows) ** bands)


def describe_banding(bands: int, rows: int) -> str:
    """What a banding finds, for people."""
    found = ", ".join(f"{found_share(s, bands, rows):.1%} at {s:.1f}" for s in (0.7, 0.8, 0.9))
    return f"{bands} bands of {rows} rows find of pairs of Jaccard similarity: {found}"


@lru_cache(maxsize=8)
def choose_banding(threshold: float, permutations: int) -> tuple[int, int]:
    """(bands, rows) with the least mean of false positives below and false negatives above the threshold.

    As `datasketch.MinHashLSH(threshold, permutations)` chooses. The integrands are polynomials of degree bands * rows, so
    Gauss-Legendre quadrature is exact.
    """
    nodes, weights = np.polynomial.legendre.leggauss(permutations // 2 + 1)
    below, above = threshold * (nodes + 1) / 2, threshold + (1 - threshold) * (nodes + 1) / 2
    best = (np.inf, 1, 1)
    for bands in range(1, permutations + 1):
        for rows in range(1, permutations // bands + 1):
            positives = threshold / 2 * float(weights @ (1 - (1 - below**rows) ** bands))
            negatives = (1 - threshold) / 2 * float(weights @ (1 - above**rows) ** bands)
            error = (positives + negatives) / 2
            if error < best[0]:
                best = (error, bands, rows)
    return best[1], best[2]


@kernel
def _band_keys(signatures: Any, scopes: Any, bands: int, rows: int, out: Any) -> None:
    for document in range(len(signatures)):
        for band in range(bands):
            key = mix64(scopes[document] + np.uint64(band + 1))
            for row in range(band * rows, (band + 1) * rows):
                key = mix64(key ^ np.uint64(signatures[document, row]))
            out[document, band] = key


def band_keys(signatures: Signatures, scopes: NDArray[np.uint64], bands: int, rows: int) -> Keys:
    """(documents, bands) uint64: equal keys mean an equal band of an equal scope, but for chance of 2^-64 a pair."""
    out = np.empty((len(signatures), bands), np.uint64)
    _band_keys(signatures, scopes, bands, rows, out)
    return out


_TEXT = np.uint64(0x7465787400000000)  # "text", "addr": set these keys apart from each other and from bands
_ADDRESS = np.uint64(0x6164647200000000)


@kernel
def _hash_keys(words: Any, scopes: Any, kind: Any, out: Any) -> None:
    for document in range(len(words)):
        if words[document, 0] or words[document, 1]:
            out[document] = mix64(mix64(words[document, 0] ^ mix64(scopes[document] + kind)) ^ words[document, 1])


def document_keys(rows: Rows, params: Mapping[str, Any]) -> Keys:
    """(documents, 2 + bands) uint64: the keys of text, address and bands, 0 where a document has none of a kind.

    Params: `exact`, `addresses`, `bands`, `rows`.
    """
    documents, bands = len(rows.ids), params["bands"]
    keys = np.zeros((documents, 2 + bands), np.uint64)
    if params["exact"]:
        _hash_keys(rows.texts, rows.scopes, _TEXT, keys[:, 0])
    if params["addresses"]:
        _hash_keys(rows.addresses, rows.scopes, _ADDRESS, keys[:, 1])
    signed = rows.sizes > 0
    keys[signed, 2:] = band_keys(rows.signatures[signed], rows.scopes[signed], bands, params["rows"])
    return keys
