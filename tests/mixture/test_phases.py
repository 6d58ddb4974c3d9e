"""Mixtures of phases: each its own shares, none reading what another has read before its time."""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.audit.finished_run import open_finished
from curate.audit.remove import remove
from curate.cli.mix import add_commands
from curate.config.mixture import Mixture
from curate.config.reading import ConfigError, read_pipeline
from curate.mixture.groups import octaves
from curate.mixture.make import make_mix, plan_mix
from curate.mixture.planned import MixturePlan
from curate.mixture.solve import MixtureError, plan_mixture
from curate.mixture.weights import WeightsError, read_weights
from curate.pipeline.run import run
from curate.shards import Loader, ShardReader
from curate.shards.copies import Span, copies
from curate.text.chance import draw
from tests.mixture.test_make import SOURCES
from tests.mixture.test_mixture import STOCKS, ids_of, stock

COUNTS = {"web": (2_000, "w"), "books": (20, "b"), "wiki": (100, "k")}


def plan(phases: list[dict[str, Any]], **keys: Any) -> MixturePlan:
    return plan_mixture(Mixture.model_validate({"phases": phases, **keys}), STOCKS)


def shares(number: int, of: MixturePlan) -> dict[str, float]:
    phase = of.phases[number]
    return {name: group.tokens / phase.tokens for name, group in phase.groups.items() if group.tokens}


TWO = [
    {"name": "main", "tokens": "80 %", "weights": {"web": 0.8, "wiki": 0.2}},
    {"name": "anneal", "tokens": "20%", "weights": {"web": 0.2, "books": 0.8}},
]


def test_each_phase_has_its_tokens_and_its_shares() -> None:
    found = plan(TWO, tokens=50_000)
    assert [phase.tokens for phase in found.phases] == pytest.approx([40_000, 10_000], abs=1_000)
    assert shares(0, found) == pytest.approx({"web": 0.8, "wiki": 0.2}, abs=0.01)
    assert shares(1, found) == pytest.approx({"web": 0.2, "books": 0.8}, abs=0.03)
    told = found.statement()
    assert told["groups"]["web"]["asked_share"] == pytest.approx(0.8 * 0.8 + 0.2 * 0.2, abs=1e-6)
    assert told["tokens"] == sum(phase["tokens"] for phase in told["phases"])
    assert [phase["name"] for phase in told["phases"]] == ["main", "anneal"]


def test_phases_may_have_counts_and_what_a_phase_does_not_say_is_as_the_mixture_says() -> None:
    found = plan(
        [{"name": "first", "tokens": "30k"}, {"name": "last", "tokens": 10_000, "weights": {"wiki": 1}}],
        weights={"web": 1, "books": 1},
    )
    assert [round(phase.tokens, -3) for phase in found.phases] == [30_000, 10_000]
    assert shares(0, found) == pytest.approx({"web": 0.5, "books": 0.5}, abs=0.04)
    assert shares(1, found) == {"wiki": 1.0}


def test_most_epochs_count_what_all_phases_took() -> None:
    """Books have 20,000 tokens; two epochs are 40,000 over both phases."""
    phases = [{"name": name, "tokens": "50 %", "weights": {"books": 1.0}, "max_epochs": 2} for name in ("a", "b")]
    found = plan(phases, tokens=60_000)
    assert [phase.tokens for phase in found.phases] == pytest.approx([30_000, 10_000], abs=1_000)
    assert found.groups["books"].epochs == pytest.approx(2, abs=0.01)
    assert found.missing_tokens == pytest.approx(20_000, abs=1_000)


def test_unimax_in_phases_never_gives_more_epochs_than_it_says() -> None:
    found = plan([{"name": name, "tokens": "50 %"} for name in ("a", "b")], tokens=200_000, unimax=1.5)
    assert max(group.epochs for group in found.groups.values()) <= 1.5 + 0.05


phases_of = st.lists(
    st.tuples(
        st.integers(1_000, 60_000),
        st.dictionaries(st.sampled_from([*COUNTS]), st.floats(0.01, 1), min_size=1),
        st.booleans(),
    ),
    min_size=1,
    max_size=4,
)


