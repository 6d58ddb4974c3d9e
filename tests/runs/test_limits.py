"""Limits: the first records of a source, or a seeded sample of it, the same however many work; and trying a pipeline out."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pyarrow.dataset as ds
import pytest

import curate
from curate.errors import ConfigError
from curate.pipeline.attempt import attempt
from curate.records.pages import ID
from curate.text.chance import draw
from tests.support.running import EXAMPLE
from tests.support.running import curate as command

SIZES = (3, 0, 5, 1, 40, 7, 2)
"""Rows of the files."""

PIPELINE = """
name: few
seed: 3
sources:
  notes:
    read: {format: jsonl, paths: [notes-*.jsonl]LIMIT}
    steps:
      - filter: mine.yaml
tokens: null
"""
PACK = "name: mine\nrules:\n  wordy: {metric: words, min: 3, why: stubs}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files of different sizes."""
    for number, size in enumerate(SIZES):
        rows = [{"text": f"row {number} {row}" if row % 3 else "stub"} for row in range(size)]
        (tmp_path / f"notes-{number}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "mine.yaml").write_text(PACK)
    return tmp_path


def run(folder: Path, limit: Any = None, engine: str = "serial", out: str = "run", **options: Any) -> curate.Run:
    written = "" if limit is None else f", limit: {limit}"
    (folder / "few.yaml").write_text(PIPELINE.replace("LIMIT", written))
    return curate.run(folder / "few.yaml", out=folder / out, engine=engine, **options)


def places(made: curate.Run) -> list[tuple[str, int]]:
    """(file, row) of every record of the ledger, in its order."""
    table = made.ledger().to_table(columns=["file", "offset"])
    return list(zip(table.column("file").to_pylist(), table.column("offset").to_pylist(), strict=True))


EVERY = [(f"notes-{number}.jsonl", row) for number, size in enumerate(SIZES) for row in range(size)]


@pytest.mark.parametrize("limit", [1, 3, 4, 8, 9, 30, 57, 58, 1000])
def test_the_first_records_are_the_first_in_the_order_of_files(folder: Path, limit: int) -> None:
    made = run(folder, limit)
    assert places(made) == EVERY[:limit]
    assert made.stats["sources"]["notes"]["records"] == min(limit, len(EVERY))


def test_files_beyond_the_limit_are_not_opened(folder: Path) -> None:
    for number in range(10, 40):
        (folder / f"notes-9{number}.jsonl").write_text('{"text": "one more row here"}\n')
    made = run(folder, 9)
    assert made.executed["read"] <= 8  # rounds of 1, 2 and 4 files, and one read again to its part
    assert made.stats["sources"]["notes"]["files"] == 4


@pytest.mark.parametrize("size", [1, 10, 57, 58, 1000])
def test_a_sample_is_of_the_records_with_the_smallest_draws(folder: Path, size: int) -> None:
    whole = run(folder, out="whole").ledger().to_table(columns=["id", "file", "offset"])
    draws = draw(whole.column("id").combine_chunks().cast(ID), 3, "limit")
    chosen = sorted(draws.argsort()[:size].tolist())
    made = run(folder, f"{{sample: {size}}}")
    assert places(made) == [(whole.column("file")[row].as_py(), whole.column("offset")[row].as_py()) for row in chosen]


@pytest.mark.parametrize("limit", ["9", "{sample: 9}"])
def test_workers_have_no_say_in_what_is_read(folder: Path, limit: str) -> None:
    assert places(run(folder, limit)) == places(run(folder, limit, engine="ray", out="ray", workers=3))


def test_the_option_limits_every_source_and_leaves_a_whole_run_alone(folder: Path) -> None:
    run(folder)
    command("run", folder / "few.yaml", "--limit", 4, "--engine", "serial", cwd=folder)
    assert places(curate.open_run(folder / "runs" / "few-limited")) == EVERY[:4]
    assert len(places(curate.open_run(folder / "run"))) == len(EVERY)
    command("run", folder / "few.yaml", "--sample", 4, "--engine", "serial", cwd=folder)
    assert len(places(curate.open_run(folder / "runs" / "few-limited"))) == 4
    both = command("run", folder / "few.yaml", "--sample", 4, "--limit", 4, check=False)
    assert both.returncode == 2


@pytest.mark.parametrize("limit", ["0", "{first: 3, sample: 3}", "{}", "lots"])
def test_a_limit_that_is_none_is_refused(folder: Path, limit: str) -> None:
    with pytest.raises(ConfigError, match="limit"):
        run(folder, limit)


def test_pages_of_archives_are_limited_before_they_are_extracted(tmp_path: Path) -> None:
    (tmp_path / "web.yaml").write_text(
        "name: web\nsources:\n  web:\n    read: {format: warc, limit: {sample: 20}, "
        f"paths: ['{EXAMPLE}/web/web-0000[01].warc.gz']}}\n    steps: [{{extract: {{}}}}]\ntokens: null\n"
    )
    made = curate.run(tmp_path / "web.yaml", out=tmp_path / "run", engine="serial")
    assert made.ledger().count_rows() == 20
    assert made.stats["sources"]["web"]["records"] == 20


def test_trying_a_pipeline_shows_what_every_step_does_and_writes_nothing(folder: Path) -> None:
    run(folder)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    done = command("try", folder / "few.yaml", "--limit", 9, cwd=folder)
    assert "notes  9 records" in done.stdout and "kept" in done.stdout
    assert "mine/wordy" in done.stdout and "stub" in done.stdout
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()} == before


def test_a_try_of_shards_and_a_mixture_makes_text_and_leaves_no_folder(folder: Path, tmp_path: Path) -> None:
    run(folder)
    file = folder / "few.yaml"
    file.write_text(
        file.read_text().replace("tokens: null", "mixture: {sources: {notes: {epochs: 2}}}\nshards: {validation: 0.1}")
    )
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    environment = os.environ | {"TMPDIR": str(temporary)}
    command("try", file, "--sampled", "--limit", 20, environment=environment)
    assert not list(temporary.glob("curate-try-*"))
    made = attempt(file, limit=20, examples=1)
    assert [example.rule for example in made.examples] == ["mine/wordy"]
    assert made.stats["sources"]["notes"]["records"] == 20 and "kept_chars" in made.stats["sources"]["notes"]
    assert ds.dataset(folder / "run" / "ledger").count_rows() == len(EVERY)
