"""Quality classifiers: hashed words, a model that follows from its data, the keep rule, and what explains a score."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import fasttext
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.cli.main import main
from curate.quality import fasttext_classifier, logistic, measures
from curate.quality.features import BUCKETS, Features, extract, murmur3
from curate.quality.model import Trained, load, probability, read_card, write_model
from curate.quality.threshold import threshold_of_share
from curate.quality.training import Examples, held_out, train
from curate.records.pages import ID
from curate.verdicts.draws import as_draw, keep_probability, keeps, lomax

MASK = 0xFFFFFFFF


def plain_murmur3(data: bytes, seed: int = 42) -> int:
    """MurmurHash3_x86_32 with Python's whole numbers, after its definition."""

    def scramble(block: int) -> int:
        block = block * 0xCC9E2D51 & MASK
        return (block << 15 | block >> 17) * 0x1B873593 & MASK

    code = seed
    whole = len(data) // 4 * 4
    for start in range(0, whole, 4):
        code ^= scramble(int.from_bytes(data[start : start + 4], "little"))
        code = ((code << 13 | code >> 19) & MASK) * 5 + 0xE6546B64 & MASK
    if data[whole:]:
        code ^= scramble(int.from_bytes(data[whole:], "little"))
    code ^= len(data)
    for multiplier, shift in ((0x85EBCA6B, 16), (0xC2B2AE35, 13)):
        code = (code ^ code >> shift) * multiplier & MASK
    return code ^ code >> 16


def hashed(word: bytes) -> int:
    return int(murmur3(np.frombuffer(word, np.uint8), 0, len(word)))


def test_words_hash_as_in_sparks_documentation() -> None:
    """HashingTF's example: of ten buckets, a, b and c fall into 7, 5 and 8."""
    signed = [int(np.array(hashed(word), np.uint32).view(np.int32)) for word in (b"a", b"b", b"c")]
    assert [code % 10 for code in signed] == [7, 5, 8]


@given(st.binary(max_size=40))
@settings(deadline=None)
def test_words_hash_by_murmur3(word: bytes) -> None:
    assert hashed(word) == plain_murmur3(word)


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=60), min_size=1, max_size=5))
@settings(deadline=None)
def test_features_count_lower_case_words(texts: list[str]) -> None:
    features = extract(pa.array(texts, pa.large_string()))
    for row, text in enumerate(texts):
        words = text.lower().replace("ς", "σ").split()  # one sigma, wherever it stands
        counts = Counter(plain_murmur3(word.encode()) % BUCKETS for word in words)
        length = sum(count * count for count in counts.values()) ** 0.5
        start, end = features.bounds[row], features.bounds[row + 1]
        found = dict(zip(features.buckets[start:end].tolist(), features.values[start:end].tolist(), strict=True))
        assert found == pytest.approx({bucket: count / length for bucket, count in counts.items()})


def examples(good: list[str], other: list[str], urls: list[str | None] | None = None) -> Examples:
    texts = [*good, *other]
    ids = [
        int(number + 1).to_bytes(16, "little") for number in np.random.default_rng(5).permutation(1 << 16)[: len(texts)]
    ]
    return Examples(
        pa.array(ids, ID),
        pa.array(urls or [None] * len(texts), pa.string()),
        pa.array(texts, pa.large_string()),
        np.arange(len(texts)) < len(good),
    )


def invented(words: str, documents: int, seed: int) -> list[str]:
    """Texts of 20 to 60 of these words."""
    chance = np.random.default_rng(seed)
    return [" ".join(chance.choice(words.split(), chance.integers(20, 60))) for _ in range(documents)]


COMMON = "the of and to in that it was for on with as his they be at one have this"
GOOD = invented(COMMON + " theory evidence century chapter government species", 120, 1)
OTHER = invented(COMMON + " click buy login cookies free shipping subscribe", 150, 2)


