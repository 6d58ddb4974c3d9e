"""Which of several models scores a document: the one that was trained on nothing of the document's web host.

A classifier that learned its negatives from a source has seen some of that source's pages, and says of those what it was
told. So the hosts of a source fall into folds by chance; a model per fold is trained on the other folds, and scores its
own: every page, whether it was in the sample or not, and whatever run it comes from. A document without an address is a
group of its own. Cross-fitting: Chernozhukov et al. 2018, "Double/debiased machine learning", section 1. Knows ids and
addresses; knows no text and no model.
"""

from __future__ import annotations

import hashlib

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.errors import ConfigError
from curate.records.pages import ID
from curate.records.quality import FoldRule
from curate.text.addresses import hosts
from curate.text.chance import draw

FOLDS = 2
"""Folds of a classifier trained in a run. Two cost what one model of everything costs: each learns from half."""
FEW_HOSTS = 20
"""References from fewer hosts, as an encyclopaedia is, are parted one by one: a host holds too many of them."""

_ROUNDS = 16
"""Draws that are looked at for folds of like size; the first that will do is taken."""
_EVEN = 0.25
"""Least share of each class in each fold of a draw that will do: half is what chance gives many hosts."""
_LEAST = 0.05
"""Where no draw gives each fold this share of the negatives, a site is nearly all there is, and pages part one by one."""

Folds = NDArray[np.int64]


def groups(ids: pa.Array, urls: pa.Array, by_host: bool = True) -> pa.Array:
    """What stays together, binary(16): a hash of each document's host; its id where it has none, or not `by_host`."""
    if not by_host:
        return ids.cast(ID)
    coded = hosts(urls).dictionary_encode()
    hashes = [hashlib.blake2b(str(host).encode(), digest_size=16).digest() for host in coded.dictionary.to_pylist()]
    return pc.coalesce(pa.array(hashes, ID).take(coded.indices), ids.cast(ID))


def folds_of(rule: FoldRule, ids: pa.Array, urls: pa.Array) -> Folds:
    """The fold of each document, int64: a function of the rule, and of the host or id alone."""
    return _folds(groups(ids, urls, rule["by"] == "host"), rule["seed"], rule["round"], rule["folds"])


def choose(ids: pa.Array, urls: pa.Array, positive: NDArray[np.bool_], seed: int) -> tuple[FoldRule, Folds]:
    """(the rule for the documents that will be scored, the fold of each example).

    Negatives part as the rule says. Positives part by host too, and one by one where they come from few hosts, unless
    they are documents of the scored source themselves. Raises ConfigError where a class has fewer than two examples.
    """
    negative = np.flatnonzero(~positive)
    for by_host in (True, False):
        keys = groups(ids, urls, by_host)
        if by_host and not _parts_positives_by_host(ids, urls, positive):
            own = groups(ids, urls, False)
            keys = pc.if_else(pa.array(positive), own, keys)
        best, round = max((_evenness(keys, positive, seed, each), -each) for each in range(_ROUNDS))
        round = -round
        chosen = _folds(keys, seed, round)
        enough = np.bincount(chosen[negative], minlength=FOLDS).min() >= max(1, _LEAST * len(negative))
        if best > 0 and (enough or not by_host):
            return FoldRule(folds=FOLDS, by="host" if by_host else "document", round=round, seed=seed), chosen
    few = "positive" if positive.sum() < len(negative) else "negative"
    raise ConfigError(
        f"a quality classifier needs at least {FOLDS} {few} examples, and more to part them: a document is scored by a "
        "model that has not seen it; give more, or a trained `model`"
    )


def choose_evenly(ids: pa.Array, urls: pa.Array, seed: int, folds: int) -> tuple[FoldRule, Folds]:
    """(the rule, the fold of each document) for documents of one kind: of the draws by host the evenest, one by one where
    there are few hosts. Raises ConfigError where a fold stays empty."""
    by_host = len(pc.unique(groups(ids, urls))) >= FEW_HOSTS
    keys = groups(ids, urls, by_host)
    sizes = [np.bincount(_folds(keys, seed, each, folds), minlength=folds).min() for each in range(_ROUNDS)]
    round = int(np.argmax(sizes))
    if not sizes[round]:
        raise ConfigError(f"{len(ids):,} documents cannot be parted into {folds} folds: label more")
    rule = FoldRule(folds=folds, by="host" if by_host else "document", round=round, seed=seed)
    return rule, _folds(keys, seed, round, folds)


def _parts_positives_by_host(ids: pa.Array, urls: pa.Array, positive: NDArray[np.bool_]) -> bool:
    good = pa.array(positive)
    if pc.any(pc.is_in(ids.filter(good), value_set=ids.filter(pc.invert(good)))).as_py():
        return True
    return len(pc.unique(hosts(urls.filter(good)).drop_null())) >= FEW_HOSTS


def _folds(keys: pa.Array, seed: int, round: int, folds: int = FOLDS) -> Folds:
    return (draw(keys, seed, "quality/fold", round) % np.uint64(folds)).astype(np.int64)


def _evenness(keys: pa.Array, positive: NDArray[np.bool_], seed: int, round: int) -> float:
    """The least share that a fold has of a class; at most _EVEN, so that the first draw that will do is the best."""
    found = _folds(keys, seed, round)
    least = 1.0
    for side in (True, False):
        among = np.bincount(found[positive == side], minlength=FOLDS)
        least = min(least, float(among.min() / max(among.sum(), 1)))
    return min(least, _EVEN)
