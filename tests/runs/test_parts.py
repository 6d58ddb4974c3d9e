"""Parts: large files are cut and small ones bundled, and the documents, their ids and their order stay what they were."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.audit.diff import compare
from curate.audit.explain import original_record
from curate.audit.find import find
from curate.audit.finished_run import open_finished
from curate.config.models import Read
from curate.pipeline.made import Run
from curate.pipeline.parts import FEW, MOST_FILES, SPLIT, bundles, span_bytes
from curate.pipeline.run import run
from curate.storage import SourceFile
from tests.support.running import EXAMPLE

WEB = sorted((EXAMPLE / "web").glob("*.warc.gz"))


def run_on(folder: Path, name: str, read: dict[str, Any], **keys: Any) -> Run:
    """A run of a source into FOLDER/NAME, with exact and near copies dropped."""
    markup = [{"extract": {}}] if read["format"] == "warc" else []
    pipeline = {
        "name": "parts",
        "seed": 3,
        "sources": {"web": {"read": read, "steps": [*markup, {"filter": "c4"}]}},
        "combine": [{"deduplicate": {"exact": True, "minhash": {}, "max_removed_share": 1}}],
        "shards": {"tokens_per_shard": "20k"},
        **keys,
    }
    file = folder / f"{name}.yaml"
    file.write_text(yaml.safe_dump(pipeline))
    return run(file, out=folder / name, engine="serial")


def ledger(made: Run) -> pa.Table:
    """All ledger files, one after another: what was decided of each record, in the order of records."""
    return made.ledger().to_table().combine_chunks()


def shards(made: Run) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((made.path / "shards").glob("*.arrow"))}


def hold_against(first: Run, second: Run) -> None:
    """Both runs have the same ledger, shards and numbers, though they need not have the same parts."""
    assert ledger(first).equals(ledger(second))
    assert shards(first) == shards(second)
    assert len(shards(first)) > 0
    without_places = [{key: value for key, value in each.stats.items() if key != "audit"} for each in (first, second)]
    assert without_places[0] == without_places[1]


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two files of the example as one."""
    path = tmp_path_factory.mktemp("archive") / "web.warc.gz"
    path.write_bytes(b"".join(each.read_bytes() for each in WEB[:2]))
    return path


def test_one_archive_in_spans_makes_the_shards_it_makes_whole(archive: Path, tmp_path: Path) -> None:
    read = {"format": "warc", "paths": [str(archive)]}
    whole = run_on(tmp_path, "whole", {**read, "split": None})
    size, size_parts = archive.stat().st_size // 6 + 1, 6
    cut = run_on(tmp_path, "cut", {**read, "split": size})
    assert len(open_finished(whole.path).parts) == 1
    assert len(open_finished(cut.path).parts) == size_parts
    assert cut.executed["read"] == size_parts
    assert "read-again" not in cut.executed
    hold_against(whole, cut)
    sampled = {**read, "limit": {"sample": 40}}
    hold_against(
        run_on(tmp_path, "sample", {**sampled, "split": None}),
        run_on(tmp_path, "cut-sample", {**sampled, "split": size}),
    )
    again = run(tmp_path / "cut.yaml", out=tmp_path / "cut", engine="serial")
    assert not again.executed, "what was done is not done again"
    opened = open_finished(cut.path)
    last = ledger(cut)["id"][-1].as_py().hex()
    assert original_record(opened, find(opened, last)[0]).startswith("WARC/1.")
    flips = compare(open_finished(whole.path), opened, 3)
    assert sum(flips.only.values()) == 0
    assert all(before == after for before, after in flips.fates)


def documents(number: int) -> list[dict[str, str]]:
    """Documents of some sentences, every seventh a copy."""
    return [
        {"text": f"Document {n if n % 7 else 0} tells of the sea. It has sentences enough. " * 4 + "Tides turn again."}
        for n in range(number)
    ]


