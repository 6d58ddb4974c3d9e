"""Which documents go: a walk in policy order that removes a document if and only if it has a verified edge to a kept one.

Two documents of a scope are candidates where they share a key: the hash of their text, of their address, or of a band of
their signatures. An edge is verified by equal text, by equal address, or by the similarity of the signatures (or of the
shingles themselves). Of several kept documents the first in policy order is named the survivor, so there is always one,
it is itself kept, and a chain A~B~C removes C only where C itself is like A. Knows arrays; knows no file.
"""

from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from curate.dedup.shingles import Shingles, set_jaccard
from curate.dedup.signatures import Signatures, agreement
from curate.text.compiled import Scalar, kernel

EXACT = 1
ADDRESS = 2
MINHASH = 3
KINDS = {EXACT: "exact", ADDRESS: "url", MINHASH: "minhash"}
"""How a removed document is like its survivor."""

MOST_KEPT = 1024
"""Kept documents that one key leads to. Beyond them a key's kept documents, all unlike each other, are not compared with
those that follow: the work on a key is bounded by documents times this, whatever a crawl holds."""

BLOCK = 1 << 17
"""Documents whose signatures and keys are in memory at once."""

Jaccards = NDArray[np.float32]


class Documents(NamedTuple):
    """What the walk looks at, an array row per document, in policy order.

    `ids`, `texts`, `addresses`: (n, 2) uint64, zeros where there is no address. `scopes`: uint64. `fixed`: kept whatever it
    is like. `keys`: (n, kinds of keys) uint64, 0 where there is none. `sizes`: shingles, 0 where there is no signature.
    `signatures`: (n, permutations) uint32. `shingles`: each document's set, empty where it is not at hand.
    """

    ids: NDArray[np.uint64]
    texts: NDArray[np.uint64]
    addresses: NDArray[np.uint64]
    scopes: NDArray[np.uint64]
    fixed: NDArray[np.bool_]
    keys: NDArray[np.uint64]
    sizes: NDArray[np.int32]
    signatures: Signatures
    shingles: Shingles


class Criteria(NamedTuple):
    """What verifies an edge. `least` similarity; below 0, no shared band is checked."""

    exact: bool
    address: bool
    least: float


class Decisions(NamedTuple):
    """Per document: the survivor's position or -1 where it is kept, the kind of likeness, and the similarity or NaN."""

    survivors: NDArray[np.int64]
    kinds: NDArray[np.int8]
    jaccards: Jaccards


class _Table(NamedTuple):
    """Kept documents by key: open addressing to lists in policy order."""

    keys: NDArray[np.uint64]
    first: NDArray[np.int32]
    last: NDArray[np.int32]
    length: NDArray[np.int32]
    document: NDArray[np.int32]
    following: NDArray[np.int32]
    used: NDArray[np.int64]


def _table(documents: int, kinds: int) -> _Table:
    slots = 1 << max(4, int(2 * documents * kinds - 1).bit_length())
    entries = documents * kinds
    return _Table(
        np.zeros(slots, np.uint64),
        np.full(slots, -1, np.int32),
        np.full(slots, -1, np.int32),
        np.zeros(slots, np.int32),
        np.empty(entries, np.int32),
        np.empty(entries, np.int32),
        np.zeros(1, np.int64),
    )


@kernel
def _slot(table: _Table, key: Scalar) -> Scalar:
    mask = np.uint64(len(table.keys) - 1)
    slot = np.uint64(key) & mask
    while table.keys[slot] != 0 and table.keys[slot] != key:
        slot = (slot + np.uint64(1)) & mask
    return np.int64(slot)


@kernel
def _keep(document: Scalar, keys: Any, table: _Table) -> None:
    for kind in range(keys.shape[1]):
        key = keys[document, kind]
        if key == 0:
            continue
        slot = _slot(table, key)
        if table.length[slot] >= MOST_KEPT:
            continue
        entry = table.used[0]
        table.used[0] = entry + 1
        table.keys[slot] = key
        table.document[entry] = document
        table.following[entry] = -1
        if table.length[slot]:
            table.following[table.last[slot]] = entry
        else:
            table.first[slot] = entry
        table.last[slot] = entry
        table.length[slot] += 1


@kernel
def _same(left: Any, i: Scalar, right: Any, j: Scalar) -> Scalar:
    return left[i, 0] == right[j, 0] and left[i, 1] == right[j, 1]


