"""Names for computations: a hash of configuration, of the source code that runs, and of the libraries it uses.

A committed result is taken up again only under the same name, so it can never be stale. Knows imports and hashes; knows
no step.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.metadata
import importlib.util
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_PACKAGE = "curate"
_ROOT = Path(__file__).resolve().parents[2]
_LENGTH = 16  # hexadecimal digits of a name: 64 bits, collisions below 1e-6 at five million names


def canonical(value: Any) -> str:
    """JSON with sorted keys. Raises TypeError for what JSON cannot say, so that nothing is left out of a name."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def fingerprint(*values: Any) -> str:
    """A name for JSON values: 16 hexadecimal digits."""
    return hashlib.sha256(canonical(values).encode()).hexdigest()[:_LENGTH]


@functools.cache
def code_fingerprint(module: str) -> str:
    """A name for a module's behaviour: its source, that of every project module it imports, the versions of the rest."""
    sources: dict[str, str] = {}
    libraries: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in sources:
            continue
        path = _source_path(name)
        if path is None:
            raise ModuleNotFoundError(f"no source for {name}")
        source = path.read_bytes()
        sources[name] = hashlib.sha256(source).hexdigest()
        for imported in _imports(name, path, ast.parse(source)):
            if imported.split(".")[0] == _PACKAGE:
                waiting.extend(_modules_of(imported))
            else:
                libraries.add(imported.split(".")[0])
    return fingerprint(sources, library_versions(libraries))


def library_versions(libraries: set[str]) -> dict[str, str]:
    """Version of each distribution that provides one of these top-level modules; Python's own modules are left out."""
    owners = _distributions()
    names = {owner for library in libraries - set(sys.stdlib_module_names) for owner in owners.get(library, ())}
    return {name: importlib.metadata.version(name) for name in sorted(names)}


@functools.cache
def _distributions() -> dict[str, list[str]]:
    return dict(importlib.metadata.packages_distributions())


def _source_path(module: str) -> Path | None:
    """The file of a module of the project, or None where there is no such module. Imports nothing."""
    place = _ROOT.joinpath(*module.split("."))
    candidates = (place / "__init__.py", place.with_suffix(".py"))
    return next((path for path in candidates if path.is_file()), None)


def _modules_of(dotted: str) -> list[str]:
    """The modules that importing a dotted name runs: its packages, and itself where it is a module."""
    pieces = dotted.split(".")
    names = [".".join(pieces[:end]) for end in range(2, len(pieces) + 1)]
    return [name for name in names if _source_path(name) is not None]


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
