"""A question cannot change what it asks about, nor see anything else: SQL reads a run's ledger and no other file."""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from pathlib import Path

import pytest

from curate.audit.find import find
from curate.audit.finished_run import AuditError, open_finished
from curate.audit.ledger import query
from curate.audit.sample import condition, sample
from tests.support.small_runs import copy_of_small_run

READING = [
    "select * from read_text('/etc/passwd')", "select * from read_csv('/etc/passwd')", "from '/etc/passwd'",
    "select content from read_blob('/proc/self/environ')", "select * from glob('/etc/*')",
    "select * from sniff_csv('/etc/passwd')", "select * from parquet_metadata('{other}')",
    "select * from ledger where id in (select content from read_text('/etc/hostname'))",
]  # fmt: skip
WRITING = [
    "copy (select 1) to '{folder}/x.csv'", "copy (select 1 as id) to '{ledger}' (format parquet)",
    "copy ledger to '{ledger}' (format parquet)", "explain analyze copy (select 1) to '{ledger}' (format parquet)",
    "attach '{folder}/a.db'", "export database '{folder}/db'", "install httpfs", "load httpfs",
    "set enable_external_access = true", "reset lock_configuration", "pragma temp_directory='{folder}'",
    "create table t as select 1", "create or replace view ledger as select 1", "drop view ledger", "checkpoint",
    "select 1; copy (select 1) to '{ledger}' (format parquet)", "call pragma_version()", "",
]  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_of_small_run(tmp_path_factory.mktemp("run"))


def bytes_of(folder: Path) -> dict[str, str]:
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("sql", [*READING, *WRITING])
def test_sql_sees_the_ledger_only_and_changes_nothing(sql: str, made: Path) -> None:
    """By `query`, and as the condition of a sample."""
    run = open_finished(made)
    before = bytes_of(made.parent)
    asked = sql.format(folder=made.parent, ledger=run.ledger[0], other=made / "documents/deduplicate/a-00000.parquet")
    with pytest.raises(AuditError):
        query(run.ledger, asked, 10)
    with pytest.raises(AuditError):
        sample(run, condition(run, None, None, f"true) ; {asked}; select (1"), 1, 0)
    if sql.startswith("select"):
        with pytest.raises(AuditError):
            sample(run, condition(run, None, None, f"exists ({asked})"), 1, 0)
    assert bytes_of(made.parent) == before


@pytest.mark.parametrize(
    "sql",
    [
        "select count(*) from ledger", "with kept as (from ledger where kept) select url from kept order by url",
        "describe ledger", "summarize ledger",
        "select date, pii, failed, edits from ledger limit 3",
    ],
)  # fmt: skip
def test_questions_are_answered(sql: str, made: Path) -> None:
    assert query(open_finished(made).ledger, sql, 10).data


def test_no_answer_needs_a_package_that_is_not_required(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dates come through Arrow, not through pytz."""
    monkeypatch.setitem(sys.modules, "pytz", None)
    run = open_finished(made)
    assert query(run.ledger, "select *, timestamptz '2026-01-01' as at from ledger", 3).data
    assert find(run, "https://a.example/7")[0].row["url"] == "https://a.example/7"
    assert sample(run, "true", 2, 0).data


def test_the_folder_that_sql_spills_to_is_this_users_own(
    made: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """In a shared folder anyone can make it first."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / f"curate-duckdb-{os.getuid()}").mkdir()
    (tmp_path / f"curate-duckdb-{os.getuid()}").chmod(0o777)
    with pytest.raises(PermissionError, match="this user alone"):
        query(open_finished(made).ledger, "select 1", 1)
