"""What stands beside the code: a version told alike everywhere, templates, a citation, a release that tries its wheel."""

from __future__ import annotations

import tomllib

import yaml

from tests.support.running import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_the_citation_names_the_version_and_the_licence_of_the_project() -> None:
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert (cited["version"], cited["license"]) == (PROJECT["version"], PROJECT["license"])


def test_a_release_is_tried_on_the_oldest_and_the_newest_python_before_it_is_published() -> None:
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text())["jobs"]
    oldest = PROJECT["requires-python"].split(">=")[1].split(",")[0]
    newest = f"3.{int(PROJECT['requires-python'].split('<3.')[1]) - 1}"
    tried = jobs["publish"]["needs"]
    assert tried == ["try", "tutorials"]
    assert all(jobs[job]["strategy"]["matrix"]["python"] == [oldest, newest] for job in tried)


def test_every_template_of_an_issue_has_a_name_and_asks_for_something() -> None:
    templates = list((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.md"))
    assert len(templates) >= 3
    for path in templates:
        _, head, body = path.read_text().split("---\n", 2)
        assert {"name", "about"} <= set(yaml.safe_load(head)) and "**" in body
