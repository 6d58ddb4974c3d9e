"""Mixtures in runs, and other mixes of a finished run."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml

from curate.cli.mix import add_commands
from curate.config.mixture import Mixture
from curate.config.reading import ConfigError
from curate.mixture.make import make_mix
from curate.pipeline.run import run
from curate.shards import Loader, ShardReader

SOURCES = Path(__file__).resolve().parents[2] / "examples" / "sources"
MIXTURE = {"tokens": 90_000, "sources": {"a": {"weight": 0.7, "max_epochs": 3}, "b": {"weight": 0.3}}}


def pipeline(folder: Path, mixture: dict | None) -> Path:
    sources = {
        name: {"read": {"format": "jsonl", "paths": [str(SOURCES / f"part-{part:02d}.jsonl.gz") for part in parts]}}
        for name, parts in (("a", (0, 1)), ("b", (2, 3, 4)))
    }
    settings = {"name": "mixed", "sources": sources, "shards": {"tokens_per_shard": 20_000, "validation": 0.1}}
    path = folder / "mixed.yaml"
    path.write_text(yaml.safe_dump(settings | ({"mixture": mixture} if mixture else {})))
    return path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mixed")
    return run(pipeline(folder, MIXTURE), out=folder / "run", engine="serial").path


def hashes(folder: Path) -> list[str]:
    return [entry.sha256 for entry in ShardReader(folder).entries]


def test_a_run_meets_its_mixture_and_says_so(made: Path) -> None:
    statement = ShardReader(made).manifest["mixture"]
    counted: dict[str, int] = {}
    reader = ShardReader(made)
    for entry in reader.split("train"):
        batch = reader.open(entry).batch
        for source, row in zip(batch.column("source").to_pylist(), batch.column("tokens"), strict=True):
            counted[source] = counted.get(source, 0) + len(row)
    for name, group in statement["groups"].items():
        assert group["tokens"] == counted[name]
        assert abs(group["tokens"] - group["target_tokens"]) <= 2_000, "a document of the example"
    assert statement == {"by": "source"} | json.loads((made / "stats.json").read_text())["mixture"]


def test_the_ledger_names_the_first_copy_of_each_document(made: Path) -> None:
    reader = ShardReader(made)
    first: dict[bytes, tuple[int, int]] = {}
    for number, entry in enumerate(reader.entries):
        for row, identity in enumerate(reader.open(entry).batch.column("id").to_pylist()):
            first.setdefault(identity, (number, row))
    rows = pq.read_table(made / "ledger", columns=["id", "shard", "shard_row"]).to_pylist()
    assert {row["id"]: (row["shard"], row["shard_row"]) for row in rows if row["shard"] is not None} == first


def test_a_mix_with_the_runs_own_settings_has_the_bytes_of_its_shards(made: Path) -> None:
    folder = make_mix(made, "same", Mixture.model_validate(MIXTURE), materialise=True)
    assert hashes(folder) == hashes(made)


def test_an_index_reads_as_the_shards_it_stands_for(made: Path) -> None:
    other = Mixture.model_validate({"tokens": 50_000, "sources": {"a": {"weight": 0.2}, "b": {"epochs": 1.5}}})
    index, shards = make_mix(made, "index", other), make_mix(made, "shards", other, materialise=True)
    for split in ("train", "validation"):
        one, two = (Loader(folder, 32, 8, epochs=1, split=split) for folder in (index, shards))
        assert all(np.array_equal(a.tokens, b.tokens) for a, b in zip(one, two, strict=True))
    assert ShardReader(index).fingerprint != ShardReader(made).fingerprint


def test_a_mix_may_be_by_any_column_of_the_ledger(made: Path) -> None:
    folder = make_mix(made, "hosts", Mixture(by="domain", temperature=2))
    assert list(ShardReader(folder).manifest["mixture"]["groups"]) == ["encyclopaedia.example"]


def test_the_command_makes_a_mix(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    add_commands(parser.add_subparsers())
    options = parser.parse_args(
        ["mix", "make", str(made), "--name", "cli", "--weights", "a=.5,b=.5", "--tokens", "20k"]
    )
    assert options.call(options) == 0
    assert ShardReader(made / "mixes" / "cli").manifest["mixture"]["tokens"] == pytest.approx(20_000, rel=0.1)


def test_a_mixture_of_what_was_dropped_is_an_error_in_the_pipelines_words(tmp_path: Path) -> None:
    wrong = {"by": "language", "sources": {"en": {"weight": 1}}}
    with pytest.raises(ConfigError, match="mixture"):
        run(pipeline(tmp_path, wrong), out=tmp_path / "run", engine="serial")
