"""What reading several datasets by weights promises: shares, no sequence lost or repeated, one stream for all ranks."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.shards import Loader, MixedLoader, StateError
from curate.shards.mixed_loader import BLOCK
from tests.support.synthetic_shards import documents, write_shards


@pytest.fixture(scope="module")
def datasets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("mixed")
    return {
        name: write_shards(folder / name, [documents(count, seed + part) for part in range(2)], name=name)
        for name, count, seed in (("web", 80, 0), ("books", 30, 10), ("code", 10, 20))
    }


WEIGHTS = {"web": 0.7, "books": 0.2, "code": 0.1}
LATER = {"web": 0.2, "code": 0.8}


def loaders_of(datasets: dict[str, Path], ranks: int, per_rank: int, state: dict | None = None) -> list[MixedLoader]:
    made = [MixedLoader(datasets, WEIGHTS, 32, per_rank, 5, rank, ranks) for rank in range(ranks)]
    for loader in made:
        if state:
            loader.load_state_dict(json.loads(json.dumps(state)))
    return made


def taken(loaders: list[MixedLoader], steps: int) -> list[np.ndarray]:
    return [row for _ in range(steps) for loader in loaders for row in next(loader).tokens]


def test_every_block_holds_each_dataset_s_share_exactly(datasets: dict[str, Path]) -> None:
    loader = MixedLoader(datasets, WEIGHTS, 32, 4)
    for block in (0, 3):
        dataset, _ = loader.order(np.arange(block * BLOCK, (block + 1) * BLOCK))
        counts = np.bincount(dataset, minlength=3)
        assert np.abs(counts / BLOCK - [0.7, 0.2, 0.1]).max() <= 1 / BLOCK
        tenths = dataset.reshape(-1, BLOCK // 8)
        assert max(abs((each == 0).mean() - 0.7) for each in tenths) < 0.03, "spread evenly"


@settings(deadline=None, max_examples=15)
@given(st.lists(st.integers(0, 3 * BLOCK), max_size=3), st.integers(0, 2 * BLOCK))
def test_each_dataset_is_read_in_its_own_order_without_a_gap_across_turns(
    datasets: dict[str, Path], cuts: list[int], first: int
) -> None:
    loader = MixedLoader(datasets, WEIGHTS, 32, 1, 5)
    turns = [WEIGHTS, LATER, {"books": 1.0}, {"web": 3, "books": 1}]
    state = loader.state_dict()
    state["turns"] = [[cut, weights] for cut, weights in zip(sorted({0, *cuts}), turns, strict=False)]
    loader.load_state_dict(state)
    dataset, places = loader.order(np.arange(4 * BLOCK))
    for number in range(3):
        mine = places[dataset == number]
        assert np.array_equal(mine, np.arange(len(mine)))
    again = loader.order(np.arange(first, first + 1000))
    assert np.array_equal(again[1], places[first : first + 1000])


def test_a_sequence_is_the_one_of_its_dataset(datasets: dict[str, Path]) -> None:
    mixed, web = MixedLoader(datasets, WEIGHTS, 32, 8, 5), Loader(datasets["web"], 32, 1, 5)
    seen = [row for _ in range(20) for batch in [next(mixed)] for row in batch.tokens[batch.dataset == 0]]
    expected = web.batch(np.arange(len(seen))).tokens
    assert len(seen) > 80 and np.array_equal(np.stack(seen), expected)
    assert mixed.epochs()["web"] == pytest.approx(len(seen) / web.sequences_per_epoch)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 30), st.integers(0, 30), st.sampled_from([1, 2, 3, 8]), st.sampled_from([1, 2, 3, 8]))
def test_weights_changed_in_mid_course_and_a_run_stopped_anywhere_give_one_stream(
    datasets: dict[str, Path], before: int, after: int, ranks: int, then: int
) -> None:
    """A step is 24 sequences, whatever the ranks; weights change after `before` steps, the run stops after `after` more."""
    alone = loaders_of(datasets, 1, 24)
    whole = taken(alone, before)
    alone[0].change(LATER)
    whole += taken(alone, after + 2)
    several = loaders_of(datasets, ranks, 24 // ranks)
    found = taken(several, before)
    for loader in several:
        loader.change(LATER)
    found += taken(several, after)
    resumed = loaders_of(datasets, then, 24 // then, several[0].state_dict())
    assert resumed[0].weights == {"web": 0.2, "books": 0.0, "code": 0.8}
    found += taken(resumed, 2)
    assert np.array_equal(np.stack(found), np.stack(whole))


def test_changing_to_the_same_weights_at_the_beginning_changes_nothing(datasets: dict[str, Path]) -> None:
    (one,), (other,) = loaders_of(datasets, 1, 8), loaders_of(datasets, 1, 8)
    other.change(WEIGHTS)
    assert one.state_dict() == other.state_dict()
    assert np.array_equal(next(one).tokens, next(other).tokens)


@pytest.mark.parametrize(
    ("weights", "message"),
    [({"wab": 1.0}, "no dataset 'wab'"), ({}, "one of them above"), ({"web": -1.0}, "numbers from 0 on")],
)
def test_weights_that_cannot_be_are_refused(datasets: dict[str, Path], weights: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MixedLoader(datasets, weights, 32, 4)


def test_a_state_of_other_datasets_is_refused(datasets: dict[str, Path]) -> None:
    state = MixedLoader(datasets, WEIGHTS, 32, 4).state_dict()
    other = MixedLoader({"web": datasets["web"], "books": datasets["code"]}, {"web": 1.0}, 32, 4)
    with pytest.raises(StateError, match="datasets"):
        other.load_state_dict(state)


def test_datasets_of_two_tokenizers_or_with_lengths_of_their_own_do_not_mix(
    datasets: dict[str, Path], tmp_path: Path
) -> None:
    other = write_shards(tmp_path / "other", [documents(20, 1)])
    manifest = json.loads((other / "manifest.json").read_text())
    manifest["tokenizer"]["end_of_text"] = 3
    (other / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ValueError, match="their ids do not mix"):
        MixedLoader({"web": datasets["web"], "other": other}, {"web": 1.0}, 32, 4)
    long = write_shards(tmp_path / "long", [documents(20, 1)], phases=((1, 64),))
    with pytest.raises(ValueError, match="'long' has phases"):
        MixedLoader({"web": datasets["web"], "long": long}, {"web": 1.0}, 32, 4)
