"""What a stranger gets: the wheel, installed alone in a fresh environment without extras, does what the README says.

Nothing of the checkout is on the path; of its files there are only those that the README's commands name.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.project.test_readme import README, shell_lines
from tests.support.running import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

PATIENCE = 1800
"""Seconds after which a command is believed to hang: it installs a hundred distributions, or compiles every kernel."""

ASKED = (
    "explain runs/webtext 0:0",
    "explain runs/webtext 0:0 --original",
    "duplicates runs/webtext --largest 3",
    'query runs/webtext "select source, max(date) as newest from ledger group by 1"',
    'query runs/webtext "select * from ledger limit 3" --format json',
    "report runs/webtext",
    "report runs/webtext --format json",
    "whatif runs/webtext --set filters.gopher-quality.min_words.min=30",
    "sample runs/webtext --failed c4/min_sentences -n 3",
    "status runs/webtext",
)
"""Questions beyond the README's, in which a column of every type of the ledger is shown."""


@dataclass(frozen=True)
class Stranger:
    """A wheel, the `bin` folder of the environment that it is installed in, and an own folder to work in."""

    wheel: Path
    programs: Path
    folder: Path

    def run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A program of the environment, run in the folder to its end."""
        return finished([str(self.programs / program), *arguments], self.folder)


def finished(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """A command run to its end, with nothing of this process's Python on its path."""
    ours = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PYTHONWARNINGS")
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    environment |= {"RAY_TMPDIR": "/tmp", "PYTHONNOUSERSITE": "1"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=PATIENCE)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of the checkout. Wants a package index for the build's backend: without one a failure in CI, else a skip."""
    folder = tmp_path_factory.mktemp("wheel")
    pip([sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT)], folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def stranger(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Stranger:
    """The wheel installed in an environment of its own, at the versions of the lock file; and the folder to work in."""
    place = tmp_path_factory.mktemp("stranger")
    assert finished([sys.executable, "-m", "venv", str(place / "venv")], place).returncode == 0
    programs, folder = place / "venv" / "bin", place / "folder"
    lock = ["--constraint", str(ROOT / "requirements.lock")]
    pip([str(programs / "python"), "-m", "pip", "install", "--quiet", *lock, str(wheel)], place)
    for name in ("pipelines", "examples"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copytree(folder / "examples" / "web", folder / "crawl")
    return Stranger(wheel, programs, folder)


def pip(command: list[str], folder: Path) -> None:
    """Run pip. A failure, unless there is no index to be reached and this is not CI."""
    done = finished(command, folder)
    if done.returncode:
        offline = re.search(r"connection|resolution|No matching distribution|timed out", done.stderr, re.IGNORECASE)
        if offline and not os.environ.get("CI"):
            pytest.skip(f"no package index: {done.stderr.strip().splitlines()[-1]}")
        pytest.fail(done.stdout + done.stderr)


def files(wheel: Path) -> Iterator[str]:
    """The names of the files in a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        yield from archive.namelist()


def test_the_wheel_says_that_it_is_typed_and_carries_every_pack_and_recipe(wheel: Path) -> None:
    inside = set(files(wheel))
    packs = {f"curate/_packs/{path.relative_to(ROOT / 'filters')}" for path in (ROOT / "filters").rglob("*.yaml")}
    recipes = {f"curate/_recipes/{path.name}" for path in (ROOT / "pipelines").glob("*.yaml")}
    assert packs | recipes | {"curate/py.typed"} <= inside


def test_the_wheel_carries_the_package_and_nothing_beside_it(wheel: Path) -> None:
    assert {name.split("/")[0].split("-")[0] for name in files(wheel)} == {"curate", "curate_data"}


def test_the_package_knows_its_version(stranger: Stranger) -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    done = stranger.run("python", "-W", "error", "-c", "import curate; print(curate.__version__, curate.__file__)")
    assert done.returncode == 0, done.stderr
    said, place = done.stdout.split()
    assert said == version == stranger.wheel.name.split("-")[1]
    assert Path(place).is_relative_to(stranger.programs.parent), "the installed package, not the checkout's"


def test_what_extras_bring_is_not_there(stranger: Stranger) -> None:
    """Else this file would show nothing about an environment without them."""
    done = stranger.run("python", "-c", "import torch")
    assert "ModuleNotFoundError" in done.stderr


def test_packs_and_recipes_are_found_by_name(stranger: Stranger) -> None:
    listed = stranger.run("curate", "filters", "list")
    for path in (ROOT / "filters").glob("*.yaml"):
        assert path.stem in listed.stdout, listed.stderr
    web = "sources.web.read.paths=crawl/*.warc.gz"
    checked = stranger.run("curate", "check", "c4", "--set", web)
    assert checked.returncode == 0, checked.stderr


def test_every_command_of_the_readme_works_without_extras(stranger: Stranger) -> None:
    example = stranger.run("curate", "run", "pipelines/webtext.yaml")
    assert example.returncode == 0, example.stderr
    lines = [shlex.split(line)[1:] for line in shell_lines(README)]
    for arguments in [*lines, *map(shlex.split, ASKED)]:
        done = stranger.run("curate", *arguments)
        told = f"curate {shlex.join(arguments)}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
        assert done.returncode == 0, told
        assert done.stdout.strip(), told
        assert "Traceback" not in done.stdout + done.stderr, told
    assert "<html" in (stranger.folder / "runs" / "mine" / "report.html").read_text("utf-8")


def test_a_command_that_wants_an_extra_says_which(stranger: Stranger) -> None:
    """PyTorch is not among the dependencies; who trains without it is told what to install, not where Python stopped."""
    done = stranger.run("curate", "train", "examples/train/tiny-cpu.yaml", "--data", "runs/webtext")
    assert done.returncode in (1, 2)
    assert "curate-data[train]" in done.stderr
    assert "Traceback" not in done.stderr