@pytest.mark.parametrize("classifier", ["gpt3", "fasttext"])
def test_a_model_follows_from_its_examples_and_not_from_their_order(classifier: Any, tmp_path: Path) -> None:
    given_in_order = examples(GOOD, OTHER)
    shuffled = given_in_order.take(np.random.default_rng(3).permutation(len(GOOD) + len(OTHER)))
    card = train(str(tmp_path / "one"), given_in_order, classifier, seed=7)
    assert train(str(tmp_path / "two"), shuffled, classifier, seed=7) == card
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    train(str(tmp_path / "three"), given_in_order, classifier, seed=8)
    assert (tmp_path / "one").read_bytes() != (tmp_path / "three").read_bytes(), "another seed holds others out"
    changed = examples([*GOOD[:-1], GOOD[-1] + " more"], OTHER)
    again = train(str(tmp_path / "four"), changed, classifier, seed=7)
    assert (
        again["trained_on"]["fingerprint"] != card["trained_on"]["fingerprint"] or again["held_out"] != card["held_out"]
    )


@pytest.mark.parametrize("classifier", ["gpt3", "fasttext"])
def test_a_model_tells_the_classes_apart_and_says_how_well(classifier: Any, tmp_path: Path) -> None:
    path = str(tmp_path / "model")
    card = train(path, examples(GOOD, OTHER), classifier, seed=0)
    assert read_card(path) == card
    scores = load(path)(pa.array(["evidence for the theory of species", "click to buy with free shipping"]))
    assert scores[0] > 0.5 > scores[1]
    held = card["held_out"]
    assert held["roc_auc"] > 0.99
    assert sum(held["documents"].values()) + card["trained_on"]["positive"] + card["trained_on"]["negative"] == 270
    assert sum(held["histogram"]["positive"]) == held["documents"]["positive"]
    assert {"false_positives", "recall", "precision", "threshold"} == held["points"][0].keys()
    assert held["points"][-1]["recall"] == 1


def test_the_solution_is_the_least_loss(tmp_path: Path) -> None:
    """At the weights found no direction leads further down: the gradient is nothing beside the first one."""
    data = examples(GOOD, OTHER)
    features, importance = extract(data.texts), measures.balanced(data.positive)
    weights, intercept = logistic.fit(features, data.positive, importance, 10.0)
    dense = np.zeros((len(data.positive), BUCKETS))
    for row in range(len(dense)):
        start, end = features.bounds[row], features.bounds[row + 1]
        dense[row, features.buckets[start:end]] = features.values[start:end]
    signs = np.where(data.positive, 1, -1)

    def gradient(point: np.ndarray, bias: float) -> np.ndarray:
        slopes = -signs * importance / (1 + np.exp(signs * (dense @ point + bias)))
        return np.append(dense.T @ slopes + point / 10.0, slopes.sum())

    first = np.linalg.norm(gradient(np.zeros(BUCKETS), 0.0))
    assert np.linalg.norm(gradient(weights, intercept)) < 2e-4 * first


def test_a_score_does_not_follow_from_the_length(tmp_path: Path) -> None:
    """The same text three times over, or with its lines apart, scores the same."""
    path = str(tmp_path / "model")
    train(path, examples(GOOD, OTHER), "gpt3", seed=0)
    once, thrice, apart = load(path)(pa.array([GOOD[0], f"{GOOD[0]}\n" * 3, GOOD[0].replace(" ", "\n\n")]))
    assert thrice == pytest.approx(once, abs=1e-6)
    assert apart == once


def test_a_fasttext_classifier_scores_as_the_library(tmp_path: Path) -> None:
    data = examples(GOOD, OTHER)
    path = tmp_path / "model.bin"
    path.write_bytes(fasttext_classifier.train(data.texts, data.positive, np.arange(len(data.positive)), seed=1))
    texts = ["evidence for the theory", "click to buy\nwith free shipping", ""]
    library = fasttext.load_model(str(path))
    for label in ("__label__hq", "__label__cc"):
        scores = load(str(path), label)(pa.array(texts))
        for text, score in zip(texts, scores, strict=True):
            labels, values = library.predict(text.replace("\n", " "), k=2)
            assert score == np.float32(min(dict(zip(labels, values, strict=True))[label], 1))
    with pytest.raises(ValueError, match="__label__hq"):
        load(str(path), "__label__good")


def test_hosts_are_held_out_whole() -> None:
    urls = [f"https://site{number % 40}.example/{number}" for number in range(len(GOOD) + len(OTHER))]
    data = examples(GOOD, OTHER, list(urls))
    held = held_out(data, seed=0)
    hosts = np.array([url.split("/")[2] for url in urls])
    assert 0.05 < held.mean() < 0.4
    assert not set(hosts[held]) & set(hosts[~held])


