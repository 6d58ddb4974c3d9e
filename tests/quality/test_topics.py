"""Topics: terms, clusters, names, classifiers that are brought, and what a run makes of them."""

from __future__ import annotations

import gzip
import hashlib
import json
import math
import random
import shutil
import unicodedata
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import curate
from curate.audit.finding_facts import topics as topic_facts
from curate.audit.findings import findings
from curate.cli.main import main
from curate.config.reading import ConfigError, read_pipeline
from curate.engine.task import File, Inputs, Output
from curate.quality.topics.clusters import cluster, nearest, space_of, vectors_of
from curate.quality.topics.model import WEBORGANIZER, load, read_card, weborganizer_labels
from curate.quality.topics.naming import name_clusters
from curate.quality.topics.tasks import ClusterParams, find_clusters
from curate.quality.topics.terms import BUCKETS, Counts, count
from curate.records.batches import BatchWriter
from curate.records.pages import ID
from curate.records.quality import SAMPLE
from curate.shards import ShardReader
from curate.text.hashing import FNV_OFFSET, FNV_PRIME

THEMES = {
    "sea": "ship harbour sailor anchor tide captain deck sail voyage coast wave crew",
    "kitchen": "oven flour butter recipe spoon sugar dough bake kitchen salt cream pan",
    "law": "court judge verdict lawyer appeal statute plaintiff trial jury clause sentence hearing",
    "music": "violin melody concert opera singer chord piano rhythm band guitar drum composer",
    "garden": "soil seed flower tree pruning compost lawn hedge greenhouse watering bulb orchard",
}
COMMON = "the of and to in that it was for on with as"


def themed(theme: str, number: int, seed: int) -> list[str]:
    """Invented documents of one theme, a third of whose words are everybody's."""
    chance = random.Random(f"{theme}{seed}")
    words = THEMES[theme].split() * 2 + COMMON.split()
    return [" ".join(chance.choices(words, k=60)) + f" {seed}{i}." for i in range(number)]


def all_themes(number: int = 60, seed: int = 1) -> list[tuple[str, str]]:
    """(theme, text), mixed."""
    rows = [(theme, text) for theme in THEMES for text in themed(theme, number, seed)]
    random.Random(seed).shuffle(rows)
    return rows


def ids_of(texts: list[str]) -> pa.Array:
    return pa.array([hashlib.blake2b(text.encode(), digest_size=16).digest() for text in texts], ID)


def is_unspaced(letter: str) -> bool:
    code = ord(letter)
    blocks = (
        (0xE00, 0xEFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x3041, 0x30FF), (0x3400, 0x9FFF), (0xF900, 0xFAFF),
        (0x20000, 0x323FF),
    )  # fmt: skip
    return any(first <= code <= last for first, last in blocks)


def terms_read_slowly(text: str) -> list[str]:
    """The definition, character by character."""
    lower = "".join("i̇" if char == "İ" else "σ" if char in "ςΣ" else char.lower()[0] for char in text)
    found, word, letters, before = [], "", 0, ""
    for char in f"{lower} ":
        category = unicodedata.category(char)
        parts = category[0] == "P" or category == "Nd" or char.isspace()
        unspaced = not parts and is_unspaced(char)
        letter = category[0] == "L" and not unspaced
        other = category[0] not in "LPZ" and not (category[0] == "N" and char.isalnum()) and not char.isspace()
        symbol = 0x2000 <= ord(char) < 0x2E80 or ord(char) >= 0x1F000
        if letter or (word and other and ord(char) >= 0x300 and not unspaced and not symbol):
            word, letters = word + char, letters + 1
        elif word:
            found += [word] if letters >= 2 else []
            word, letters = "", 0
        if unspaced:
            found += [before + char] if before else []
            before = char
        else:
            before = ""
    return found


