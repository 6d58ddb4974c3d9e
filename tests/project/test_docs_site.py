"""The site of the docs: it has every page once, and is built from the extra `docs` without a link that leads nowhere."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tests.project.reference.site import DOCS, navigation
from tests.project.test_wheel import finished, install
from tests.support.running import ROOT


def test_every_page_is_in_the_navigation_once() -> None:
    listed = [page for _, pages in navigation() for page in pages]
    assert sorted(listed) == sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))


def test_the_list_for_programs_names_every_page_and_says_something_of_each() -> None:
    lines = [line for line in (DOCS / "llms.txt").read_text().splitlines() if line.startswith("- ")]
    found = [re.fullmatch(r"- \[.+\]\((.+\.md)\): .{10,}", line) for line in lines]
    assert all(found) and {each[1] for each in found if each} == {page for _, pages in navigation() for page in pages}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built strictly by the lock file's mkdocs, in an environment of its own. Wants a package index."""
    place = tmp_path_factory.mktemp("site")
    install(["venv", "--quiet", "--python", sys.executable, str(place / "venv")], place)
    programs = place / "venv" / "bin"
    lock = ["--constraint", str(ROOT / "requirements.lock")]
    install(["pip", "install", "--quiet", "--python", str(programs / "python"), *lock, "mkdocs-material"], place)
    build = [str(programs / "mkdocs"), "build", "--strict", "--config-file", str(ROOT / "mkdocs.yml")]
    done = finished([*build, "--site-dir", str(place / "site")], place)
    assert done.returncode == 0, done.stderr
    return place / "site"


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_site_is_built_and_every_block_of_code_is_one_there(site: Path) -> None:
    """Strictly: a link or an anchor that leads nowhere fails the build."""
    for path in DOCS.rglob("*.md"):
        page = site / path.relative_to(DOCS).with_suffix(".html")
        shown = page.read_text()
        assert "```" not in re.sub(r"<code>.*?</code>", "", shown), path
        assert (site / path.relative_to(DOCS)).read_text() == path.read_text()
    assert (site / "llms.txt").read_text() == (DOCS / "llms.txt").read_text()
