"""`curate mix search FILE.yaml`: the better mix is found, confirmed, and found again after kills."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

pytest.importorskip("torch")

import curate
from curate.cli.main import main
from curate.config.reading import read_pipeline
from curate.errors import ConfigError
from curate.mixture.draws import draw, join
from curate.trainer.compare.mixture_search import read_search, search
from curate.trainer.compare.search_settings import Search
from tests.support.trainer_example import LENGTH, MERGES, make_tokenizer

ROOT = Path(__file__).parents[2]
WORDS = (
    "the",
    "old",
    "ship",
    "went",
    "out",
    "on",
    "a",
    "tide",
    "and",
    "came",
    "home",
    "with",
    "wind",
    "in",
    "sail",
    "lamp",
)


def prose(random: np.random.Generator) -> str:
    return " ".join(random.choice(WORDS, 20)) + "."


def noise(random: np.random.Generator) -> str:
    return "".join(random.choice(list("0123456789XQZ#%&"), 25))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two sources, words and noise; and validation texts of words beside it."""
    folder = tmp_path_factory.mktemp("searched")
    random = np.random.default_rng(0)
    for name, make, count in (("prose", prose, 400), ("noise", noise, 400), ("unseen", prose, 20)):
        rows = [{"text": make(random), "url": f"https://{name}.example/{n}"} for n in range(count)]
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    sources = {
        name: {"read": {"format": "jsonl", "paths": [str(folder / f"{name}.jsonl")]}} for name in ("prose", "noise")
    }
    tokens = {"tokenizer": str(make_tokenizer(folder))}
    (folder / "pipeline.yaml").write_text(yaml.safe_dump({"name": "two", "sources": sources, "tokens": tokens}))
    made: Path = curate.run(folder / "pipeline.yaml", out=folder / "run", engine="serial").path
    return made


def search_file(run: Path, folder: Path, **changes: Any) -> Path:
    keys: dict[str, Any] = {
        "name": "lamp",
        "run": str(run),
        "prior": {"prose": 0.5, "noise": 0.5},
        "mixes": 10,
        "proxy": {
            "model": {"vocabulary": MERGES + 1, "layers": 1, "width": 16, "heads": 2, "context": LENGTH},
            "data": {"sequence_length": LENGTH},
            "budget": {"tokens": 16 * 8 * LENGTH},
            "batch": {"tokens": 8 * LENGTH, "micro": 8},
            "optimizer": {"learning_rate": 0.02},
            "precision": "float32",
            "compile": False,
        },
        "evaluation": {"texts": {"unseen": str(run.parent / "unseen.jsonl")}, "points": 1},
        "confirm": {"seeds": 4},
        "devices": "cpu",
        "out": str(folder / "out"),
        **changes,
    }
    path = folder / "search.yaml"
    path.write_text(yaml.safe_dump(keys))
    return path


class Killed(BaseException):
    pass


def interrupted(settings: Search) -> int:
    """The search, stopped at each fifth line that it has not said before, until it ends. How often it was stopped."""
    said: set[str] = set()

    def say(line: str) -> None:
        if line not in said:
            said.add(line)
            if len(said) % 5 == 1:
                raise Killed

    stops = 0
    while True:
        try:
            search(settings, say)
            return stops
        except Killed:
            stops += 1


def files(folder: Path) -> dict[str, bytes]:
    wanted = ("results.jsonl", "search.json", "mixture.yaml", "confirm/verdict.json")
    return {name: (folder / "out" / name).read_bytes() for name in wanted}


@pytest.mark.slow
def test_the_better_mix_is_found_and_confirmed_and_kills_in_any_step_change_nothing(run: Path, tmp_path: Path) -> None:
    whole, pieces = tmp_path / "whole", tmp_path / "pieces"
    for folder in (whole, pieces):
        folder.mkdir()
    found = search(read_search(search_file(run, whole)), lambda line: None)
    assert found.proposal is not None
    assert found.proposal["prose"] > 0.7
    assert found.confirmed
    assert "proposal makes the better model than prior" in found.sentence
    stopped = interrupted(read_search(search_file(run, pieces)))
    assert stopped >= 4
    assert files(pieces) == files(whole)
    pipeline = yaml.safe_load((run.parent / "pipeline.yaml").read_text())
    block = yaml.safe_load((whole / "out" / "mixture.yaml").read_text())
    block["mixture"]["tokens"] = 2000
    (run.parent / "mixed.yaml").write_text(yaml.safe_dump(pipeline | block))
    assert read_pipeline(run.parent / "mixed.yaml").pipeline.mixture is not None


