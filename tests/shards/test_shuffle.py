"""The global order: the same whatever the grouping, for odd sizes too."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from curate.engine.task import File, Inputs, Output
from curate.records.batches import BatchWriter, read_batches
from curate.records.tokens import token_store
from curate.shards.order import SPLITS, bucket_bits, in_validation, keys, sort_order, windows
from curate.shards.shuffle import bucket_tokens, merge_shard, sort_group

Store = list[tuple[bytes, list[int]]]


def store_of(name: str, lengths: Sequence[int]) -> Store:
    ids = [hashlib.blake2b(f"{name}/{i}".encode(), digest_size=16).digest() for i in range(len(lengths))]
    return [
        (key, [(hash_byte + i) % 60_000 for i in range(n)])
        for (key, n) in zip(ids, lengths, strict=True)
        for hash_byte in key[:1]
    ]


def write_store(path: Path, rows: Store, source: str, batch: int = 7) -> File:
    schema = token_store(pa.uint16())
    with BatchWriter(str(path), schema, compressed=False) as writer:
        for at in range(0, len(rows), batch):
            some = rows[at : at + batch]
            ids = pa.array([key for key, _ in some], pa.binary(16))
            tokens = pa.array([tokens for _, tokens in some], pa.list_(pa.uint16()))
            writer.write({"id": ids, "source": pa.array([source] * len(some)), "group": ids, "tokens": tokens})
    return File("tokens", str(path), "", 0)


def shuffled(
    folder: Path,
    stores: Sequence[Store],
    groups: Sequence[Sequence[int]],
    per_shard: int,
    validation: float = 0.1,
    mixture: Mapping[str, Any] | None = None,
) -> dict[str, list[pa.RecordBatch]]:
    """The shards of each split, made from these groups of parts."""
    files = [write_store(folder / f"store-{i}.arrow", rows, f"s{i}") for i, rows in enumerate(stores)]
    total = sum(len(tokens) for rows in stores for _, tokens in rows)
    expected = {"train": total, "validation": int(total * validation)}
    settings = {
        "seed": 0,
        "tokens_per_shard": per_shard,
        "validation": validation,
        "tokens": expected,
        "mixture": mixture,
    }
    made: dict[str, list[File]] = {name: [] for name in (*SPLITS, "index")}
    for number, group in enumerate(groups):
        out = folder / f"group-{number}"
        out.mkdir()
        inputs = Inputs.of({"tokens": [files[i] for i in group]})
        placed = sort_group(settings | {"parts": list(group)}, inputs, Output(out))
        if mixture is None:
            assert placed["train"] + placed["validation"] == sum(len(stores[i]) for i in group)
        for name, listed in made.items():
            listed.append(File(name, str(out / name), "", 0))
    shards: dict[str, list[pa.RecordBatch]] = {}
    for section, split in enumerate(expected):
        bits = bucket_bits(expected[split], per_shard)
        filled = bucket_tokens([file.path for file in made["index"]], section, 1 << bits)
        shards[split] = []
        for number, window in enumerate(windows(filled, per_shard)):
            out = folder / f"{split}-{number}"
            out.mkdir()
            params = {"section": split, "first": window.first, "last": window.last, "start": window.start}
            params |= {"buckets": list(window.buckets), "bits": bits, "dtype": "uint16"}
            counts = merge_shard(params, Inputs.of({"sorted": made[split]}), Output(out))
            if counts["documents"]:
                batch = pa.ipc.open_stream(str(out / "shard")).read_next_batch()
                assert (counts["documents"], counts["tokens"]) == (batch.num_rows, len(batch.column("tokens").values))
                places = pa.Table.from_batches(list(read_batches(str(out / "places"))))
                for part, row, at in zip(*(places.column(i).to_pylist() for i in range(3)), strict=True):
                    assert batch.column("id")[at].as_py() == stores[part][row][0]
                shards[split].append(batch)
    return shards


def expected_rows(stores: Sequence[Store], split: str, validation: float = 0.1) -> list[tuple[bytes, list[int]]]:
    """What the whole order must be, computed in one go."""
    rows = [row for store in stores for row in store]
    ids = pa.array([key for key, _ in rows], pa.binary(16))
    mine = np.flatnonzero(in_validation(ids, 0, validation) == (split == "validation"))
    order = keys(ids, 0)[mine]
    return [rows[mine[i]] for i in sort_order(order, ids.take(pa.array(mine)))]


def rows_of(shards: Sequence[pa.RecordBatch]) -> list[tuple[bytes, list[int]]]:
    columns = [(batch.column("id").to_pylist(), batch.column("tokens").to_pylist()) for batch in shards]
    return [row for ids, tokens in columns for row in zip(ids, tokens, strict=True)]


STORES = [store_of("a", [20] * 60), store_of("b", [1] * 40), store_of("c", []), store_of("d", [300, 5, 900, 7] * 5)]


@pytest.mark.parametrize("groups", [[[0, 1, 2, 3]], [[0], [1], [2], [3]], [[3, 1], [0, 2]]])
def test_the_order_of_documents_does_not_depend_on_how_parts_are_grouped(
    tmp_path: Path, groups: list[list[int]]
) -> None:
    shards = shuffled(tmp_path, STORES, groups, 500)
    for split in SPLITS:
        assert rows_of(shards[split]) == expected_rows(STORES, split)


@pytest.mark.parametrize("per_shard", [1, 3, 10_000_000])
def test_any_size_of_shard_holds_the_same_documents(tmp_path: Path, per_shard: int) -> None:
    shards = shuffled(tmp_path, STORES[:2], [[0], [1]], per_shard)
    assert rows_of(shards["train"]) == expected_rows(STORES[:2], "train")
    if per_shard == 10_000_000:
        assert len(shards["train"]) == 1


def test_a_document_longer_than_a_shard_stays_whole(tmp_path: Path) -> None:
    stores = [store_of("long", [5_000, 10, 10, 4_000, 10])]
    shards = shuffled(tmp_path, stores, [[0]], 100, validation=0.0)
    assert rows_of(shards["train"]) == expected_rows(stores, "train", 0.0)
    assert {5_000, 4_000} <= {len(tokens) for _, tokens in rows_of(shards["train"])}


def test_no_document_at_all_gives_no_shard(tmp_path: Path) -> None:
    assert shuffled(tmp_path, [[], []], [[0, 1]], 100) == {"train": [], "validation": []}


def test_each_shard_is_one_batch_whose_values_are_the_stream_of_tokens(tmp_path: Path) -> None:
    for batch in shuffled(tmp_path, STORES, [[0, 1], [2, 3]], 400)["train"]:
        tokens = batch.column("tokens")
        assert tokens.offset == 0 and tokens.offsets[0].as_py() == 0
        assert len(tokens.values) == tokens.offsets[-1].as_py()


def test_documents_of_one_group_share_a_split() -> None:
    ids = pa.array([hashlib.blake2b(str(i).encode(), digest_size=16).digest() for i in range(2_000)], pa.binary(16))
    share = in_validation(ids, 0, 0.1)
    assert share.mean() == pytest.approx(0.1, abs=0.03)
    assert np.array_equal(share, in_validation(ids, 0, 0.1)) and not np.array_equal(share, in_validation(ids, 1, 0.1))
    assert (share & ~in_validation(ids, 0, 0.2)).sum() == 0, "a larger share keeps who is in"


def test_a_mixture_repeats_and_leaves_out_documents_of_the_training_split_only(tmp_path: Path) -> None:
    mixture = {"train": {"s0": [0, 0, 2, 0, 1, 1], "s1": [0, 0, 0, 1 << 15, 1, 1]}}  # see curate.shards.copies.Span
    shards = shuffled(tmp_path, STORES, [[0, 1], [2, 3]], 500, mixture=mixture)
    assert rows_of(shards["validation"]) == expected_rows(STORES, "validation")
    counted = [(batch.column("id").to_pylist(), batch.column("source").to_pylist()) for batch in shards["train"]]
    appearances: dict[str, dict[bytes, int]] = {}
    for ids, sources in counted:
        for key, source in zip(ids, sources, strict=True):
            appearances.setdefault(source, {}).setdefault(key, 0)
            appearances[source][key] += 1
    assert set(appearances) == {"s0", "s1"}
    in_train = {key for key, _ in expected_rows(STORES[:1], "train")}
    assert appearances["s0"] == dict.fromkeys(in_train, 2)
    assert set(appearances["s1"].values()) == {1}
    assert len(appearances["s1"]) == pytest.approx(18, abs=9)
