"""What the loader promises where a dataset has phases: one after another, whoever reads, from wherever it goes on."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.shards import Loader, ShardError, ShardReader
from curate.shards.section import sections_of
from tests.support.synthetic_shards import documents, write_shards

SHARDS = [documents(60, seed) for seed in range(6)]
PHASES = ((2, None), (3, None), (1, None))
LENGTHS = ((2, None), (3, 64), (1, 16))
"""Two phases of sequences of other lengths than the loader's 32."""


@pytest.fixture(scope="module")
def phased(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shards(tmp_path_factory.mktemp("phased"), SHARDS, phases=PHASES)


@pytest.fixture(scope="module")
def lengthened(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shards(tmp_path_factory.mktemp("lengthened"), SHARDS, phases=LENGTHS)


def of_all_ranks(folder: Path, steps: int, ranks: int, per_rank: int = 4, state: dict | None = None) -> tuple:
    """The token stream of so many steps, flattened, and the state after them."""
    loaders = [Loader(folder, 32, per_rank, 7, rank, ranks) for rank in range(ranks)]
    for loader in loaders:
        if state:
            loader.load_state_dict(json.loads(json.dumps(state)))
    taken = [next(loader).tokens.ravel() for _ in range(steps) for loader in loaders]
    return np.concatenate(taken), loaders[0].state_dict()


def of_all_steps(folder: Path, ranks: int, per_rank: int) -> list[np.ndarray]:
    """The sequences of one epoch in the order of the stream, from loaders that stop after it."""
    loaders = [Loader(folder, 32, per_rank, 7, rank, ranks, epochs=1) for rank in range(ranks)]
    batches: list[list[np.ndarray]] = [[batch.tokens for batch in loader] for loader in loaders]
    assert len({len(each) for each in batches}) == 1, "every rank has as many steps"
    return [row for step in zip(*batches, strict=True) for tokens in step for row in tokens]


def test_phases_come_one_after_another_and_each_sequence_once(phased: Path) -> None:
    loader = Loader(phased, 32, 4, epochs=1)
    sections = sections_of(loader.reader, "train", 32, "concat", 0)
    ends = np.cumsum([section.sequences for section in sections])
    seen = np.concatenate([batch.sequences for batch in loader])
    assert sorted(seen.tolist()) == list(range(ends[-1]))
    phase = np.searchsorted(ends, seen, side="right")
    assert (np.diff(phase) >= 0).all() and set(phase.tolist()) == {0, 1, 2}
    assert not np.array_equal(seen, np.sort(seen)), "within a phase the order is drawn"
    assert loader.packing.discarded == loader.tokens - sum(section.sequences * 32 + 1 for section in sections)


def test_a_phase_holds_only_its_own_shards(phased: Path) -> None:
    reader = ShardReader(phased)
    of_phase = {}
    for number in range(3):
        mine = [entry for entry in reader.split("train") if entry.phase == number]
        of_phase[number] = {int(token) for entry in mine for token in reader.open(entry).tokens}
    loader = Loader(phased, 32, 1, epochs=1)
    counts = [section.sequences for section in sections_of(reader, "train", 32, "concat", 0)]
    for batch, number in zip(loader, np.repeat(np.arange(3), counts), strict=True):
        assert {*batch.tokens.ravel().tolist()} <= of_phase[int(number)]
        assert batch.documents.max() < sum(entry.rows for entry in reader.split("train"))


@pytest.mark.parametrize("ranks", [1, 2, 3, 8])
def test_one_two_three_and_eight_ranks_read_one_stream(phased: Path, ranks: int) -> None:
    steps = 3 * Loader(phased, 32, 1).sequences_per_epoch // (2 * ranks)  # into the second epoch
    alone, _ = of_all_ranks(phased, ranks * steps, 1)
    together, _ = of_all_ranks(phased, steps, ranks)
    assert np.array_equal(together, alone)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 60), st.sampled_from([1, 2, 3, 8]), st.sampled_from([1, 2, 3, 8]))
def test_a_run_stopped_at_any_step_goes_on_in_the_same_stream(
    phased: Path, steps: int, before: int, after: int
) -> None:
    """A step is 24 sequences, whatever the ranks."""
    whole, _ = of_all_ranks(phased, steps + 3, 1, 24)
    first, state = of_all_ranks(phased, steps, before, 24 // before) if steps else (np.empty(0, np.uint16), None)
    rest, _ = of_all_ranks(phased, 3, after, 24 // after, state)
    assert np.array_equal(np.concatenate([first, rest]), whole)


@pytest.mark.parametrize("ranks", [1, 2, 3, 8])
def test_a_phase_of_long_context_has_sequences_of_its_length_and_steps_of_as_many_tokens(
    lengthened: Path, ranks: int
) -> None:
    loader = Loader(lengthened, 32, 48 // ranks, 7, 0, ranks)
    assert loader.lengths == (32, 64, 16)
    shapes = [next(loader).inputs.shape for _ in range(200)]
    by_length = {length: {shape[0] for shape in shapes if shape[1] == length} for length in (32, 64, 16)}
    assert {length: max(rows) for length, rows in by_length.items()} == {
        length: 48 // ranks * 32 // length for length in (32, 64, 16)
    }


def test_the_stream_of_several_lengths_is_the_same_for_any_ranks_and_holds_each_sequence_once(lengthened: Path) -> None:
    alone = of_all_steps(lengthened, 1, 24)
    assert len(alone) == Loader(lengthened, 32, 1).sequences_per_epoch
    for ranks in (2, 3, 8):
        for one, other in zip(of_all_steps(lengthened, ranks, 24 // ranks), alone, strict=True):
            assert np.array_equal(one, other)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 60), st.sampled_from([1, 2, 3, 8]), st.sampled_from([1, 2, 3, 8]))
def test_a_run_stopped_at_any_step_of_any_length_goes_on(lengthened: Path, steps: int, before: int, after: int) -> None:
    whole, _ = of_all_ranks(lengthened, steps + 3, 1, 48)
    first, state = of_all_ranks(lengthened, steps, before, 48 // before) if steps else (np.empty(0, np.uint16), None)
    rest, _ = of_all_ranks(lengthened, 3, after, 48 // after, state)
    assert np.array_equal(np.concatenate([first, rest]), whole)


def test_sequences_of_two_lengths_are_no_batch(lengthened: Path) -> None:
    loader = Loader(lengthened, 32, 4)
    with pytest.raises(ValueError, match="16 and 32 and 64 tokens do not fit into one batch"):
        loader.batch(np.arange(loader.sequences_per_epoch))


@pytest.mark.parametrize("packing", ["concat", "best_fit"])
def test_both_packings_follow_phases(lengthened: Path, packing: str) -> None:
    loader = Loader(lengthened, 32, 4, epochs=1, packing=packing)
    seen = np.concatenate([batch.sequences for batch in loader])
    assert len(np.unique(seen)) == len(seen) == loader.sequences_per_epoch
    if packing == "best_fit":
        assert loader.packing.discarded == 0 and loader.packing.padding > 0


def test_a_shard_of_a_phase_that_is_not_listed_is_refused(tmp_path: Path) -> None:
    write_shards(tmp_path, SHARDS, phases=PHASES)
    path = tmp_path / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["phases"].pop()
    path.write_text(json.dumps(manifest))
    with pytest.raises(ShardError, match="a phase that it does not list"):
        Loader(tmp_path, 32, 4)
