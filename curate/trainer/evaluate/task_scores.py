"""What the likelihoods of an item's continuations say: accuracy, and what small models move. Knows numbers only.

Small models answer by chance long after they have begun to learn: the likelihood of the right answer moves first
(DataDecide, Magnusson et al. 2025; Heineman et al. 2025). Per item, then the mean over items:

- `accuracy`: the right choice is the likeliest, as the task compares likelihoods.
- `gold bits/byte`: bits that the right answer needs per byte of UTF-8, its leading space counted. Lower is better.
- `probability`: of the right choice, likelihoods per character compared with the sum over choices.
- `margin`: likelihood per character of the right choice less that of the likeliest wrong one.

>>> round(scores([-9, -7.5, -12], [" a cat", " dog", " the café"], 0, "characters")["gold bits/byte"], 6)
2.164043
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from curate.trainer.evaluate.task_formats import Normalise

ACCURACY, GOLD, PROBABILITY, MARGIN = "accuracy", "gold bits/byte", "probability", "margin"
MEASURES = (ACCURACY, GOLD, PROBABILITY, MARGIN)


def scores(
    nats: Sequence[float],
    continuations: Sequence[str],
    gold: int,
    normalise: Normalise,
    *,
    spaces: bool = True,
    unconditional: Sequence[float] | None = None,
) -> dict[str, float]:
    """The measures of one item of several choices.

    `nats`: log-likelihoods. `spaces`: a choice's leading space counts as a character (OLMES) or not (lm-evaluation-harness).
    `unconditional`: log-likelihoods without the question, for that normalisation.
    """
    likelihoods = np.asarray(nats, dtype=np.float64)
    characters = np.array([len(each) if spaces else max(1, len(each.strip(" "))) for each in continuations])
    compared = likelihoods
    if normalise == "characters":
        compared = likelihoods / characters
    elif normalise == "unconditional" and unconditional is not None:
        compared = likelihoods - np.asarray(unconditional, dtype=np.float64)
    each = np.exp(likelihoods / np.array([len(text) for text in continuations]))
    wrong = np.delete(each, gold)
    return {
        ACCURACY: float(int(np.argmax(compared)) == gold),
        GOLD: bits_of_gold(float(likelihoods[gold]), continuations[gold]),
        PROBABILITY: float(each[gold] / each.sum()) if each.sum() else 0.0,
        MARGIN: float(each[gold] - wrong.max()) if len(wrong) else float(each[gold]),
    }


def bits_of_gold(nats: float, continuation: str) -> float:
    """Bits per byte of the right answer, from its log-likelihood."""
    return -nats / (len(continuation.encode()) * math.log(2))