def bucket_read_slowly(term: str) -> int:
    code = int(FNV_OFFSET)
    for byte in term.encode():
        code = (code ^ byte) * int(FNV_PRIME) % 2**64
    code = (code ^ code >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    code = (code ^ code >> 27) * 0x94D049BB133111EB % 2**64
    return (code ^ code >> 31) % BUCKETS


alphabet = st.sampled_from("aBzß İΣς9_-.\n'é́한漢字かナー・ไทย၁ကြခ្ម️→🙂ⅷ़कि")
texts_of = st.lists(st.one_of(st.text(alphabet, max_size=40), st.text(max_size=20)), max_size=5)


@settings(deadline=None, max_examples=300)
@given(texts_of)
def test_terms_are_counted_as_their_definition_says(texts: list[str]) -> None:
    texts = [text.encode("utf-8", "replace").decode() for text in texts]
    found = count(pa.array(texts, pa.large_string()))
    for row, text in enumerate(texts):
        mine = slice(found.bounds[row], found.bounds[row + 1])
        expected = Counter(bucket_read_slowly(term) for term in terms_read_slowly(text))
        assert dict(zip(found.buckets[mine].tolist(), found.counts[mine].tolist(), strict=True)) == expected, text


def dense(counts: Counts) -> np.ndarray:
    """tf-idf as the definition says, from counts by bucket, with libraries' own arithmetic."""
    documents = len(counts.bounds) - 1
    table = np.zeros((documents, BUCKETS))
    for row in range(documents):
        mine = slice(counts.bounds[row], counts.bounds[row + 1])
        table[row, counts.buckets[mine]] = counts.counts[mine]
    table = table[:, space_of(counts).slot >= 0]
    frequency = (table > 0).sum(axis=0)
    weights = np.where(table > 0, 1 + np.log(np.maximum(table, 1)), 0) * np.log(documents / frequency)
    return weights / np.maximum(np.linalg.norm(weights, axis=1, keepdims=True), 1e-300)


def test_a_document_lies_in_the_cluster_whose_mean_is_nearest() -> None:
    """Compared with means and cosines of dense vectors."""
    rows = all_themes(30)
    texts = [text for _, text in rows]
    found = cluster(count(pa.array(texts)), ids_of(texts), 5, 3)
    vectors = dense(count(pa.array(texts)))
    means = np.stack([vectors[found.cluster == number].sum(axis=0) for number in range(found.centres.shape[1])])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    np.testing.assert_allclose(found.centres.T, means, atol=1e-6)
    cosines = vectors @ means.T
    assert found.cluster.tolist() == cosines.argmax(axis=1).tolist()
    np.testing.assert_allclose(found.cosine, cosines.max(axis=1), atol=1e-6)
    sizes = np.bincount(found.cluster).tolist()
    assert sizes == sorted(sizes, reverse=True), "the largest first"
    again, cosine = nearest(pa.array(texts), found.space, found.centres)
    assert again.tolist() == found.cluster.tolist()
    np.testing.assert_allclose(cosine, found.cosine, atol=1e-4)
    np.testing.assert_allclose(
        np.diff(vectors_of(count(pa.array(texts)), found.space).bounds), (vectors > 0).sum(axis=1)
    )


def test_clusters_are_the_themes_and_are_named_by_their_words() -> None:
    rows = all_themes()
    texts = [text for _, text in rows]
    found = cluster(count(pa.array(texts)), ids_of(texts), len(THEMES), 0)
    names, words = name_clusters(found, pa.array(texts))
    for number, name in enumerate(names):
        (theme,) = {rows[row][0] for row in np.flatnonzero(found.cluster == number)}
        assert {*words[number]} <= {*THEMES[theme].split()}
        assert name.split("-") == words[number][:3]


@pytest.mark.parametrize("texts", [[], [""], ["a b c 1 2 3"], ["one and the same"] * 40, ["words", "other"]])
def test_where_nothing_tells_topics_there_are_none(texts: list[str]) -> None:
    found = cluster(count(pa.array(texts, pa.string())), ids_of([str(n) for n in range(len(texts))]), 24, 0)
    assert found.centres.shape[1] == 0 and set(found.cluster.tolist()) <= {-1}
    assert name_clusters(found, pa.array(texts, pa.string())) == ([], [])
    assert nearest(pa.array(["any text"]), found.space, found.centres)[0].tolist() == [-1]


def test_no_two_clusters_have_one_name() -> None:
    words = [f"{first}{last}" for first in ("al", "be", "ga", "de") for last in ("pha", "ta", "mma")]
    texts = [f"{word} {word} {other}" for word in words for other in words[::2] for _ in range(3)]
    found = cluster(count(pa.array(texts)), ids_of([f"{n}" for n in range(len(texts))]), 20, 0)
    names, _ = name_clusters(found, pa.array(texts))
    assert len({*names}) == len(names) >= 2
    assert not any("/" in name or not name for name in names)


@pytest.mark.data
def test_kinds_of_real_text_fall_apart(shared_data: Path) -> None:
    texts, kinds = [], []
    for kind in ("abc-science", "movie-reviews", "state-union", "sms-spam"):
        with gzip.open(shared_data / "text" / f"{kind}.jsonl.gz", "rt", encoding="utf-8") as file:
            for line, _ in zip(file, range(300), strict=False):
                texts.append(json.loads(line)["text"][:4000])
                kinds.append(kind)
    found = cluster(count(pa.array(texts)), ids_of(texts), 8, 0)
    pure = sum(
        Counter(kinds[row] for row in np.flatnonzero(found.cluster == number)).most_common(1)[0][1]
        for number in range(found.centres.shape[1])
    )
    assert pure > 0.85 * len(texts)


def pipeline(folder: Path, setting: dict[str, Any], files: int = 2, **more: Any) -> Path:
    """Two sources of the same themes, the first with a few pages of nothing."""
    for source, seed in (("web", 1), ("books", 2)):
        rows = all_themes(40, seed)
        texts = [text for _, text in rows] + (["1 2 3", "..."] if source == "web" else [])
        for number in range(files):
            with gzip.open(folder / f"{source}-{number}.jsonl.gz", "wt", encoding="utf-8") as file:
                file.writelines(json.dumps({"text": text}) + "\n" for text in texts[number::files])
    sources = {
        name: {"read": {"format": "jsonl", "paths": [f"{name}-*.jsonl.gz"]}, "steps": [{"topic": setting}]}
        for name in ("web", "books")
    }
    path = folder / "pipeline.yaml"
    path.write_text(json.dumps({"name": "topics", "sources": sources} | more))
    return path


def rows_of(made: curate.Run, source: str = "web") -> list[dict[str, Any]]:
    table: list[dict[str, Any]] = ds.dataset(made.path / "ledger").to_table().to_pylist()
    return [row for row in table if row["source"] == source]


def theme_of(name: str) -> str:
    (found,) = {theme for theme, words in THEMES.items() if {*name.split("-")} & {*words.split()}}
    return found


MIXED = {
    "tokens": {"tokenizer": "gpt2"},
    "mixture": {"by": ["source", "topic"], "temperature": 2},
    "shards": {"validation": 0.0},
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> curate.Run:
    folder = tmp_path_factory.mktemp("topics")
    path = pipeline(folder, {"clusters": 5}, **MIXED)
    return curate.run(path, out=folder / "run", engine="serial")


def test_a_run_s_sources_share_topics_that_are_in_the_ledger_the_numbers_and_a_file(made: curate.Run) -> None:
    listed = made.stats["sources"]["web"]["topics"]
    assert sorted(map(theme_of, listed)) == sorted(THEMES)
    assert {*listed} == {*made.stats["sources"]["books"]["topics"]}
    for name, numbers in listed.items():
        assert numbers["documents"] == sum(row["topic"] == name for row in rows_of(made))
        assert numbers["words"][:3] == name.split("-")
    for row in rows_of(made):
        if row["chars"] < 6:
            assert row["topic"] is None and row["topic_score"] is None
        else:
            assert 0 < row["topic_score"] <= 1
    card = read_card(str(made.path / "topics" / "web.arrow"))
    assert card["topics"] == list(listed) and card["documents"] == 402
    assert math.isclose(sum(card["sampled"].values()), 400)


def test_documents_can_be_removed_from_a_run_with_topics(made: curate.Run, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(made.path, copy)
    gone = next(row["id"].hex() for row in rows_of(made) if row["kept"])
    (tmp_path / "gone.txt").write_text(gone)
    assert main(["remove", str(copy), "--records", str(tmp_path / "gone.txt")]) == 0
    ledger = ds.dataset(copy / "ledger").to_table().to_pylist()
    assert [row["id"].hex() for row in ledger if row["dropped_at"] == "removed"] == [gone]


def test_a_mixture_is_by_topic(made: curate.Run) -> None:
    groups = ShardReader(made.path).manifest["mixture"]["groups"]
    topics = made.stats["sources"]["web"]["topics"]
    assert {*groups} == {f"{source}/{name}" for source in ("web", "books") for name in topics} | {"web/none"}


def test_the_same_sample_gives_the_same_bytes_however_it_is_parted(tmp_path: Path) -> None:
    texts = [text for _, text in all_themes()]
    draws = np.random.default_rng(5).permutation(len(texts)).astype(np.uint64)
    table = pa.table([draws, ids_of(texts), pa.nulls(len(texts), pa.string()), pa.array(texts)], schema=SAMPLE)
    models = []
    for pieces in (1, 4):
        folder = tmp_path / f"{pieces}"
        folder.mkdir()
        files = []
        for number, rows in enumerate(np.array_split(np.arange(len(texts)), pieces)):
            path = folder / f"{number}.arrow"
            with BatchWriter(str(path), SAMPLE) as writer:
                part = table.slice(int(rows[0]), len(rows)).combine_chunks()
                writer.write({name: part.column(name).chunk(0) for name in SAMPLE.names})
            files.append(File("sample", str(path), "", 0))
        params = ClusterParams(clusters=5, sample=250, seed=3)
        assert find_clusters(params, Inputs.of({"sample": files}), Output(folder)) == {"documents": 250}
        models.append((folder / "model").read_bytes())
    assert models[0] == models[1]


@pytest.mark.ray
def test_any_number_of_workers_gives_the_same_bytes(made: curate.Run, tmp_path: Path) -> None:
    again = curate.run(made.path.parent / "pipeline.yaml", out=tmp_path / "run", workers=2)
    for name in (
        "topics/web.arrow",
        "ledger/web-00000.parquet",
        "ledger/web-00001.parquet",
        "shards/train-00000.arrow",
    ):
        assert (again.path / name).read_bytes() == (made.path / name).read_bytes()


def test_rules_on_topics_are_thresholds_and_what_if_answers_them(made: curate.Run, tmp_path: Path) -> None:
    path, (first, second, *_) = made.path.parent / "pipeline.yaml", list(made.stats["sources"]["web"]["topics"])
    answer = made.whatif({"sources.web.steps.topic.drop": [first]})
    expected = sum(row["topic"] != first for row in rows_of(made)) + len(rows_of(made, "books"))
    assert answer["passed"]["passes"] == expected
    out = made.path.parent / "ruled"
    curate.run(path, out=out, engine="serial", until="topic")
    ruled = curate.run(path, {"sources.web.steps.topic.keep": [second]}, out=out, engine="serial", until="topic")
    assert not {"topics", "topic-sample", "topic-clusters"} & ruled.executed.keys()
    assert [row["kept"] for row in rows_of(ruled)] == [row["topic"] == second for row in rows_of(ruled)]
    assert {tuple(row["failed"]) for row in rows_of(ruled)} == {(), ("topic/keep",)}


def test_a_topic_that_is_not_there_is_a_mistake_with_the_nearest_name(made: curate.Run) -> None:
    path, name = made.path.parent / "pipeline.yaml", next(iter(made.stats["sources"]["web"]["topics"]))
    out = made.path.parent / "mistaken"
    with pytest.raises(ConfigError, match=rf"topic\.keep: there is no topic '{name}s'.*'{name}'"):
        curate.run(path, {"sources.web.steps.topic.keep": [f"{name}s"]}, out=out, engine="serial", until="topic")


def test_clusters_of_one_run_name_the_topics_of_another(made: curate.Run, tmp_path: Path) -> None:
    path = pipeline(tmp_path, {"classifier": str(made.path / "topics" / "web.arrow")})
    again = curate.run(path, out=tmp_path / "run", engine="serial", until="topic")
    assert "topic-clusters" not in again.executed and not (again.path / "topics").exists()
    named = {row["id"]: (row["topic"], row["topic_score"]) for row in rows_of(again)}
    assert {row["id"]: (row["topic"], row["topic_score"]) for row in rows_of(made)} == named
    assert again.stats["sources"]["web"]["topics"] == made.stats["sources"]["web"]["topics"]


def test_clusters_are_found_among_what_passes_and_what_if_says_where_they_would_change(tmp_path: Path) -> None:
    path = pipeline(tmp_path, {"clusters": 2, "minimum": 0.05})
    tree = json.loads(path.read_text())
    (tmp_path / "short.yaml").write_text(
        "name: short\nrules:\n  words: {metric: words, min: 50, why: too short}\n  law: {metric: words, max: 1000}\n"
    )
    tree["sources"]["web"]["steps"].insert(0, {"filter": "short.yaml"})
    path.write_text(json.dumps(tree))
    run = curate.run(path, out=tmp_path / "run", engine="serial", until="topic")
    assert read_card(str(run.path / "topics" / "web.arrow"))["documents"] == 400, "those of three words are left out"
    with pytest.raises(Exception, match="the clusters of web"):
        run.whatif({"filters.short.words.min": 10})


@pytest.fixture(scope="module")
def fasttext_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier of the themes whose labels are numbers, as WebOrganizer's are."""
    import fasttext

    folder = tmp_path_factory.mktemp("fasttext")
    numbers = {theme: number for number, theme in enumerate(THEMES)}
    lines = [f"__label__{numbers[theme]} {text}\n" for theme, text in all_themes(60, 9)]
    (folder / "train.txt").write_text("".join(lines))
    model = fasttext.train_supervised(str(folder / "train.txt"), dim=8, epoch=20, thread=1, seed=1, verbose=0)
    model.save_model(str(folder / "topics.bin"))
    return folder / "topics.bin"


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (None, ["0", "1", "2", "3", "4"]),
        ("weborganizer", list(WEBORGANIZER[:5])),
        ({"0": "sea", "1": "kitchen"}, ["sea", "kitchen", "2", "3", "4"]),
    ],
)
def test_a_fasttext_model_names_topics_by_its_labels_or_by_names_for_them(
    labels: Any, names: list[str], fasttext_model: Path, tmp_path: Path
) -> None:
    setting = {"classifier": str(fasttext_model)} | ({"labels": labels} if labels else {})
    run = curate.run(pipeline(tmp_path, setting), out=tmp_path / "run", engine="serial", until="topic")
    numbers = run.stats["sources"]["web"]["topics"]
    assert {*numbers} == {*names}
    documents = ds.dataset(run.path / "documents").to_table().to_pylist()
    texts = {row["id"]: row["text"] for row in documents}
    by_theme = dict(zip(THEMES, names, strict=True))
    for row in rows_of(run):
        themes = {theme for theme, words in THEMES.items() if {*words.split()} & {*texts[row["id"]].split()}}
        if themes:
            assert row["topic"] == by_theme[themes.pop()]


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ({}, "give either a classifier"),
        ({"clusters": 24, "classifier": "a.bin"}, "give either a classifier"),
        ({"clusters": 1}, "greater than or equal to 2"),
        ({"clusters": 3, "labels": "weborganizer"}, "labels are a classifier's"),
        ({"clusters": 3, "keep": ["a"], "drop": ["b"]}, "give either keep or drop"),
        ({"classifier": "nowhere.bin"}, "no topic model at"),
        ({"classifier": "web-0.jsonl.gz.bin"}, "is no model of fastText's"),
    ],
)
def test_settings_that_cannot_work_are_refused(setting: dict[str, Any], says: str, tmp_path: Path) -> None:
    path = pipeline(tmp_path, setting)
    (tmp_path / "web-0.jsonl.gz.bin").write_bytes(b"no model")
    with pytest.raises((ConfigError, ValueError), match=says):
        curate.run(path, out=tmp_path / "run", engine="serial", until="topic")


