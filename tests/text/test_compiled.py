"""The folder of compiled kernels changes with whatever was compiled into them."""

import shutil
from pathlib import Path

import pytest

from curate.text.compiled import _sources_hash

PACKAGE = Path(__file__).resolve().parents[2] / "curate"


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy of the package's source."""
    return shutil.copytree(PACKAGE, tmp_path / "curate", ignore=shutil.ignore_patterns("__pycache__"))


@pytest.mark.parametrize(
    "module",
    [
        "text/scan.py",  # kernels
        "extract/html/lines.py",  # kernels that Python calls, and none for others
        "text/marks.py",  # constants of kernels, in a module that has none
        "text/punkt.py",
        "text/line_program.py",
    ],
)
def test_kernels_are_compiled_again_when_they_or_their_constants_change(package: Path, module: str) -> None:
    before = _sources_hash(package)
    with open(package / module, "a", encoding="utf-8") as file:
        file.write("\nCHANGED = True\n")
    assert _sources_hash(package) != before


def test_what_no_kernel_is_made_of_compiles_nothing_again(package: Path) -> None:
    before = _sources_hash(package)
    for module in ("cli/main.py", "records/ledger.py", "pipeline/run.py", "audit/report/page.py", "engine/task.py"):
        with open(package / module, "a", encoding="utf-8") as file:
            file.write("\nCHANGED = True\n")
    assert _sources_hash(package) == before