@kernel
def _edge(left: Documents, i: Scalar, right: Documents, j: Scalar, criteria: Criteria) -> Any:
    """(kind, similarity) of the edge between two candidates; kind 0 where there is none."""
    if left.scopes[i] != right.scopes[j]:
        return 0, np.nan
    if _same(left.ids, i, right.ids, j):
        return 0, np.nan  # an earlier run's record of the very same document
    if criteria.exact and _same(left.texts, i, right.texts, j):
        return EXACT, 1.0
    similarity = np.nan
    if left.sizes[i] and right.sizes[j]:
        first, second = left.shingles.offsets, right.shingles.offsets
        if first[i + 1] > first[i] and second[j + 1] > second[j]:
            similarity = set_jaccard(
                left.shingles.hashes[first[i] : first[i + 1]], right.shingles.hashes[second[j] : second[j + 1]]
            )
        else:
            similarity = agreement(left.signatures[i], right.signatures[j]) / left.signatures.shape[1]
    if (
        criteria.address
        and _same(left.addresses, i, right.addresses, j)
        and left.addresses[i, 0] | left.addresses[i, 1]
    ):
        return ADDRESS, similarity
    if similarity >= criteria.least:
        return MINHASH, similarity
    return 0, np.nan


@kernel
def _walk(
    documents: Documents, kept: Documents, table: _Table, criteria: Criteria, grows: bool, out: Decisions
) -> None:
    """Decide documents against those kept, whose positions the table holds; where it grows, both are the same."""
    seen = np.full(len(kept.sizes), -1, np.int64)
    for document in range(len(documents.sizes)):
        best = np.int64(len(kept.sizes))
        if not documents.fixed[document]:
            for kind in range(documents.keys.shape[1]):
                key = documents.keys[document, kind]
                if key == 0:
                    continue
                entry = table.first[_slot(table, key)]
                while entry >= 0:
                    candidate = np.int64(table.document[entry])
                    if candidate >= best:
                        break
                    if seen[candidate] != document:
                        seen[candidate] = document
                        found, similarity = _edge(documents, document, kept, candidate, criteria)
                        if found:
                            best = candidate
                            out.kinds[document] = found
                            out.jaccards[document] = similarity
                            break
                    entry = table.following[entry]
        if best < len(kept.sizes):
            out.survivors[document] = best
        elif grows:
            _keep(np.int64(document), documents.keys, table)


def undecided(documents: int) -> Decisions:
    """Decisions that keep every document."""
    return Decisions(
        np.full(documents, -1, np.int64), np.zeros(documents, np.int8), np.full(documents, np.nan, np.float32)
    )


class Kept:
    """A block of documents that was walked, against which later ones are decided."""

    def __init__(self, documents: Documents, criteria: Criteria) -> None:
        self._documents = documents
        self._criteria = criteria
        self._table = _table(*documents.keys.shape)
        self.decisions = undecided(len(documents.sizes))
        _walk(documents, documents, self._table, criteria, True, self.decisions)

    def decide(self, documents: Documents) -> Decisions:
        """Decisions on documents that all come later in policy order; survivors are positions in this block."""
        decisions = undecided(len(documents.sizes))
        _walk(documents, self._documents, self._table, self._criteria, False, decisions)
        return decisions


Then = Literal["longest", "shortest", "newest", "oldest", "id"]

_UNKNOWN = np.iinfo(np.int64).max
"""A null date's place: after all others."""


def policy_order(
    ids: NDArray[np.uint64],
    tiers: NDArray[np.int32],
    ranks: NDArray[np.int32],
    chars: NDArray[np.int64],
    dates: NDArray[np.int64],
    then: Then,
) -> NDArray[np.int64]:
    """Positions in policy order: earlier tier, preferred source, the stated key, then the id's bytes.

    `ids` is (n, 2) little-endian words of 16 bytes; a date is seconds, or the least int64 where it is not known.
    """
    dated = dates != np.iinfo(np.int64).min
    keys = {
        "longest": -chars,
        "shortest": chars,
        "newest": np.where(dated, -dates, _UNKNOWN),
        "oldest": np.where(dated, dates, _UNKNOWN),
        "id": np.zeros_like(chars),
    }
    words = ids.byteswap()
    return np.lexsort((words[:, 1], words[:, 0], keys[then], ranks, tiers))