@pytest.mark.slow
def test_where_the_gain_is_within_the_error_the_prior_stays(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The prior is all but the best mix, so that none is better by more than the fit errs; nothing is confirmed."""
    path = search_file(run, tmp_path, prior={"prose": 0.9, "noise": 0.1})
    assert main(["mix", "search", str(path), "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert not told["confirmed"]
    assert told["mixture"]["sources"]["prose"]["weight"] == 0.9
    assert "Nothing is proposed" in told["sentence"]
    assert not (tmp_path / "out" / "confirm").exists()


def test_draws_are_the_same_ones_and_more_and_keep_to_the_epochs() -> None:
    prior, most = {"a": 0.6, "b": 0.3, "c": 0.1}, {"a": 0.7}
    few, many = (draw(("a", "b", "c"), prior, most, count, seed=3) for count in (10, 200))
    assert many[:10] == few
    assert few[0] == prior
    assert all(sum(row.values()) == pytest.approx(1, abs=1e-9) for row in many)
    assert max(row["a"] for row in many) <= 0.7 + 1e-4
    assert max(row["b"] for row in many) > 0.9 > 0.1 > min(row["b"] for row in many)
    assert draw(("a", "b", "c"), prior, most, 10, seed=4)[1:] != few[1:]
    with pytest.raises(ConfigError, match=r"a has 0\.600 of the prior, and epochs allow 0\.500"):
        draw(("a", "b", "c"), prior, {"a": 0.5}, 2, seed=0)


def test_groups_that_keep_their_shares_are_one_group_of_the_search() -> None:
    """Olmix's example: shares .25 .25 .5 among themselves, .4 of the mix together."""
    joined = join({"x": 1, "y": 1, "z": 2, "new": 4}, {"x": 1, "y": 1, "z": 2})
    assert joined.split({"new": 0.6, "reused": 0.4}) == {"new": 0.6, "x": 0.1, "y": 0.1, "z": 0.2}
    assert joined.join({"x": 1, "y": 1, "z": 2, "new": 4}) == {"new": 4, "reused": 4}
    assert joined.most({"x": 0.1, "z": 1.0}) == {"new": 1.0, "reused": 0.4}
    with pytest.raises(ConfigError, match="two groups whose weights may change"):
        join({"x": 1, "y": 1}, {"x": 1, "y": 1})


def test_the_example_s_search_is_valid_and_mistakes_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    example = ROOT / "examples" / "search.yaml"
    assert main(["mix", "search", str(example), "--prior", "web=1"]) == 2
    assert "--set prior=" in capsys.readouterr().err
    assert all(Path(text).is_file() for text in read_search(example).evaluation.texts.values())
    with pytest.raises(ConfigError, match="a budget in minutes trains some mixes longer"):
        read_search(example, ["proxy.budget={minutes: 1}"])
    with pytest.raises(ConfigError, match="leave it out, the mixes are what is read"):
        read_search(example, ["proxy.data.path=a"])


def test_a_proposal_from_given_results_is_the_same_as_csv_and_as_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A row for each group, with the best mix tried and the proposal."""
    draws = np.random.default_rng(0).dirichlet((1, 1, 1), 40)
    losses = 2 - 0.5 * draws[:, 0] + 0.8 * (draws[:, 1] - 0.3) ** 2
    rows = [
        {"weights": dict(zip("abc", weights.tolist(), strict=True)), "loss": float(loss)}
        for weights, loss in zip(draws, losses, strict=True)
    ]
    path = tmp_path / "results.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert main(["mix", "search", str(path), "--prior", "a=.4,b=.3,c=.3", "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert main(["mix", "search", str(path), "--prior", "a=.4,b=.3,c=.3", "--format", "csv"]) == 0
    table = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert {row["group"]: float(row["best tried"]) for row in table} == told["best_tried"]
    wanted = told["weights"] if told["supported"] else {}
    assert {row["group"]: float(row["proposed"]) for row in table if row["proposed"]} == wanted
