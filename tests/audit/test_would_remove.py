"""`curate remove --dry-run`: what a list would take is what it then takes, and until then nothing is."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from curate.audit.finished_run import AuditError, open_finished
from curate.audit.ledger import connect
from curate.audit.remove import remove
from curate.audit.would_remove import would_remove
from curate.cli.main import main
from tests.support.small_runs import copy_of_small_run


def test_what_a_list_would_take_is_what_it_takes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = copy_of_small_run(tmp_path)
    before = {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
    sql = "select lower(id), source, tokens from ledger where kept order by id limit 5"
    rows = connect(open_finished(folder).ledger).execute(sql).fetchall()
    (tmp_path / "list.txt").write_text("".join(f"{row[0]}\n" for row in rows) + "0" * 32 + "\n")
    arguments = ["remove", str(folder), "--records", str(tmp_path / "list.txt")]
    assert main([*arguments, "--dry-run", "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()} == before
    assert told["list"][-1] == {"name": "0" * 32, "records": 0}
    kept = connect(open_finished(folder).ledger)
    whole = dict(kept.execute("select source, sum(tokens) filter (kept) from ledger group by 1").fetchall())
    run = open_finished(shutil.copytree(folder, tmp_path / "removed"))
    remove(run, "record", [row[0] for row in rows], "2026-01-01T00:00:00+00:00", "")
    after = dict(
        connect(open_finished(run.folder).ledger)
        .execute("select source, coalesce(sum(tokens) filter (kept), 0) from ledger group by 1")
        .fetchall()
    )
    for row in told["sources"]:
        assert row["tokens"] == whole[row["source"]] - after[row["source"]]
        assert row["tokens_share"] == pytest.approx(row["tokens"] / whole[row["source"]], abs=1e-6)
    assert sum(row["kept"] for row in told["sources"]) >= 5
    assert main([*arguments, "--dry-run"]) == 0
    shown = capsys.readouterr().out
    assert "Would be removed" in shown and "nothing was removed" in shown and "Names that lead nowhere" in shown


def test_an_empty_name_is_refused_before_too(tmp_path: Path) -> None:
    with pytest.raises(AuditError, match="empty domain"):
        would_remove(open_finished(copy_of_small_run(tmp_path)), "domain", [" "])
