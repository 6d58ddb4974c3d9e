"""Where a module's source lies: found as Python's import system would find it, without importing anything.

A module belongs to the project or a user (its source decides results), to an installed distribution (its version does),
or to Python itself. Knows Python's path; knows no step.
"""

from __future__ import annotations

import enum
import functools
import importlib
import importlib.machinery
import importlib.metadata
import re
import site
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

PACKAGE = "curate"
_ROOT = Path(__file__).resolve().parents[2]
_NAME = re.compile(r"^Name: *(.+?) *$", re.MULTILINE)
_LISTED = re.compile(r"^(?:([^/,\n]+)/[^,\n]*|([^/.,\n]+)(?:\.[^/,\n]*)?)\.(?:py|so|pyd),", re.MULTILINE)
"""In the list of a distribution's files: the top folder of a module, or the name of one that lies in none."""
_MODULES_OF_PYTHON = frozenset(sys.stdlib_module_names) | frozenset(sys.builtin_module_names)


class Owner(enum.Enum):
    """Whose a module is."""

    SOURCE = "source"
    """The project's or the user's; it has source."""
    COMPILED = "compiled"
    """The user's, without source: an extension, byte code alone, an archive."""
    INSTALLED = "installed"
    """An installed distribution's."""
    PYTHON = "python"
    """Python's own."""
    NOBODY = "nobody"
    """There is no such module, or it is a folder without code of its own."""


@dataclass(frozen=True)
class Module:
    """A module as the import system would find it."""

    name: str
    owner: Owner
    path: Path | None = None
    """Its source."""
    is_package: bool = False


@functools.cache
def find_module(name: str) -> Module:
    """The module of a dotted name. The program itself (`__main__`) is nobody's: another process cannot import it."""
    top = name.partition(".")[0]
    if top == PACKAGE:
        return _of_project(name)
    if top in _MODULES_OF_PYTHON:
        return Module(name, Owner.PYTHON)
    spec = None if top == "__main__" else _find_spec(name)
    if spec is None or (spec.origin is None and spec.loader is None):
        return Module(name, Owner.NOBODY)
    is_package = spec.submodule_search_locations is not None
    if spec.origin is None or spec.origin in ("built-in", "frozen") or isinstance(spec.loader, type):
        return Module(name, Owner.NOBODY if spec.origin is None else Owner.PYTHON)
    path = Path(spec.origin)
    if _is_installed(path) and top in distributions():
        return Module(name, Owner.INSTALLED, None, is_package)
    if path.suffix == ".py" and path.is_file():
        return Module(name, Owner.SOURCE, path, is_package)
    return Module(name, Owner.COMPILED, path, is_package)


def modules_run_by(dotted: str) -> Iterator[Module]:
    """The modules that importing a dotted name runs: its packages, and itself where it is a module.

    >>> [module.name for module in modules_run_by("curate.engine.task.Task") if module.owner is Owner.SOURCE]
    ['curate.engine', 'curate.engine.task']
    """
    pieces = dotted.split(".")
    for end in range(1, len(pieces) + 1):
        module = find_module(".".join(pieces[:end]))
        if module.name == PACKAGE:
            continue  # the front door names what a caller may use; no result comes of it
        yield module
        if module.owner in (Owner.INSTALLED, Owner.PYTHON):
            return


@functools.cache
def distributions() -> dict[str, list[str]]:
    """The installed distributions that provide each top-level module.

    As `importlib.metadata.packages_distributions`, which makes an object of every file of every distribution and takes
    three to nine times as long.
    """
    found: dict[str, list[str]] = {}
    for each in importlib.metadata.distributions():
        name = _NAME.search(each.read_text("METADATA") or each.read_text("PKG-INFO") or "")
        if name is None:
            continue
        declared = (each.read_text("top_level.txt") or "").split()
        listed = (folder or file for folder, file in _LISTED.findall(each.read_text("RECORD") or ""))
        for module in set(declared or listed):
            found.setdefault(module, []).append(name[1])
    return found


def forget_modules() -> None:
    """Look at Python's path again: files may have come, gone and moved."""
    find_module.cache_clear()
    distributions.cache_clear()
    importlib.invalidate_caches()


def _of_project(name: str) -> Module:
    place = _ROOT.joinpath(*name.split("."))
    for path in (place / "__init__.py", place.with_suffix(".py")):
        if path.is_file():
            return Module(name, Owner.SOURCE, path, path.name == "__init__.py")
    return Module(name, Owner.NOBODY)


def _find_spec(name: str) -> ModuleSpec | None:
    """What the import system would find, were nothing loaded: packages are searched, not run."""
    top, *rest = name.split(".")
    spec = _find_top(top)
    for piece in rest:
        if spec is None or spec.submodule_search_locations is None:
            return None
        spec = PathFinder.find_spec(f"{spec.name}.{piece}", list(spec.submodule_search_locations))
    return spec


def _find_top(name: str) -> ModuleSpec | None:
    for finder in sys.meta_path:  # Python's path, and what packages installed to be edited in place are found by
        spec = finder.find_spec(name, None)
        if spec is not None:
            return spec
    return None


@functools.cache
def _installed_folders() -> tuple[Path, ...]:
    paths = sysconfig.get_paths()
    folders = {paths["purelib"], paths["platlib"], site.getusersitepackages(), *site.getsitepackages()}
    return tuple(Path(folder).resolve() for folder in folders)


def _is_installed(path: Path) -> bool:
    """Whether a file lies where distributions are installed."""
    resolved = path.resolve()
    return any(resolved.is_relative_to(folder) for folder in _installed_folders()) or any(
        part in ("site-packages", "dist-packages") for part in path.parts
    )
