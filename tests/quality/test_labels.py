"""Quality from labels: what is learned, how it is calibrated, measured and used; what to label next; who agrees."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

import curate
from curate.cli.main import main
from curate.config.reading import ConfigError
from curate.quality.agreement import between, calibration_error, quadratic_kappa, spearman
from curate.quality.calibration import ALL, LEAST_BLOCK, calibrated, curves, isotonic
from curate.quality.drift import drift
from curate.quality.label_training import fit_shares, fit_steps, train_on_labels
from curate.quality.labels import Columns, Labelled, read_labels
from curate.quality.model import load, read_card

COMMON = np.array("the of and to in that it was for on with as his they be at one have this from or had by".split())  # noqa: SIM905
TAUGHT = np.array("theory evidence proof century chapter species energy theorem data method result".split())  # noqa: SIM905
SOLD = np.array("click buy login cookies free shipping subscribe offer cart cheap discount newsletter".split())  # noqa: SIM905


def labelled(count: int, seed: int, hosts: int = 150, noise: float = 0.4) -> list[dict[str, Any]]:
    """Documents of hosts, each host with words of its own, whose label from 0 to 5 is a share of taught words, and noise."""
    random = np.random.default_rng(seed)
    rows = []
    for number in range(count):
        share, host = random.beta(1.2, 2.0), int(random.integers(hosts))
        length = int(random.integers(60, 200))
        kinds = random.random(length)
        good, bad = (random.choice(of, length) for of in (TAUGHT, SOLD))
        words = np.where(
            kinds < 0.5, random.choice(COMMON, length), np.where(kinds < 0.5 + share / 2, good, bad)
        ).tolist()
        words += [f"host{host}"] * 3
        label = int(np.clip(round(5 * share + random.normal(0, noise)), 0, 5))
        url = f"https://site{host}.example/{number}"
        rows.append({"text": " ".join(words), "url": url, "score": label, "lang": "de" if number % 3 else "en"})
    return rows


def write(path: Path, rows: list[dict[str, Any]]) -> str:
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    return str(path)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("labels")
    file = write(folder / "labels.jsonl.gz", labelled(1_600, 1))
    out = folder / "edu.model"
    arguments = ["quality", "train", "--labels", file, "--target", "score", "--group", "lang", "--out", str(out)]
    assert main(arguments) == 0
    return out


def test_the_card_says_what_scores_are_worth_on_hosts_not_seen(trained: Path) -> None:
    card = read_card(str(trained))
    found = card["labels"]
    assert (found["lowest"], found["highest"], found["documents"]) == (0, 5, 1_600)
    assert card["folds"]["by"] == "host" and card["folds"]["folds"] == 5
    assert found["spearman"] > 0.8 and found["error"] < 0.7 * found["error_of_the_mean"]
    assert abs(found["spearman_of_length"]) < 0.1
    assert found["calibration_error"] < 0.03
    assert {*found["by_group"]} == {"de", "en"}
    assert all(of["calibration_error"] < 0.05 for of in found["by_group"].values())
    at_three = next(cut for cut in found["cuts"] if cut["label"] == 3)
    assert at_three["kept_share"] == pytest.approx(at_three["labelled_share"], abs=0.08)
    assert at_three["f1"] > 0.7
    assert len(found["by_domain"]) == 20


def test_what_the_card_says_holds_on_documents_of_other_hosts(trained: Path, tmp_path: Path) -> None:
    rows = labelled(1_000, 2, hosts=5_000)
    new = [row | {"url": row["url"].replace("site", "other")} for row in rows]
    classifier = load(str(trained))
    ids = pa.array([number.to_bytes(16, "big") for number in range(len(new))], pa.binary(16))
    texts, urls = pa.array([row["text"] for row in new], pa.large_string()), pa.array([row["url"] for row in new])
    scores, seen = classifier.judge(texts, ids, urls, pa.array([row["lang"] for row in new]))
    labels = np.array([row["score"] / 5 for row in new])
    card = read_card(str(trained))["labels"]
    assert not seen.any()
    assert calibration_error(scores.astype(float), labels) < 0.03
    assert spearman(scores.astype(float), labels) == pytest.approx(card["spearman"], abs=0.05)


def test_ordinal_labels_need_their_order_only_and_two_of_them_are_regression(tmp_path: Path) -> None:
    """Labels 0 to 5, and the same with other distances; then two labels, which both losses learn alike."""
    rows = labelled(200, 11)
    texts = pa.array([row["text"] for row in labelled(50, 12)], pa.large_string())

    def learned(values: tuple[int, ...]) -> Labelled:
        file = write(tmp_path / "labels.jsonl.gz", [row | {"score": values[row["score"]]} for row in rows])
        return read_labels([file], Columns(("score",)))

    models = [fit_steps(learned(values)) for values in ((0, 1, 2, 3, 4, 5), (0, 1, 2, 8, 9, 40))]
    np.testing.assert_allclose(models[0].scorer()(texts), models[1].scorer()(texts), atol=1e-5)
    two = learned((0, 0, 1, 1, 1, 1))
    np.testing.assert_allclose(fit_steps(two).scorer()(texts), fit_shares(two).scorer()(texts), atol=5e-3)


def test_ordinal_learns_from_the_command_line_and_refuses_labels_of_many_values(tmp_path: Path) -> None:
    rows = labelled(120, 13)
    file, out = write(tmp_path / "labels.jsonl.gz", rows), tmp_path / "edu.model"
    assert (
        main(["quality", "train", "--labels", file, "--target", "score", "--loss", "ordinal", "--out", str(out)]) == 0
    )
    assert read_card(str(out))["labels"]["loss"] == "ordinal"
    many = read_labels(
        [write(tmp_path / "many.jsonl.gz", [row | {"score": n} for n, row in enumerate(rows)])], Columns(("score",))
    )
    with pytest.raises(ConfigError, match="120 values"):
        train_on_labels(str(tmp_path / "many.model"), many, 0, "score", loss="ordinal")


def test_the_same_labels_give_the_same_bytes(tmp_path: Path) -> None:
    file = write(tmp_path / "labels.jsonl.gz", labelled(80, 3))
    for name in ("one", "two"):
        assert main(["quality", "train", "--labels", file, "--target", "score", "--out", str(tmp_path / name)]) == 0
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_a_pipeline_keeps_by_the_labels_it_learned(trained: Path, tmp_path: Path) -> None:
    rows = labelled(400, 7, hosts=5_000)
    write(tmp_path / "web.jsonl.gz", rows)
    steps = [{"quality": {"model": str(trained), "minimum": 0.5, "buckets": "meta.lang"}}]
    read = {"format": "jsonl", "paths": ["web.jsonl.gz"], "metadata": ["lang", "score"]}
    path = tmp_path / "pipeline.yaml"
    path.write_text(yaml.safe_dump({"name": "learned", "sources": {"web": {"read": read, "steps": steps}}}))
    run = curate.run(path, out=tmp_path / "run", engine="serial", until="quality")
    table = ds.dataset(run.path / "ledger").to_table()
    scores, labels = (table.column(name).to_numpy().astype(float) for name in ("quality_score", "meta.score"))
    assert spearman(scores, labels) > 0.75
    assert table.column("kept").to_numpy().tolist() == (np.float32(scores) >= 0.5).tolist()
    read["metadata"] = ["score"]
    steps[0]["quality"].pop("buckets")
    path.write_text(yaml.safe_dump({"name": "learned", "sources": {"web": {"read": read, "steps": steps}}}))
    with pytest.raises(ConfigError, match="calibrated by 'lang', and no step of 'web' makes that column"):
        curate.run(path, out=tmp_path / "other", engine="serial", until="quality")


def test_words_are_numbers_and_several_labellers_one_label(tmp_path: Path) -> None:
    rows = [
        {"text": f"text {number}", "quality": word, "who": who}
        for number in range(4)
        for who, word in (("x", "Good" if number % 2 else "poor"), ("y", "fair"))
    ]
    rows.append({"text": "nothing said", "quality": None, "who": "x"})
    file = write(tmp_path / "l.jsonl.gz", rows)
    words = {"good": 2.0, "fair": 1.0, "poor": 0.0}
    found = read_labels([file], Columns(("quality",), words=words))
    assert sorted(zip(found.texts.to_pylist(), found.labels.tolist(), strict=True)) == [
        (f"text {number}", float(number % 2)) for number in range(4)
    ]
    assert (found.lowest, found.highest) == (0.5, 1.5)
    with pytest.raises(ConfigError, match=r"values are no numbers, such as 'fair'.*--values"):
        read_labels([file], Columns(("quality",), words={"good": 2.0, "poor": 0.0}))


def test_several_properties_are_learned_as_their_mean(tmp_path: Path) -> None:
    rows = [{"text": f"t {n}", "edu": n, "clean": 10 - 5 * (n % 2)} for n in range(3)]
    found = read_labels([write(tmp_path / "l.jsonl.gz", rows)], Columns(("edu", "clean")))
    labels = dict(zip(found.texts.to_pylist(), found.labels.tolist(), strict=True))
    assert labels == {"t 0": 0.5, "t 1": 0.25, "t 2": 1.0}
    assert (found.lowest, found.highest) == (0, 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--target", "score"], "the same 'score'"),
        (["--target", "missing"], "no row of the labels"),
        ([], "needs --target"),
    ],
)
def test_labels_that_cannot_teach_are_refused(
    tmp_path: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path / "l.jsonl.gz", [{"text": f"t {n}", "score": 3} for n in range(80)])
    assert main(["quality", "train", "--labels", file, *arguments, "--out", str(tmp_path / "m")]) != 0
    assert message in capsys.readouterr().err


def test_too_few_labels_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(tmp_path / "l.jsonl.gz", labelled(20, 1))
    assert main(["quality", "train", "--labels", file, "--target", "score", "--out", str(tmp_path / "m")]) != 0
    assert "at least 50 are needed" in capsys.readouterr().err


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(2, 3_000))
def test_a_curve_rises_keeps_the_order_and_the_mean(seed: int, count: int) -> None:
    random = np.random.default_rng(seed)
    scores = random.beta(0.4, 0.6, count)
    labels = np.clip(scores**2 + random.normal(0, 0.2, count), 0, 1)
    x, y = isotonic(scores, labels)
    assert (np.diff(x) > 0).all() and (np.diff(y) >= 0).all() and 0 <= y[0] <= y[-1] <= 1
    found = np.interp(scores, x, y)
    order = np.argsort(scores)
    assert (np.diff(found[order]) >= 0).all()
    assert abs(found.mean() - labels.mean()) < 0.05 + 0.3 / np.sqrt(count)
    if count >= 40 * LEAST_BLOCK:
        assert calibration_error(found, labels) < 0.04


def test_isotonic_blocks_are_those_of_the_formula() -> None:
    """Of all means of stretches that begin at or before a point, the greatest of the least (Robertson et al. 1988)."""
    random = np.random.default_rng(0)
    points = np.arange(1, 16) / 20
    labels = random.random(15)
    means = {(j, k): labels[j : k + 1].mean() for j in range(15) for k in range(j, 15)}
    expected = [max(min(means[j, k] for k in range(i, 15)) for j in range(i + 1)) for i in range(15)]
    _, y = isotonic(points, labels)
    assert np.allclose(y[1:-1], np.unique(np.round(expected, 9)), atol=1e-8)


def test_a_group_with_few_labels_has_the_curve_of_all() -> None:
    random = np.random.default_rng(1)
    scores, labels = random.random(1_000), random.random(1_000)
    groups = np.array(["de"] * 900 + ["ja"] * 100)
    of = curves(scores, labels, groups)
    assert {*of} == {ALL, "de"}
    found = calibrated(np.float32(scores), pa.array(groups), of)
    assert np.allclose(found[900:], np.interp(scores[900:], *of[ALL]), atol=1e-6)


def test_what_is_labelled_next_is_of_many_hosts_all_scores_and_partly_unsure(trained: Path, tmp_path: Path) -> None:
    file = write(tmp_path / "pool.jsonl.gz", labelled(1_200, 9, hosts=400))
    out = tmp_path / "next.jsonl"
    arguments = ["quality", "sample", file, "--count", "80", "--out", str(out)]
    assert main([*arguments, "--model", str(trained)]) == 0
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert len(rows) == 80 and len({row["url"].split("/")[2] for row in rows}) == 80
    assert [sum(row["why"] == why for row in rows) for why in ("chance", "unsure")] == [40, 40]
    counts = np.histogram([row["score"] for row in rows], bins=5, range=(0, 1))[0]
    assert counts.min() >= 8, "every part of the scores"
    unsure = {why: np.mean([row["disagreement"] for row in rows if row["why"] == why]) for why in ("chance", "unsure")}
    assert unsure["unsure"] > unsure["chance"]
    assert main(arguments) == 0
    assert len(out.read_text().splitlines()) == 80 and "score" not in json.loads(out.read_text().splitlines()[0])


def test_agreement_is_told_by_pairs_and_against_the_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    random = np.random.default_rng(0)
    rows = []
    for number in range(200):
        true = int(random.integers(0, 6))
        noise = {"careful": 0, "hasty": int(random.integers(-2, 3)), "mild": 1}
        rows += [{"text": f"t {number}", "score": min(5, max(0, true + add)), "who": who} for who, add in noise.items()]
    file = write(tmp_path / "l.jsonl.gz", rows)
    arguments = ["quality", "agreement", file, "--target", "score", "--labeller", "who", "--format", "json"]
    capsys.readouterr()
    assert main(arguments) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["labellers"] == {"careful": 200, "hasty": 200, "mild": 200}
    by_pair = {tuple(row["labellers"]): row for row in found["pairs"]}
    assert by_pair["careful", "mild"]["kappa"] > by_pair["careful", "hasty"]["kappa"]
    assert by_pair["careful", "mild"]["within_one"] == 1
    assert next(row["bias"] for row in found["against_the_others"] if row["labeller"] == "mild") > 0.3


def test_kappa_is_that_of_its_definition() -> None:
    random = np.random.default_rng(2)
    first = random.integers(0, 6, 120).astype(float)
    second = np.clip(first + random.integers(-1, 2, 120), 0, 5)
    by_chance = np.mean([(one - other) ** 2 for one in first for other in second])
    assert quadratic_kappa(first, second) == pytest.approx(1 - np.mean((first - second) ** 2) / by_chance)
    assert between({"a": {"x": 1.0}, "b": {"y": 2.0}})["pairs"] == []


def test_drift_is_nothing_for_documents_alike_and_told_for_others() -> None:
    """The index by its formula on classes that all hold enough; sparse classes join; what chance alone gives is not told."""
    before, now = [400, 300, 200, 100], [100, 200, 300, 400]
    p, q = np.array(before) / 1000, np.array(now) / 1000
    found = drift(before, now)
    assert found is not None
    assert found["psi"] == pytest.approx(float(((q - p) * np.log(q / p)).sum()), abs=1e-4)
    assert found["ks"] == pytest.approx(0.4) and found["reading"] == "other"
    sparse = drift([0, 1, 399, 300, 200, 99, 1], [0, 60, 40, 200, 300, 0, 400])
    assert sparse is not None and sparse["psi"] == pytest.approx(found["psi"], abs=1e-4)
    assert drift([0, 0], [1, 2]) is None and drift([1, 2], [0, 0]) is None
    random = np.random.default_rng(5)
    readings = []
    beyond = 0
    for size in (30, 3_000):
        for _ in range(200):
            one, other = (np.histogram(random.beta(2, 4, size), bins=20, range=(0, 1))[0].tolist() for _ in range(2))
            same = drift(one, other)
            assert same is not None
            readings.append(same["reading"])
            beyond += same["psi"] > same["chance"]
    assert readings.count("other") + readings.count("moved") < 40  # one of ten at most: of twenty, by chance
    assert beyond < 60
    assert set(readings[200:]) == {"same"}


def test_the_card_says_what_it_makes_of_documents_as_they_come_and_a_run_how_far_they_moved(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels, out = write(tmp_path / "labels.jsonl.gz", labelled(400, 1)), str(tmp_path / "edu.model")
    alike = [row | {"text": row["text"] + " more"} for row in labelled(300, 21, hosts=900)]
    web = write(tmp_path / "web.jsonl.gz", [row | {"date": "2026-03-01"} for row in alike])
    command = ["quality", "train", "--labels", labels, "--target", "score", "--out", out, "--documents"]
    assert main([*command, str(tmp_path / "none*.jsonl")]) != 0
    assert "none*.jsonl" in capsys.readouterr().err
    assert main([*command, web]) == 0
    assert "of 300 documents as they come: as before" in " ".join(capsys.readouterr().out.split())
    found = read_card(out)["labels"]
    assert sum(found["scores"]) == 400 and sum(found["of_documents"]["scores"]) == 300
    shares = {row["label"]: row["kept_share"] for row in found["of_documents"]["kept_share"]}
    asked = {row["label"]: row["labelled_share"] for row in found["cuts"]}
    assert shares.keys() == asked.keys() and shares[3] == pytest.approx(asked[3], abs=0.1)

    sold = [{"text": " ".join(SOLD) + f" {n}", "url": f"https://{n}.example", "date": "2026-04-02"} for n in range(200)]
    write(tmp_path / "web.jsonl.gz", [{"date": "2026-03-01"} | row for row in alike] + sold)
    read = {"format": "jsonl", "paths": ["web.jsonl.gz"], "date": "date"}
    source = {"read": read, "steps": [{"language": {"keep": "all"}}, {"quality": {"model": out}}]}
    path = tmp_path / "pipeline.yaml"
    path.write_text(yaml.safe_dump({"name": "moved", "sources": {"web": source}}))
    run = curate.run(path, out=tmp_path / "run", engine="serial", until="quality")
    moved = run.stats["sources"]["web"]["quality"]["drift"]
    assert moved["reading"] == "other" and moved["documents"] == 500
    assert "scores-moved" in [each["kind"] for each in run.stats["findings"]]
    assert main(["quality", "evaluate", str(run.path), "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)["web"]["drift"]
    assert told["beside"] == "card" and told["source"]["web"] == moved
    assert {month: each["reading"] for month, each in told["month"].items()} == {"2026-03": "same", "2026-04": "other"}
    assert sum(each["documents"] for each in told["month"].values()) == 500
