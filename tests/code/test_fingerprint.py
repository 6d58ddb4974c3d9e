"""A result's name covers the code that decides it, and nothing that cannot."""

from __future__ import annotations

import ast
import importlib.machinery
import importlib.metadata
import importlib.util
import py_compile
import sys
from pathlib import Path

import pytest

from curate.code.fingerprint import UnnameableCode, code_fingerprint, forget, named_code
from curate.code.modules import distributions

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
            "class A:\n    def f(self): pass\n",
            "class A:\n    '''A.'''\n    def f(self) -> None:\n        '''Does.'''\n",
        ),
        ("@kernel\ndef f(a): return a\n", "@kernel\ndef f(a: 'int') -> 'int': return a\n"),
        ("def f(a): return a\n", "@overload\ndef f(a: int) -> int: ...\ndef f(a): return a\n"),
        ("import os\nX = 1\n", "import os\nif typing.TYPE_CHECKING:\n    import b\nX = (1)\n"),
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
        ("A = (1, 2)\n", "A = (12,)\n"),
        ("A = 1\n", "A = True\n"),
        ("A = 1\n", "A = 1.0\n"),
        ("A = 'b'\n", "A = b'b'\n"),
        ("A = b\n", "A = 'b'\n"),
        ("del a.b\n", "a.b\n"),
        ("def f(): return\n", "def f(): yield\n"),
        ("def f(*, a): pass\n", "def f(a): pass\n"),
        ("if a:\n    x = 1\ny = 2\n", "if a:\n    x = 1\n    y = 2\n"),
        ("@f.register\ndef g(a: int): pass\n", "@f.register\ndef g(a: str): pass\n"),
        ("typing.get_type_hints(f)\ndef f(a: int): pass\n", "typing.get_type_hints(f)\ndef f(a: str): pass\n"),
        ("'''One.'''\nprint(__doc__)\n", "'''Two.'''\nprint(__doc__)\n"),
        ("from a import B\nclass C:\n    b: B\n", "from d import B\nclass C:\n    b: B\n"),
        ("from a import B\nclass C:\n    b: 'B | None'\n", "from d import B\nclass C:\n    b: 'B | None'\n"),
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


def test_modules_named_in_strings_are_followed(code: Path) -> None:
    (code / "mine").mkdir()
    (code / "mine" / "__init__.py").write_text("")
    (code / "mine" / "program.py").write_text("X = 1\n")
    (code / "loaded.py").write_text("X = 1\n")
    (code / "mine" / "steps.py").write_text(
        "import importlib, subprocess, sys\n"
        "def f(x):\n"
        "    subprocess.run([sys.executable, '-m', 'mine.program'])\n"
        "    importlib.import_module('loaded')\n"
    )
    names = {name_of("mine.steps")}
    (code / "mine" / "program.py").write_text("X = 2\n")
    names.add(name_of("mine.steps"))
    (code / "loaded.py").write_text("X = 2\n")
    names.add(name_of("mine.steps"))
    (code / "mine" / "__init__.py").write_text("import sys\n")
    names.add(name_of("mine.steps"))
    assert len(names) == 4


def extension(folder: Path, name: str) -> None:
    """A file that Python would load as a compiled module."""
    (folder / f"{name}{importlib.machinery.EXTENSION_SUFFIXES[0]}").write_bytes(b"")


def test_code_without_source_is_refused(code: Path) -> None:
    with pytest.raises(UnnameableCode, match="no source for the module 'nowhere'"):
        code_fingerprint("nowhere")
    with pytest.raises(UnnameableCode, match="no source for the module '__main__'"):
        named_code(["__main__:f"])
    extension(code, "handmade")
    with pytest.raises(UnnameableCode, match=r"'handmade' .* has no source and belongs to no installed distribution"):
        name_of("handmade")
    (code / "mine.py").write_text("import handmade\n")
    with pytest.raises(UnnameableCode, match=r"'handmade' .* has no source and belongs to no installed distribution"):
        name_of("mine")


def test_an_extension_inside_a_users_package_is_refused(code: Path) -> None:
    (code / "kit").mkdir()
    (code / "kit" / "__init__.py").write_text("from . import fast\n")
    extension(code / "kit", "fast")
    with pytest.raises(UnnameableCode, match=r"'kit.fast' .* has no source"):
        name_of("kit")


