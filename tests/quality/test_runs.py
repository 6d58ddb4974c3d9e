"""Quality within a run: trained on its own documents, every document scored, kept by a rule that can be changed."""

from __future__ import annotations

import gzip
import html
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pytest
import yaml

import curate
from curate.cli.main import main
from curate.config.reading import ConfigError
from curate.quality.model import load, read_card
from curate.quality.threshold import histogram
from curate.records.pages import ID
from curate.verdicts.draws import keep_probability, keeps
from tests.quality.test_quality import COMMON, invented

PROSE = COMMON + " theory evidence century chapter government species"
SALES = COMMON + " click buy login cookies free shipping subscribe"


def pipeline(folder: Path, setting: dict[str, Any], **changes: Any) -> Path:
    """A web of two files, a reference of one."""
    files = {
        "web-0": invented(SALES, 90, 1) + invented(PROSE, 20, 2),
        "web-1": invented(SALES, 60, 3) + invented(PROSE, 40, 4),
        "reference": invented(PROSE, 100, 5),
    }
    for name, texts in files.items():
        with gzip.open(folder / f"{name}.jsonl.gz", "wt", encoding="utf-8") as file:
            file.writelines(json.dumps({"text": text}) + "\n" for text in texts)
    sources = {
        "web": {"read": {"format": "jsonl", "paths": ["web-*.jsonl.gz"]}, "steps": [{"quality": setting}]},
        "reference": {"read": {"format": "jsonl", "paths": ["reference.jsonl.gz"]}, "role": "reference"},
    }
    sources["reference"] |= changes
    path = folder / "pipeline.yaml"
    path.write_text(yaml.safe_dump({"name": "quality", "sources": sources}))
    return path


def run(path: Path, out: Path, sets: dict[str, Any] | None = None) -> curate.Run:
    return curate.run(path, sets or {}, out=out, engine="serial", until="quality")


def rows(made: curate.Run, source: str = "web") -> list[dict[str, Any]]:
    table: list[dict[str, Any]] = ds.dataset(made.path / "ledger").to_table().to_pylist()
    return [row for row in table if row["source"] == source]


LEARNING = {"positives": ["reference"], "alpha": 3}


@pytest.mark.parametrize("classifier", ["gpt3", "fasttext"])
def test_every_document_is_scored_and_kept_by_its_draw(classifier: str, tmp_path: Path) -> None:
    made = run(pipeline(tmp_path, LEARNING | {"classifier": classifier}), tmp_path / "run")
    found = rows(made)
    scores = np.array([row["quality_score"] for row in found], np.float32)
    draws = np.array([row["quality_draw"] for row in found], np.float32)
    kept = keeps(scores, draws, 3)
    assert [row["kept"] for row in found] == kept.tolist()
    assert [row["failed"] for row in found] == [[] if each else ["quality/draw"] for each in kept]
    assert 0 < kept.sum() < len(found)
    numbers = made.stats["sources"]["web"]["quality"]
    assert numbers["scores"] == histogram(scores)
    assert numbers["model"]["classifier"] == classifier
    assert numbers["model"]["held_out"]["roc_auc"] > 0.75
    assert all(row["quality_score"] is None for row in rows(made, "reference"))
    assert made.stats["sources"]["reference"]["kept"] == 0, "a reference only trains the classifier"


def test_the_same_documents_give_the_same_model(tmp_path: Path) -> None:
    """Whatever was cached, and however often it is made."""
    path = pipeline(tmp_path, LEARNING)
    first, second = run(path, tmp_path / "one"), run(path, tmp_path / "two")
    model = "quality/web.arrow"
    assert (first.path / model).read_bytes() == (second.path / model).read_bytes()
    other = run(path, tmp_path / "three", {"seed": 1})
    assert [row["quality_draw"] for row in rows(other)] != [row["quality_draw"] for row in rows(first)]


@pytest.mark.ray
def test_two_workers_leave_the_bytes_of_one(tmp_path: Path) -> None:
    path = with_rule(tmp_path, {"positives": ["reference"], "keep_share": 0.25})
    one = run(path, tmp_path / "one")
    two = curate.run(path, out=tmp_path / "two", engine="ray", workers=2, until="quality")
    names = [Path("quality/web.arrow"), Path("stats.json")]
    names += [file.relative_to(one.path) for file in sorted((one.path / "ledger").iterdir())]
    assert len(names) == 5
    for name in names:
        assert (one.path / name).read_bytes() == (two.path / name).read_bytes(), name


def test_folds_follow_the_seed_and_are_never_stale(tmp_path: Path) -> None:
    path, out = pipeline(tmp_path, LEARNING), tmp_path / "run"
    found = []
    for seed in (0, 1, 0):
        made = run(path, out, {"seed": seed})
        assert made.stats["sources"]["web"]["quality"]["model"]["folds"]["seed"] == seed
        found.append(([row["quality_score"] for row in rows(made)], made.executed.get("score", 0)))
    assert found[0][0] == found[2][0] != found[1][0]
    assert [executed for _, executed in found] == [2, 2, 0]


