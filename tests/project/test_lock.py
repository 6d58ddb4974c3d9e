"""The lock file: it pins what pyproject.toml asks for, at versions that meet it, for every Python that is supported."""

from __future__ import annotations

import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.conftest import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCKED = [Requirement(line) for line in (ROOT / "requirements.lock").read_text().splitlines() if line]
EXTRAS = PROJECT["project"]["optional-dependencies"]
ASKED = [
    Requirement(line)
    for line in [*PROJECT["project"]["dependencies"], *(each for some in EXTRAS.values() for each in some)]
]
PYTHONS = ("3.11", "3.12", "3.13")


def pinned(name: str, python: str) -> list[str]:
    """The versions that the lock has of a distribution for a Python, on Linux."""
    place = {"python_version": python, "python_full_version": f"{python}.1", "sys_platform": "linux"}
    chosen = [one for one in LOCKED if canonicalize_name(one.name) == canonicalize_name(name)]
    return [str(one.specifier).removeprefix("==") for one in chosen if one.marker is None or one.marker.evaluate(place)]


@pytest.mark.parametrize("python", PYTHONS)
def test_every_dependency_is_pinned_once_at_a_version_that_meets_what_is_asked(python: str) -> None:
    for asked in ASKED:
        versions = pinned(asked.name, python)
        assert len(versions) == 1, f"{asked.name} on {python}: {versions}; write the lock again with `make lock`"
        assert asked.specifier.contains(versions[0], prereleases=True), f"{asked} is locked at {versions[0]}"


def test_the_lock_keeps_what_is_constrained() -> None:
    for line in PROJECT["tool"]["uv"]["constraint-dependencies"]:
        asked = Requirement(line)
        assert all(asked.specifier.contains(version) for version in pinned(asked.name, "3.11")), line


def test_the_lock_names_no_index_and_no_file() -> None:
    assert not re.search(r"https?:|file:|--|@", (ROOT / "requirements.lock").read_text())
