"""The names that users rely on: the package's public list, its version, and its types."""

from __future__ import annotations

import re
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

import curate

ROOT = Path(__file__).resolve().parents[2]
PUBLIC = {"Run", "open_run", "run"} | {"dedup", "extract", "filters", "language", "pii", "shards", "tokens"}


def test_the_public_names_are_those_of_the_contract_in_order() -> None:
    assert set(curate.__all__) == PUBLIC | {"__version__"}
    assert curate.__all__ == sorted(curate.__all__)


def test_every_public_name_can_be_used() -> None:
    for name in curate.__all__:
        assert getattr(curate, name) is not None, name


def test_a_public_module_exports_only_names_that_it_has() -> None:
    for name in curate.__all__:
        value = getattr(curate, name)
        if isinstance(value, ModuleType):
            assert value.__all__, name
            assert [inner for inner in value.__all__ if not hasattr(value, inner)] == [], name


def test_the_version_is_the_installed_distribution_s() -> None:
    assert curate.__version__ == version("curate-data")


def test_the_package_says_that_it_is_typed() -> None:
    assert (ROOT / "curate" / "py.typed").is_file()


def test_every_public_name_has_an_example_that_runs() -> None:
    """The python blocks of docs/api.md run in order, in one namespace, and name every public name."""
    text = (ROOT / "docs" / "api.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    namespace: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, "docs/api.md", "exec"), namespace)
    shown = "\n".join(blocks)
    missing = {name for name in curate.__all__ if not re.search(rf"curate\.{name}\b", shown)}
    assert missing <= {"extract", "run", "open_run", "Run"}  # want a finished run or a child process: not shown yet
