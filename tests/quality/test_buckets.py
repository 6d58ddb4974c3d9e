"""Buckets of quality: twentieths of a group by score, in the ledger, in rules, mixtures and what-if."""

from __future__ import annotations

import gzip
import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import curate
from curate.config.reading import ConfigError
from curate.quality.buckets import ALL, BUCKETS, LEAST_DOCUMENTS, buckets, limits
from curate.quality.step import Quality
from curate.shards import ShardReader
from tests.quality.test_runs import LEARNING, pipeline, rows

scores_of = st.lists(st.floats(0, 1, width=32), min_size=1, max_size=400)


def made_of(scores: np.ndarray, names: list[str], pieces: int = 3) -> dict[str, list[float]]:
    parts = np.array_split(np.arange(len(scores)), pieces)
    groups = pa.array(names, pa.string())
    return limits(lambda: ((scores[part], groups.take(pa.array(part))) for part in parts))


@settings(deadline=None, max_examples=200)
@given(scores_of)
def test_a_bucket_is_the_number_of_twentieths_wholly_below_a_score(listed: list[float]) -> None:
    """Compared with the definition, counted in fractions."""
    scores = np.array(listed, np.float32)
    of = made_of(scores, [ALL] * len(scores))
    found = buckets(pa.array(scores), pa.array([ALL] * len(scores)), of).to_pylist()
    lower = [(scores < score).sum() for score in scores]
    assert found == [min(BUCKETS - 1, int(Fraction(int(n) * BUCKETS, len(scores)))) for n in lower]


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(1, 5))
def test_limits_do_not_depend_on_parts_and_groups_are_parted_by_themselves(seed: int, pieces: int) -> None:
    random = np.random.default_rng(seed)
    scores = random.beta(0.3, 0.3, 900).astype(np.float32)  # crowded at both ends, as classifiers' are
    names = random.choice(["de", "en", "ja"], 900, p=[0.5, 0.48, 0.02]).tolist()
    of = made_of(scores, names, pieces)
    assert of == made_of(scores, names, 1)
    assert {*of} == {ALL, "de", "en"}, "of fewer than 200 documents nothing can be told"
    for name in ("de", "en"):
        mine = np.array(names) == name
        assert of[name] == made_of(scores[mine], [ALL] * int(mine.sum()))[ALL]
        counted = np.bincount(buckets(pa.array(scores[mine]), pa.array([name] * int(mine.sum())), of).to_numpy())
        assert counted.max() - counted.min() <= 2
    few = buckets(pa.array([0.5, None], pa.float32()), pa.array(["ja", "ja"]), of).to_pylist()
    assert few == [int(np.searchsorted(np.float32(of[ALL]), np.float32(0.5))), None]


def test_without_a_document_there_are_no_limits_and_no_buckets() -> None:
    assert limits(lambda: iter(())) == {}
    assert buckets(pa.array([0.5], pa.float32()), pa.array(["a"]), {}).to_pylist() == [None]


BUCKETED = LEARNING | {"buckets": "source", "minimum_bucket": 10}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> curate.Run:
    folder = tmp_path_factory.mktemp("bucketed")
    setting = {key: value for key, value in BUCKETED.items() if key != "alpha"}
    path = pipeline(folder, setting)
    changes = {
        "mixture": {
            "by": ["source", "quality_bucket"],
            "sources": {"web": {"weight": 1.0}},
            "upsample": {"discard": 0.1, "most": 9},
        },
        "shards.validation": 0.0,
    }
    return curate.run(path, changes, out=folder / "run", engine="serial")


def test_a_run_numbers_every_document_s_twentieth_and_keeps_by_it(made: curate.Run) -> None:
    found = rows(made)
    scores = np.array([row["quality_score"] for row in found])
    expected = [int(Fraction(int((scores < score).sum()) * 20, len(scores))) for score in scores]
    assert [row["quality_bucket"] for row in found] == expected
    assert [row["kept"] for row in found] == [bucket >= 10 for bucket in expected]
    assert [row["failed"] for row in found] == [
        [] if bucket >= 10 else ["quality/minimum_bucket"] for bucket in expected
    ]
    assert all(row["quality_bucket"] is None for row in rows(made, "reference"))


def test_a_mixture_is_by_buckets(made: curate.Run) -> None:
    groups = ShardReader(made.path).manifest["mixture"]["groups"]
    assert {*groups} == {f"web/{bucket}" for bucket in range(10, 20)}
    epochs = [groups[f"web/{bucket}"]["epochs"] for bucket in range(10, 20)]
    assert epochs[-1] > 1 > epochs[0], "the best come more often"


def test_what_if_moves_the_bucket_that_is_kept(made: curate.Run) -> None:
    answer = made.whatif({"quality.minimum_bucket": 15})
    expected = sum(row["quality_bucket"] >= 15 for row in rows(made))
    assert answer["passed"]["passes"] == expected


def test_a_changed_bucket_scores_nothing_again(made: curate.Run) -> None:
    path = made.path.parent / "pipeline.yaml"
    again = curate.run(
        path, {"quality.minimum_bucket": 5}, out=made.path.parent / "again", engine="serial", until="quality"
    )
    more = curate.run(
        path, {"quality.minimum_bucket": 6}, out=made.path.parent / "again", engine="serial", until="quality"
    )
    assert again.executed.get("buckets") == 2 and "buckets" not in more.executed and "score" not in more.executed


def test_buckets_within_a_language_are_that_language_s(tmp_path: Path) -> None:
    setting = {"positives": ["reference"], "buckets": "meta.lang"}
    path = pipeline(tmp_path, setting)
    for file in sorted(tmp_path.glob("web-*.jsonl.gz")):
        with gzip.open(file, "rt", encoding="utf-8") as handle:
            listed = [json.loads(line) for line in handle]
        listed = [row for row in listed for _ in range(8)]
        with gzip.open(file, "wt", encoding="utf-8") as handle:
            for number, row in enumerate(listed):
                handle.write(json.dumps(row | {"lang": "de" if number % 3 else "en"}) + "\n")
    sets = {"sources.web.read.metadata": ["lang"]}
    run = curate.run(path, sets, out=tmp_path / "run", engine="serial", until="quality")
    table = pq.read_table(run.path / "ledger").filter(pa.compute.field("source") == "web")
    for name in ("de", "en"):
        mine = table.filter(pa.compute.equal(table.column("meta.lang"), name))
        scores, found = (mine.column(each).to_numpy() for each in ("quality_score", "quality_bucket"))
        assert found.tolist() == [int((scores < score).sum()) * 20 // len(scores) for score in scores]
        assert len(scores) >= LEAST_DOCUMENTS


def test_a_column_that_no_step_makes_is_a_mistake_at_its_key(tmp_path: Path) -> None:
    path = pipeline(tmp_path, {"positives": ["reference"], "buckets": "langauge"})
    with pytest.raises(ConfigError, match=r"quality\.buckets.*no step of 'web' makes a column 'langauge'"):
        curate.run(path, out=tmp_path / "run", engine="serial")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"minimum_bucket": 3}, "minimum_bucket needs buckets"),
        ({"minimum_bucket": 3, "buckets": "source", "minimum": 0.5}, "either a minimum_bucket"),
        ({"minimum_bucket": 20, "buckets": "source"}, "less than 20"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(wrong: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Quality.model_validate({"positives": ["reference"], **wrong})
