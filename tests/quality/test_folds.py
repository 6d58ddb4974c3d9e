"""Cross-fitting: a document's score comes from a model that has not seen its host, nor a copy of it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.errors import ConfigError
from curate.quality import logistic
from curate.quality.features import BUCKETS, extract
from curate.quality.folds import FEW_HOSTS, FOLDS, choose, folds_of
from curate.quality.measures import area_under_roc, balanced
from curate.quality.model import load, read_card
from curate.quality.seen import among, text_codes
from curate.quality.training import Examples, cross_fit, train
from curate.records.pages import ID
from tests.quality.test_quality import COMMON

WORDS = COMMON.split()


def identity(name: object) -> bytes:
    return hashlib.blake2b(str(name).encode(), digest_size=16).digest()


def page(number: int, words: str) -> str:
    """A text of common words, words of its kind, and words of its own, by which it can be remembered."""
    chance = np.random.default_rng(number)
    own = [f"w{number}x{each}" for each in range(40)]
    return " ".join(chance.permutation([*chance.choice(WORDS, 25), *chance.choice(words.split(), 2), *own]))


def examples(negatives: int, positives: int, hosts: int = 60, good_urls: bool = False) -> Examples:
    """Pages of `hosts` sites, and references that are hardly different, without addresses unless `good_urls`."""
    texts = [page(each, "click prose chapter theory") for each in range(negatives)]
    texts += [page(1_000_000 + each, "prose chapter theory") for each in range(positives)]
    urls: list[str | None] = [f"https://site{each % hosts}.example/{each}" for each in range(negatives)]
    urls += [f"https://good{each}.example/" if good_urls else None for each in range(positives)]
    return Examples(
        pa.array([identity(each) for each in range(negatives + positives)], ID),
        pa.array(urls, pa.string()),
        pa.array(texts, pa.large_string()),
        np.arange(negatives + positives) >= negatives,
    )


def deciles(scores: np.ndarray) -> np.ndarray:
    return np.quantile(scores, np.linspace(0.1, 0.9, 9))


def test_pages_of_the_sample_score_as_pages_outside_it(tmp_path: Path) -> None:
    """Half of the pages teach, every page can be remembered by its words: the scores of both halves are alike. One model
    of the same sample knows the half it saw."""
    every = examples(600, 200)
    sampled = np.arange(800) % 2 == 0
    sample = every.take(np.flatnonzero(sampled))
    cross_fit(str(tmp_path / "folds"), sample, "gpt3", seed=1)
    negative = ~every.positive
    scores, seen = load(str(tmp_path / "folds")).judge(every.texts, every.ids, every.urls)
    inside, outside = scores[negative & sampled], scores[negative & ~sampled]
    assert not seen[negative].any()
    assert np.abs(deciles(inside) - deciles(outside)).max() < 0.06
    area = area_under_roc(scores[negative].astype(np.float64), sampled[negative])
    assert area == pytest.approx(0.5, abs=0.06), "the sample cannot be told from the rest by its scores"

    train(str(tmp_path / "one"), sample, "gpt3", seed=1)
    leaked = load(str(tmp_path / "one"))(every.texts)
    known, unknown = deciles(leaked[negative & sampled])[-1], deciles(leaked[negative & ~sampled])[-1]
    assert 4 * known < unknown, "what cross-fitting is for"


def test_the_card_shows_what_a_leak_would_look_like(tmp_path: Path) -> None:
    given_examples = examples(300, 150)
    card = cross_fit(str(tmp_path / "model"), given_examples, "gpt3", seed=0)
    assert card == read_card(str(tmp_path / "model"))
    assert card["in_sample"]["roc_auc"] > 0.99 > card["held_out"]["roc_auc"]
    assert card["held_out"]["documents"] == {"positive": 150, "negative": 300}
    assert sum(card["in_sample"]["histogram"]["negative"]) == 300
    scores = load(str(tmp_path / "model"))(given_examples.texts, given_examples.ids, given_examples.urls)
    assert card["held_out"]["roc_auc"] == area_under_roc(scores.astype(np.float64), given_examples.positive)


@pytest.mark.parametrize("classifier", ["gpt3", "fasttext"])
def test_what_a_host_says_elsewhere_does_not_change_a_page_s_score(classifier: Any, tmp_path: Path) -> None:
    before = examples(200, 100)
    card = cross_fit(str(tmp_path / "before"), before, classifier, seed=4)
    changed = 7  # a page of site7: every other page of site7 is written anew
    others = [row for row in range(200) if row % 60 == changed and row != changed]
    texts = before.texts.to_pylist()
    for row in others:
        texts[row] = "entirely different theory evidence words " * 20
    after = before._replace(texts=pa.array(texts, pa.large_string()))
    cross_fit(str(tmp_path / "after"), after, classifier, seed=4)

    def scores(name: str) -> list[float]:
        asked = before.take(np.arange(200))
        found: list[float] = load(str(tmp_path / name))(asked.texts, asked.ids, asked.urls).tolist()
        return found

    old, new = scores("before"), scores("after")
    folds = folds_of(card["folds"], before.ids, before.urls)
    same_fold = [row for row in range(200) if folds[row] == folds[changed]]
    assert [old[row] for row in same_fold] == [new[row] for row in same_fold]
    assert old != new, "the other fold's model has seen the change"


@pytest.mark.parametrize("good_urls", [False, True])
def test_no_model_has_seen_a_host_that_it_scores(good_urls: bool, tmp_path: Path) -> None:
    data = examples(300, 100, good_urls=good_urls)
    card = cross_fit(str(tmp_path / "model"), data, "gpt3", seed=2)
    assert card["folds"]["by"] == "host"
    classifier = load(str(tmp_path / "model"))
    folds = folds_of(card["folds"], data.ids, data.urls)
    codes = text_codes(data.texts)
    asked = np.ones(400, bool) if good_urls else ~data.positive
    for fold in range(FOLDS):
        assert not among(codes[asked & (folds == fold)], classifier.seen[fold]).any()
        assert len(classifier.seen[fold]) > 100


def test_a_copy_on_another_host_gives_nothing_away(tmp_path: Path) -> None:
    """Mirrors: the same page on two hosts, one of which would teach the model that scores the other."""
    data = examples(300, 100)
    texts = data.texts.to_pylist()
    for row in range(0, 40, 2):
        texts[row + 1] = texts[row]
    data = data._replace(texts=pa.array(texts, pa.large_string()))
    cross_fit(str(tmp_path / "model"), data, "gpt3", seed=3)
    negatives = data.take(np.arange(300))
    _, seen = load(str(tmp_path / "model")).judge(negatives.texts, negatives.ids, negatives.urls)
    assert not seen.any()


def test_one_model_says_which_documents_it_has_seen(tmp_path: Path) -> None:
    data = examples(100, 50)
    card = train(str(tmp_path / "model"), data, "gpt3", seed=0)
    _, seen = load(str(tmp_path / "model")).judge(data.texts)
    assert seen.sum() == card["trained_on"]["positive"] + card["trained_on"]["negative"] < 150
    _, seen = load(str(tmp_path / "model")).judge(pa.array([page(5_000, "prose"), ""]))
    assert not seen.any()


@given(
    st.integers(0, 2**62), st.lists(st.sampled_from([f"site{n}.example" for n in range(30)]), min_size=2, max_size=40)
)
@settings(deadline=None, max_examples=50)
def test_a_fold_is_a_function_of_the_seed_and_the_host(seed: int, hosts: list[str]) -> None:
    ids = pa.array([identity(number) for number in range(2 * len(hosts))], ID)
    one = [f"http://{host}/a" for host in hosts]
    other = [f"https://me@WWW.{host.upper()}.:8080/b?q=1" for host in hosts]
    rule: Any = {"folds": FOLDS, "by": "host", "round": 0, "seed": seed}
    folds = folds_of(rule, ids, pa.array([*one, *other], pa.string()))
    assert folds[: len(hosts)].tolist() == folds[len(hosts) :].tolist()
    assert set(folds.tolist()) <= set(range(FOLDS))
    backwards = folds_of(rule, ids.take(pa.array(range(2 * len(hosts))[::-1])), pa.array([*one, *other][::-1]))
    assert backwards.tolist() == folds.tolist()[::-1]


def test_another_seed_makes_other_folds() -> None:
    data = examples(400, 100)
    found = [choose(data.ids, data.urls, data.positive, seed)[1].tolist() for seed in (0, 1, 0)]
    assert found[0] == found[2] != found[1]


def test_a_source_of_one_host_parts_page_by_page_and_says_so(tmp_path: Path) -> None:
    card = cross_fit(str(tmp_path / "model"), examples(80, 40, hosts=1), "gpt3", seed=0)
    assert card["folds"]["by"] == "document"
    assert cross_fit(str(tmp_path / "two"), examples(80, 40, hosts=2), "gpt3", seed=0)["folds"]["by"] == "host"


def test_positives_of_few_hosts_part_one_by_one_unless_they_are_scored_themselves() -> None:
    data = examples(200, 100)
    urls = data.urls.to_pylist()
    for row in range(200, 300):
        urls[row] = f"https://encyclopaedia{row % (FEW_HOSTS - 1)}.example/{row}"
    data = data._replace(urls=pa.array(urls, pa.string()))
    _, folds = choose(data.ids, data.urls, data.positive, seed=0)
    first = [fold for row, fold in enumerate(folds.tolist()) if row >= 200 and row % (FEW_HOSTS - 1) == 0]
    assert set(first) == {0, 1}
    own = data._replace(ids=pa.array([*data.ids.to_pylist()[:200], *data.ids.to_pylist()[:100]], ID))
    own = own._replace(urls=pa.array([*urls[:200], *urls[:100]], pa.string()))
    rule, folds = choose(own.ids, own.urls, own.positive, seed=0)
    assert folds.tolist() == folds_of(rule, own.ids, own.urls).tolist(), "a document has one fold, whatever it teaches"


def test_one_document_cannot_be_scored_by_a_model_that_has_not_seen_it(tmp_path: Path) -> None:
    for data in (examples(1, 30), examples(30, 1)):
        with pytest.raises(ConfigError, match="at least 2"):
            cross_fit(str(tmp_path / "model"), data, "gpt3", seed=0)
    assert cross_fit(str(tmp_path / "model"), examples(2, 2), "gpt3", seed=0)["trained_on"]["negative"] == 2


def test_a_model_of_version_0_1_scores_as_it_did(tmp_path: Path) -> None:
    """Its file has one column, `weights`, and the intercept in its card."""
    data = examples(100, 50)
    weights, intercept = logistic.fit(extract(data.texts), data.positive, balanced(data.positive), 100.0)
    schema = pa.schema(
        [("weights", pa.float32())], metadata={"card": f'{{"classifier": "gpt3", "intercept": {intercept!r}}}'}
    )
    with pa.ipc.new_file(str(tmp_path / "old"), schema) as writer:
        writer.write_batch(pa.record_batch([pa.array(weights.astype(np.float32))], schema=schema))
    dense = np.zeros((150, BUCKETS), np.float32)
    features = extract(data.texts)
    for row in range(150):
        at = slice(features.bounds[row], features.bounds[row + 1])
        dense[row, features.buckets[at]] = features.values[at]
    expected = 1 / (1 + np.exp(-(dense.astype(np.float64) @ weights.astype(np.float32) + intercept)))
    scores, seen = load(str(tmp_path / "old")).judge(data.texts, data.ids, data.urls)
    assert scores == pytest.approx(expected, abs=1e-5)
    assert not seen.any()
