"""A pipeline tried again while it is edited: which records an edit flips and by which rules, and what a wrong edit says."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from curate.errors import ConfigError
from curate.pipeline.watching import watch
from tests.support.running import command

PIPELINE = """
name: edited
sources:
  notes:
    read: {format: jsonl, paths: [notes.jsonl], id: id, url: url}
    steps:
      - filter: mine.yaml
combine:
  - deduplicate: {exact: true}
tokens: null
"""
PACK = "name: mine\nrules:\n  wordy: {{metric: words, min: {least}}}\n"
LENGTHS = (3, 8, 8, 20)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    lines = [
        {
            "id": str(place),
            "url": f"https://notes.example/{place}",
            "text": " ".join(["word", str(place % 3)] * (size // 2)),
        }
        for place, size in enumerate(LENGTHS)
    ]
    (tmp_path / "notes.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (tmp_path / "mine.yaml").write_text(PACK.format(least=10))
    (tmp_path / "edited.yaml").write_text(PIPELINE)
    return tmp_path / "edited.yaml"


def test_an_edit_of_a_pack_tells_which_records_flip_and_by_which_rule(file: Path) -> None:
    tries = watch(file, poll=0.01)
    first = next(tries)
    assert first.changed == () and first.stats is not None and first.stats["sources"]["notes"]["kept"] == 1
    (file.parent / "mine.yaml").write_text(PACK.format(least=5))
    second = next(tries)
    assert second.changed == (str(file.parent / "mine.yaml"),)
    assert [(each.record, each.kept, each.passed, each.failed) for each in second.flipped] == [
        ("https://notes.example/1", True, ("mine/wordy",), ()),
        ("https://notes.example/2", True, ("mine/wordy",), ()),
    ]
    assert second.flipped[0].text.startswith("word 1 word 1")
    (file.parent / "mine.yaml").write_text(PACK.format(least=9) + "  calm: {metric: words, max: 19}\n")
    third = next(tries)
    assert [(each.record, each.kept, each.failed) for each in third.flipped] == [
        ("https://notes.example/1", False, ("mine/wordy",)),
        ("https://notes.example/2", False, ("mine/wordy",)),
        ("https://notes.example/3", False, ("mine/calm",)),
    ]


def test_a_wrong_edit_is_told_and_the_next_is_compared_with_the_last_that_worked(file: Path) -> None:
    tries = watch(file, poll=0.01)
    next(tries)
    (file.parent / "mine.yaml").write_text(PACK.format(least=5).replace("words", "wrods"))
    wrong = next(tries)
    assert wrong.stats is None and "no metric 'wrods'; did you mean 'words'" in wrong.error
    (file.parent / "mine.yaml").write_text(PACK.format(least=5))
    assert [each.kept for each in next(tries).flipped] == [True, True]


def test_an_edit_that_decides_nothing_flips_nothing_and_a_pipeline_that_is_wrong_at_first_is_refused(
    file: Path,
) -> None:
    tries = watch(file, poll=0.01)
    next(tries)
    file.write_text("# a comment\n" + PIPELINE)
    again = next(tries)
    assert again.changed == (str(file),) and again.flipped == () and again.error == ""
    file.write_text(PIPELINE.replace("jsonl", "json"))
    with pytest.raises(ConfigError, match="did you mean 'jsonl'"):
        next(watch(file))


@pytest.mark.slow
def test_a_watch_on_the_terminal_tells_of_an_edit_and_ends_with_ctrl_c(file: Path) -> None:
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "env": environment}
    with subprocess.Popen(command("try", file, "--watch"), **options) as process:  # type: ignore[call-overload]
        said: list[str] = []
        for line in process.stdout:
            said.append(line)
            if "Ctrl-C ends this" in line:
                time.sleep(0.5)
                (file.parent / "mine.yaml").write_text(PACK.format(least=5))
            if "notes.example/2" in line:
                process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0, "".join(said)
    told = "".join(said)
    assert "mine.yaml: 3 of 4 documents kept" in told and "kept now: 2 documents" in told
    assert "https://notes.example/1  passes mine/wordy" in told and sys.executable not in told
