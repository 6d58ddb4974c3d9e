"""Every command of the README is run, and what it prints there is what is printed; commands of the docs are commands."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest

from curate.cli.main import _parser
from tests.support.running import EXAMPLE, ROOT, curate

README = (ROOT / "README.md").read_text()


def shell_lines(text: str) -> list[str]:
    """The lines of the blocks marked `sh` that begin with `curate`, continued lines joined."""
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    lines = [line.strip() for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    return [line for line in lines if line.startswith("curate ")]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as a reader has it: the checkout's pipelines and examples, and a crawl of their own."""
    folder = tmp_path_factory.mktemp("desk")
    for name in ("pipelines", "examples"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copytree(EXAMPLE / "web", folder / "crawl")
    return folder


def test_the_output_shown_is_what_the_example_prints(desk: Path) -> None:
    shown = re.search(r"```text\n(.*?)```", README, re.DOTALL)
    assert shown
    done = curate("run", "pipelines/webtext.yaml", cwd=desk)
    lines = [line.rstrip() for line in (done.stderr + done.stdout).splitlines()]
    expected = [line.rstrip() for line in shown[1].splitlines() if line.strip() and line.strip() != "..."]
    assert [line for line in expected if line not in lines] == []


def test_commands_of_the_readme_are_commands() -> None:
    """tests/project/test_wheel.py runs them, as a stranger would."""
    for line in shell_lines(README):
        _parser().parse_args(shlex.split(line, comments=True)[1:])


@pytest.mark.parametrize("path", sorted((ROOT / "docs").glob("*.md")), ids=lambda path: path.stem)
def test_commands_of_the_docs_are_commands(path: Path) -> None:
    for line in shell_lines(path.read_text()):
        _parser().parse_args(shlex.split(line, comments=True)[1:])


def test_what_the_makefile_runs_is_the_readme_s_example() -> None:
    assert "curate run pipelines/webtext.yaml" in (ROOT / "Makefile").read_text()
