"""Columns carried from the input: in ledger, documents, exports, own steps, rules and mixtures, in one type for a run."""

from __future__ import annotations

import datetime
import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
import zstandard

import curate
from curate.errors import ConfigError
from curate.shards.export import export
from tests.support.running import curate as command

ROWS: list[dict[str, Any]] = [
    {"text": "Ten stars shine here.", "license": "mit", "stars": 10, "lang": "c", "tags": ["a", "b"], "score": 1},
    {"text": "Three stars only here.", "license": "gpl", "stars": 3, "lang": "go", "tags": [], "score": 0.5},
    {"text": "Nobody counted stars.", "license": None, "lang": "go", "tags": {"deep": [1, {"x": "é"}]}},
    {"text": None, "license": "mit", "stars": 99, "lang": "c"},
    {"text": "Thirty stars are here.", "license": "mit", "stars": 30, "lang": "c", "archived": True},
]

PIPELINE = """
name: carried
sources:
  code:
    read: {format: FORMAT, paths: [PATHS], url: null, metadata: METADATA}
    steps: STEPS
TAIL
"""


def write(folder: Path, rows: list[dict[str, Any]] | None = None, name: str = "code.jsonl") -> None:
    (folder / name).write_text("".join(json.dumps(row) + "\n" for row in ROWS if rows is None or row in rows))


def run(
    folder: Path,
    metadata: str = "[license, stars]",
    steps: str = "[]",
    tail: str = "tokens: null",
    format: str = "jsonl",
    paths: str = "code.*",
) -> Path:
    filled = PIPELINE
    for key, value in zip(
        ("FORMAT", "PATHS", "METADATA", "STEPS", "TAIL"), (format, paths, metadata, steps, tail), strict=True
    ):
        filled = filled.replace(key, value)
    (folder / "carried.yaml").write_text(filled)
    return curate.run(folder / "carried.yaml", out=folder / "run", engine="serial").path


def ledger(path: Path) -> pa.Table:
    return ds.dataset(path / "ledger").to_table()


def test_named_columns_are_in_the_ledger_of_every_record_also_of_those_without_text(tmp_path: Path) -> None:
    write(tmp_path)
    table = ledger(run(tmp_path))
    assert table.schema.field("meta.stars").type == pa.int64()
    assert table.column("meta.stars").to_pylist() == [10, 3, None, 99, 30]
    assert table.column("meta.license").to_pylist() == ["mit", "gpl", None, "mit", "mit"]
    assert "meta.lang" not in table.column_names


def test_all_columns_are_carried_and_nested_ones_as_json(tmp_path: Path) -> None:
    write(tmp_path)
    table = ledger(run(tmp_path, "all"))
    carried = {name: str(table.schema.field(name).type) for name in table.column_names if name.startswith("meta.")}
    assert carried == {
        "meta.archived": "bool", "meta.lang": "string", "meta.license": "string", "meta.score": "double",
        "meta.stars": "int64", "meta.tags": "string",
    }  # fmt: skip
    tags = [None if text is None else json.loads(text) for text in table.column("meta.tags").to_pylist()]
    assert tags == [row.get("tags") for row in ROWS]
    assert table.column("meta.score").to_pylist() == [1.0, 0.5, None, None, None]


def test_documents_and_exports_give_the_columns_back(tmp_path: Path) -> None:
    write(tmp_path)
    path = run(tmp_path, "all")
    documents = curate.open_run(path).documents().to_table()
    assert documents.column("meta.license").to_pylist() == ["mit", "gpl", None, "mit"]
    table = pq.read_table(export(path, "parquet", tmp_path / "parquet") / "code-00000.parquet")
    assert table.column_names == [
        *("id", "source", "url", "text"), *("archived", "lang", "license", "score", "stars", "tags"),
    ]  # fmt: skip
    lines = export(path, "jsonl.zst", tmp_path / "lines") / "code-00000.jsonl.zst"
    with zstandard.open(lines, "rb") as file:
        rows = [json.loads(line) for line in io.TextIOWrapper(file, "utf-8")]
    given = [row for row in ROWS if row["text"]]
    for row, before in zip(rows, given, strict=True):
        assert {key: row.get(key) for key in ("text", "license", "stars", "lang", "archived")} == {
            key: before.get(key) for key in ("text", "license", "stars", "lang", "archived")
        }


def test_parquet_columns_of_every_kind_are_carried(tmp_path: Path) -> None:
    moment = datetime.datetime(2024, 5, 18, 12, 30, tzinfo=datetime.UTC)
    table = pa.table(
        {
            "text": ["First text.", "Second text."],
            "stars": pa.array([5, None], pa.int32()),
            "kind": pa.array(["x", "y"]).dictionary_encode(),
            "when": pa.array([moment, None], pa.timestamp("ns", "UTC")),
            "owner": [{"name": "Ann", "ids": [1, 2]}, None],
            "raw": pa.array([b"bytes", None]),
            "share": pa.array([0.5, 0.25], pa.float32()),
        }
    )
    pq.write_table(table, tmp_path / "code.parquet")
    rows = ledger(run(tmp_path, "all", format="parquet")).to_pylist()
    assert [row["meta.stars"] for row in rows] == [5, None]
    assert [row["meta.kind"] for row in rows] == ["x", "y"]
    assert rows[0]["meta.when"].startswith("2024-05-18 12:30:00") and rows[1]["meta.when"] is None
    assert json.loads(rows[0]["meta.owner"]) == {"name": "Ann", "ids": [1, 2]}
    assert rows[0]["meta.raw"] == "bytes"
    assert [row["meta.share"] for row in rows] == [0.5, 0.25]


