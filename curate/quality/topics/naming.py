"""Names of clusters: the words that tell each from the others. Knows texts, terms and clusters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.quality.features import longest
from curate.quality.topics.clusters import Clustering
from curate.quality.topics.terms import bucket_of, terms_of
from curate.text.characters import Tables, lower_into, tables
from curate.text.columns import text_buffers
from curate.text.compiled import Scalar, kernel

WORDS = 8
"""Words that are told of a cluster."""
IN_NAME = 3
"""Of them, those that are its name."""
JOINT = "-"
_LOOKED_AT = 200
_LETTERS = 20_000
"""Documents of a cluster, those nearest to its centre, in whose first characters its words are looked up."""
_ALIKE = 4
"""Two words of which one begins with the other, of at least so many letters, are forms of one."""


@kernel
def _spans(
    data: Any, bounds: Any, tables: Tables, wanted: Any, kept: Any, buckets: Any, starts: Any, ends: Any
) -> Scalar:
    """The terms of the wanted buckets: where each lies in `kept`, the lower case of all texts. Returns how many."""
    room = 2 * longest(bounds) + 1
    first, last = np.empty(room, np.int64), np.empty(room, np.int64)
    lower = np.empty(room, np.uint8)
    found = written = np.int64(0)
    for row in range(len(bounds) - 1):
        end = lower_into(data, bounds[row], bounds[row + 1], lower, tables.lower)
        kept[written : written + end] = lower[:end]
        for term in range(terms_of(lower, end, tables.flags, first, last)):
            bucket = bucket_of(lower, first[term], last[term])
            if wanted[bucket]:
                buckets[found] = bucket
                starts[found] = written + first[term]
                ends[found] = written + last[term]
                found += 1
        written += end
    return found


def words_of(texts: pa.Array, wanted: Sequence[int], buckets: int) -> dict[int, str]:
    """Of each wanted bucket the commonest of its terms in the texts; none where it has none there."""
    data, bounds = text_buffers(texts)
    room = 2 * int(bounds[-1] - bounds[0]) + 1
    mask = np.zeros(buckets, np.bool_)
    mask[list(wanted)] = True
    kept = np.empty(room, np.uint8)
    of, starts, ends = np.empty(room, np.int32), np.empty(room, np.int64), np.empty(room, np.int64)
    found = _spans(data, bounds, tables(), mask, kept, of, starts, ends)
    written = kept.tobytes()
    terms = map(written.__getitem__, map(slice, starts[:found].tolist(), ends[:found].tolist()))
    counted: dict[int, list[tuple[bytes, int]]] = {}
    for (bucket, word), number in Counter(zip(of[:found].tolist(), terms, strict=True)).items():
        counted.setdefault(bucket, []).append((word, number))
    return {
        bucket: min(words, key=lambda word: (-word[1], word[0]))[0].decode("utf-8", "replace")
        for bucket, words in counted.items()
    }


def name_clusters(clustering: Clustering, texts: pa.Array) -> tuple[list[str], list[list[str]]]:
    """(a name of each cluster, no two alike; its words, the strongest first). `texts`: of the sample, in its order.

    A word is the stronger the greater its share of the centre, times the part of it that no other centre has.
    """
    centres = clustering.centres.astype(np.float64)
    strength = centres * centres / np.maximum(centres.sum(axis=1, keepdims=True), 1e-12)
    bucket_of_slot = np.flatnonzero(clustering.space.slot >= 0)
    listed = []
    for number in range(centres.shape[1]):
        mine = np.flatnonzero(strength[:, number] > 0)
        order = mine[np.lexsort((mine, -strength[mine, number]))][: 2 * WORDS]
        chosen = [int(bucket_of_slot[place]) for place in order.tolist()]
        rows = _nearest_rows(clustering, number)
        looked_at = pc.utf8_slice_codeunits(texts.take(pa.array(rows)), 0, _LETTERS)
        words = words_of(looked_at, chosen, len(clustering.space.slot))
        listed.append(without_forms([words[bucket] for bucket in chosen if bucket in words])[:WORDS])
    return _names(listed), listed


def _nearest_rows(clustering: Clustering, number: int) -> NDArray[np.int64]:
    rows = np.flatnonzero(clustering.cluster == number)
    return np.asarray(rows[np.lexsort((rows, -clustering.cosine[rows]))][:_LOOKED_AT], np.int64)


def without_forms(words: Sequence[str]) -> list[str]:
    """Words of which none begins with another."""
    kept: list[str] = []
    for word in words:
        if not any(_are_forms(word, other) for other in kept):
            kept.append(word)
    return kept


def _are_forms(word: str, other: str) -> bool:
    short, long = sorted((word, other), key=len)
    return short == long or (len(short) >= _ALIKE and long.startswith(short))


def _names(listed: Sequence[Sequence[str]]) -> list[str]:
    """The first words of each; more of them, or a number, where a cluster before has the same."""
    names: list[str] = []
    for number, words in enumerate(listed):
        tried = [JOINT.join(words[:count]) for count in range(IN_NAME, len(words) + 1)] or [JOINT.join(words)]
        free = [name for name in tried if name and name not in names]
        names.append(free[0] if free else JOINT.join([*words[:IN_NAME], str(number + 1)]))
    return names
