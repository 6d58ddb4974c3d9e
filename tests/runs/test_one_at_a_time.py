"""One writer at a time: the second is refused in a sentence, no reader is given a mixture, and what a kill left is swept."""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path

import pytest

from curate.cli.main import main
from curate.engine.lock import LockedError, hold, hold_folder
from curate.pipeline.run import run
from curate.shards import ShardReader
from curate.shards.entry import ShardError
from curate.shards.export import export
from tests.support.small_runs import copy_of_small_run, small_pipeline_file

WRITERS = [
    ["run", small_pipeline_file, "--out", Path, "--engine", "serial"],
    ["mix", "make", Path, "--name", "other", "--epochs", "a=1,b=1"],
    ["remove", Path, "--urls", "/dev/null"],
    ["report", Path],
    ["verify", Path, "--repair"],
]


@pytest.mark.parametrize("asked", WRITERS, ids=lambda asked: asked[0])
def test_a_run_that_another_process_writes_to_is_written_to_by_no_other_command(
    asked: list[object], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = copy_of_small_run(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in made.rglob("*")}
    words = [str(made if word is Path else small_pipeline_file() if callable(word) else word) for word in asked]
    with hold(made):
        assert main(words) == 1
    assert "is in use by another run (process " in capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in made.rglob("*") if path.name != ".lock"} == {
        path: stamp for path, stamp in before.items() if path.name != ".lock"
    }


def test_two_exports_into_one_folder_do_not_mix(tmp_path: Path) -> None:
    made = copy_of_small_run(tmp_path)
    (tmp_path / "out").mkdir()
    with hold_folder(tmp_path / "out"), pytest.raises(LockedError, match="is being written to by another process"):
        export(made, "nanogpt", tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_reader_that_opened_a_run_before_it_was_made_anew_is_told_so(tmp_path: Path) -> None:
    """An export, or a training, goes on for hours: what it opens then is what it listed, or nothing."""
    made = copy_of_small_run(tmp_path)
    reader = ShardReader(made / "shards")
    shutil.copytree(made, tmp_path / "copy")
    run(small_pipeline_file(2), out=made, engine="serial")
    whole = ShardReader(tmp_path / "copy" / "shards")
    changed = 0
    for entry in reader.entries:
        try:
            found = reader.open(entry)
        except (ShardError, FileNotFoundError) as error:
            assert entry.file in str(error)
            changed += 1
        else:
            assert found.batch.equals(whole.open(entry).batch)
    assert changed, "another seed makes other shards"


def test_what_killed_processes_left_half_written_is_gone_after_the_next_run(tmp_path: Path) -> None:
    made = copy_of_small_run(tmp_path)
    stage = next((made / ".work").glob("tokens*"))
    left = [
        made / f".run.json.{uuid.uuid4().hex}.tmp",
        made / "timings" / f".read-a.json.{uuid.uuid4().hex}.tmp",
        stage / f".0123456789abcdef.{uuid.uuid4().hex}.tmp" / "tokens",
        stage / ".0123456789abcdef.tokens.emptied.tmp",
    ]
    for path in left:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half of it")
    kept = {path.relative_to(made) for path in made.rglob("*") if ".tmp" not in str(path.relative_to(made))}
    run(small_pipeline_file(), out=made, engine="serial")
    there = {path.relative_to(made) for path in made.rglob("*")}
    assert [path for path in there if ".tmp" in str(path)] == []
    assert kept <= there
