"""Training a quality classifier: which examples teach and which measure, the models, their card.

`cross_fit` is what a run does: a model per fold of hosts, each measured, and later used, on what it has not seen. `train`
makes one model of examples that will not be scored, and holds a fifth of them out. Everything follows from the examples
and a seed: their order does not matter, nor the machine. Knows examples; knows no pipeline.
"""

import hashlib
from typing import Any, Literal, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.errors import ConfigError
from curate.quality import fasttext_classifier, logistic
from curate.quality.features import BUCKETS, extract
from curate.quality.folds import FEW_HOSTS, choose, groups
from curate.quality.measures import area_under_roc, balanced, baselines, separation
from curate.quality.model import Trained, write_model
from curate.quality.seen import among, text_codes
from curate.quality.threshold import histogram
from curate.records.quality import Card
from curate.text.addresses import hosts
from curate.text.chance import draw, unit

HELD_OUT = 0.2
"""Share of the groups that measures a model and does not train it."""

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


def cross_fit(path: str, examples: Examples, classifier: Classifier, seed: int) -> Card:
    """Write a model per fold, none of which has seen the hosts that it will score; returns their card.

    Raises ConfigError where a class has fewer than two examples.
    """
    examples = _in_order(examples, seed)
    rule, folds = choose(examples.ids, examples.urls, examples.positive, seed)
    codes = text_codes(examples.texts)
    models: list[Trained] = []
    baseline: dict[str, Any] = {}
    unseen, known = np.zeros(len(folds), np.float32), np.zeros(len(folds), np.float32)
    taught = np.zeros(len(folds), np.bool_)
    for fold in range(rule["folds"]):
        inside = folds == fold
        outside = ~inside & ~among(codes, np.unique(codes[inside]))  # a copy of a page of this fold would give it away
        if not all((examples.positive[outside] == side).any() for side in (True, False)):
            outside = ~inside  # nothing but copies
        teaching, measuring = examples.take(np.flatnonzero(outside)), examples.take(np.flatnonzero(inside))
        models.append(_fit(teaching, classifier, seed))
        score = models[-1].scorer()
        unseen[inside], known[outside] = score(measuring.texts), score(teaching.texts)
        taught |= outside
        baseline = baseline or _baselines(teaching, measuring)
    card = _card(examples.take(np.flatnonzero(taught)), classifier, seed)
    card["folds"] = rule
    card["held_out"] = separation(unseen, examples.positive, examples.texts) | {"baselines": baseline}
    card["in_sample"] = _in_sample(known[taught], examples.positive[taught])  # each was taught to one of two models
    write_model(path, card, models)
    return card


def train(path: str, examples: Examples, classifier: Classifier, seed: int) -> Card:
    """Write one model of examples to a file; returns its card. Raises ConfigError where a class has no examples."""
    examples = _in_order(examples, seed)
    held = held_out(examples, seed)
    if not all((examples.positive[~held] == side).any() for side in (True, False)):
        held = np.zeros(len(held), bool)  # too few to spare any
    for side, name in ((True, "positive"), (False, "negative")):
        if not (examples.positive == side).any():
            raise ConfigError(f"a quality classifier needs {name} examples, and there are none")
    teaching, measuring = examples.take(np.flatnonzero(~held)), examples.take(np.flatnonzero(held))
    model = _fit(teaching, classifier, seed)
    score = model.scorer()
    card = _card(teaching, classifier, seed)
    card["held_out"] = {"roc_auc": None}
    if held.any():
        measured = separation(score(measuring.texts), measuring.positive, measuring.texts)
        card["held_out"] = measured | {"baselines": _baselines(teaching, measuring)}
    card["in_sample"] = _in_sample(score(teaching.texts), teaching.positive)
    write_model(path, card, [model])
    return card


def _in_order(examples: Examples, seed: int) -> Examples:
    """The examples in an order of chance that follows from their ids."""
    return examples.take(np.argsort(draw(examples.ids, seed, "quality/order"), kind="stable"))


def _fit(teaching: Examples, classifier: Classifier, seed: int) -> Trained:
    """A model of all these examples."""
    seen = text_codes(teaching.texts)
    if classifier == "fasttext":
        order = _evenly(teaching, seed)
        return Trained(fasttext_classifier.train(teaching.texts, teaching.positive, order, seed), 0.0, seen)
    importance = balanced(teaching.positive)
    weights, intercept = logistic.fit(extract(teaching.texts), teaching.positive, importance, _VARIANCE)
    return Trained(weights.astype(np.float32), intercept, seen)


def _card(teaching: Examples, classifier: Classifier, seed: int) -> Card:
    card: Card = {
        "classifier": classifier,
        "seed": seed,
        "trained_on": {
            "positive": int(teaching.positive.sum()),
            "negative": int((~teaching.positive).sum()),
            "fingerprint": _fingerprint(teaching),
        },
    }
    if classifier == "gpt3":
        card["features"] = {"buckets": BUCKETS, "hash": "murmur3_x86_32, seed 42"}
    return card


def _baselines(teaching: Examples, measuring: Examples) -> dict[str, Any]:
    return baselines(teaching.texts, teaching.positive, measuring.texts, measuring.positive)


def _in_sample(scores: NDArray[np.float32], positive: NDArray[np.bool_]) -> dict[str, Any]:
    return {
        "roc_auc": area_under_roc(scores.astype(np.float64), positive),
        "histogram": {"positive": histogram(scores[positive]), "negative": histogram(scores[~positive])},
    }


def held_out(examples: Examples, seed: int) -> NDArray[np.bool_]:
    """Which examples are held out: all of a host or none, and single documents of a class that has few hosts."""
    by_host, by_id = (groups(examples.ids, examples.urls, each) for each in (True, False))
    few = [_hosts(examples, side) < FEW_HOSTS for side in (False, True)]
    alone = pa.array(np.where(examples.positive, few[True], few[False]))
    return unit(draw(pc.if_else(alone, by_id, by_host), seed, "quality/held-out")) < HELD_OUT


def _hosts(examples: Examples, side: bool) -> int:
    return len(pc.unique(hosts(examples.urls.filter(pa.array(examples.positive == side))).drop_null()))


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
