"""The rooms of docs/architecture.md: who may import whom."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "curate"
ENGINE_SIDE = {"cli", "runs", "flow", "runner", "engine", "progress", "tables", "statistics"}
ALLOWED_IN_TEXT = {"text"}
LOW = {
    "caching",
    "errors",
    "text",
    "records",
    "storage",
    "batches",
    "chance",
    "fingerprint",
    "task",
    "config",
    "recipes",
}


def rooms_imported(path: Path) -> set[str]:
    """The project's rooms that a module imports, its own left out."""
    found = set()
    own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = (
                [f"{node.module}.{alias.name}" for alias in node.names] if node.module == "curate" else [node.module]
            )
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        found |= {name.split(".")[1] for name in names if name.startswith("curate.")}
    return found - {own}


def modules(room: str) -> list[Path]:
    """The source files of a room."""
    return sorted((PACKAGE / room).rglob("*.py")) if (PACKAGE / room).is_dir() else [PACKAGE / f"{room}.py"]


@pytest.mark.parametrize("path", modules("text"), ids=lambda path: path.stem)
def test_kernels_import_nothing_of_the_project(path: Path) -> None:
    assert rooms_imported(path) <= {"caching"}  # where compiled kernels are kept


@pytest.mark.parametrize("path", modules("stages"), ids=lambda path: path.stem)
def test_task_functions_know_no_engine(path: Path) -> None:
    assert not {room for room in rooms_imported(path) if room in ENGINE_SIDE or room.startswith("cli")}


def test_only_the_engine_knows_ray() -> None:
    importing = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if any(name.split(".")[0] == "ray" for name in names):
                importing.add(path.relative_to(PACKAGE).as_posix())
    assert {path for path in importing if not path.startswith("trainer/")} == {"engine.py"}


def test_only_the_trainer_knows_torch() -> None:
    for path in PACKAGE.rglob("*.py"):
        if path.relative_to(PACKAGE).parts[0] in ("trainer", "cli_train.py"):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            top = {name.split(".")[0] for name in names}
            assert "torch" not in top or path.relative_to(PACKAGE).as_posix() == "shards/torch.py", path


@pytest.mark.parametrize("room", ["records", "storage", "batches", "chance", "fingerprint"])
def test_the_foundations_know_nothing_above_them(room: str) -> None:
    for path in modules(room):
        assert rooms_imported(path) <= LOW


def test_every_module_says_what_it_is_for() -> None:
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text()
        assert not text.strip() or ast.get_docstring(ast.parse(text)), f"{path} has no docstring"


def test_no_file_has_a_name_that_says_nothing() -> None:
    names = {path.stem for path in PACKAGE.rglob("*.py")}
    assert not names & {"utils", "util", "helpers", "helper", "common", "misc", "manager", "base"}


def test_the_project_imports_the_modules_of_filters_not_the_names_they_are_known_by() -> None:
    """A name resolved when used is no import that a task's fingerprint could follow."""
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                assert node.module != "curate.filters", path
                assert not (node.module == "curate" and "filters" in {alias.name for alias in node.names}), path
