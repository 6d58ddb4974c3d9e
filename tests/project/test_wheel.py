"""What a stranger gets: the wheel, installed alone in a fresh environment without extras, does what the README says.

Nothing of the checkout is on the path; of its files there are only those that the README's commands name.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numba
import pytest

import curate.text.compiled  # noqa: F401  names numba's folder
from tests.project.test_readme import README, shell_lines
from tests.project.test_tutorials import PAGES, blocks
from tests.support.running import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

PATIENCE = 1800
"""Seconds after which a command is believed to hang: it installs a hundred distributions, or compiles every kernel."""

EVERY = "CURATE_TEST_EVERY_TUTORIAL"
FOLLOWED = [page for page in PAGES if EVERY in os.environ or page.stem in ("jsonl", "own-rules")]
"""Tutorials that are followed from the wheel; all are before a release, and in the checkout always (test_tutorials)."""

ASKED = (
    "explain runs/webtext 0:0",
    "explain runs/webtext 0:0 --original",
    'query runs/webtext "select source, max(date) as newest from ledger group by 1"',
    'query runs/webtext "select * from ledger limit 3" --format json',
    "report runs/webtext",
    "report runs/webtext --format json",
    "whatif runs/webtext --set filters.gopher-quality.min_words.min=30",
)
"""Questions beyond the README's, in which a column of every type of the ledger is shown."""


