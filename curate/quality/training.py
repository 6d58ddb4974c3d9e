"""Training a quality classifier: which examples teach and which are held out, the model, its card.

Everything follows from the examples and a seed: their order does not matter, nor the machine. Examples of one web
host are held out together, so that a model cannot do well by knowing a site. Knows examples; knows no pipeline.
"""

import hashlib
from typing import Any, Literal, NamedTuple
from urllib.parse import urlsplit

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.chance import draw, unit
from curate.errors import ConfigError
from curate.quality import fasttext_classifier, logistic
from curate.quality.features import BUCKETS, extract, margins
from curate.quality.measures import balanced, baselines, separation
from curate.quality.model import probability, write_model
from curate.records.pages import ID

HELD_OUT = 0.2
"""Share of the groups that measures a model and does not train it."""

_FEW_HOSTS = 20  # an encyclopaedia is one host: holding it out, or not, would leave nothing to measure
_VARIANCE = 100.0  # of the prior on a weight: of 0.1 to 1,000 the likeliest on held-out hosts, docs/quality.md

_MOST_REPEATS = 10  # of an example of the smaller class, for fastText, which knows no weights

Classifier = Literal["gpt3", "fasttext"]


class Examples(NamedTuple):
    """Documents of two classes: `ids` binary(16), `urls` string with nulls, `texts` large_string, `positive` bool."""

    ids: pa.Array
    urls: pa.Array
    texts: pa.Array
    positive: NDArray[np.bool_]

    def take(self, rows: NDArray[Any]) -> "Examples":
        """These rows, in this order."""
        chosen = pa.array(rows)
        return Examples(self.ids.take(chosen), self.urls.take(chosen), self.texts.take(chosen), self.positive[rows])


def train(path: str, examples: Examples, classifier: Classifier, seed: int) -> dict[str, Any]:
    """Write a model of examples to a file; returns its card. Raises ValueError where a class has no examples."""
    order = np.argsort(draw(examples.ids, seed, "quality/order"), kind="stable")
    examples = examples.take(order)
    held = held_out(examples, seed)
    if not all((examples.positive[~held] == side).any() for side in (True, False)):
        held = np.zeros(len(held), bool)  # too few to spare any
    for side, name in ((True, "positive"), (False, "negative")):
        if not (examples.positive == side).any():
            raise ConfigError(f"a quality classifier needs {name} examples, and there are none")
    teaching, measuring = examples.take(np.flatnonzero(~held)), examples.take(np.flatnonzero(held))
    card: dict[str, Any] = {
        "classifier": classifier,
        "seed": seed,
        "trained_on": {
            "positive": int(teaching.positive.sum()),
            "negative": int((~teaching.positive).sum()),
            "fingerprint": _fingerprint(teaching),
        },
    }
    content: NDArray[np.float32] | bytes
    if classifier == "gpt3":
        weights, intercept = logistic.fit(
            extract(teaching.texts), teaching.positive, balanced(teaching.positive), _VARIANCE
        )
        content = weights.astype(np.float32)
        card |= {"features": {"buckets": BUCKETS, "hash": "murmur3_x86_32, seed 42"}, "intercept": intercept}
        scores = probability(margins(measuring.texts, content, intercept))
    else:
        content = fasttext_classifier.train(teaching.texts, teaching.positive, _evenly(teaching, seed), seed)
        scores = fasttext_classifier.scorer(content)(measuring.texts)
    card["held_out"] = {"roc_auc": None}
    if held.any():
        known = teaching.texts, teaching.positive, measuring.texts, measuring.positive
        card["held_out"] = separation(scores, measuring.positive, measuring.texts) | {"baselines": baselines(*known)}
    write_model(path, card, content)
    return card


def held_out(examples: Examples, seed: int) -> NDArray[np.bool_]:
    """Which examples are held out: all of a host or none, and single documents of a class that has few hosts."""
    ids = examples.ids.to_pylist()
    hosts = [_host(url) for url in examples.urls.to_pylist()]
    few = [
        len({host for host, each in zip(hosts, examples.positive, strict=True) if each == side}) < _FEW_HOSTS
        for side in (False, True)
    ]
    groups = [
        hashlib.blake2b(identity if few[positive] else host or identity, digest_size=16).digest()
        for identity, host, positive in zip(ids, hosts, examples.positive.tolist(), strict=True)
    ]
    return unit(draw(pa.array(groups, ID), seed, "quality/held-out")) < HELD_OUT


def _host(url: str | None) -> bytes:
    try:
        return (urlsplit(url or "").hostname or "").encode()
    except ValueError:  # an address no parser accepts
        return b""


def _evenly(examples: Examples, seed: int) -> NDArray[np.int64]:
    """Rows in an order of chance, those of the smaller class so often that both are about as many."""
    positives = int(examples.positive.sum())
    negatives = len(examples.positive) - positives
    times = np.where(examples.positive, round(negatives / positives), round(positives / negatives))
    times = np.clip(times, 1, _MOST_REPEATS)
    rows, keys = [], []
    for turn in range(int(times.max())):
        among = np.flatnonzero(times > turn)
        rows.append(among)
        keys.append(draw(examples.ids, seed, "quality/repeat", turn)[among])
    order: NDArray[np.int64] = np.concatenate(rows)[np.argsort(np.concatenate(keys), kind="stable")]
    return order


def _fingerprint(examples: Examples) -> str:
    """SHA-256 of the examples' classes, ids and texts, in the order of ids."""
    digest = hashlib.sha256()
    ids = examples.ids.to_pylist()
    for row in sorted(range(len(ids)), key=ids.__getitem__):
        text = hashlib.sha256(examples.texts[row].as_buffer()).digest()
        digest.update(ids[row] + bytes([int(examples.positive[row])]) + text)
    return digest.hexdigest()
