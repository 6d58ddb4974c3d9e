"""Checksums are read: a byte that is not what was written is noticed by readers, by reruns and by `verify`, and mended."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from curate.audit.finished_run import AuditError, open_finished
from curate.audit.ledger import query
from curate.audit.verify import verify
from curate.engine.commit import DamagedError
from curate.pipeline.made import open_run
from curate.pipeline.run import run
from curate.shards import Loader, ShardError, ShardReader
from curate.shards.export import export
from tests.support.running import curate
from tests.support.small_runs import copy_of_small_run, small_pipeline_file

PUBLISHED = [
    "ledger/a-00000.parquet", "tokens/a-00000.arrow", "shards/train-00000.arrow", "shards/manifest.json",
    "documents/deduplicate/a-00000.parquet", "contamination.json", "run.json", "stats.json", "report.html",
    "mixes/index/manifest.json", "mixes/index/train-00000.index",
]  # fmt: skip


@pytest.fixture
def made(tmp_path: Path) -> Path:
    return copy_of_small_run(tmp_path)


def flip(path: Path, *, quietly: bool = False) -> None:
    """Change a byte in the middle of a file; `quietly` as a disk does, which leaves the time."""
    times = path.stat()
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    if quietly:
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def content(folder: Path) -> dict[str, str]:
    names = [name for name in open_finished(folder).published.files if name != "report.html"]
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}


READERS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "query": ("ledger/a-00000.parquet", lambda made: query(open_finished(made).ledger, "select 1", 1)),
    "open_run": ("stats.json", open_run),
    "open_finished": ("run.json", open_finished),
    "loader": ("shards/train-00000.arrow", lambda made: [*Loader(made, 16, 8, epochs=1)]),
    "loader of a manifest": ("shards/manifest.json", lambda made: Loader(made, 16, 8)),
    "loader of an index": (
        "mixes/index/train-00000.index",
        lambda made: [*Loader(made / "mixes/index", 16, 8, epochs=1)],
    ),
    "loader of a store": ("tokens/a-00000.arrow", lambda made: [*Loader(made / "mixes/index", 16, 8, epochs=1)]),
    "export": ("shards/train-00000.arrow", lambda made: export(made, "nanogpt", made.with_name("out"))),
}


@pytest.mark.parametrize("reader", READERS)
def test_a_reader_notices_a_changed_byte_when_it_opens_the_file(reader: str, made: Path) -> None:
    name, read = READERS[reader]
    read(made)
    shutil.rmtree(made.with_name("out"), ignore_errors=True)
    flip(made / name)
    with pytest.raises((DamagedError, ShardError, AuditError)):
        read(made)


def test_shards_are_read_whole_so_that_a_disk_cannot_change_them_quietly(made: Path) -> None:
    flip(made / "shards" / "train-00000.arrow", quietly=True)
    with pytest.raises(ShardError, match="SHA-256"):
        [*Loader(made, 16, 8, epochs=1)]


@pytest.mark.parametrize("name", PUBLISHED)
def test_verify_names_what_was_changed_quietly_and_repairs_what_it_has_a_copy_of(name: str, made: Path) -> None:
    """What was published from `.work` is restored from there; what was computed at the end, by the same command again."""
    before = content(made)
    assert verify(made).sound
    flip(made / name, quietly=True)
    assert [fault.name for fault in verify(made).faults if fault.name == name] == [name]
    repaired = verify(made, repair=True)
    if name.split("/")[0] in ("ledger", "tokens", "shards", "documents") and not name.endswith("manifest.json"):
        assert repaired.sound and verify(made).sound
    if not name.startswith("mixes/"):
        (made / name).touch()
        run(small_pipeline_file(), out=made, engine="serial")
        assert content(made) == before and verify(made).sound


def test_a_rerun_notices_a_changed_byte_in_committed_results_and_in_what_is_published(made: Path) -> None:
    """Every file of `.work` and of the run directory at once: all is made again, to the same bytes."""
    before = content(made)
    for path in (made / ".work").rglob("*"):
        if path.is_file() and path.stat().st_size:
            flip(path)
    for name in PUBLISHED[:6]:
        flip(made / name)
    assert run(small_pipeline_file(), out=made, engine="serial").executed["read"] == 2
    assert content(made) == before and verify(made).sound


def test_results_of_work_are_restored_from_what_is_published_and_else_done_again(made: Path) -> None:
    before = content(made)
    shard = next((made / ".work").glob("shards.*/*.shard"))
    read = next((made / ".work").glob("read-a.*/*.records"))
    for path in (shard, read):
        flip(path, quietly=True)
    mended = {fault.name: fault.mended for fault in verify(made, repair=True).faults}
    assert "restored from shards/" in str(mended[str(shard.relative_to(made))])
    assert "done again" in str(mended[str(read.relative_to(made))])
    assert run(small_pipeline_file(), out=made, engine="serial").executed == {"read": 1}
    assert content(made) == before and verify(made).sound


def test_what_is_published_shares_no_bytes_with_what_could_repair_it(made: Path, tmp_path: Path) -> None:
    again = run(small_pipeline_file(), out=tmp_path / "fresh", engine="serial").path
    inodes = {path.stat().st_ino for path in (again / ".work").rglob("*") if path.is_file()}
    assert not inodes & {(again / name).stat().st_ino for name in open_finished(again).published.files}


def test_a_missing_and_a_cut_file_are_told(made: Path) -> None:
    (made / "ledger" / "a-00000.parquet").unlink()
    shard = made / "shards" / "train-00000.arrow"
    shard.write_bytes(shard.read_bytes()[:-1])
    found = {fault.name: fault.what for fault in verify(made).faults}
    assert found["ledger/a-00000.parquet"] == "is missing"
    assert "bytes, not" in found["shards/train-00000.arrow"]
    assert verify(made, repair=True).sound


def test_an_index_of_a_store_that_was_made_again_is_refused_and_named(made: Path) -> None:
    run(small_pipeline_file(), ["combine=[]", "keep=[]"], made, engine="serial")
    with pytest.raises(ShardError, match="make the mix again"):
        [*Loader(made / "mixes" / "index", 16, 8, epochs=1)]
    assert any("made again since" in fault.what for fault in verify(made).faults)


def test_a_trainer_that_reads_while_a_run_is_published_again_is_told(made: Path) -> None:
    """It never reads the new shards for the old ones."""
    reader = ShardReader(made)
    run(small_pipeline_file(2), out=made, engine="serial")
    with pytest.raises(ShardError):
        for entry in reader.entries:
            reader.open(entry)


def test_the_command_says_what_it_found_and_its_status_too(made: Path) -> None:
    assert curate("verify", made).stdout.strip()
    flip(made / "ledger" / "b-00000.parquet")
    told = curate("verify", made, check=False)
    assert told.returncode == 1 and "ledger/b-00000.parquet" in told.stdout
    assert "restored from .work" in curate("verify", made, "--repair").stdout
    assert curate("verify", made, "--format", "json").returncode == 0