def test_lines_and_tables_in_spans_make_the_shards_they_make_whole(tmp_path: Path) -> None:
    lines = tmp_path / "all.jsonl"
    lines.write_text("\n\n".join(json.dumps(each) for each in documents(60)) + "\n{bad\n")
    table = tmp_path / "all.parquet"
    pq.write_table(pa.Table.from_pylist(documents(60)), table, row_group_size=6)
    for file, format, split in ((lines, "jsonl", "3 kB"), (table, "parquet", table.stat().st_size // 4)):
        read = {"format": format, "paths": [str(file)]}
        whole = run_on(tmp_path, f"{format}-whole", read)
        cut = run_on(tmp_path, f"{format}-cut", {**read, "split": split})
        assert len(open_finished(cut.path).parts) > 3
        hold_against(whole, cut)
        last = ledger(cut)["id"][50].as_py().hex()
        opened = open_finished(cut.path)
        assert "tells of the sea" in original_record(opened, find(opened, last)[0])


def test_many_small_files_are_read_together(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for number, each in enumerate(documents(72)):
        (folder / f"{number:04d}.jsonl").write_text(json.dumps(each) + "\n")
    (folder / "0007.jsonl").write_text("")
    read = {"format": "jsonl", "paths": [str(folder / "*.jsonl")]}
    apart = run_on(tmp_path, "apart", {**read, "bundle": None}, combine=[])
    together = run_on(tmp_path, "together", {**read, "bundle": "4 kB"}, combine=[])
    assert len(open_finished(apart.path).parts) == 72
    assert 3 < len(open_finished(together.path).parts) < 15
    hold_against(apart, together)
    assert together.stats["sources"]["web"]["files"] == 72
    opened = open_finished(together.path)
    row = next(each for each in ledger(together).to_pylist() if each["file"] == "0043.jsonl")
    assert "Document 43 tells" in original_record(opened, find(opened, row["id"].hex())[0])
    flips = compare(open_finished(apart.path), opened, 3)
    assert sum(flips.only.values()) == 0
    (folder / "0040-more.jsonl").write_text(json.dumps({"text": "One more."}) + "\n")
    again = run(tmp_path / "together.yaml", out=tmp_path / "together", engine="serial")
    assert 1 <= again.executed["read"] <= 3, "the bundles around the new file, and no other"


def test_a_bundle_stands_for_its_files_in_their_order() -> None:
    files = [SourceFile(f"/{n:05d}", f"{n:05d}", size, "s") for n, size in enumerate([10] * 3000 + [70, 5, 200])]
    made = bundles(files, 100)
    assert [file for each in made for file in each.files] == files
    assert all(sum(file.size for file in each.files) <= 100 or len(each.files) == 1 for each in made)
    assert all(len(each.files) <= MOST_FILES for each in bundles(files, 1 << 30))
    assert [len(each.files) for each in bundles(files[:FEW], 1 << 30)] == [1] * FEW


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 999), st.integers(1, 200))
def test_one_more_file_moves_the_bundles_around_it_only(at: int, size: int) -> None:
    names = [f"{n:05d}" for n in range(1000)]
    before = {each.files for each in bundles([SourceFile("", name, 100, "") for name in names], 5_000)}
    more = sorted([*names, f"{at:05d}-more"])
    after = {
        each.files
        for each in bundles([SourceFile("", name, size if "more" in name else 100, "") for name in more], 5_000)
    }
    assert len(after - before) <= 6


def test_spans_grow_with_a_source_of_more_than_a_terabyte() -> None:
    read = Read.model_validate({"format": "warc", "paths": ["x"]})
    gigabyte = [SourceFile("", str(n), 1 << 30, "") for n in range(3)]
    assert span_bytes(read, gigabyte) == SPLIT
    assert span_bytes(read, gigabyte * 400) == 2 * SPLIT
    assert span_bytes(read, gigabyte * 30_000) == 128 * SPLIT, "90,000 files of a gigabyte each stay whole"
    assert span_bytes(read.model_copy(update={"split": 1000}), gigabyte) == 1000
    assert span_bytes(read.model_copy(update={"split": None}), gigabyte) is None