@settings(deadline=None, max_examples=60)
@given(phases_of)
def test_phases_go_on_where_the_ones_before_stopped(listed: list[tuple[int, dict, bool]]) -> None:
    """All copies of a group over all phases are those of a mixture that takes as much at once; none is there twice in one
    epoch, and each phase has as many documents and tokens as its plan says."""
    found = plan(
        [
            {
                "name": f"p{n}",
                "tokens": tokens,
                "weights": weights,
                "max_epochs": 9,
                "schedule": "linear" if slope and n else "constant",
            }
            for n, (tokens, weights, slope) in enumerate(listed)
        ]
    )
    for name, (count, prefix) in COUNTS.items():
        ids = ids_of(count, prefix)
        order = draw(ids, 0, "shuffle")
        times = np.zeros(count, np.int64)
        for phase in found.phases:
            group = phase.groups[name]
            rows, keys = copies(ids, order, 0, Span.of(np.tile(np.array(group.sorting, float), (count, 1))))
            assert len(rows) == group.documents
            assert len(np.unique(keys)) >= len(keys) - 2 or group.documents < 3
            times += np.bincount(rows, minlength=count)
        last = found.phases[-1].groups[name]
        whole, _ = copies(
            ids, order, 0, Span.of(np.tile([0.0, 0.0, last.end.whole, last.end.bins, 1.0, 1.0], (count, 1)))
        )
        assert np.array_equal(times, np.bincount(whole, minlength=count))
        assert found.groups[name].documents == times.sum()
        assert times.max() - times.min() <= 1


def test_under_the_schedule_linear_shares_move_from_those_before_to_its_own() -> None:
    phases = [
        {"name": "main", "tokens": 30_000, "weights": {"w": 1.0}},
        {"name": "anneal", "tokens": 90_000, "weights": {"w": 0.2, "k": 0.8}, "schedule": "linear"},
    ]
    found = plan_mixture(Mixture.model_validate({"phases": phases}), {name: stock([50] * 2_000, name) for name in "wk"})
    assert shares(1, found) == pytest.approx({"w": 0.6, "k": 0.4}, abs=0.01)
    placed = {}
    for name in "wk":
        ids = ids_of(2_000, name)
        span = Span.of(np.tile(np.array(found.phases[1].groups[name].sorting, float), (2_000, 1)))
        _, keys = copies(ids, draw(ids, 0, "shuffle"), 0, span)
        placed[name] = np.histogram(keys / 2.0**64, bins=4, range=(0, 1))[0]
    assert placed["k"] / (placed["k"] + placed["w"]) == pytest.approx([0.1, 0.3, 0.5, 0.7], abs=0.05)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"phases": [{"name": "a", "tokens": "80 %"}]}, "are 80 % of the mixture together"),
        ({"phases": [{"name": "a", "tokens": "80 %"}, {"name": "b", "tokens": 5}]}, "all phases as shares"),
        ({"phases": [{"name": "a", "tokens": 5}], "tokens": 10}, "leave out the mixture's tokens"),
        ({"phases": [{"name": "a", "tokens": 5, "schedule": "linear"}]}, "nothing comes before the first phase"),
        ({"phases": [{"name": "a", "tokens": "50%"}, {"name": "a", "tokens": "50%"}]}, "two phases have one name"),
        ({"phases": [{"name": "a", "tokens": "much"}]}, "neither a share of the mixture, as 80 %, nor a count"),
        ({"phases": [{"name": "a", "tokens": 0}]}, "a phase needs tokens"),
        ({"weights": {"a": 1}, "sources": {"a": {"weight": 1}}}, "both say the groups' shares"),
        ({"weights": {"a": 1}, "unimax": 3}, "unimax makes the weights; leave out weights"),
        ({"max_epochs": 3}, "max_epochs bounds the groups of `weights`"),
    ],
)
def test_phases_and_weights_that_cannot_be_are_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Mixture.model_validate(wrong)


