"""What the loader promises a trainer."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.shards import Loader, ShardError, StateError
from curate.shards.permutation import KeyedPermutation
from curate.shards.section import sections_of
from tests.support.synthetic_shards import END_OF_TEXT, documents, write_shards

SHARDS = [documents(60, seed) for seed in range(5)]
STREAM = np.concatenate([document for shard in SHARDS for document in shard])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shards(tmp_path_factory.mktemp("run") / "shards", SHARDS)


def global_stream(folder: Path, steps: int, ranks: int, state: dict | None = None, **settings: object) -> tuple:
    """The sequences of `steps` steps on so many ranks, in the order of the stream, and the state after them."""
    loaders = [Loader(folder, 32, 3, 7, rank, ranks, **settings) for rank in range(ranks)]
    if state:
        for loader in loaders:
            loader.load_state_dict(state)
    taken = [next(loader).tokens for _ in range(steps) for loader in loaders]
    return np.concatenate(taken), loaders[0].state_dict()


@settings(deadline=None)
@given(st.integers(0, 500), st.integers(0, 1 << 62))
def test_a_keyed_permutation_sends_every_position_to_another_one(size: int, key: int) -> None:
    assert sorted(KeyedPermutation(size, key)(np.arange(size)).tolist()) == list(range(size))


def test_a_keyed_permutation_shuffles_and_each_key_differently() -> None:
    first, second = (KeyedPermutation(10_000, key)(np.arange(10_000)) for key in (1, 2))
    assert abs(np.corrcoef(first, np.arange(10_000))[0, 1]) < 0.05
    assert (first == second).sum() < 10
    assert abs(np.mean(np.diff(first) > 0) - 0.5) < 0.03


def test_a_keyed_permutation_needs_no_memory_for_a_trillion_items() -> None:
    positions = np.array([0, 1, 10**12 - 1])
    assert len(set(KeyedPermutation(10**12, 5)(positions).tolist())) == 3


def test_the_order_of_a_seed_never_changes() -> None:
    assert KeyedPermutation(10, 0, "golden")(np.arange(10)).tolist() == [2, 6, 7, 4, 9, 0, 1, 8, 3, 5]


def test_every_sequence_comes_once_in_an_epoch_and_holds_the_stream(folder: Path) -> None:
    loader = Loader(folder, 32, 4, epochs=1)
    seen = []
    for batch in loader:
        seen.extend(batch.sequences.tolist())
        for number, tokens in zip(batch.sequences.tolist(), batch.tokens, strict=True):
            assert np.array_equal(tokens, STREAM[number * 32 : number * 32 + 33])
        assert np.array_equal(batch.inputs[:, 1:], batch.targets[:, :-1])
        assert batch.inputs.dtype == batch.targets.dtype == np.uint16
        assert batch.inputs.base is not None
    assert sorted(seen) == list(range((len(STREAM) - 1) // 32))
    assert loader.packing.discarded == (len(STREAM) - 1) % 32


def test_epochs_have_orders_of_their_own(folder: Path) -> None:
    loader = Loader(folder, 32, 1)
    count = loader.sequences_per_epoch
    first, second = (loader.order(np.arange(epoch * count, (epoch + 1) * count)) for epoch in (0, 1))
    assert sorted(first) == sorted(second)
    assert (first == second).mean() < 0.1
    assert not np.array_equal(first, np.arange(count))


def test_a_finite_loader_begins_anew_when_iterated_again(folder: Path) -> None:
    loader = Loader(folder, 32, 4, epochs=1, shuffle=False)
    passes = [np.concatenate([batch.sequences for batch in loader]) for _ in range(2)]
    assert passes[0].tolist() == passes[1].tolist() == list(range(loader.sequences_per_epoch))


def test_ranks_share_out_one_stream(folder: Path) -> None:
    alone, _ = global_stream(folder, 12, 1)
    for ranks in (2, 3, 4):
        together, _ = global_stream(folder, 12 // ranks, ranks)
        assert np.array_equal(together, alone)


def test_a_run_stopped_on_four_ranks_goes_on_with_three(folder: Path) -> None:
    steps = 3 * Loader(folder, 32, 3).sequences_per_epoch // (3 * 4)  # into the third epoch
    alone, _ = global_stream(folder, 4 * steps + 15, 1)
    before, state = global_stream(folder, steps, 4)
    after, _ = global_stream(folder, 5, 3, json.loads(json.dumps(state)))
    assert np.array_equal(np.concatenate([before, after]), alone)


def test_a_state_is_a_few_numbers(folder: Path) -> None:
    loader = Loader(folder, 32, 3, 7, 2, 4)
    next(loader)
    assert loader.state_dict() == {
        "fingerprint": loader.reader.fingerprint,
        "split": "train",
        "seed": 7,
        "sequence_length": 32,
        "packing": "concat",
        "sequences": 12,
    }


def test_a_state_of_another_stream_is_refused(folder: Path, tmp_path: Path) -> None:
    state = Loader(folder, 32, 3).state_dict()
    other = write_shards(tmp_path, [documents(50, 99)])
    with pytest.raises(StateError, match="fingerprint"):
        Loader(other, 32, 3).load_state_dict(state)
    for wrong in (Loader(folder, 64, 3), Loader(folder, 32, 3, seed=1)):
        with pytest.raises(StateError, match=r"sequence_length|seed"):
            wrong.load_state_dict(state)


def test_every_token_knows_its_document(folder: Path) -> None:
    expected = np.concatenate(
        [np.full(len(each), number) for number, each in enumerate(itertools.chain.from_iterable(SHARDS))]
    )
    for batch in Loader(folder, 32, 4, epochs=1):
        for row, number in enumerate(batch.sequences.tolist()):
            assert np.array_equal(batch.documents[row], expected[number * 32 : number * 32 + 32])
        assert batch.valid.all()


def test_document_boundaries_follow_end_of_text_and_begin_anew_in_each_sequence(folder: Path) -> None:
    batch = next(Loader(folder, 32, 4))
    flat = batch.inputs.ravel()
    begins = {0, 32, 64, 96} | {at + 1 for at in np.flatnonzero(flat == END_OF_TEXT).tolist() if at + 1 < flat.size}
    assert batch.cu_seqlens.tolist() == [*sorted(begins), flat.size]
    assert batch.cu_seqlens.dtype == np.int32


def test_a_sequence_may_span_many_shards(tmp_path: Path) -> None:
    tiny = [[document] for document in documents(200, 3, mean=3)]
    write_shards(tmp_path, tiny)
    stream = np.concatenate([document for shard in tiny for document in shard])
    batches = list(Loader(tmp_path, 64, 2, epochs=1))
    for batch in batches:
        for number, tokens in zip(batch.sequences.tolist(), batch.tokens, strict=True):
            assert np.array_equal(tokens, stream[number * 64 : number * 64 + 65])
    assert sum(len(batch.sequences) for batch in batches) == (len(stream) - 1) // 64


def test_a_split_too_small_for_a_sequence_is_an_error_that_says_so(folder: Path) -> None:
    with pytest.raises(ValueError, match="fewer than one sequence"):
        Loader(folder, len(STREAM), 1)
    assert Loader(folder, len(STREAM) - 1, 1).sequences_per_epoch == 1


def test_a_missing_split_or_folder_is_an_error_that_says_what_is_there(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ShardError, match="it has train"):
        Loader(folder, 32, 1, split="validation")
    with pytest.raises(FileNotFoundError, match=r"no manifest\.json"):
        Loader(tmp_path, 32, 1)


def test_a_run_directory_is_as_good_as_its_shards(folder: Path) -> None:
    assert Loader(folder.parent, 32, 1).reader.folder == str(folder)


def test_a_damaged_shard_is_named(tmp_path: Path) -> None:
    write_shards(tmp_path, [documents(20, 1)])
    path = tmp_path / "train-00000.arrow"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ShardError, match="train-00000"):
        next(Loader(tmp_path, 32, 1))


@pytest.mark.parametrize("length", [16, 64, 500])
def test_best_fit_packs_every_token_once_and_documents_side_by_side(folder: Path, length: int) -> None:
    loader = Loader(folder, length, 4, epochs=1, packing="best_fit")
    (section,) = sections_of(loader.reader, "train", length, "best_fit", None)
    seen = np.zeros(len(STREAM), int)
    numbers = [len(each) for each in itertools.chain.from_iterable(SHARDS)]
    begins = np.cumsum(numbers) - numbers
    padding = 0
    for batch in loader:
        stretches = section.packing.stretches(batch.sequences)
        for row, at, begin, size in zip(stretches.row, stretches.at, stretches.begin, stretches.length, strict=True):
            assert np.array_equal(batch.tokens[row, at : at + size], STREAM[begin : begin + size])
            seen[begin : begin + size] += 1
            document = int(np.searchsorted(begins, begin, side="right")) - 1
            assert begin + size <= begins[document] + numbers[document], "a stretch is of one document"
            assert size == length + 1 or size <= numbers[document]
            assert (batch.documents[row, at : min(at + size, length)] == document).all()
        padding += batch.tokens.size - int(stretches.length.sum())
        assert not (batch.valid & (batch.documents == -1)).any()
    assert (seen == 1).all()
    assert loader.packing.discarded == 0 and loader.packing.padding == padding


def test_best_fit_wastes_little_where_documents_are_short(tmp_path: Path) -> None:
    write_shards(tmp_path, [documents(2_000, 5, mean=30)])
    loader = Loader(tmp_path, 255, 4, packing="best_fit")
    assert loader.packing.padding < 0.01 * loader.tokens


def test_a_plan_of_packing_is_kept_beside_the_shards_and_never_used_for_others(tmp_path: Path) -> None:
    write_shards(tmp_path, [documents(50, 1)])
    first = Loader(tmp_path, 64, 2, packing="best_fit", epochs=1)
    (plan,) = tmp_path.glob("*.plan")
    again = Loader(tmp_path, 64, 2, packing="best_fit", epochs=1)
    assert all(np.array_equal(a.tokens, b.tokens) for a, b in zip(first, again, strict=True))
    stamp = plan.stat().st_mtime_ns
    write_shards(tmp_path, [documents(60, 2)])
    other = Loader(tmp_path, 64, 2, packing="best_fit")
    assert plan.stat().st_mtime_ns != stamp
    assert other.sequences_per_epoch != first.sequences_per_epoch
    with pytest.raises(StateError, match="fingerprint"):
        other.load_state_dict(first.state_dict())


def test_shards_at_an_address_read_as_local_ones(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`memory://` stands for `s3://`: the same library opens both."""
    import fsspec

    monkeypatch.setenv("CURATE_CACHE_DIR", str(tmp_path))
    remote = fsspec.filesystem("memory")
    for path in folder.iterdir():
        if path.suffix != ".plan":
            remote.pipe_file(f"/bucket/run/shards/{path.name}", path.read_bytes())
    for packing in ("concat", "best_fit"):
        local = Loader(folder, 32, 4, epochs=2, packing=packing)
        far = Loader("memory://bucket/run", 32, 4, epochs=2, packing=packing)
        assert all(np.array_equal(a.tokens, b.tokens) for a, b in zip(local, far, strict=True))


def test_a_shard_that_arrives_changed_is_refused(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fsspec

    monkeypatch.setenv("CURATE_CACHE_DIR", str(tmp_path))
    remote = fsspec.filesystem("memory")
    for path in folder.iterdir():
        content = path.read_bytes()
        remote.pipe_file(f"/bad/{path.name}", content if path.suffix == ".json" else content[:-8] + b"damaged!")
    with pytest.raises(ShardError, match="SHA-256"):
        next(Loader("memory://bad", 32, 4))
