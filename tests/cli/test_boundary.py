"""The one boundary of the command line: what a failure says, on which stream, with which exit status."""

from __future__ import annotations

import argparse
import errno
import os
import pickle
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from curate.cli.arguments import natural, shares
from curate.cli.console import guarded
from curate.cli.main import _parser, main
from curate.errors import ConfigError, CurateError, disk_full, located, missing_extra
from tests.support.running import ROOT, command, curate, small_pipeline


def raising(error: BaseException) -> int:
    def call() -> int:
        raise error

    return guarded(call)


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (CurateError("it broke"), 1, "error it broke\n"),
        (ConfigError("unknown key", file="a.yaml", line=3, key="x.y"), 2, "error a.yaml:3: x.y: unknown key\n"),
        (ConfigError("one\ntwo"), 2, "error one\nerror two\n"),
        (CurateError("names [/foo] and [bold] :smile:"), 1, "error names [/foo] and [bold] :smile:\n"),
        (FileNotFoundError(errno.ENOENT, "No such file or directory", "a.yaml"), 2, "error No such file or directory: a.yaml\n"),
        (PermissionError(errno.EACCES, "Permission denied", "/root/x"), 1, "error Permission denied: /root/x\n"),
        (
            OSError(errno.ENOSPC, "No space left on device", "runs/web/part"),
            1,
            "error no space is left on the disk that holds runs/web/part: make some room and give the same command again; "
            "it goes on from what is done\n",
        ),
        (ImportError("No module named 'obstore'"), 1, "error obstore is not installed: pip install 'curate-data[cloud]'\n"),
        (ModuleNotFoundError("No module named 'torch'", name="torch"), 1, "error torch is not installed: pip install 'curate-data[train]'\n"),
    ],
)  # fmt: skip
def test_an_error_for_people_is_printed_with_its_status(
    error: Exception, status: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert raising(error) == status
    printed = capsys.readouterr()
    assert printed.err == said
    assert printed.out == ""


def test_a_fault_of_the_program_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        raising(ZeroDivisionError())
    with pytest.raises(ImportError):
        raising(ImportError("cannot import name 'x' from 'curate.y'"))


def test_every_error_of_the_project_is_one_that_the_boundary_knows() -> None:
    """A class whose name says that it is an error has the one base, wherever it is defined."""
    import importlib
    import pkgutil

    strangers = []
    for module in pkgutil.walk_packages(sys.modules["curate"].__path__, "curate."):
        if module.name.startswith("curate.trainer") or module.name.endswith(("__main__", "for_datatrove")):
            continue
        for name, value in vars(importlib.import_module(module.name)).items():
            own = isinstance(value, type) and issubclass(value, Exception) and value.__module__ == module.name
            if own and name.endswith(("Error", "Unavailable")) and not issubclass(value, CurateError):
                strangers.append(f"{module.name}.{name}")
    assert strangers == []


def test_an_error_survives_the_way_from_a_worker() -> None:
    again = pickle.loads(pickle.dumps(ConfigError("unknown key", file="a.yaml", line=3, key="x")))
    assert (str(again), again.file, again.line, again.key) == ("a.yaml:3: x: unknown key", "a.yaml", 3, "x")
    assert located("m", key="k") == "k: m" and located("m", file="f") == "f: m"


def test_a_full_disk_is_known_and_other_failures_of_the_disk_are_not() -> None:
    assert "runs" in str(disk_full(OSError(errno.ENOSPC, "No space left"), Path("runs")))
    assert "quota" in str(disk_full(OSError(errno.EDQUOT, "Quota")))
    assert disk_full(OSError(errno.EIO, "Input/output error")) is None
    assert missing_extra(ImportError("cannot import name 'a'")) is None


@pytest.mark.parametrize("text", ["0", "-1", "x", "1.5", ""])
def test_a_number_that_must_be_one_or_more_says_so(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="whole number of at least 1"):
        natural(text)


@pytest.mark.parametrize("text", ["web", "web=x", "=1", "web=-1", "web=inf", "web=1,,"])
def test_shares_that_are_none_say_how_they_are_written(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=r"NAME=NUMBER, as in web=\.8"):
        shares(text)
    assert shares("web=.8, books=2") == {"web": 0.8, "books": 2.0}


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "x.yaml", "--workers", "0"],
        ["export", "x", "--to", "hf", "--out", "y", "--sequence-length", "0"],
        ["query", "x", "select 1", "--limit", "-5"],
        ["mix", "make", "x", "--name", "a", "--weights", "web=x"],
    ],
)
def test_wrong_use_is_status_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a: &x [1]\nb: *x", "aliases are not read"),
        ("a:\n\tb: 1", "a tab where spaces belong"),
        ("- a", "this one holds a list"),
        ("name: a\nname: b", "given on line 1 already"),
    ],
)
def test_a_file_that_cannot_be_used_is_status_2_without_a_traceback(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "p.yaml").write_text(content)
    done = curate("check", tmp_path / "p.yaml", check=False)
    assert done.returncode == 2
    assert said in done.stderr and "Traceback" not in done.stderr and done.stdout == ""