@dataclass(frozen=True)
class Stranger:
    """A wheel, the `bin` folder of the environment that it is installed in, and an own folder to work in."""

    wheel: Path
    programs: Path
    folder: Path

    def in_folder(self, name: str) -> Stranger:
        """The same in another, empty folder."""
        folder = self.folder.with_name(name)
        folder.mkdir()
        return replace(self, folder=folder)

    def run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A program of the environment, run in the folder to its end."""
        return finished([str(self.programs / program), *arguments], self.folder)


def finished(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """A command run to its end, with nothing of this process's Python on its path."""
    ours = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PYTHONWARNINGS")
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    environment |= {"RAY_TMPDIR": "/tmp", "PYTHONNOUSERSITE": "1", "CURATE_CACHE_DIR": str(folder.parent / "cache")}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=PATIENCE)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of the checkout. Wants a package index for the build's backend: without one a failure in CI, else a skip."""
    folder = tmp_path_factory.mktemp("wheel")
    install(["build", "--quiet", "--wheel", "--out-dir", str(folder), str(ROOT)], folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def stranger(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Stranger:
    """The wheel installed in an environment of its own, at the versions of the lock file; and the folder to work in."""
    place = tmp_path_factory.mktemp("stranger")
    install(["venv", "--quiet", "--python", sys.executable, str(place / "venv")], place)
    programs, folder = place / "venv" / "bin", place / "folder"
    lock = ["--constraint", str(ROOT / "requirements.lock")]
    install(["pip", "install", "--quiet", "--python", str(programs / "python"), *lock, str(wheel)], place)
    kernels_from_here(place / "venv", place / "cache")
    shutil.copytree(ROOT / "pipelines", folder / "pipelines")
    shutil.copytree(ROOT / "examples" / "sample", folder / "examples")  # the example's folders, with a little in each
    shutil.copytree(ROOT / "examples" / "train", folder / "examples" / "train")
    shutil.copytree(folder / "examples" / "web", folder / "crawl")
    return Stranger(wheel, programs, folder)


def kernels_from_here(environment: Path, cache: Path) -> None:
    """Hand on the kernels that this checkout has compiled: they are the same, and take two minutes of one core.

    numba names a folder after the hash of the sources' place; where another version names it otherwise, they are compiled.
    """
    (package,) = environment.glob("lib/python*/site-packages/curate")
    compiled = Path(numba.config.CACHE_DIR)
    places = {
        hashlib.sha1(str(path).encode()).hexdigest(): path for path in (ROOT / "curate").rglob("*") if path.is_dir()
    }
    for folder in compiled.glob("*_*"):
        name, _, digest = folder.name.rpartition("_")
        if digest in places:
            there = package / places[digest].relative_to(ROOT / "curate")
            renamed = f"{name}_{hashlib.sha1(str(there).encode()).hexdigest()}"
            shutil.copytree(folder, cache / compiled.name / renamed)


def install(arguments: list[str], folder: Path) -> None:
    """Run uv. A failure, unless there is no index to be reached and this is not CI."""
    done = finished([sys.executable, "-m", "uv", *arguments], folder)
    if done.returncode:
        offline = re.search(r"connect|resolution|no solution|not found in|timed out", done.stderr, re.IGNORECASE)
        if offline and not os.environ.get("CI"):
            pytest.skip(f"no package index: {done.stderr.strip().splitlines()[-1]}")
        pytest.fail(done.stdout + done.stderr)


def files(wheel: Path) -> Iterator[str]:
    """The names of the files in a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        yield from archive.namelist()


def test_the_wheel_says_that_it_is_typed_and_carries_every_pack_and_recipe_and_the_sample(wheel: Path) -> None:
    inside = set(files(wheel))
    packs = {f"curate/_packs/{path.relative_to(ROOT / 'filters')}" for path in (ROOT / "filters").rglob("*.yaml")}
    recipes = {f"curate/_recipes/{path.name}" for path in (ROOT / "pipelines").glob("*.yaml")}
    carried = [path for path in (ROOT / "examples" / "sample").rglob("*") if path.is_file()]
    sample = {f"curate/examples/{path.relative_to(ROOT / 'examples' / 'sample')}" for path in carried}
    assert packs | recipes | sample | {"curate/py.typed", "curate/pipeline/start.yaml"} <= inside


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
    example = stranger.run("curate", "run", "pipelines/webtext.yaml", "--engine", "serial")
    assert example.returncode == 0, example.stderr
    lines = [shlex.split(line, comments=True)[1:] for line in shell_lines(README)]
    for arguments in [*lines, *map(shlex.split, ASKED)]:
        done = stranger.run("curate", *arguments)
        told = f"curate {shlex.join(arguments)}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
        assert done.returncode == 0, told
        assert done.stdout.strip(), told
        assert "Traceback" not in done.stdout + done.stderr, told
    assert "<html" in (stranger.folder / "runs" / "mine" / "report.html").read_text("utf-8")


def test_an_empty_folder_becomes_a_corpus_with_what_the_package_carries(stranger: Stranger) -> None:
    """`init`, `run`, the two commands that it proposes; recipes by name find the sample."""
    desk = stranger.in_folder("desk")
    assert desk.run("curate", "init").returncode == 0
    done = desk.run("curate", "run", "pipeline.yaml", "--engine", "serial")
    assert done.returncode == 0, done.stdout + done.stderr
    proposed = [line.split("#")[0] for line in done.stdout.splitlines() if line.startswith("  curate ")]
    assert len(proposed) == 2
    for line in proposed:
        told = desk.run(*shlex.split(line))
        assert told.returncode == 0 and told.stdout, line
    begun = desk.run("curate", "init", "fineweb", "--data", "sample/reference/*.jsonl.gz", "--dir", "own")
    assert begun.returncode == 0 and "jsonl" in begun.stdout
    for recipe in ("gopher", "pile"):
        checked = desk.run("curate", "check", recipe)
        assert checked.returncode == 0, checked.stderr
    by_name = desk.run("curate", "run", "gopher", "--engine", "serial")
    assert by_name.returncode == 0, by_name.stderr
    assert "curate init gopher --data" in by_name.stderr


@pytest.mark.parametrize("page", FOLLOWED, ids=lambda page: page.stem)
def test_a_tutorial_can_be_followed_from_an_empty_folder_with_the_package_alone(stranger: Stranger, page: Path) -> None:
    """Its commands, files and Python in order, but for what wants a library that the package does not bring."""
    desk = stranger.in_folder(f"tutorial-{page.stem}")
    assert desk.run("curate", "init").returncode == 0
    done = 0
    told = [block for block in blocks(page) if "needs" not in block[1] or has(desk, block[1]["needs"])]
    for (language, title), group in itertools.groupby(told, key=lambda block: (block[0], block[1].get("title"))):
        text = "\n".join(each for _, _, each in group)
        if title:
            (desk.folder / title).write_text(text)
        elif language == "sh":
            for line in text.replace("\\\n", " ").splitlines():
                if line:
                    answer = desk.run(*shlex.split(line, comments=True))
                    assert answer.returncode == 0 and answer.stdout, line + answer.stdout + answer.stderr
                    done += 1
        elif language == "python":
            answer = desk.run("python", "-c", text)
            assert answer.returncode == 0, answer.stderr
            done += 1
    if not done:
        pytest.skip("all that it does wants an extra")


def has(stranger: Stranger, module: str) -> bool:
    """Whether the environment has a library."""
    return stranger.run("python", "-c", f"import {module}").returncode == 0


def test_a_command_that_wants_an_extra_says_which(stranger: Stranger) -> None:
    """PyTorch is not among the dependencies; who trains without it is told what to install, not where Python stopped."""
    done = stranger.run("curate", "train", "examples/train/tiny-cpu.yaml", "--data", "runs/webtext")
    assert done.returncode in (1, 2)
    assert "curate-data[train]" in done.stderr
    assert "Traceback" not in done.stderr
