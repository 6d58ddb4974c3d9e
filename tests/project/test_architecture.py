"""The rooms of docs/architecture.md: who may import whom, read from the table there and held for every module."""

from __future__ import annotations

import ast
import functools
import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "curate"
MODULES = sorted(PACKAGE.rglob("*.py"))
NAMELESS = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "base"}


def room_of(path: Path) -> str:
    """The room that a module lies in: a folder or a file of the package, the trainer's folders each one."""
    parts = path.relative_to(PACKAGE).parts
    if parts[0] == "trainer" and len(parts) > 2:
        return f"trainer/{parts[1]}"
    return parts[0].removesuffix(".py")


class Facts(NamedTuple):
    """What the tests ask of a module: the dotted names that it imports, wherever it does; (module, name) of what it takes
    `from` one; whether it says what it is for."""

    names: frozenset[str]
    taken: frozenset[tuple[str, str]]
    told: bool


@functools.cache
def facts(path: Path) -> Facts:
    """Of a module, read and parsed once for all tests."""
    text = path.read_text()
    tree = ast.parse(text)
    names: set[str] = set()
    taken: set[tuple[str, str]] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            taken |= {(node.module, alias.name) for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    names |= {module for module, _ in taken} | {f"{module}.{name}" for module, name in taken}
    return Facts(frozenset(names), frozenset(taken), not text.strip() or bool(ast.get_docstring(tree)))


def rooms_imported(path: Path) -> set[str]:
    """The project's rooms that a module imports, its own left out."""
    found = set()
    for name in facts(path).names:
        pieces = name.split(".")[1:]
        if name.startswith("curate.") and not (pieces[0] == "trainer" and len(pieces) < 2):
            found.add(f"trainer/{pieces[1]}" if pieces[0] == "trainer" else pieces[0])
    return found - {room_of(path), "__version__"}


def allowed() -> dict[str, set[str]]:
    """Room: the rooms that it may import, from the table `Who may import whom`."""
    table = (ROOT / "docs" / "architecture.md").read_text().split("## Who may import whom")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `([^`]+)` \|[^|]*\| ([^|]*) \|$", table, re.MULTILINE)
    return {room: set(re.findall(r"`([^`]+)`", rooms)) for room, rooms in rows}


ALLOWED = allowed()


def test_a_module_imports_only_rooms_below_its_own() -> None:
    wrong = {}
    for path in MODULES:
        if path.name == "__init__.py" and path.parent in (PACKAGE, PACKAGE / "trainer"):
            continue
        if above := rooms_imported(path) - ALLOWED.get(room_of(path), set()):
            wrong[path.relative_to(PACKAGE).as_posix()] = sorted(above)
    assert not wrong, "imports that the row of its room in docs/architecture.md, `Who may import whom`, does not list"


def test_the_table_lists_every_room_and_nothing_that_is_not_used() -> None:
    rooms = {room_of(path) for path in MODULES} - {"__init__", "__main__", "trainer"}
    assert rooms - set(ALLOWED) == set(), "a room without a row in docs/architecture.md, `Who may import whom`"
    assert set(ALLOWED) - rooms == set(), "a row in docs/architecture.md of a room that is not there"
    for room in sorted(rooms):
        used: set[str] = set().union(*(rooms_imported(path) for path in MODULES if room_of(path) == room))
        assert used == ALLOWED[room], (
            f"the row of `{room}` in docs/architecture.md lists what it imports, and nothing else"
        )


def test_no_room_is_above_itself_and_there_are_few_floors() -> None:
    floors: dict[str, int] = {}
    left = dict(ALLOWED)
    while left:
        free = [room for room, below in left.items() if below <= set(floors)]
        assert free, f"a circle of rooms: {', '.join(sorted(left))}"
        for room in free:
            floors[room] = 1 + max((floors[below] for below in left.pop(room)), default=0)
    assert max(floors.values()) <= 8


def test_only_the_engine_and_the_trainer_s_adapter_know_ray() -> None:
    knowing = {path.relative_to(PACKAGE).as_posix() for path in MODULES if {"ray"} & tops(path)}
    assert {path for path in knowing if not path.startswith("trainer/")} <= {"engine/executors.py"}


def test_only_the_trainer_knows_torch() -> None:
    knowing = {path.relative_to(PACKAGE).as_posix() for path in MODULES if {"torch"} & tops(path)}
    assert {path for path in knowing if not path.startswith(("trainer/", "cli/train"))} <= {"shards/torch.py"}


def tops(path: Path) -> set[str]:
    """The top-level names that a module imports."""
    return {name.split(".")[0] for name in facts(path).names}


def test_every_module_says_what_it_is_for() -> None:
    for path in MODULES:
        assert facts(path).told, f"{path} has no docstring"


def test_no_file_has_a_name_that_says_nothing() -> None:
    assert not {path.stem for path in MODULES} & NAMELESS


def test_the_project_imports_the_modules_of_filters_not_the_names_they_are_known_by() -> None:
    """A name resolved when used is no import that a task's fingerprint could follow."""
    for path in MODULES:
        if path != PACKAGE / "__init__.py":
            taken = facts(path).taken
            assert not [name for module, name in taken if module == "curate.filters"], path
            assert ("curate", "filters") not in taken, path