def test_references_of_one_host_are_held_out_one_by_one() -> None:
    """An encyclopaedia is one host; a model that saw none of it, or all, could not be measured."""
    urls = ["https://encyclopaedia.example/a"] * len(GOOD) + [
        f"https://site{n % 50}.example/" for n in range(len(OTHER))
    ]
    data = examples(GOOD, OTHER, list(urls))
    held = held_out(data, seed=0)
    assert 0.1 < held[data.positive].mean() < 0.3
    hosts = np.array(urls)[~data.positive]
    assert not set(hosts[held[~data.positive]]) & set(hosts[~held[~data.positive]])


def test_a_class_without_examples_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="negative examples"):
        train(str(tmp_path / "model"), examples(GOOD, []), "gpt3", seed=0)


def test_three_documents_are_enough_to_train_on(tmp_path: Path) -> None:
    card = train(str(tmp_path / "model"), examples(["good words"], ["bad words", "worse words"]), "gpt3", seed=0)
    assert card["trained_on"]["positive"] == 1
    assert (load(str(tmp_path / "model"))(pa.array(["", "good"])) >= 0).all()


def test_documents_are_kept_by_the_papers_law() -> None:
    """`np.random.pareto(9) > 1 - score`: numpy's own draws and these keep the same shares, (2 - score)^-9."""
    uniform = as_draw((np.arange(200_000) + 0.5) / 200_000)
    numpys = np.random.default_rng(0).pareto(9, 200_000)
    for score, share in ((0.0, 0.002), (0.5, 0.026), (0.9, 0.42), (1.0, 1.0)):
        scores = np.full(len(uniform), score, np.float32)
        kept = keeps(scores, uniform, 9).mean()
        assert kept == pytest.approx(share, abs=0.005)
        assert kept == pytest.approx((numpys > 1 - score).mean(), abs=0.005)
        assert kept == pytest.approx(keep_probability(scores[:1], 9)[0], abs=1e-4)


def test_a_larger_alpha_never_keeps_more() -> None:
    chance = np.random.default_rng(1)
    scores, draws = chance.random(5_000, np.float32), as_draw(chance.random(5_000))
    kept = [keeps(scores, draws, alpha) for alpha in (1, 3, 9, 20)]
    for wider, narrower in pairwise(kept):
        assert not (narrower & ~wider).any()


def test_no_draw_is_one() -> None:
    draws = as_draw(np.array([1 - 2**-53, 0.0]))
    assert draws.max() < 1
    assert np.isfinite(lomax(draws, 9)).all()


@given(st.lists(st.integers(0, 30), min_size=1, max_size=80), st.floats(0, 1))
@settings(deadline=None)
def test_the_threshold_of_a_share_is_found_exactly(levels: list[int], share: float) -> None:
    scores = np.array(levels, np.float32) / np.float32(30)
    threshold = threshold_of_share(lambda: [scores[::2], scores[1::2]], share)
    wanted = round(share * len(scores))
    if wanted == 0:
        assert not (scores >= threshold).any()
    else:
        assert threshold == np.sort(scores)[-wanted]


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=30))
def test_the_area_under_roc_counts_pairs(rows: list[tuple[int, bool]]) -> None:
    scores, positive = np.array([float(score) for score, _ in rows]), np.array([good for _, good in rows])
    pairs = [(a > b) + (a == b) / 2 for a in scores[positive] for b in scores[~positive]]
    area = measures.area_under_roc(scores, positive)
    assert area == (pytest.approx(np.mean(pairs)) if pairs else None)


def test_a_classifier_that_only_sees_length_is_found_out() -> None:
    """The known failure: references shorter than pages. At equal length nothing is left, and length alone explains it."""
    chance = np.random.default_rng(0)
    positive = np.arange(2_000) < 1_000
    lengths = np.where(positive, chance.integers(50, 400, 2_000), chance.integers(100, 3_000, 2_000))
    texts = pa.array(["x" * int(length) for length in lengths])
    scores = probability(1.0 - lengths / 300.0)
    measured = measures.separation(scores, positive, texts)
    assert measured["roc_auc"] > 0.9
    assert measured["roc_auc_at_equal_length"] < 0.75
    assert measures.baselines(texts, positive, texts, positive)["roc_auc"]["length"] == pytest.approx(
        measured["roc_auc"], abs=0.01
    )


