"""Runs without a tokenizer: documents are the product, what is counted is characters, and exports take documents whole."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
import zstandard

import curate
from curate.errors import ConfigError
from curate.shards.export import ExportError, export
from tests.support.running import curate as command

TEXTS = [f"Text number {number}, of some words. Write to reader{number}@example.com today." for number in range(12)]

PIPELINE = """
name: plain
sources:
  notes:
    read: {format: jsonl, paths: [notes.jsonl]}
    steps:
      - filter: mine.yaml
  teacher:
    read: {format: jsonl, paths: [notes.jsonl]}
    role: reference
combine:
  - deduplicate: {exact: true}
  - scrub: {types: [EMAIL]}
tokens: null
"""
PACK = "name: mine\nrules:\n  wordy: {metric: words, min: 5, why: stubs}\n"


def write_inputs(folder: Path, pipeline: str = PIPELINE) -> Path:
    """Twelve documents, two copies and a stub, beside a pipeline."""
    rows = [{"text": text, "stars": number} for number, text in enumerate([*TEXTS, TEXTS[0], TEXTS[1], "A stub."])]
    (folder / "notes.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "mine.yaml").write_text(PACK)
    file = folder / "plain.yaml"
    file.write_text(pipeline)
    return file


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plain")
    curate.run(write_inputs(folder), out=folder / "run", engine="serial")
    return folder


def texts_of(run: Path) -> list[str]:
    found: list[str] = ds.dataset(run / "documents" / "scrub").to_table().column("text").to_pylist()
    return found


def test_the_documents_of_the_last_step_are_the_product_and_there_are_no_tokens(folder: Path) -> None:
    run = folder / "run"
    assert sorted(texts_of(run)) == sorted(text.split(" reader")[0] + " [EMAIL] today." for text in TEXTS)
    assert not (run / "tokens").exists() and not (run / "shards").exists()
    assert [path.name for path in (run / "documents" / "scrub").iterdir()] == ["notes-00000.parquet"]
    assert curate.open_run(run).documents().count_rows() == len(TEXTS)


def test_the_ledger_has_the_columns_of_every_ledger_and_its_tokens_are_null(folder: Path) -> None:
    ledger = curate.open_run(folder / "run").ledger().to_table()
    assert ledger.schema.field("tokens").type == pa.int64()
    for name in ("tokens", "shard", "shard_row"):
        assert ledger.column(name).null_count == ledger.num_rows
    kept = ledger.filter(np.array([each == "notes" for each in ledger["source"].to_pylist()])).column("kept")
    assert kept.to_pylist().count(True) == len(TEXTS)


def test_numbers_terminal_and_report_say_documents_and_characters(folder: Path) -> None:
    stats = json.loads((folder / "run" / "stats.json").read_text())
    chars = sum(map(len, texts_of(folder / "run")))
    source = stats["sources"]["notes"]
    assert (source["kept"], source["kept_chars"], source["tokens"]) == (len(TEXTS), chars, 0)
    assert stats["shards"] == {} and stats["mixture"] is None
    extracted = sum(map(len, TEXTS))  # languages and domains count what the ledger has: characters as extracted
    assert stats["audit"]["notes"]["languages"][""]["chars"] == extracted
    assert sum(stats["audit"]["notes"]["amounts"].values()) == extracted
    page = (folder / "run" / "report.html").read_text()
    assert f"<dt>characters</dt><dd><b>{chars:,}</b><small>documents after scrub" in page
    assert "tokens</" not in page
    printed = command("run", folder / "plain.yaml", "--out", folder / "run", "--engine", "serial").stdout
    share = f"{len(TEXTS) / source['documents']:.1%} of {source['documents']}"
    assert f"kept {len(TEXTS)} documents ({share}), {chars} characters" in printed and "token" not in printed
    numbers = json.loads(command("report", folder / "run", "--format", "json").stdout)
    assert numbers["stats"] == stats
    assert "text out: documents after scrub" in command("check", folder / "plain.yaml").stdout
    assert "token" not in command("status", folder / "run").stdout


def test_what_if_counts_characters_where_there_are_no_tokens(folder: Path) -> None:
    asked = ("whatif", folder / "run", "--set", "filters.mine.wordy.min=2", "--format", "json")
    answer = json.loads(command(*asked).stdout)
    extracted = sum(map(len, TEXTS))
    assert answer["characters"] == {
        "before": extracted, "after": extracted + len("A stub."), "low": extracted,
        "high": extracted + len("A stub."), "counted": False, "complete": True,
    }  # fmt: skip


def read_lines(path: Path) -> list[dict[str, Any]]:
    with zstandard.open(path, "rb") as file:
        return [json.loads(line) for line in io.TextIOWrapper(file, "utf-8")]


def test_documents_are_exported_as_they_are_and_the_export_knows_when_it_is_stale(folder: Path, tmp_path: Path) -> None:
    run = folder / "run"
    lines = export(run, "jsonl.zst", tmp_path / "lines")
    rows = read_lines(lines / "notes-00000.jsonl.zst")
    assert [row["text"] for row in rows] == texts_of(run)
    table = pq.read_table(export(run, "parquet", tmp_path / "parquet") / "notes-00000.parquet")
    assert table.column_names == ["id", "source", "url", "text"]
    assert table.column("id").to_pylist() == [row["id"] for row in rows]
    assert "12 documents" in (lines / "README.md").read_text()
    assert json.loads((lines / "croissant.json").read_text())["name"] == "plain"
    assert "current" in command("export", run, "--check").stdout
    first = (lines / "notes-00000.jsonl.zst").read_bytes()
    assert (export(run, "jsonl.zst", tmp_path / "again") / "notes-00000.jsonl.zst").read_bytes() == first


def test_formats_of_tokens_are_refused_for_text_and_a_folder_of_documents_is_named(
    folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(ExportError, match="holds text and no tokens: export it to parquet"):
        export(folder / "run", "nanogpt", tmp_path / "a")
    made = export(folder / "run" / "documents" / "scrub", "jsonl.zst", tmp_path / "b")
    assert len(read_lines(made / "notes-00000.jsonl.zst")) == len(TEXTS)


def test_what_was_removed_is_in_no_export_and_not_in_the_numbers(tmp_path: Path) -> None:
    curate.run(write_inputs(tmp_path), out=tmp_path / "run", engine="serial")
    record = curate.open_run(tmp_path / "run").ledger().to_table().to_pylist()[3]
    (tmp_path / "gone.txt").write_text(record["id"].hex() + "\n")
    command("remove", tmp_path / "run", "--records", tmp_path / "gone.txt", "--why", "asked for")
    rows = read_lines(export(tmp_path / "run", "jsonl.zst", tmp_path / "lines") / "notes-00000.jsonl.zst")
    assert len(rows) == len(TEXTS) - 1 and not any("number 3," in row["text"] for row in rows)
    stats = json.loads((tmp_path / "run" / "stats.json").read_text())["sources"]["notes"]
    assert (stats["kept"], stats["kept_chars"]) == (len(rows), sum(len(row["text"]) for row in rows))


def test_documents_kept_beside_shards_are_exported_with_their_columns(tmp_path: Path) -> None:
    file = write_inputs(tmp_path, PIPELINE.replace("tokens: null", "keep: [scrub]"))
    curate.run(file, out=tmp_path / "run", engine="serial")
    rows = read_lines(export(tmp_path / "run", "jsonl.zst", tmp_path / "lines") / "notes-00000.jsonl.zst")
    assert len(rows) == len(TEXTS)
    shards = export(tmp_path / "run", "parquet", tmp_path / "shards")
    assert "tokens" in pq.read_table(next(shards.glob("train-*.parquet"))).column_names  # of a run, its shards
    source = json.loads((tmp_path / "run" / "stats.json").read_text())
    counted = source["audit"]["notes"]
    assert sum(counted["amounts"].values()) == source["sources"]["notes"]["tokens"]
    assert sum(counted["lengths"].values()) == len(TEXTS)
    assert "## Lengths" in (shards / "README.md").read_text()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("mixture: {sources: {notes: {weight: 1}}}", "a mixture is counted in tokens"),
        ("shards: {tokens_per_shard: 1k}", "shards hold tokens"),
        ("expect: {notes.tokens: 1..}", "makes no tokens: expect `documents` or `kept`"),
    ],
)
def test_what_is_counted_in_tokens_is_refused_without_any(tmp_path: Path, more: str, said: str) -> None:
    file = write_inputs(tmp_path, f"{PIPELINE}{more}\n")
    with pytest.raises(ConfigError, match=said):
        curate.run(file, out=tmp_path / "run", engine="serial")


def test_until_tokens_is_refused_where_none_are_made(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="makes text, and no tokens"):
        curate.run(write_inputs(tmp_path), out=tmp_path / "run", engine="serial", until="tokens")


def test_plans_and_differences_speak_of_characters_where_there_are_no_tokens(folder: Path) -> None:
    """As the report does; none says that a run gives no tokens where it makes none."""
    stats = json.loads((folder / "run" / "stats.json").read_text())
    made = sum(source.get("kept_chars", 0) for source in stats["sources"].values())
    planned = json.loads(command("plan", folder / "plain.yaml", "--format", "json").stdout)
    assert planned["tokens"] is None and planned["chars"] == pytest.approx(made, rel=0.01)
    against = command("plan", folder / "plain.yaml", "--against", folder / "run").stdout
    assert f"{made:,}" in against and "tokens" not in against
    told = json.loads(command("diff", folder / "run", folder / "run", "--format", "json").stdout)
    assert told["yield"]["first characters"] == told["yield"]["second characters"] == made
    shown = command("diff", folder / "run", folder / "run").stdout
    assert f"{made:,}" in shown and "tokens" not in shown
    shutil.copytree(folder / "run", folder / "again")
    beside = command("compare", folder / "run", folder / "again").stdout
    assert f"{made:,}" in beside and "tokens" not in beside
