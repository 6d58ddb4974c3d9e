"""The tutorials are tests: their files are written, their commands and Python run, in order, in a folder with the sample."""

from __future__ import annotations

import importlib
import re
import shlex
import shutil
import warnings
from pathlib import Path

import pytest

from curate.cli.main import main
from curate.config.bundled import sample_folder
from tests.support.running import ROOT

pytestmark = pytest.mark.slow
PAGES = sorted((ROOT / "docs" / "tutorials").glob("*.md"))
MADE = {
    "rows given back": ("jsonl", "clean/*.jsonl.zst"),
    "shards of two languages": ("languages", "runs/two-languages/shards/train-*.arrow"),
    "a mix of code": ("code", "runs/code-and-web/mixes/mostly-web/manifest.json"),
    "packed rows": ("hub", "packed/train/*.arrow"),
}
"""What is there when a page has been followed: (the page, a pattern)."""
BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def installed(module: str) -> bool:
    """Whether a library that a block wants can be imported here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            importlib.import_module(module)
        except (ImportError, RuntimeError):  # not there, or built for another version of what it needs
            return False
    return True


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
    told = blocks(page)
    if all("needs" in beside and not installed(beside["needs"]) for language, beside, _ in told if language == "sh"):
        pytest.skip(f"what its commands need is not installed: {told}")
    for language, beside, text in told:
        if "needs" in beside and not installed(beside["needs"]):
            continue
        if "title" in beside:
            Path(beside["title"]).write_text(text)
        elif language == "sh":
            for line in text.replace("\\\n", " ").splitlines():
                words = shlex.split(line, comments=True)
                assert words[0] == "curate", line
                assert main(words[1:]) == 0, line + capsys.readouterr().err
                assert capsys.readouterr().out, line
                commands += 1
        elif language == "python":
            with warnings.catch_warnings():
                if "needs" in beside:  # others' libraries, and what they warn of
                    warnings.simplefilter("ignore")
                exec(compile(text, f"{page.name}", "exec"), namespace)
    assert commands >= 2
    assert {name for name, made in MADE.items() if made[0] == page.stem and not list(tmp_path.glob(made[1]))} == set()


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
