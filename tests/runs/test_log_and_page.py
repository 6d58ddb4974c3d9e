"""A run is watched from outside: lines in a file, and a page that serves its numbers and nothing else."""

from __future__ import annotations

import http.client
import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from curate.engine.run_log import RunLog
from curate.engine.status_page import StatusServer, page
from curate.pipeline.run import run
from tests.support.running import curate
from tests.support.small_runs import copy_of_small_run, small_pipeline_file


def test_a_log_has_a_line_for_each_event(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "run.log"
    made = run(small_pipeline_file(), out=tmp_path / "run", engine="serial", log_file=log)
    lines = log.read_text().splitlines()
    form = re.compile(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00 (INFO|WARNING|ERROR) (run|step|stage|task|note|end)( .*)?"
    )
    assert all(form.fullmatch(line) for line in lines)
    assert " run name=" in lines[0]
    assert lines[-1].endswith(" INFO end outcome=done")
    assert sum(" task " in line for line in lines) == sum(made.executed.values())
    assert any(" task stage=read source=a " in line and " seconds=" in line for line in lines)
    run(small_pipeline_file(), out=tmp_path / "run", engine="serial", log_file=log)
    assert log.read_text().splitlines()[: len(lines)] == lines, "a second run adds to it"


def test_a_log_of_json_says_the_same(tmp_path: Path) -> None:
    log = tmp_path / "run.jsonl"
    made = run(small_pipeline_file(), out=tmp_path / "run", engine="serial", log_file=log, log_format="json")
    events = [json.loads(line) for line in log.read_text().splitlines()]
    assert events[0]["event"] == "run"
    assert events[-1] | {"time": ""} == {"time": "", "level": "INFO", "event": "end", "outcome": "done"}
    assert sum(event["event"] == "task" for event in events) == sum(made.executed.values())
    assert sum(event.get("count_records", 0) for event in events if event.get("stage") == "read") > 0


def test_a_run_that_fails_says_why_in_its_log(tmp_path: Path) -> None:
    log = tmp_path / "run.log"
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.txt").write_text("mine")
    done = curate("run", small_pipeline_file(), "--out", tmp_path / "run", "--log-file", log, check=False)
    assert done.returncode != 0
    last = log.read_text().splitlines()[-1]
    assert " ERROR end outcome=failed why=" in last
    assert "is not empty and holds no run" in last


def test_names_from_outside_make_no_line_of_their_own(tmp_path: Path) -> None:
    log = RunLog(tmp_path / "x.log")
    log.note("one\n2026-01-01T00:00:00.000+00:00 INFO end outcome=done\r\x1b[31m\u2028\x85")
    log.end("failed", "two words")
    lines = (tmp_path / "x.log").read_text().splitlines()
    assert len(lines) == 2
    assert "\x1b" not in lines[0]
    assert lines[1].endswith('ERROR end outcome=failed why="two words"')


@pytest.fixture
def server(tmp_path: Path) -> Iterator[StatusServer]:
    with StatusServer(copy_of_small_run(tmp_path)) as serving:
        thread = threading.Thread(target=serving.serve_forever)
        thread.start()
        yield serving
        serving.shutdown()
        thread.join()


def asked(server: StatusServer, path: str, method: str = "GET", **headers: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=10)
    connection.request(method, path, headers=headers)
    return connection.getresponse()


def test_the_page_shows_how_far_a_run_is(server: StatusServer) -> None:
    numbers = json.load(asked(server, "/progress.json"))
    assert numbers["outcome"] == "done"
    assert numbers["run"] == str(server.run)
    assert {"read", "ledger"} <= {stage["name"] for stage in numbers["stages"]}
    answer = asked(server, "/")
    assert answer.status == 200
    assert b"progress.json" in answer.read()


def test_the_page_may_run_its_own_script_only(server: StatusServer) -> None:
    policy = asked(server, "/").headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    text = page()[0].decode()
    assert text.count("<script") == text.count("<style") == 1
    assert not re.search(r"\son\w+=|innerHTML|style=", text), "nothing that the policy would stop, or markup of others"
    assert "http" not in text.replace("http-equiv", "")


@pytest.mark.parametrize(
    "path",
    ["/../run.json", "/run.json", "//etc/passwd", "/%2e%2e/run.json", "/progress.json/../run.json", "/?x=/etc", "*"],
)
def test_no_path_from_outside_becomes_a_file(server: StatusServer, path: str) -> None:
    answer = asked(server, path)
    assert answer.status == 404
    assert answer.read() == b"there are / and /progress.json\n"


def test_only_this_machine_is_answered(server: StatusServer) -> None:
    assert server.server_address[0] == "127.0.0.1"
    for host in ("evil.example", "127.0.0.1.evil.example", "localhost.evil", ""):
        assert asked(server, "/progress.json", Host=host).status == 403
    assert asked(server, "/", Host="localhost:8000").status == 200
    assert asked(server, "/", method="POST").status == 501


def test_a_folder_that_is_no_run_is_not_served(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="is no run directory"):
        StatusServer(tmp_path)
    done = curate("status", tmp_path, "--serve", check=False)
    assert done.returncode == 2
    wrong = curate("status", tmp_path, "--serve", "70000", check=False)
    assert wrong.returncode == 2
    assert "is no port" in wrong.stderr
