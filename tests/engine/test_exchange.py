"""Sorted files, and regrouping them until each reader has few to open."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from curate.engine import exchange
from curate.engine.exchange import regroup
from curate.engine.executors import SerialEngine
from curate.engine.progress import ProgressDisplay
from curate.engine.runner import Runner
from curate.engine.task import File, Task
from curate.records.batches import BatchWriter
from curate.records.sorted_files import pieces_of, read_range, write_sorted
from curate.storage import digest_file

LAST = (1 << 64) - 1
KEYS = st.one_of(st.integers(0, 12), st.sampled_from([0, 1 << 63, LAST - 1, LAST]))


def sorted_file(path: Path, keys: Sequence[int], writer: int) -> File:
    """A file of keys, each with who wrote it and in which place, in batches of three rows."""
    numbers = np.arange(len(keys), dtype=np.int64)
    table = pa.table({"key": pa.array(sorted(keys), pa.uint64()), "writer": np.full(len(keys), writer), "at": numbers})
    with BatchWriter(str(path), table.schema, compressed=False) as out:
        for batch in table.to_batches(max_chunksize=3):
            out.write({name: batch.column(name) for name in table.schema.names})
    return File("rows", str(path), digest_file(path), path.stat().st_size)


def runner(folder: Path) -> Runner:
    display = ProgressDisplay(Console(quiet=True), folder / "progress.json")
    return Runner(folder / ".work", folder / "timings", SerialEngine, display)


def rows(paths: Sequence[str], low: int, high: int) -> list[tuple[int, int, int]]:
    tables = [pa.Table.from_batches([batch]) for batch in read_range(paths, "key", low, high)]
    return [tuple(row.values()) for table in tables for row in table.to_pylist()]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(KEYS, max_size=9), min_size=1, max_size=9), st.integers(1, 6))
def test_a_reader_finds_in_few_files_the_rows_that_it_would_find_in_all_of_them(
    written: list[list[int]], readers: int
) -> None:
    width = (1 << 64) // readers + 1
    spans = [(at * width, min((at + 1) * width, 1 << 64)) for at in range(readers)]
    with TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        patch.setattr(exchange, "FAN_IN", 2)
        folder = Path(name)
        files = [sorted_file(folder / f"{number}.arrow", keys, number) for number, keys in enumerate(written)]
        given_files = regroup(runner(folder), "rows", files, "key", spans)
        assert len(given_files) == readers
        for (low, high), few in zip(spans, given_files, strict=True):
            assert len(few) <= 2
            found = sorted(rows([file.path for file in few], low, high))
            assert found == sorted(rows([file.path for file in files], low, high))
            assert [key for key, _, _ in found] == sorted(key for keys in written for key in keys if low <= key < high)


def test_equal_keys_stay_in_the_order_of_the_files_at_every_level(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "FAN_IN", 2)
    files = [sorted_file(tmp_path / f"{number}.arrow", [7, 7, 9], number) for number in range(9)]
    ((few),) = regroup(runner(tmp_path), "rows", files, "key", [(0, 8)])
    found = rows([file.path for file in few], 7, 8)
    assert found == sorted(found) and len(found) == 18


def test_no_task_opens_or_writes_more_than_its_share(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "FAN_IN", 3)
    files = [sorted_file(tmp_path / f"{number}.arrow", range(20), number) for number in range(20)]
    made = runner(tmp_path)
    tasks: list[Task[Any, Any]] = []
    stage = made.stage
    monkeypatch.setattr(made, "stage", lambda given, *rest: tasks.extend(given) or stage(given, *rest))
    regroup(made, "rows", files, "key", [(key, key + 1) for key in range(20)])
    assert len(tasks) == 7 + 9
    assert max(len(task.inputs.all("files")) for task in tasks) <= 3
    assert max(len(task.params["ranges"]) for task in tasks) <= 3


def test_few_files_are_given_as_they_are(tmp_path: Path) -> None:
    files = [sorted_file(tmp_path / "0.arrow", [1, 2], 0)]
    made = runner(tmp_path)
    assert [file.path for few in regroup(made, "rows", files, "key", [(0, 2), (2, 3)]) for file in few] == [
        files[0].path,
        files[0].path,
    ]
    assert not made.executed
    assert regroup(made, "rows", files, "key", []) == []


def test_only_the_batches_of_a_range_are_named(tmp_path: Path) -> None:
    path = tmp_path / "table.arrow"
    write_sorted(str(path), pa.table({"key": np.arange(100_000, dtype=np.int32)[::-1]}), "key")
    pieces = pieces_of(str(path), "key", 40_000, 40_010)
    assert [(piece.batch, piece.rows) for piece in pieces] == [(1, 10)]
    assert list(itertools.chain.from_iterable(piece.read().column("key").to_pylist() for piece in pieces)) == list(
        range(40_000, 40_010)
    )