def test_weights_are_read_from_yaml_csv_and_parquet_alike(tmp_path: Path) -> None:
    expected = {"de/0.7": 2.0, "de/0.8": 3.0, "none/0.7": 1.0}
    (tmp_path / "w.yaml").write_text("de: {0.7: 2, 0.8: 3}\nnone/0.7: 1\n")
    (tmp_path / "w.csv").write_text("language,quality_score,weight\nde,0.7,2\nde,0.8,3\n,0.7,1\n")
    (tmp_path / "named.csv").write_text("group,weight\r\nde/0.7,2\r\nde/0.8,3\r\nnone/0.7,1\r\n")
    pq.write_table(
        pa.table({"language": ["de", "de", None], "quality_score": [0.7, 0.8, 0.7], "weight": [2, 3, 1]}),
        tmp_path / "w.parquet",
    )
    for name in ("w.yaml", "w.csv", "named.csv", "w.parquet"):
        assert read_weights(str(tmp_path / name), ("language", "quality_score")) == expected, name


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("group,share\na,1\n", "no column 'weight'"),
        ("which,weight\na,1\n", "does not say whose weights"),
        ("group,weight\na,1\nb,-2\n", "row 2: the weight of 'b' is '-2'"),
        ("group,weight\na,1\na,2\n", "row 2: 'a' has a weight already"),
        ("group,weight\na,nan\n", "row 1: the weight of 'a'"),
        ("group,weight\na,0\n", "no group a weight above 0"),
        ("", "is no table of weights"),
    ],
)
def test_a_file_of_weights_that_is_wrong_is_told_by_row(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "w.csv").write_text(content)
    with pytest.raises(WeightsError, match=message):
        read_weights(str(tmp_path / "w.csv"), ("source",))


def test_documents_are_parted_by_length_at_powers_of_two() -> None:
    assert octaves(pa.array([0, 1, 3, 4, 1023, 1024, None])).to_pylist() == ["0", "1", "2", "4", "512", "1024", "none"]


PHASED = {
    "by": ["source", "tokens"],
    "tokens": 20_000,
    "phases": [
        {"name": "short", "tokens": "70 %", "weights": "short.csv"},
        {"name": "long", "tokens": "30 %", "weights": {"a/512": 1.0, "b/512": 1.0}, "sequence_length": 128},
    ],
}


def pipeline(folder: Path, mixture: dict[str, Any]) -> Path:
    paths = [str(SOURCES / f"part-{part:02d}.jsonl.gz") for part in range(4)]
    sources = {
        name: {"read": {"format": "jsonl", "paths": paths[low:high]}} for name, low, high in (("a", 0, 2), ("b", 2, 4))
    }
    path = folder / "phased.yaml"
    shards = {"tokens_per_shard": 6_000, "validation": 0.05}
    path.write_text(yaml.safe_dump({"name": "phased", "sources": sources, "shards": shards, "mixture": mixture}))
    return path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("phased")
    (folder / "short.csv").write_text("source,tokens,weight\na,256,3\nb,256,1\n")
    return run(pipeline(folder, PHASED), out=folder / "run", engine="serial").path


def counted(reader: ShardReader) -> dict[tuple[int, str], int]:
    """Tokens by phase and source, from the shards."""
    found: dict[tuple[int, str], int] = {}
    for entry in reader.split("train"):
        batch = reader.open(entry).batch
        for source, row in zip(batch.column("source").to_pylist(), batch.column("tokens"), strict=True):
            found[entry.phase, source] = found.get((entry.phase, source), 0) + len(row)
    return found


def told(reader: ShardReader) -> dict[tuple[int, str], int]:
    """The same from the manifest's statement."""
    found: dict[tuple[int, str], int] = {}
    for number, phase in enumerate(reader.manifest["mixture"]["phases"]):
        for name, group in phase["groups"].items():
            if group["tokens"]:
                key = (number, name.split("/")[0])
                found[key] = found.get(key, 0) + group["tokens"]
    return found


def test_a_run_holds_its_phases_and_says_so(made: Path) -> None:
    reader = ShardReader(made)
    assert told(reader) == counted(reader)
    assert [(phase.name, phase.sequence_length) for phase in reader.phases] == [("short", None), ("long", 128)]
    assert reader.manifest["mixture"]["phases"][0]["groups"]["a/256"]["share"] == pytest.approx(0.75, abs=0.02)
    longest = [max(map(len, reader.open(entry).batch.column("tokens"))) for entry in reader.split("train")]
    assert all(
        (length > 512) == (entry.phase == 1) for length, entry in zip(longest, reader.split("train"), strict=True)
    )
    assert Loader(made, 64, 4).lengths == (64, 128)
    assert json.loads((made / "stats.json").read_text())["mixture"]["phases"] == reader.manifest["mixture"]["phases"]