def test_another_keep_rule_trains_and_scores_nothing_again(tmp_path: Path) -> None:
    path, out = pipeline(tmp_path, LEARNING), tmp_path / "run"
    run(path, out)
    changes: list[dict[str, Any]] = [
        {"quality.alpha": 9},
        {"quality.minimum": 0.5},
        {"quality.keep_share": 0.25},
    ]
    for change in changes:
        again = run(path, out, change)
        assert not {"read", "evaluate", "sample", "quality", "score"} & again.executed.keys()
        assert again.executed["verdicts"] == 2
    found = rows(again)
    scores = sorted((row["quality_score"] for row in found), reverse=True)
    assert sum(row["kept"] for row in found) == round(0.25 * len(found))
    assert min(row["quality_score"] for row in found if row["kept"]) == scores[round(0.25 * len(found)) - 1]
    assert {name for row in found for name in row["failed"]} == {"quality/keep_share"}


LONG = (
    "name: long\nabout: Long texts.\nsource: none\n"
    "rules:\n  long: {metric: characters, min: 150, why: Short texts say little.}\n"
)


def with_rule(folder: Path, setting: dict[str, Any]) -> Path:
    """The same, with a rule on lengths before the scores."""
    (folder / "long.yaml").write_text(LONG)
    path = pipeline(folder, setting)
    tree = yaml.safe_load(path.read_text())
    tree["sources"]["web"]["steps"].insert(0, {"filter": "long.yaml"})
    path.write_text(yaml.safe_dump(tree))
    return path


def test_a_share_is_kept_of_what_passes_the_other_rules(tmp_path: Path) -> None:
    """Over the recipe's own sample, exactly; and what-if says what a run does, whatever threshold is moved."""
    path, out = with_rule(tmp_path, {"positives": ["reference"], "keep_share": 0.25}), tmp_path / "run"
    made = run(path, out)

    def kept_of_passing(made: curate.Run) -> tuple[int, int]:
        passing = [row for row in rows(made) if "long/long" not in row["failed"]]
        return sum(row["kept"] for row in passing), len(passing)

    kept, passing = kept_of_passing(made)
    assert made.stats["sources"]["web"]["quality"]["sampled"] == 210, "the whole source is the sample"
    assert 50 < passing < 200 and kept == round(0.25 * passing)
    for change in ({"quality.keep_share": 0.5}, {"filters.long.long.min": 220}):
        asked = made.whatif(change)
        again = run(path, tmp_path / f"run-{len(list(tmp_path.iterdir()))}", change)
        kept, passing = kept_of_passing(again)
        assert kept == round((0.5 if "quality.keep_share" in change else 0.25) * passing)
        assert asked["passed"]["passes"] == kept


