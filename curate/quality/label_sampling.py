"""What to label next: documents spread over the scores, and among them those on which the models are least sure.

Half of what is drawn is by chance, evenly over twentieths of the score, so that rare good documents come and the labels
still stand for all scores; half is where the models of the folds differ most, evenly over the same twentieths (a committee
of models: Seung et al. 1992). At most one document of a host, so that no site is labelled twice. Without a model all is by
chance, one of a host. Knows models and documents; knows no labels.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.quality.documents import read_documents
from curate.quality.folds import groups
from curate.quality.model import Classifier
from curate.text.chance import draw

_TWENTIETHS = 20


@dataclass(frozen=True)
class _Seen:
    """Of documents: key of the host, draw, score and disagreement; where it stands among all."""

    host: NDArray[Any]
    draw: NDArray[np.uint64]
    score: NDArray[np.float32]
    unsure: NDArray[np.float32]


def to_label(
    patterns: Sequence[str], text: str, model: Classifier | None, count: int, seed: int
) -> list[dict[str, Any]]:
    """At most `count` documents as JSON: id, url, text, and with a model score, disagreement and `why` (chance or unsure).

    The files are read twice: once to judge every document, once to take the texts of those chosen.
    """
    seen = _judge(patterns, text, model, seed)
    chosen = _choose(seen, count if model is None else (count + 1) // 2, seen.draw, {})
    if model is not None:
        least_sure = np.argsort(np.argsort(-seen.unsure, kind="stable"), kind="stable").astype(np.uint64)
        chosen = _choose(seen, count - len(chosen), least_sure, chosen, "unsure")
    rows: list[dict[str, Any]] = []
    begin = 0
    for batch in read_documents(patterns, text):
        for at in range(len(batch)):
            if begin + at in chosen:
                row = {name: batch.column(name)[at].as_py() for name in ("id", "url", "text")}
                row["id"] = row["id"].hex()
                if model is not None:
                    row |= {
                        "score": round(float(seen.score[begin + at]), 4),
                        "disagreement": round(float(seen.unsure[begin + at]), 4),
                        "why": chosen[begin + at],
                    }
                rows.append(row)
        begin += len(batch)
    return rows


def _judge(patterns: Sequence[str], text: str, model: Classifier | None, seed: int) -> _Seen:
    hosts, draws, scores, unsure = [], [], [], []
    for batch in read_documents(patterns, text):
        ids, urls, texts = (batch.column(name) for name in ("id", "url", "text"))
        hosts.append(np.array([key[:8] for key in groups(ids, urls).to_pylist()], "V8").view(np.uint64).ravel())
        draws.append(draw(ids, seed, "quality/label"))
        zeros = np.zeros(len(batch), np.float32)
        scores.append(zeros if model is None else model.judge(texts, ids, urls)[0])
        unsure.append(zeros if model is None else model.disagreement(texts))
    if not hosts:
        return _Seen(np.zeros(0, np.uint64), np.zeros(0, np.uint64), np.zeros(0, np.float32), np.zeros(0, np.float32))
    return _Seen(np.concatenate(hosts), np.concatenate(draws), np.concatenate(scores), np.concatenate(unsure))


def _choose(
    seen: _Seen, count: int, order: NDArray[np.uint64], before: dict[int, str], why: str = "chance"
) -> dict[int, str]:
    """`before` and up to `count` more documents: of each twentieth of the scores' range in turn the first by `order` whose
    host has none yet."""
    chosen = dict(before)
    hosts = {seen.host[row] for row in before}
    bins = np.minimum((seen.score * _TWENTIETHS).astype(np.int64), _TWENTIETHS - 1)
    queues = []
    for each in range(_TWENTIETHS):
        rows = np.flatnonzero(bins == each)
        queues.append(deque(rows[np.argsort(order[rows], kind="stable")].tolist()))
    left = count
    while left and any(queues):
        for queue in queues:
            while queue and left:
                row = queue.popleft()
                if row not in chosen and seen.host[row] not in hosts:
                    chosen[row] = why
                    hosts.add(seen.host[row])
                    left -= 1
                    break
    return chosen
