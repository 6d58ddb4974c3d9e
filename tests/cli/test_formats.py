"""Numbers for programs: what a command tells people it gives as JSON and as CSV, on standard output alone."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from curate.cli.main import main
from curate.config.bundled import recipes
from curate.filters.pack_files import available
from curate.steps import combining_steps, source_steps
from tests.support.small_runs import copy_of_small_run, small_pipeline_file


@pytest.fixture
def asked(capsys: pytest.CaptureFixture[str]) -> Any:
    """Asks a command in both formats: (JSON, rows of the CSV)."""

    def ask(*arguments: object) -> tuple[Any, list[dict[str, str]]]:
        told = []
        for form in ("json", "csv"):
            assert main([*map(str, arguments), "--format", form]) == 0
            told.append(capsys.readouterr().out)
        return json.loads(told[0]), list(csv.DictReader(io.StringIO(told[1])))

    return ask


def test_packs_and_their_rules(asked: Any) -> None:
    data, rows = asked("filters", "list")
    assert [pack["pack"] for pack in data] == [name for name, _ in available()]
    assert len(rows) == sum(len(pack["rules"]) for pack in data)
    shown, rows = asked("filters", "show", "gopher-quality")
    assert (
        rows == shown["rules"]
        and {"rule": "min_words", "metric": "words", "passes": ">= 50"}.items() <= rows[0].items()
    )


def test_steps_and_their_keys(asked: Any) -> None:
    data, rows = asked("steps", "list")
    assert data == rows and [row["step"] for row in rows] == [*source_steps(), *combining_steps()]
    data, rows = asked("steps", "show", "language")
    assert data == rows and {row["key"]: row["default"] for row in rows}["minimum"] == "0.0"


def test_recipes(asked: Any) -> None:
    data, rows = asked("recipes", "list")
    assert data == rows and [row["recipe"] for row in rows] == [path.stem for path in recipes()]


def test_what_a_pipeline_would_do_and_what_a_try_did(asked: Any) -> None:
    data, rows = asked("check", small_pipeline_file())
    assert [row["source"] for row in rows] == [source["source"] for source in data["sources"]]
    assert [int(row["files"]) for row in rows] == [source["files"] for source in data["sources"]]
    assert data["pipeline"]["sources"].keys() == {row["source"] for row in rows} and data["own_code"] == []
    data, rows = asked("try", small_pipeline_file(), "--limit", 5)
    kept = {name: source["funnel"][-1]["kept"] for name, source in data["stats"]["sources"].items()}
    last = {row["source"]: int(row["kept"]) for row in rows if not row["rule"]}
    assert last == kept and isinstance(data["examples"], list)


def test_quality_classifiers(asked: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A number has the same name as a row of the CSV and as a path of keys in the JSON."""

    def leaf(data: Any, path: str) -> Any:
        for key in path.split("."):
            data = data[key]
        return data

    for name, words in (("good", "The council met and agreed upon the plan"), ("poor", "BUY NOW!!! best price 99")):
        rows = [{"text": f"{words} {number}. " * 5, "url": f"https://{name}{number}.example/"} for number in range(60)]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    good, poor, model = (tmp_path / name for name in ("good.jsonl", "poor.jsonl", "m.model"))
    classes = ("--positives", good, "--negatives", poor)
    for question in (
        ("quality", "train", *classes, "--out", model),
        ("quality", "evaluate", model),
        ("quality", "evaluate", model, *classes),
        ("quality", "score", model, good, poor, "--out", tmp_path / "scores.parquet"),
    ):
        data, rows = asked(*question)
        assert len(rows) > 4
        for row in rows:
            assert row["value"] == ("" if leaf(data, row["measure"]) is None else str(leaf(data, row["measure"])))
    drawn, rows = asked(
        "quality", "sample", good, poor, "--model", model, "--count", 10, "--out", tmp_path / "next.jsonl"
    )
    assert {row["measure"]: row["value"] for row in rows} == {name: str(value) for name, value in drawn.items()}
    assert drawn["documents"] == len((tmp_path / "next.jsonl").read_text().splitlines()) == 10
    assert main(["quality", "evaluate", str(model), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["classifier"] == "gpt3"


def test_how_labellers_agree(asked: Any, tmp_path: Path) -> None:
    rows = [
        {"text": f"Text {n % 40}", "who": "ab"[n // 40], "score": (n % 40) % 4 + (n // 40) * (n % 3 == 0)}
        for n in range(80)
    ]
    (tmp_path / "labels.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    data, told = asked("quality", "agreement", tmp_path / "labels.jsonl", "--target", "score", "--labeller", "who")
    assert [row["labellers"] for row in told] == ["a and b", *(each["labeller"] for each in data["against_the_others"])]
    assert float(told[0]["kappa"]) == data["pairs"][0]["kappa"]


def test_mixes_tokenizers_and_exports(asked: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = copy_of_small_run(tmp_path)
    data, rows = asked("mix", "plan", made, "--epochs", "a=1,b=2")
    assert {row["group"]: int(row["tokens"]) for row in rows} == {
        name: group["tokens"] for name, group in data["groups"].items()
    }
    held, _ = asked("mix", "make", made, "--name", "twice", "--epochs", "a=1,b=2")
    assert {key: value for key, value in held.items() if key != "by"} == data
    data, rows = asked("tokenizer", "compare", "gpt2", "--run", made)
    assert [float(row["gpt2"]) for row in rows] == [each["bytes_per_token"]["gpt2"] for each in data]
    data, rows = asked("tokenizer", "verify", "gpt2", "--on", made)
    told = {row["measure"]: row["value"] for row in rows}
    assert data["differing"] == 0 and data["differences"] == [] and int(told["bytes"]) == data["bytes"] > 0
    data, rows = asked("tokenizer", "train", made, "--vocab", 300, "--out", tmp_path / "own.json")
    assert {row["measure"]: row["value"] for row in rows} == {name: str(value) for name, value in data.items()}
    assert data["vocabulary_size"] == 300 and data["path"] == str(tmp_path / "own.json") and data["proved_on"] > 0
    assert main(["export", str(made), "--to", "nanogpt", "--out", str(tmp_path / "bin")]) == 0
    capsys.readouterr()
    data, rows = asked("export", made, "--check")
    assert data == rows and [row["state"] for row in rows] == ["current"]