def test_without_a_rule_documents_are_scored_and_none_is_dropped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No default draws at random."""
    path = pipeline(tmp_path, {"positives": ["reference"]})
    assert main(["check", str(path)]) == 0
    assert "note web: quality scores the documents and drops none" in capsys.readouterr().err
    assert main(["run", str(path), "--engine", "serial", "--out", str(tmp_path / "run")]) == 0
    assert "note web: quality scores the documents and drops none" in capsys.readouterr().err
    made = curate.open_run(tmp_path / "run")
    found = rows(made)
    assert all(row["kept"] and 0 <= row["quality_score"] <= 1 for row in found)
    assert main(["quality", "evaluate", str(made.path)]) == 0
    assert "no source of this run has a quality step that keeps by its score" in capsys.readouterr().out
    assert main(["check", str(path), "--set", "quality.alpha=3"]) == 0
    assert "note" not in capsys.readouterr().err


def test_a_source_that_is_mostly_sample_is_told_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, out = pipeline(tmp_path, LEARNING), str(tmp_path / "run")
    command = ["run", str(path), "--engine", "serial", "--until", "quality", "--out", out]
    says = "note web: its quality classifier learned from 210 of its own 210 documents, 100%"
    assert main(command) == 0
    assert says in capsys.readouterr().err
    (finding,) = (each for each in curate.open_run(out).stats["findings"] if each["kind"] == "mostly-sample")
    assert (finding["subject"], finding["missed"], finding["level"]) == ("web", False, "note")
    assert finding["says"] in html.unescape((Path(out) / "report.html").read_text())
    assert main([*command, "--set", "quality.sample=100"]) == 0
    assert "its quality classifier learned from" not in capsys.readouterr().err


def test_a_saved_model_that_was_trained_on_the_source_is_told_of(tmp_path: Path) -> None:
    folded = run(pipeline(tmp_path, LEARNING), tmp_path / "folded")
    assert folded.stats["sources"]["web"]["quality"]["seen"] == 0
    model = str(tmp_path / "web.model")
    arguments = ["--positives", str(tmp_path / "reference.jsonl.gz"), "--negatives", str(tmp_path / "web-*.jsonl.gz")]
    assert main(["quality", "train", *arguments, "--out", model]) == 0
    made = run(pipeline(tmp_path, {"model": model, "minimum": 0.5}), tmp_path / "saved")
    numbers = made.stats["sources"]["web"]["quality"]
    assert numbers["seen"] == read_card(model)["trained_on"]["negative"] > 105
    assert "seen-by-its-model" in [each["kind"] for each in made.stats["findings"]]


def test_a_model_of_one_run_serves_another(tmp_path: Path) -> None:
    path = pipeline(tmp_path, LEARNING)
    first = run(path, tmp_path / "one")
    model = first.path / "quality" / "web.arrow"
    assert read_card(str(model))["trained_on"]["positive"] > 50
    second = run(pipeline(tmp_path, {"model": str(model), "minimum": 0.5}), tmp_path / "two")
    assert "quality" not in second.executed
    assert [row["quality_score"] for row in rows(second)] == [row["quality_score"] for row in rows(first)]
    assert all(row["kept"] == (row["quality_score"] >= np.float32(0.5)) for row in rows(second))


def test_a_sample_bounds_what_is_learned_from(tmp_path: Path) -> None:
    """Chosen by each document's own draw, so a document's chance does not depend on its file."""
    card = run(pipeline(tmp_path, LEARNING | {"sample": 30}), tmp_path / "run").stats["sources"]["web"]["quality"][
        "model"
    ]
    assert card["trained_on"].items() >= {"positive": 30, "negative": 30}.items()
    assert card["held_out"]["documents"] == {"positive": 30, "negative": 30}, "each by the model that has not seen it"


def test_positives_that_fail_their_own_rules_teach_nothing(tmp_path: Path) -> None:
    pack = tmp_path / "long.yaml"
    pack.write_text(
        "name: long\nabout: Long texts.\nsource: none\n"
        "rules:\n  long: {metric: characters, min: 200, why: Short texts say little.}\n"
    )
    path = pipeline(tmp_path, LEARNING, steps=[{"filter": "long.yaml"}])
    made = run(path, tmp_path / "run")
    passing = sum(row["dropped_at"] == "role" for row in rows(made, "reference"))
    model = made.stats["sources"]["web"]["quality"]["model"]
    assert 0 < passing < 100
    with pytest.raises(ConfigError, match="no positive documents"):
        run(path, tmp_path / "none", {"filters.long.long.min": 10_000})
    assert model["trained_on"]["positive"] == passing


@pytest.mark.parametrize("rule", [{"alpha": 3}, {"minimum": 0.4}, {"keep_share": 0.3}])
def test_the_documents_where_a_rule_decides_can_be_read(
    rule: dict[str, float], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = run(pipeline(tmp_path, {"positives": ["reference"]} | rule), tmp_path / "run")
    assert main(["quality", "evaluate", str(made.path), "-n", "4", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)["web"]
    found = rows(made)
    scores = [document["score"] for document in answer["documents"]]
    nearest = sorted((row["quality_score"] for row in found), key=lambda score: abs(score - answer["score"]))
    assert scores == sorted(scores)
    assert nearest[0] in scores
    assert sum(score < np.float32(answer["score"]) for score in scores) == 4
    if "alpha" in rule:
        assert keep_probability(np.array([answer["score"]], np.float32), 3)[0] == pytest.approx(0.5, abs=1e-6)
    else:
        assert [document["kept"] for document in answer["documents"]] == [False] * 4 + [True] * 4
    by_score = {round(row["quality_score"], 9): row["chars"] for row in found}
    for document in answer["documents"]:
        assert len(document["text"].removesuffix(" …")) <= by_score[round(document["score"], 9)]


def test_mistakes_are_named_before_anything_runs(tmp_path: Path) -> None:
    for setting, words in (
        ({"positives": ["books"]}, "no source 'books'"),
        ({"alpha": 9}, "positives"),
        ({"positives": ["reference"], "alpha": 0}, "alpha"),
        ({"positives": ["reference"], "minimum": 0.5, "keep_share": 0.1}, "either a minimum or a keep_share"),
        ({"model": "none.model"}, r"no quality model at .*none\.model"),
    ):
        with pytest.raises(ConfigError, match=words):
            run(pipeline(tmp_path, setting), tmp_path / "run")


def test_the_published_model_scores_as_the_run_did(tmp_path: Path) -> None:
    made = run(pipeline(tmp_path, LEARNING), tmp_path / "run")
    texts = pa.array(invented(SALES, 90, 1) + invented(PROSE, 20, 2))
    found = rows(made)
    ids, urls = pa.array([row["id"] for row in found], ID), pa.array([row["url"] for row in found], pa.string())
    classifier = load(str(made.path / "quality" / "web.arrow"))
    scores = classifier(texts, ids[: len(texts)], urls[: len(texts)])
    assert scores.tolist() == [row["quality_score"] for row in found][: len(texts)]
    with pytest.raises(ValueError, match="ids and addresses"):
        classifier(texts)
