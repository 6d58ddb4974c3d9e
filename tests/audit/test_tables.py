"""The tables that can be asked about: every column is described, and holds what stats.json and the ledger hold."""

from __future__ import annotations

import csv
import io
import json

import pyarrow.parquet as pq
import pytest

from curate.audit.finished_run import AuditError
from curate.audit.tables import describe_tables, meaning, tables_of
from curate.cli.main import main
from curate.pipeline.made import open_run
from tests.support.planted import planted_run


def test_every_column_of_every_table_is_described(capsys: pytest.CaptureFixture[str]) -> None:
    opened = planted_run(True)
    listed = describe_tables(opened).data
    known = {(row["table"], row["column"]) for row in listed}  # type: ignore[index]
    assert {("ledger", name) for name in pq.read_schema(opened.ledger[0]).names} <= known
    for name, table in tables_of(opened).items():
        assert {(name, column) for column in table.column_names} <= known
    assert all(row["type"] and row["meaning"] for row in listed)  # type: ignore[index]
    assert meaning("own.words") == "the metric words of the step own, whatever became of the document"
    assert meaning("own.words@trafilatura") == "own.words of the text that trafilatura extracted"
    assert open_run(opened.folder).query("select count(*) as n from rules").to_pylist()[0]["n"] > 0
    with pytest.raises(AuditError, match="the query failed"):
        open_run(opened.folder).query("select no_such_column from ledger")
    assert main(["query", str(opened.folder), "--tables"]) == 0
    assert "every rule that it fails, as step/rule" in capsys.readouterr().out


def test_tables_hold_what_the_run_counted(capsys: pytest.CaptureFixture[str]) -> None:
    opened = planted_run(True)

    def ask(sql: str, form: str = "json") -> str:
        assert main(["query", str(opened.folder), sql, "--format", form]) == 0
        return capsys.readouterr().out

    found = json.loads(ask("select kind, says from findings"))
    assert [each["kind"] for each in found] == [each["kind"] for each in opened.stats["findings"]]
    (total,) = json.loads(ask("select sum(dropped) as dropped from funnel where source = 'web'"))
    web = opened.stats["sources"]["web"]
    assert int(total["dropped"]) == web["records"] - web["kept"]
    (both,) = json.loads(ask("select count(*) as n from ledger where list_contains(failed, 'own/few')") + "")
    (rule,) = json.loads(ask("select failed from rules where rule = 'own/few' and source = 'web'"))
    assert both["n"] == rule["failed"]
    for table in ("shards", "mixture", "contamination", "stages"):
        assert json.loads(ask(f"select * from {table}"))
    rows = list(csv.reader(io.StringIO(ask("select rule, failed from rules where failed > 0 order by rule", "csv"))))
    assert rows[0] == ["rule", "failed"] and all(row[1].isdigit() for row in rows[1:]) and len(rows) > 2


def test_a_query_without_a_question_is_told_what_can_be_asked(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["query", str(planted_run(True).folder)]) == 2
    assert "--tables lists what can be asked about" in capsys.readouterr().err
