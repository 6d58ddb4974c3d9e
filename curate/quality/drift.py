"""How far scores lie from those that a model was measured on, in one number each for their shape and their largest gap.

The population stability index (Siddiqi 2006, Credit Risk Scorecards, chapter 9): over classes of the score the sum of
(q - p) ln(q / p), p the share of the documents before and q of those now. Below 0.1 is read as the same population, from
0.25 on as another. And the largest distance between the two cumulated distributions (Kolmogorov and Smirnov). Both from
documents by twentieth of the score. Knows counts; knows no text and no model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.records.quality import Reading, ScoreDrift

SAME, OTHER = 0.1, 0.25
"""Siddiqi's reading of the index: below the first nothing moved, from the second on the documents are others."""

_LEAST_OF_CLASS = 0.05  # share of the documents before; sparser classes make the index a matter of chance
_HALF = 0.5  # a document, where a class has none now: the logarithm needs some
_UPPER = 1.645  # standard deviations: one of twenty draws is beyond
_WORDS: dict[Reading, str] = {
    "same": "as before",
    "moved": "moved",
    "other": "other documents",
    "chance": "too few to tell",
}


def drift(before: Sequence[int], now: Sequence[int]) -> ScoreDrift | None:
    """How far the second distribution lies from the first, both as documents by class of the score. None where one is empty.

    `chance` is what the index reaches in one of twenty draws from the same documents, (1/n + 1/m) times the 95th percentile
    of chi-square with a degree of freedom less than there are classes (Yurdakul 2018, by the normal approximation).
    """
    first, second = np.asarray(before, np.float64), np.asarray(now, np.float64)
    if not first.sum() or not second.sum():
        return None
    gap = float(np.abs(np.cumsum(first) / first.sum() - np.cumsum(second) / second.sum()).max())
    classes = _classes(first)
    p = np.add.reduceat(first, classes) / first.sum()
    q = np.maximum(np.add.reduceat(second, classes), _HALF) / second.sum()
    index = float(((q - p) * np.log(q / p)).sum())
    free = len(classes) - 1
    chance = float((free + _UPPER * np.sqrt(2 * free)) * (1 / first.sum() + 1 / second.sum()))
    reading: Reading = (
        "same" if index < SAME else "chance" if index <= chance else "moved" if index < OTHER else "other"
    )
    return ScoreDrift(
        documents=int(second.sum()), psi=round(index, 4), chance=round(chance, 4), ks=round(gap, 4), reading=reading
    )


def in_words(found: ScoreDrift) -> str:
    """What the index says, in two or three words.

    >>> in_words(drift([50, 50], [49, 51]))
    'as before'
    """
    return _WORDS[found["reading"]]


def measured_on(card: Mapping[str, Any]) -> list[int] | None:
    """The scores that a model's card gives documents which it had not seen: of documents as they come where it knows any,
    else of those labelled. None where the card holds none."""
    labels = card.get("labels")
    found: list[int] | None
    if labels is not None:
        found = (labels.get("of_documents") or labels).get("scores")
    else:
        found = card.get("held_out", {}).get("histogram", {}).get("negative")
    return found


def _classes(counts: NDArray[np.float64]) -> NDArray[np.int64]:
    """Where classes begin, neighbours joined from the lowest up until each holds enough; what is left joins the last."""
    least = _LEAST_OF_CLASS * counts.sum()
    begins, held = [0], 0.0
    for place, count in enumerate(counts):
        if held >= least and counts[place:].sum() >= least:
            begins.append(place)
            held = 0.0
        held += count
    return np.array(begins, np.int64)