@pytest.mark.parametrize(
    ("engine", "said"),
    [
        ("myengine.text", "write"),
        ("trafilatra", "did you mean 'trafilatura'?"),
        ("nosuchmodule:text", "No module named 'nosuchmodule'"),
        ("json:nosuch", "nosuch"),
    ],
)
def test_check_refuses_an_engine_that_cannot_be_loaded(
    tmp_path: Path, engine: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    said = "'myengine:text'" if said == "write" else said
    assert main(["check", str(small_pipeline(tmp_path)), "--set", f"extract.engine={engine}"]) == 2
    printed = capsys.readouterr().err
    assert "sources.web.steps[0].extract.engine" in printed and said in printed


def test_check_refuses_a_tokenizer_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(small_pipeline(tmp_path)), "--set", "tokens.tokenizer=gpt22"]) == 2
    assert "tokens.tokenizer: " in capsys.readouterr().err


def test_brackets_in_names_are_printed_as_they_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mix", "make", str(tmp_path / "[bold]run"), "--name", "x", "--by", "[/foo]"]) != 0
    assert "[bold]run" in capsys.readouterr().err


def test_a_reader_that_has_gone_is_no_failure() -> None:
    process = subprocess.Popen(command("schema"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.close()
    process.stdout = None
    assert process.communicate()[1] == ""
    assert process.returncode == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_command_that_is_stopped_says_how_to_go_on(tmp_path: Path, number: signal.Signals) -> None:
    for attempt in range(3):  # on a busy machine a run may end before the signal reaches it
        run = tmp_path / f"run-{attempt}"
        process = subprocess.Popen(
            command("run", small_pipeline(tmp_path), "--out", run, "--engine", "serial"),
            start_new_session=True,
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
            preexec_fn=lambda: [signal.signal(each, signal.SIG_DFL) for each in (number, signal.SIGINT)],
        )
        while not any((run / ".work").glob("read-web.*")):
            assert process.poll() is None
            time.sleep(0.01)
        os.kill(process.pid, number)
        _, errors = process.communicate()
        if process.returncode != 0:
            break
    assert process.returncode == 130
    assert "the same command goes on from there" in errors and "Traceback" not in errors


def test_a_run_that_keeps_nothing_of_a_source_ends_with_status_3(tmp_path: Path) -> None:
    arguments = ["--set", "filters.c4.min_sentences.min=100000", "--out", tmp_path / "run", "--engine", "serial"]
    done = curate("run", small_pipeline(tmp_path), *arguments, check=False)
    assert done.returncode == 3
    assert "nothing was kept of 'web'" in done.stderr and "c4/min_sentences" in done.stderr
    assert "Run directory:" in done.stdout


def test_an_address_where_no_cluster_answers_is_refused_at_once(tmp_path: Path) -> None:
    arguments = ["--out", tmp_path / "run", "--address", "127.0.0.1:9"]
    done = curate("run", small_pipeline(tmp_path), *arguments, check=False)
    assert done.returncode == 1
    assert "--address 127.0.0.1:9: no Ray cluster answers there" in done.stderr and "Traceback" not in done.stderr


SILENT = """
import socket
from curate.engine import executors
executors.START_SECONDS = 3
with socket.create_server(("127.0.0.1", 0)) as head:
    try:
        executors.start_ray(f"127.0.0.1:{head.getsockname()[1]}", "do otherwise")
    except executors.EngineError as error:
        print(error)
"""


@pytest.mark.slow
def test_a_cluster_that_takes_connections_and_says_nothing_is_given_up(tmp_path: Path) -> None:
    """Ray itself tries such a head again and again."""
    done = subprocess.run([sys.executable, "-c", SILENT], cwd=ROOT, capture_output=True, text=True, timeout=150)
    assert re.search(
        r"Ray did not join the cluster at 127\.0\.0\.1:\d+ within 3 s; try again, or do otherwise", done.stdout
    )


def test_nothing_of_the_command_line_points_outside_the_project() -> None:
    parsers = [_parser()]
    while parsers:
        parser = parsers.pop()
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                parsers.extend(action.choices.values())
            assert ".." not in str(action.default)
    for path in (ROOT / "examples").rglob("*.yaml"):
        assert "../.." not in path.read_text()


def test_what_every_process_of_a_training_starts_has_the_same_boundary(tmp_path: Path) -> None:
    train = [sys.executable, "-m", "curate", "train", tmp_path / "t.yaml"]
    (tmp_path / "t.yaml").write_text("seed: 1\nseed: 2\n")
    done = subprocess.run(train, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 2
    assert done.stderr.endswith("t.yaml:2: not valid YAML: the key 'seed' was given on line 1 already\n")
    (tmp_path / "t.yaml").write_text("budget: {tokens: 1000}\ndevice: off\n")
    done = subprocess.run(train, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 2
    assert "t.yaml:2: device: 'off' is no device: use auto, cpu, cuda or cuda:N" in done.stderr