def test_byte_code_alone_is_refused(code: Path) -> None:
    (code / "secret.py").write_text("def f(x): return x\n")
    py_compile.compile(str(code / "secret.py"), str(code / "secret.pyc"))
    (code / "secret.py").unlink()
    with pytest.raises(UnnameableCode, match=r"'secret' .* has no source"):
        name_of("secret")


def test_source_that_is_no_python_is_refused(code: Path) -> None:
    (code / "broken.py").write_text("def f(:\n")
    with pytest.raises(UnnameableCode, match="'broken' is not Python"):
        name_of("broken")


def test_an_installed_distribution_is_named_by_its_version(code: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code / "mine.py").write_text("import numpy\n")
    names = {name_of("mine"), name_of("numpy")}
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "0.0")
    names |= {name_of("mine"), name_of("numpy")}
    assert len(names) == 4


def _has_code(module: str) -> bool:
    found = importlib.util.find_spec(module) if module.isidentifier() else None
    return found is not None and found.origin is not None


def test_distributions_are_those_that_python_finds() -> None:
    found = {module: set(owners) for module, owners in distributions().items()}
    """Of modules with code: from Python 3.12 on its own list also names what else a distribution has beside them."""
    listed = importlib.metadata.packages_distributions().items()
    expected = {module: set(owners) for module, owners in listed if module != "curate" and _has_code(module)}
    assert expected and {module: found.get(module) for module in expected} == expected


def test_a_function_of_pythons_own_is_named_by_pythons_version(code: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = name_of("html")
    monkeypatch.setattr("curate.code.fingerprint._PYTHON", "2.7")
    assert name_of("html") != name


def test_the_module_named_is_the_one_that_would_be_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not one of the same name further on along the path: its source would name results of other code."""
    for folder in ("first", "second"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "twice.py").write_text(f"X = '{folder}'\n")
    site = tmp_path / "site-packages"
    metadata = site / "owned-1.0.dist-info" / "METADATA"
    metadata.parent.mkdir(parents=True)
    metadata.write_text("Metadata-Version: 2.1\nName: owned\nVersion: 1.0\n")
    (metadata.parent / "top_level.txt").write_text("twice\n")
    (site / "twice.py").write_text("X = 'installed'\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "first"), str(tmp_path / "second"), *sys.path])
    first = name_of("twice")
    (tmp_path / "second" / "twice.py").write_text("X = 'other'\n")
    assert name_of("twice") == first
    monkeypatch.setattr(sys, "path", [str(site), *sys.path])
    installed = name_of("twice")
    (tmp_path / "first" / "twice.py").write_text("X = 'other'\n")
    assert name_of("twice") == installed != first
    metadata.write_text("Metadata-Version: 2.1\nName: owned\nVersion: 1.1\n")
    assert name_of("twice") != installed


def test_a_module_put_among_installed_ones_by_hand_is_named_by_its_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site-packages"
    site.mkdir()
    (site / "byhand.py").write_text("X = 1\n")
    monkeypatch.setattr(sys, "path", [*sys.path, str(site)])
    name = name_of("byhand")
    (site / "byhand.py").write_text("X = 2\n")
    assert name_of("byhand") != name


def test_a_package_installed_to_be_edited_in_place_is_named_by_its_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such packages are found by finders of their own, on no folder of Python's path."""
    package = tmp_path / "away" / "edited"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("from edited.deep import X\n")
    (package / "deep.py").write_text("X = 1\n")

    class Finder:
        @staticmethod
        def find_spec(name: str, path: object = None, target: object = None) -> importlib.machinery.ModuleSpec | None:
            return importlib.machinery.PathFinder.find_spec(name, [str(package.parent)]) if name == "edited" else None

    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Finder])
    name = name_of("edited")
    (package / "deep.py").write_text("X = 2\n")
    assert name_of("edited") != name


def test_a_long_chain_of_conditions_is_named(code: Path) -> None:
    chain = "if x == 0: y = 0\n" + "".join(f"elif x == {number}: y = {number}\n" for number in range(1, 600))
    (code / "chain.py").write_text(f"x = 3\n{chain}")
    assert name_of("chain")


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
