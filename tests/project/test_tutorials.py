"""The tutorials are tests: their files are written, their commands and Python run, in order, in a folder with the sample."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import shutil
from pathlib import Path

import pytest

from curate.cli.main import main
from curate.config.bundled import sample_folder
from tests.support.running import ROOT

pytestmark = pytest.mark.slow
PAGES = sorted((ROOT / "docs" / "tutorials").glob("*.md"))
BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def blocks(page: Path) -> list[tuple[str, dict[str, str], str]]:
    """(language, what stands beside it, text) of a page's blocks, in order."""
    found = BLOCK.findall(page.read_text())
    return [(language, dict(re.findall(r'(\w+)="([^"]*)"', beside)), text) for language, beside, text in found]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_a_tutorial_tells_to_do_can_be_done(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(sample_folder(), tmp_path / "sample")
    namespace: dict[str, object] = {}
    commands = 0
    for language, beside, text in blocks(page):
        if "title" in beside:
            Path(beside["title"]).write_text(text)
        elif language == "sh":
            for line in text.replace("\\\n", " ").splitlines():
                words = shlex.split(line, comments=True)
                assert words[0] == "curate", line
                assert main(words[1:]) == 0, line + capsys.readouterr().err
                assert capsys.readouterr().out, line
                commands += 1
        elif language == "python" and ("needs" not in beside or importlib.util.find_spec(beside["needs"])):
            exec(compile(text, f"{page.name}", "exec"), namespace)
    assert commands >= 2
    if page.stem == "jsonl":
        assert [name for name in os.listdir("clean") if name.endswith(".jsonl.zst")]


def test_every_tutorial_is_in_the_list_of_the_docs() -> None:
    listed = (ROOT / "docs" / "first-day.md").read_text()
    assert [page.name for page in PAGES if f"tutorials/{page.name}" not in listed] == []


@pytest.mark.parametrize(
    "page", [*sorted((ROOT / "docs").rglob("*.md")), ROOT / "README.md"], ids=lambda page: page.stem
)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text())
    local = [link for link in links if "://" not in link and not link.startswith("mailto:")]
    assert [link for link in local if not (page.parent / link).exists()] == []
