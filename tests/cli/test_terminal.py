"""What people see on a terminal: help in groups, completion, a line for each step, tables that fit, numbers for programs."""

from __future__ import annotations

import argparse
import csv
import io
import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

import curate
from curate.cli.completion import completion
from curate.cli.funnel import print_funnel
from curate.cli.help import EXAMPLES, GROUPS, leaves
from curate.cli.main import _parser, main
from curate.engine.progress import WORDS, words
from curate.errors import counted
from curate.pipeline.made import open_run
from curate.pipeline.run import run
from tests.support.small_runs import copy_of_small_run, small_pipeline_file

COMMANDS = {path[0] for path in leaves(_parser()) if path}


def test_every_command_is_in_one_group_and_shows_how_it_is_used() -> None:
    grouped = [name for names in GROUPS.values() for name in names]
    assert sorted(grouped) == sorted(COMMANDS)
    assert set(EXAMPLES) == COMMANDS


def test_every_argument_of_every_command_says_what_it_is() -> None:
    silent, parsers = [], [((), _parser())]
    while parsers:
        path, parser = parsers.pop()
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                parsers += [((*path, name), each) for name, each in action.choices.items()]
            elif not action.help:
                silent.append((path, action.dest))
    assert silent == []


@pytest.mark.parametrize("line", [line for lines in EXAMPLES.values() for line in lines if line.startswith("curate ")])
def test_every_example_is_a_command(line: str) -> None:
    _parser().parse_args(shlex.split(line.split(" > ")[0])[1:])


def test_nothing_asked_shows_what_can_be_asked(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in ([], ["filters"]):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        told = capsys.readouterr().err
        assert ended.value.code == 2
        assert "show" in told or all(title in told for title in GROUPS)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["rnu", "x"], "no command 'rnu'; did you mean 'run'?"),
        (["mix", "mak"], "no command 'mak'; did you mean 'make'?"),
        (["run", "x", "--limmit", "3"], "no option --limmit; did you mean '--limit'?"),
        (["mix", "make", "x", "--name", "a", "--weigths=web=1"], "no option --weigths; did you mean '--weights'?"),
    ],
)
def test_a_wrong_word_is_told_with_the_nearest(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_help_is_a_command_too_and_the_package_runs_as_one(capsys: pytest.CaptureFixture[str]) -> None:
    told = []
    for asked in (["whatif", "--help"], ["help", "whatif"]):
        with pytest.raises(SystemExit) as ended:
            main(asked)
        assert ended.value.code == 0
        told.append(capsys.readouterr().out)
    module = subprocess.run([sys.executable, "-m", "curate", "help", "whatif"], capture_output=True, text=True)
    assert told[0] == told[1] and module.returncode == 0 and module.stdout.startswith("usage: curate whatif")


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"curate {curate.__version__}\n"


BASH = (
    'source {script}; COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _curate; echo "${{COMPREPLY[@]}}"'
)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("curate r", {"run", "recipes", "report", "remove"}),
        ("curate mix m", {"make"}),
        ("curate run --engine ''", {"ray", "serial"}),
        ("curate mix make --we", {"--weights"}),
        ("curate completion ''", {"bash", "zsh", "fish"}),
    ],
)
def test_bash_completes_commands_options_and_their_words(line: str, expected: set[str], tmp_path: Path) -> None:
    (tmp_path / "curate.bash").write_text(completion("bash", _parser()))
    told = BASH.format(script=tmp_path / "curate.bash", words=line)
    done = subprocess.run(["bash", "-c", told], capture_output=True, text=True, check=True)
    assert expected <= set(done.stdout.split()), done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_a_shell_names_every_command_and_can_be_parsed(shell: str, tmp_path: Path) -> None:
    script = completion(shell, _parser())
    assert [name for name in COMMANDS if name not in script] == []
    if shutil.which(shell):
        (tmp_path / "script").write_text(script)
        subprocess.run([shell, "-n", str(tmp_path / "script")], check=True)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_numbers_of_a_run_fit_the_terminal(width: int, tmp_path: Path) -> None:
    text = io.StringIO()
    print_funnel(
        Console(file=text, width=width, soft_wrap=True, markup=False), open_run(copy_of_small_run(tmp_path)).stats
    )
    lines = text.getvalue().splitlines()
    assert len(lines) > 10
    assert max(map(len, lines)) <= width
    assert [line for line in lines if line != line.rstrip()] == []


def test_a_run_tells_each_step_in_plain_words_and_one_that_does_nothing_one_line(tmp_path: Path) -> None:
    first, again, changed = io.StringIO(), io.StringIO(), io.StringIO()

    def told(text: io.StringIO, *sets: str) -> list[str]:
        console = Console(file=text, width=100)
        run(small_pipeline_file(), list(sets), tmp_path / "run", engine="serial", console=console)
        return text.getvalue().splitlines()

    lines = told(first)
    assert [line[:26].strip() for line in lines if re.search(r"\d parts? in ", line)] == [
        words(name)
        for name in (
            "extract",
            "evaluate",
            "verdicts",
            "deduplicate",
            "decontaminate",
            "tokens",
            "shards",
            "ledger",
            "publish",
        )
    ]
    assert re.fullmatch(r"Done in .* s, at most .*B in one process\.", lines[-1])
    assert told(again) == ["Nothing to do: 9 steps done before."]
    lines = told(changed, "filters.c4.min_sentences.min=2")
    assert lines[0] == f"done before: {WORDS['extract']}, {WORDS['evaluate']}"


def test_a_quiet_run_prints_nothing_and_others_their_numbers_for_programs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["run", str(small_pipeline_file()), "--out", str(tmp_path / "run"), "--engine", "serial"]
    assert main([*asked, "--quiet"]) == 0
    printed = capsys.readouterr()
    assert printed.out == "" and "parts" not in printed.err
    assert main([*asked, "--format", "json"]) == 0
    stats = json.loads(capsys.readouterr().out)
    assert main([*asked, "--format", "csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    reading = next(row for row in rows if row["source"] == "a" and row["step"] == "read" and not row["rule"])
    assert int(reading["kept"]) == stats["sources"]["a"]["funnel"][0]["kept"]
    assert main(["status", str(tmp_path / "run"), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["outcome"] == "done"
    assert (
        main(
            [
                "query",
                str(tmp_path / "run"),
                "select source, count(*) as n from ledger group by 1 order by 1",
                "--format",
                "csv",
            ]
        )
        == 0
    )
    assert [row["source"] for row in csv.DictReader(io.StringIO(capsys.readouterr().out))] == ["a", "b"]


def test_one_is_not_told_as_several() -> None:
    assert [counted(1, "file"), counted(2, "file"), counted(0, "copy")] == ["1 file", "2 files", "0 copies"]
