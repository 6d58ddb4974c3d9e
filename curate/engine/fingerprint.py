"""Names for computations: a hash of configuration, of the source code that runs, and of the libraries it uses.

A committed result is taken up again only under the same name, so it can never be stale. Code is followed through its
imports: modules of the project and of the user by their syntax trees, installed distributions by their versions. What
cannot change a result changes no name: comments, docstrings, formatting, annotations of functions and variables.
Knows imports and hashes; knows no step.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.metadata
import importlib.util
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from curate.engine.behaviour import behaviour
from curate.errors import ConfigError

_PACKAGE = "curate"
_ROOT = Path(__file__).resolve().parents[2]
_LENGTH = 16  # hexadecimal digits of a name: 64 bits, collisions below 1e-6 at five million names
_INSTALLED = ("site-packages", "dist-packages")
"""Folders of installed distributions, which versions name."""


class UnnameableCode(ConfigError):
    """Code whose source cannot be found: a result of it could not be told from one of changed code."""


def canonical(value: Any) -> str:
    """JSON with sorted keys. Raises TypeError for what JSON cannot say, so that nothing is left out of a name."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def fingerprint(*values: Any) -> str:
    """A name for JSON values: 16 hexadecimal digits."""
    return hashlib.sha256(canonical(values).encode()).hexdigest()[:_LENGTH]


def named_code(references: Iterable[str]) -> dict[str, str]:
    """{reference: fingerprint of its module} of code named as `module:name` or `module`: a part of a task's params.

    Raises UnnameableCode where a module, or one that it imports, has no source.
    """
    return {reference: code_fingerprint(reference.partition(":")[0]) for reference in references}


@functools.cache
def code_fingerprint(module: str) -> str:
    """A name for a module's behaviour: its syntax, that of every module of the project or the user that it imports, and
    the versions of the distributions. Imports nothing.

    Raises UnnameableCode where there is no source.
    """
    sources: dict[str, str] = {}
    libraries: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in sources:
            continue
        sources[name], imports = _behaviour_of(name)
        for imported in imports:
            found = _modules_of(imported)
            waiting.extend(found)
            if not found and imported.split(".")[0] != _PACKAGE:
                libraries.add(imported.split(".")[0])
    return fingerprint(sources, library_versions(libraries))


@functools.cache
def _behaviour_of(module: str) -> tuple[str, tuple[str, ...]]:
    """(hash of a module's syntax, the names that it imports)."""
    path = _source_path(module)
    if path is None:
        raise UnnameableCode(f"no source for the module {module!r}, so its results could not be told from stale ones")
    tree = behaviour(path.read_bytes(), str(path))
    digest = hashlib.sha256(ast.dump(tree).encode()).hexdigest()
    return digest, tuple(dict.fromkeys(_imports(module, path, tree)))


def forget() -> None:
    """Look at sources again: a process that makes one run after another may see them changed."""
    code_fingerprint.cache_clear()
    _behaviour_of.cache_clear()
    _source_path.cache_clear()
    _distributions.cache_clear()


def library_versions(libraries: set[str]) -> dict[str, str]:
    """Version of each distribution that provides one of these top-level modules; Python's own modules are left out.

    Raises UnnameableCode for a module that no distribution provides and that has no source: one compiled by hand.
    """
    owners = _distributions()
    names = set()
    for library in libraries - set(sys.stdlib_module_names) - set(sys.builtin_module_names):
        if library in owners:
            names |= set(owners[library])
        elif _compiled(library):
            raise UnnameableCode(
                f"the module {library!r} has no source and belongs to no installed distribution; install it as one"
            )
    return {name: importlib.metadata.version(name) for name in sorted(names)}


def _compiled(module: str) -> bool:
    """Whether a top-level module is there at all: what cannot be imported cannot decide a result."""
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


@functools.cache
def _distributions() -> dict[str, list[str]]:
    return dict(importlib.metadata.packages_distributions())


@functools.cache
def _source_path(module: str) -> Path | None:
    """The file of a module of the project or of the user; None for one of an installed distribution, of Python itself, or
    of nobody. Imports nothing: only Python's path is searched, as for a module that is not loaded yet."""
    top = module.split(".")[0]
    if top == _PACKAGE:
        return _file_below(_ROOT, module)
    if top in sys.stdlib_module_names:
        return None
    for folder in map(Path, dict.fromkeys(each or "." for each in sys.path)):
        if any(part in _INSTALLED for part in folder.parts) or not folder.is_dir():
            continue
        path = _file_below(folder.resolve(), module)
        if path is not None:
            return path
    return _found_by_import_system(module)


def _file_below(folder: Path, module: str) -> Path | None:
    place = folder.joinpath(*module.split("."))
    candidates = (place / "__init__.py", place.with_suffix(".py"))
    return next((path for path in candidates if path.is_file()), None)


def _found_by_import_system(module: str) -> Path | None:
    """The file of a loaded module that no folder of Python's path explains: one installed to be edited in place."""
    loaded = sys.modules.get(module)
    origin = getattr(getattr(loaded, "__spec__", None), "origin", None)
    if origin is None or any(part in _INSTALLED for part in Path(origin).parts):
        return None
    return Path(origin) if origin.endswith(".py") else None


def _modules_of(dotted: str) -> list[str]:
    """The modules with source that importing a dotted name runs: its packages, and itself where it is a module."""
    pieces = dotted.split(".")
    names = [".".join(pieces[:end]) for end in range(1, len(pieces) + 1)]
    return [name for name in names if name != _PACKAGE and _source_path(name) is not None]


def _imports(module: str, path: Path, tree: ast.AST) -> Iterator[str]:
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                base = importlib.util.resolve_name("." * node.level + base, package)
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith(f"{_PACKAGE}."):
            yield node.value  # a module run as a program is named in a string
