"""The keys of a document: documents that share one are candidates. Knows hashes; compares nothing."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from curate.dedup.banding import Keys, band_keys
from curate.dedup.normal import mix64
from curate.dedup.records import Rows
from curate.text.compiled import kernel

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