def test_a_mix_with_the_runs_own_phases_has_its_bytes_and_an_index_reads_the_same(made: Path) -> None:
    mixture = read_pipeline(made.parent / "phased.yaml").pipeline.mixture
    assert mixture is not None
    shards, index = make_mix(made, "same", mixture, materialise=True), make_mix(made, "index", mixture)
    assert [each.sha256 for each in ShardReader(shards).entries] == [each.sha256 for each in ShardReader(made).entries]
    one, two = (Loader(folder, 32, 4, epochs=1) for folder in (made, index))
    assert all(np.array_equal(a.tokens, b.tokens) for a, b in zip(one, two, strict=True))


def test_a_plan_shows_each_phase_before_anything_is_written(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    add_commands(parser.add_subparsers())
    file = str(made.parent / "phased.yaml")
    options = parser.parse_args(["mix", "plan", str(made), "--mixture", file, "--format", "json"])
    assert options.call(options) == 0
    shown = json.loads(capsys.readouterr().out)
    assert {"by": "source + tokens"} | shown == ShardReader(made).manifest["mixture"]
    options = parser.parse_args(["mix", "plan", str(made), "--mixture", file])
    assert options.call(options) == 0
    text = capsys.readouterr().out
    assert "short: " in text and "sequences of 128" in text and "all phases: " in text


def test_weights_of_a_file_are_given_on_the_command_line(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    add_commands(parser.add_subparsers())
    weights = str(made.parent / "short.csv")
    options = parser.parse_args(
        ["mix", "plan", str(made), "--by", "source,tokens", "--weights", weights, "--format", "json"]
    )
    assert options.call(options) == 0
    groups = json.loads(capsys.readouterr().out)["groups"]
    assert {name for name, group in groups.items() if group["weight"]} == {"a/256", "b/256"}


def test_documents_removed_leave_a_statement_that_is_still_what_the_shards_hold(made: Path, tmp_path: Path) -> None:
    copied = Path(shutil.copytree(made, tmp_path / "run"))
    reader = ShardReader(copied)
    gone = {reader.open(entry).batch.column("id")[0].as_py().hex() for entry in reader.split("train")}
    remove(open_finished(copied), "record", sorted(gone), "2026-01-01T00:00:00Z", "asked for")
    left = ShardReader(copied)
    assert told(left) == counted(left) != counted(reader)


def test_a_weights_file_that_is_missing_is_a_mistake_at_its_key(tmp_path: Path) -> None:
    wrong = pipeline(tmp_path, PHASED)
    with pytest.raises(ConfigError, match=r"mixture\.phases\.0\.weights.*short\.csv|short\.csv"):
        run(wrong, out=tmp_path / "run", engine="serial")


def test_a_group_that_no_source_can_have_is_named_at_its_phase(tmp_path: Path) -> None:
    phases = [{"name": "main", "tokens": "100 %", "weights": {"c": 1.0}}]
    wrong = pipeline(tmp_path, {"phases": phases})
    with pytest.raises(ConfigError, match=r"no source 'c'"):
        read_pipeline(wrong)
    with pytest.raises(MixtureError, match="'zz'"):
        plan([{"name": "main", "tokens": "100 %", "weights": {"zz": 1.0}}])


def test_a_plan_of_phases_by_python_is_the_same(made: Path) -> None:
    mixture = Mixture.model_validate({"phases": TWO_OF_RUN})
    assert plan_mix(made, mixture).statement()["phases"][1]["groups"]["b"]["share"] == pytest.approx(1.0)


TWO_OF_RUN = [
    {"name": "main", "tokens": "80 %", "weights": {"a": 1.0, "b": 0.5}},
    {"name": "anneal", "tokens": "20 %", "weights": {"b": 1.0}},
]
