"""Runs beside each other: yields, agreement record by record, and one crawl through several recipes."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curate.audit.compare import compare
from curate.audit.diff import diff
from curate.audit.finished_run import AuditError, OpenedRun
from curate.cli.main import main
from tests.support.planted import planted_run, scored_run
from tests.support.running import EXAMPLE


def kept(opened: OpenedRun) -> dict[bytes, int]:
    table = pa.concat_tables([pq.read_table(path, columns=["id", "kept", "tokens"]) for path in opened.ledger])
    return {row["id"]: row["tokens"] for row in table.to_pylist() if row["kept"]}


def read(opened: OpenedRun) -> set[bytes]:
    return {id for path in opened.ledger for id in pq.read_table(path, columns=["id"]).column("id").to_pylist()}


def test_who_keeps_what_is_counted_record_by_record(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = planted_run(False)
    out = tmp_path / "tighter"
    file = str(first.folder.parent / "planted.yaml")
    assert main(["run", file, "--engine", "serial", "--out", str(out), "--set", "filters.own.few.min=100"]) == 0
    capsys.readouterr()
    assert main(["compare", str(first.folder), str(out), "--format", "json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    from curate.audit.finished_run import open_finished

    second = open_finished(out)
    mine, theirs = kept(first), kept(second)
    assert answer["read_by_all"] == len(read(first) & read(second)) == 790
    (pair,) = answer["agreement"]
    assert (pair["both"], pair["either"]) == (len(mine.keys() & theirs.keys()), len(mine.keys() | theirs.keys()))
    assert [each["kept"] for each in answer["runs"]] == [len(mine), len(theirs)]
    assert [each["only_kept_here"] for each in answer["runs"]] == [len(mine.keys() - theirs), len(theirs.keys() - mine)]
    assert answer["runs"][0]["tokens_only_here"] == sum(mine[id] for id in mine.keys() - theirs)
    settings = diff(first, second, 0).data["settings"]  # type: ignore[call-overload]
    assert settings == [{"key": "filters.own.few.min", "first": None, "second": 100.0}]


def test_runs_of_other_crawls_have_their_yields_and_no_agreement() -> None:
    answer = compare([planted_run(False), scored_run(True)]).data
    assert answer["read_by_all"] == 0 and answer["agreement"][0]["percent"] is None  # type: ignore[call-overload]


def test_one_run_is_no_comparison() -> None:
    with pytest.raises(AuditError, match="2 to 16 runs are compared, not 1"):
        compare([planted_run(False)])
    with pytest.raises(AuditError, match="named twice"):
        compare([planted_run(False), planted_run(False)])


@pytest.mark.slow
def test_one_crawl_goes_through_several_recipes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = sorted(str(path) for path in (EXAMPLE / "web").glob("*.warc.gz"))[:1]
    arguments = ["--recipes", "c4,gopher", "--sample", "200", "--out", str(tmp_path / "out"), "--format", "json"]
    assert main(["compare", *files, *arguments]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert [each["run"] for each in answer["runs"]] == ["c4", "gopher"]
    assert answer["read_by_all"] > 150 and all(each["documents"] > 100 for each in answer["runs"])


def test_a_recipe_without_one_crawl_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "x.warc.gz", "--recipes", "pile", "--out", str(tmp_path)]) == 2
    assert "recipe 'pile' has no source 'web' of WARC files" in capsys.readouterr().err