def test_register_alone_is_measured() -> None:
    """Pages in capitals and digits against prose of the same words and lengths."""
    prose = invented("the evidence of a theory was in that century", 200, 4)
    shouted = [text.upper().replace("EVIDENCE", "1234") for text in invented("the evidence of a theory", 200, 5)]
    texts, positive = pa.array([*prose, *shouted]), np.arange(400) < 200
    areas = measures.baselines(texts, positive, texts, positive)["roc_auc"]
    assert areas["register"] == pytest.approx(1, abs=0.01)
    assert areas["length"] < 0.8


def test_dense_rows_are_rows_of_features() -> None:
    rows = measures._rows(np.array([[1.0, 2.0], [3.0, 4.0]]))
    assert isinstance(rows, Features)
    assert rows.values.tolist() == [1, 2, 3, 4]


def jsonl(path: Path, texts: list[str]) -> str:
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.writelines(json.dumps({"text": text}) + "\n" for text in texts)
    return str(path)


@pytest.mark.parametrize("classifier", ["gpt3", "fasttext"])
def test_a_model_is_shared_between_runs_by_the_command_line(
    classifier: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, other = jsonl(tmp_path / "good.jsonl.gz", GOOD), jsonl(tmp_path / "other.jsonl.gz", OTHER)
    model, scored = str(tmp_path / "model"), tmp_path / "scores" / "scores.parquet"
    arguments = ["--positives", good, "--negatives", other]
    assert main(["quality", "train", *arguments, "--classifier", classifier, "--out", model]) == 0
    assert "area under ROC" in capsys.readouterr().out
    assert main(["quality", "evaluate", model]) == 0
    assert "length alone" in capsys.readouterr().out
    assert main(["quality", "evaluate", model, *arguments, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["documents"] == {"positive": len(GOOD), "negative": len(OTHER)}
    assert main(["quality", "score", model, good, other, "--out", str(scored)]) == 0
    assert "kept by the draw" in capsys.readouterr().out
    table = pq.read_table(scored)
    assert table.column_names == ["id", "url", "score"]
    assert table.column("score").to_pylist() == load(model)(pa.array([*GOOD, *OTHER])).tolist()


def test_a_model_of_other_features_is_refused(tmp_path: Path) -> None:
    path = str(tmp_path / "model")
    write_model(path, {}, [Trained(np.zeros(16, np.float32), 0.0, np.zeros(0, np.uint64))])
    with pytest.raises(ValueError, match="16 weights"):
        load(path)


def test_a_file_that_is_no_model_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = jsonl(tmp_path / "texts.jsonl.gz", GOOD)
    assert main(["quality", "score", text, text, "--out", str(tmp_path / "scores")]) == 2
    assert main(["quality", "evaluate", str(tmp_path / "none")]) == 2
    assert "none" in capsys.readouterr().err


def test_real_references_are_told_from_real_pages(shared_data: Path, tmp_path: Path) -> None:
    """Wikipedia and science news against the main text of English pages, no web host on both sides."""
    good = []
    for name in ("wikipedia-paragraphs", "abc-science"):
        with gzip.open(shared_data / "text" / f"{name}.jsonl.gz", "rt", encoding="utf-8") as file:
            good += [json.loads(line)["text"] for line in file][:600]
    with gzip.open(shared_data / "realweb-dev.gold.jsonl.gz", "rt", encoding="utf-8") as file:
        pages = [row for row in map(json.loads, file) if row["text"] and (row["html_lang"] or "").startswith("en")]
    urls = [*[None] * len(good), *(row["url"] for row in pages)]
    data = examples(good, [row["text"] for row in pages], urls)
    held = train(str(tmp_path / "model"), data, "gpt3", seed=0)["held_out"]
    assert held["roc_auc"] > 0.95
    assert held["roc_auc_at_equal_length"] > 0.9
    assert held["baselines"]["roc_auc"]["both"] > 0.9, "most of it is length and register, and the card says so"