def test_labels_that_the_model_does_not_have_are_refused(fasttext_model: Path) -> None:
    with pytest.raises(ConfigError, match=r"labels name a, .*the model has 5 labels"):
        load(str(fasttext_model), {"a": "b"})


def test_every_form_of_weborganizer_s_labels_means_its_topic() -> None:
    labels = weborganizer_labels()
    for number, name in enumerate(WEBORGANIZER):
        assert labels[str(number)] == labels[name] == name
    assert labels["Art_&_Design"] == "art_and_design"
    assert labels["Science,_Math_&_Technology"] == "science_math_and_technology"
    assert len({*labels.values()}) == 24


def test_what_was_kept_of_each_topic_is_counted_and_shown(tmp_path: Path) -> None:
    path = pipeline(tmp_path, {"clusters": 5})
    tree = json.loads(path.read_text())
    tree["sources"]["web"]["steps"] += [{"quality": {"positives": ["books"], "keep_share": 0.5}}]
    path.write_text(json.dumps(tree))
    run = curate.run(path, out=tmp_path / "run", engine="serial", until="quality")
    audit = run.stats["audit"]["web"]["topics"]
    assert sum(each["documents"] for each in audit.values()) == 202
    assert sum(each["kept"] for each in audit.values()) == run.stats["sources"]["web"]["kept"]
    page = (run.path / "report.html").read_text()
    for name, numbers in run.stats["sources"]["web"]["topics"].items():
        assert name.replace("-", "-<wbr>") in page and ", ".join(numbers["words"]) in page


def test_a_topic_kept_half_as_often_as_its_source_is_a_finding_unless_it_was_meant_to_go(made: curate.Run) -> None:
    pipeline_of, stats = (
        read_pipeline(made.path.parent / "pipeline.yaml", []).pipeline,
        json.loads(json.dumps(made.stats)),
    )
    names = list(stats["audit"]["web"]["topics"])
    lost = next(name for name in names if name)
    stats["audit"]["web"]["topics"][lost]["kept"] = 2
    stats["sources"]["web"]["kept"] -= 38
    found = [each for each in findings(pipeline_of, stats) if each["kind"] == "topic-lost"]
    assert [each["subject"] for each in found] == [f"web.{lost}"]
    assert f"topic = '{lost}'" in found[0]["cure"]
    dropped = f"sources.web.steps.topic.drop=[{lost}]"
    asked = read_pipeline(made.path.parent / "pipeline.yaml", [dropped]).pipeline
    assert lost not in {each["topic"] for each in topic_facts(asked, stats) if each["source"] == "web"}