def test_a_column_of_two_types_across_files_becomes_text_and_is_counted(tmp_path: Path) -> None:
    write(tmp_path, [ROWS[0]], "code.1.jsonl")
    (tmp_path / "code.2.jsonl").write_text(json.dumps({"text": "Many stars here.", "stars": "many"}) + "\n")
    (tmp_path / "code.3.jsonl").write_text(json.dumps({"text": "No such column."}) + "\n")
    path = run(tmp_path, "[stars]")
    assert ledger(path).column("meta.stars").to_pylist() == ["10", "many", None]
    stats = json.loads((path / "stats.json").read_text())["sources"]["code"]["metadata"]
    assert stats == {"stars": {"type": "string", "values": 2, "converted": 1}}


def test_rules_judge_carried_columns_and_what_if_moves_their_bounds(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "liked.yaml").write_text("name: liked\nrules:\n  popular: {metric: meta.stars, min: 10, why: taste}\n")
    path = run(tmp_path, steps="[{filter: liked.yaml}]")
    table = ledger(path)
    assert table.column("kept").to_pylist() == [True, False, False, False, True]
    assert table.column("failed").to_pylist()[2] == ["liked/popular"]  # unknown is not ten
    asked = ("whatif", path, "--set", "filters.liked.popular.min=3", "--format", "json")
    assert json.loads(command(*asked).stdout)["passed"]["passes"] == 3
    (tmp_path / "code.jsonl").write_text(json.dumps({"text": "Some text.", "stars": "12"}) + "\n" + json.dumps(ROWS[1]))
    assert ledger(run(tmp_path, steps="[{filter: liked.yaml}]")).column("kept").to_pylist() == [True, False]


def test_a_rule_on_a_column_that_is_not_carried_is_refused_at_its_line(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "liked.yaml").write_text("name: liked\nrules:\n  popular: {metric: meta.forks, min: 10}\n")
    with pytest.raises(ConfigError, match=r"carried.yaml:6.*a rule looks at meta.forks"):
        run(tmp_path, steps="[{filter: liked.yaml}]")


STEP = """
import pyarrow.compute as pc


def starred(batch):
    return {"stars": pc.add(batch.column("meta.stars"), 1), "free": pc.equal(batch.column("meta.license"), "mit")}
"""


def test_own_steps_see_the_columns(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "starring.py").write_text(STEP)
    step = '[{python: {function: "starring:starred", rules: {many: {metric: stars, min: 11}}}}]'
    table = ledger(run(tmp_path, steps=step))
    assert table.column("starred.stars").to_pylist() == [11, 4, None, None, 31]
    assert table.column("starred.free").to_pylist() == [True, False, None, None, True]
    assert table.column("kept").to_pylist() == [True, False, False, False, True]


def test_a_mixture_is_by_a_carried_column(tmp_path: Path) -> None:
    write(tmp_path)
    tail = "mixture: {by: meta.lang, sources: {c: {epochs: 2}, go: {epochs: 1}}}\nshards: {validation: 0}"
    path = run(tmp_path, "[lang]", tail=tail)
    groups = json.loads((path / "stats.json").read_text())["mixture"]["groups"]
    assert {name: group["documents"] for name, group in groups.items()} == {"c": 4, "go": 2}


def test_what_was_removed_keeps_none_of_its_columns(tmp_path: Path) -> None:
    write(tmp_path)
    path = run(tmp_path, "all")
    (tmp_path / "gone.txt").write_text(ledger(path).column("id").to_pylist()[0].hex() + "\n")
    command("remove", path, "--records", tmp_path / "gone.txt")
    row = ledger(path).to_pylist()[0]
    assert not any(value is not None for name, value in row.items() if name.startswith("meta."))
    held = [file for file in path.rglob("*") if file.is_file() and b"Ten stars" in file.read_bytes()]
    assert not held
    for file in (path / ".work").glob("*/*.metadata"):
        with pa.memory_map(str(file)) as opened:
            table = pa.ipc.open_file(opened).read_all()
        assert all(
            column[0].as_py() is None for name, column in zip(table.schema.names[1:], table.columns[1:], strict=True)
        )


def test_a_value_too_large_is_null_and_counted_and_archives_have_no_columns(tmp_path: Path) -> None:
    row = {"text": "Some text.", "note": "x" * (1 << 20), "stars": 2}
    (tmp_path / "code.jsonl").write_text(json.dumps(row) + "\n")
    path = run(tmp_path, "all")
    assert ledger(path).column("meta.stars").to_pylist() == [2]
    assert json.loads((path / "stats.json").read_text())["sources"]["code"]["other_records"]["metadata.too-large"] == 1
    with pytest.raises(ConfigError, match="warc records have no columns"):
        run(tmp_path, format="warc", steps="[{extract: {}}]")
