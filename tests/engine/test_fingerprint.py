"""A result's name covers the code that decides it, and nothing that cannot."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from curate.engine.fingerprint import UnnameableCode, code_fingerprint, forget, named_code

PACKAGE = Path(__file__).resolve().parents[2] / "curate"


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of a user's own code, importable."""
    monkeypatch.syspath_prepend(str(tmp_path))
    forget()
    return tmp_path


def name_of(module: str) -> str:
    """The module's name as a new process would see it."""
    forget()
    return code_fingerprint(module)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("def f(x):\n    return x\n", "def f(x: int) -> int:\n    '''Gives x.'''\n    # as it is\n    return x\n"),
        ("LIMIT = 3\n", '"""Limits."""\n\nLIMIT: int = 3\n"""How many."""\n'),
        ("def f(a, b): return a+b", "def f(\n    a,\n    b,\n):\n    return a + b\n"),
        ("def f(a): pass\n", "from collections.abc import Mapping\n\ndef f(a: Mapping): pass\n"),
        (
            "def f(a): pass\n",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import pandas\ndef f(a: 'pandas'): pass\n",
        ),
    ],
)
def test_comments_docstrings_hints_and_formatting_rename_nothing(code: Path, before: str, after: str) -> None:
    (code / "written.py").write_text(before)
    name = name_of("written")
    (code / "written.py").write_text(after)
    assert name_of("written") == name


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("LIMIT = 3\n", "LIMIT = 4\n"),
        ("def f(x): return x\n", "def f(x): return -x\n"),
        ("class A:\n    x: int = 1\n", "class A:\n    x: float = 1\n"),
        ("def f(x=1): pass\n", "def f(x=2): pass\n"),
        ("NAMES = ('a',)\n", "NAMES = ('b',)\n"),
    ],
)
def test_what_decides_a_result_renames_it(code: Path, before: str, after: str) -> None:
    (code / "written.py").write_text(before)
    name = name_of("written")
    (code / "written.py").write_text(after)
    assert name_of("written") != name


def test_what_a_users_module_imports_is_part_of_its_name(code: Path) -> None:
    (code / "helping").mkdir()
    (code / "helping" / "__init__.py").write_text("")
    (code / "helping" / "deep.py").write_text("FACTOR = 2\n")
    (code / "mine.py").write_text("def f(x):\n    from helping import deep\n    return x * deep.FACTOR\n")
    (code / "unrelated.py").write_text("A = 1\n")
    name = named_code(["mine:f"])
    (code / "unrelated.py").write_text("A = 2\n")
    forget()
    assert named_code(["mine:f"]) == name
    (code / "helping" / "deep.py").write_text("FACTOR = 3\n")
    forget()
    assert named_code(["mine:f"]) != name


def test_relative_imports_and_packages_without_init_are_followed(code: Path) -> None:
    (code / "space").mkdir()
    (code / "space" / "one.py").write_text("from .two import X\n")
    (code / "space" / "two.py").write_text("X = 1\n")
    name = name_of("space.one")
    (code / "space" / "two.py").write_text("X = 2\n")
    assert name_of("space.one") != name


def test_code_without_source_is_refused(code: Path) -> None:
    with pytest.raises(UnnameableCode, match="no source for the module 'nowhere'"):
        code_fingerprint("nowhere")
    with pytest.raises(UnnameableCode, match="no source for the module '_struct'"):
        code_fingerprint("_struct")
    suffix = next(each for each in __import__("importlib.machinery").machinery.EXTENSION_SUFFIXES)
    (code / f"handmade{suffix}").write_bytes(b"")
    (code / "mine.py").write_text("import handmade\n")
    with pytest.raises(UnnameableCode, match="'handmade' has no source and belongs to no installed distribution"):
        name_of("mine")


def test_an_installed_distribution_is_named_by_its_version(code: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.metadata

    (code / "mine.py").write_text("import numpy\n")
    name = name_of("mine")
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "0.0")
    assert name_of("mine") != name


def test_naming_code_imports_nothing(code: Path) -> None:
    (code / "loud.py").write_text("raise RuntimeError('imported')\n")
    assert name_of("loud")
    assert "loud" not in sys.modules


@pytest.mark.parametrize(
    "path", sorted(PACKAGE.rglob("tasks*/**/*.py")), ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_no_module_of_tasks_imports_another(path: Path) -> None:
    tasks = {".".join(("curate", *each.relative_to(PACKAGE).with_suffix("").parts)) for each in task_modules()}
    own = ".".join(("curate", *path.relative_to(PACKAGE).with_suffix("").parts))
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
            assert not (names & tasks) - {own}, path


def task_modules() -> list[Path]:
    """Every module whose functions are tasks."""
    return [*PACKAGE.rglob("tasks/*.py"), *PACKAGE.rglob("tasks.py")]
