"""Mixtures of cells: several columns, Dolma 3's curve, UniMax, budgets met by whole documents, and the plan before it."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.cli.mix import add_commands
from curate.config.mixture import Mixture
from curate.config.reading import ConfigError, read_pipeline
from curate.mixture.groups import cell_names
from curate.mixture.make import make_mix, plan_mix
from curate.mixture.solve import MixtureError, plan_mixture
from curate.mixture.upsampling import most_tokens, upsampling
from curate.pipeline.run import run
from curate.shards import ShardReader
from tests.mixture.test_make import SOURCES
from tests.mixture.test_mixture import stock


@pytest.mark.parametrize(
    ("wanted", "power", "rate", "scale", "factors"),
    [
        (1.0, 2.0, 2.0, 5.506, [0.005, 0.038, 0.113, 0.242, 0.441, 0.726, 1.12, 1.646, 2.335, 3.222, 4.349, 5.764]),
        (2.5, 0.638, 0.262, 8.572, [0.779, 1.666, 2.345, 2.948, 3.507, 4.04, 4.554, 5.056, 5.549, 6.036, 6.519, 7.0]),
        (3.5, 0.115, 0.309, 6.244, None),
    ],
)
def test_the_curve_is_dolmas(
    wanted: float, power: float, rate: float, scale: float, factors: list[float] | None
) -> None:
    """Numbers that its published code gives on twenty equal buckets with .4 left out and at most 7 epochs."""
    curve = upsampling([1_000] * 20, wanted * 20_000)
    assert curve is not None
    assert (round(curve.power, 3), round(curve.rate, 3), round(curve.scale, 3)) == (power, rate, scale)
    assert curve.factors[:8].tolist() == [0] * 8
    if factors:
        assert curve.factors[8:].round(3).tolist() == factors
    else:
        assert curve.factors[[8, -1]].round(3).tolist() == [4.005, 7.0]


@given(
    st.lists(st.integers(0, 5_000), min_size=2, max_size=25).filter(lambda sizes: sizes[-1] > 0),
    st.floats(0.01, 1.0),
    st.floats(0.0, 0.9),
    st.floats(1.0, 9.0),
)
@settings(deadline=None, max_examples=150)
def test_a_curve_gives_the_tokens_asked_for_and_rises_up_to_its_bound(
    sizes: list[int], share: float, discard: float, most: float
) -> None:
    wanted = share * most_tokens(sizes, discard, most) * 0.999
    curve = upsampling(sizes, wanted, discard, most)
    assert curve is not None
    assert (curve.factors * sizes).sum() == pytest.approx(wanted, rel=1e-6)
    rising = curve.factors[np.array(sizes) > 0]
    assert (np.diff(rising) >= -1e-9).all() and rising[-1] <= most + 1e-6
    assert np.array(sizes)[curve.factors == 0].sum() <= discard * sum(sizes) + max(sizes)
    assert upsampling(sizes, 1.01 * most_tokens(sizes, discard, most), discard, most) is None


def test_unimax_is_equal_shares_up_to_a_number_of_epochs() -> None:
    """Sizes 1, 10 and 100, a budget of 60 and 4 epochs give 4, 28 and 28 (Chung et al. 2023, algorithm 1)."""
    stocks = {name: stock([10] * number, name) for name, number in (("a", 100), ("b", 1_000), ("c", 10_000))}
    plan = plan_mixture(Mixture(tokens=60_000, unimax=4), stocks)
    assert {name: group.target_tokens for name, group in plan.groups.items()} == pytest.approx(
        {"a": 4_000, "b": 28_000, "c": 28_000}
    )
    starved = plan_mixture(Mixture(tokens=10_000_000, unimax=4), stocks)
    assert starved.missing_tokens == 10_000_000 - 4 * 111_000


def test_two_hundred_cells_together_miss_their_budget_by_no_more_than_a_document() -> None:
    chance = np.random.default_rng(7)
    stocks = {
        f"topic{topic}/{bucket}": stock(chance.integers(5, 400, chance.integers(3, 40)).tolist(), f"{topic}/{bucket}")
        for topic in range(10)
        for bucket in range(20)
    }
    sources = {f"topic{topic}": {"weight": float(chance.uniform(0.6, 1.4))} for topic in range(10)}
    total = sum(int(each.tokens.sum()) for each in stocks.values())
    mixture = Mixture(tokens=total, by="topic + quality_bucket", sources=sources, upsample={"discard": 0.4, "most": 7})
    plan = plan_mixture(mixture, stocks)
    assert len(plan.groups) == 200
    assert abs(plan.tokens - total) <= 400
    for group, each in zip(plan.groups.values(), (stocks[name] for name in plan.groups), strict=True):
        assert abs(group.tokens - group.target_tokens) <= each.tokens.max()
    topics: dict[str, float] = {}
    for name, group in plan.groups.items():
        topics[name.split("/")[0]] = topics.get(name.split("/")[0], 0) + group.target_tokens
    weights = sum(share["weight"] for share in sources.values())
    assert topics == pytest.approx({name: total * share["weight"] / weights for name, share in sources.items()})
    for topic in sources:
        epochs = [plan.groups[f"{topic}/{bucket}"].target_tokens for bucket in range(20)]
        assert epochs[0] == 0 and epochs[19] > 0


def test_a_topic_that_wants_more_than_its_curve_gives_is_named_with_what_it_can() -> None:
    stocks = {f"{topic}/{bucket}": stock([100] * 10, f"{topic}{bucket}") for topic in "ab" for bucket in range(5)}
    sources = {"a": {"weight": 0.99}, "b": {"weight": 0.01}}
    mixture = Mixture(tokens=50_000, by="topic + quality_bucket", sources=sources, upsample={"most": 4})
    with pytest.raises(MixtureError, match=r"'a' is to have 49,500 tokens, .* at most 1\d,\d{3} of the 5,000"):
        plan_mixture(mixture, stocks)


def test_cells_are_named_by_all_their_columns() -> None:
    assert cell_names([pa.array(["de", "none"]), pa.array(["0.7", "0.1"])]).to_pylist() == ["de/0.7", "none/0.1"]
    assert Mixture(by=["language", "quality_score"]).columns == ("language", "quality_score")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"unimax": 4, "temperature": 2}, "temperature and unimax each say"),
        ({"unimax": 4, "sources": {"a": {"weight": 1}}}, "leave out sources"),
        ({"upsample": {}}, "two columns or more"),
        ({"upsample": {}, "by": ["a", "b"], "sources": {"x": {"epochs": 1}}}, "give the groups weights"),
        ({"upsample": {"discard": 1}, "by": ["a", "b"]}, "less than 1"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Mixture.model_validate(wrong)


def pipeline(folder: Path, mixture: dict[str, Any]) -> Path:
    paths = [str(SOURCES / f"part-{part:02d}.jsonl.gz") for part in range(3)]
    sources = {
        name: {"read": {"format": "jsonl", "paths": paths[:number]}, "steps": [{"language": {"keep": "all"}}]}
        for name, number in (("a", 1), ("b", 3))
    }
    path = folder / "cells.yaml"
    shards = {"tokens_per_shard": 20_000, "validation": 0.05}
    path.write_text(yaml.safe_dump({"name": "cells", "sources": sources, "shards": shards, "mixture": mixture}))
    return path


CELLS = {
    "by": ["source", "language_score"],
    "sources": {"a": {"weight": 0.5}, "b": {"weight": 0.5}},
    "upsample": {"discard": 0.1, "most": 9},
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cells")
    return run(pipeline(folder, CELLS), out=folder / "run", engine="serial").path


def test_a_run_of_cells_says_what_each_has_and_a_mix_of_the_same_settings_is_the_same(made: Path) -> None:
    statement = ShardReader(made).manifest["mixture"]
    assert statement["by"] == "source + language_score"
    assert all(name.split("/")[0] in ("a", "b") for name in statement["groups"])
    tokens = {
        name: sum(group["tokens"] for cell, group in statement["groups"].items() if cell[0] == name) for name in "ab"
    }
    assert tokens["a"] == pytest.approx(tokens["b"], abs=3_000)
    mix = make_mix(made, "same", Mixture.model_validate(CELLS), materialise=True)
    assert [entry.sha256 for entry in ShardReader(mix).entries] == [entry.sha256 for entry in ShardReader(made).entries]


def test_a_plan_is_what_a_mix_then_holds_and_writes_nothing(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(path.relative_to(made) for path in made.rglob("*"))
    parser = argparse.ArgumentParser()
    add_commands(parser.add_subparsers())
    arguments = ["--by", "source,language", "--unimax", "2", "--tokens", "30k"]
    options = parser.parse_args(["mix", "plan", str(made), *arguments, "--format", "json"])
    assert options.call(options) == 0
    told = json.loads(capsys.readouterr().out)
    assert sorted(path.relative_to(made) for path in made.rglob("*")) == before
    options = parser.parse_args(["mix", "make", str(made), "--name", "even", *arguments])
    assert options.call(options) == 0
    held = ShardReader(made / "mixes" / "even").manifest["mixture"]
    assert {key: value for key, value in held.items() if key != "by"} == told
    assert plan_mix(made, Mixture(by="source + language", unimax=2, tokens=30_000)).statement() == told


def test_a_column_of_a_cell_that_no_step_makes_is_a_mistake_in_the_file(tmp_path: Path) -> None:
    wrong = pipeline(tmp_path, CELLS | {"by": ["source", "topik", "language_score"]})
    with pytest.raises(ConfigError, match="no step of 'a' makes a column 'topik'"):
        run(wrong, out=tmp_path / "run", engine="serial")
    assert read_pipeline(wrong).pipeline.mixture is not None


def test_documents_of_a_source_that_carries_no_such_column_are_the_group_none(tmp_path: Path) -> None:
    """Code whose rows say their language beside a web whose rows do not."""
    texts = [f"document {number} says {'something of its own ' * 20}{number}" for number in range(60)]
    (tmp_path / "code.jsonl").write_text(
        "".join(
            json.dumps({"text": text, "lang": ["c", "go"][place % 2]}) + "\n" for place, text in enumerate(texts[:30])
        )
    )
    (tmp_path / "web.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts[30:]))

    def written(by: Any, **mixture: Any) -> Path:
        sources = {
            "code": {"read": {"format": "jsonl", "paths": [str(tmp_path / "code.jsonl")], "metadata": ["lang"]}},
            "web": {"read": {"format": "jsonl", "paths": [str(tmp_path / "web.jsonl")]}},
        }
        tree = {"name": "x", "sources": sources, "mixture": {"by": by, **mixture}, "shards": {"validation": 0}}
        (tmp_path / "x.yaml").write_text(yaml.safe_dump(tree | {"tokens": {"tokenizer": "gpt2"}}))
        return tmp_path / "x.yaml"

    cells = {"code/c": {"epochs": 2}, "web/none": {"epochs": 1}}
    made = run(written(["source", "meta.lang"], sources=cells), out=tmp_path / "cells", engine="serial").path
    groups = ShardReader(made).manifest["mixture"]["groups"]
    assert {name: group["documents"] for name, group in groups.items()} == {"code/c": 30, "code/go": 0, "web/none": 30}
    mix = make_mix(
        made, "same", Mixture.model_validate({"by": ["source", "meta.lang"], "sources": cells}), materialise=True
    )
    assert [entry.sha256 for entry in ShardReader(mix).entries] == [entry.sha256 for entry in ShardReader(made).entries]
    alone = {"none": {"epochs": 1}, "go": {"epochs": 1}}
    one = run(written("meta.lang", sources=alone), out=tmp_path / "one", engine="serial").path
    documents = {name: group["documents"] for name, group in ShardReader(one).manifest["mixture"]["groups"].items()}
    assert documents == {"c": 0, "go": 15, "none": 30}
    with pytest.raises(ConfigError, match=r"no step of 'code' makes a column 'meta\.lagn'; did you mean 'meta\.lang'"):
        run(written(["source", "meta.lagn"]), out=tmp_path / "wrong", engine="serial")
