"""Names for computations: a hash of configuration, of the source code that runs, and of the libraries it uses.

A committed result is taken up again only under the same name, so it can never be stale. Code is followed through its
imports: modules of the project and of the user by what they do, installed distributions by their versions, Python's own
modules by Python's version. What cannot change a result changes no name: see `curate.code.behaviour`.
Knows imports and hashes; knows no step.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import importlib.util
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from curate.code.modules import Module, Owner, distributions, find_module, forget_modules, modules_run_by
from curate.code.summaries import Summary, summary
from curate.errors import ConfigError

_LENGTH = 16  # hexadecimal digits of a name: 64 bits, collisions below 1e-6 at five million names
_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
"""Decides, among others, what Unicode is and how modules are written as text."""


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


def code_fingerprint(module: str) -> str:
    """A name for a module's behaviour: its own, that of every module of the project or the user that it imports, and the
    versions of the distributions and of Python. Imports nothing.

    Raises UnnameableCode where there is no source.
    """
    return code_closure(module).fingerprint


@dataclass(frozen=True)
class Closure:
    """What decides what a module does."""

    sources: Mapping[str, str]
    """Hashes of the behaviour of modules of the project and of the user, by name."""
    versions: Mapping[str, str]
    """Versions of distributions, by name."""

    @functools.cached_property
    def fingerprint(self) -> str:
        """The name for all of it."""
        return fingerprint(dict(self.sources), dict(self.versions), _PYTHON)


@functools.cache
def code_closure(module: str) -> Closure:
    """A module and all that it imports. Raises UnnameableCode where there is no source."""
    sources: dict[str, str] = {}
    libraries: set[str] = set()
    if find_module(module).owner is Owner.NOBODY:
        raise UnnameableCode(f"no source for the module {module!r}, so its results could not be told from stale ones")
    waiting = list(modules_run_by(module))
    while waiting:
        found = waiting.pop()
        if found.name in sources:
            continue
        if found.owner is Owner.SOURCE:
            sources[found.name], imports = _behaviour_of(found.name)
            for imported in imports:
                waiting.extend(modules_run_by(imported))
        elif found.owner is Owner.INSTALLED:
            libraries.add(found.name.partition(".")[0])
        elif found.owner is Owner.COMPILED:
            raise UnnameableCode(
                f"the module {found.name!r} ({found.path}) has no source and belongs to no installed distribution, so "
                "its results could not be told from stale ones; install it as a distribution, whose version names it"
            )
    return Closure(sources, library_versions(libraries))


def library_versions(libraries: Iterable[str]) -> dict[str, str]:
    """Version of each distribution that provides one of these top-level modules."""
    owners = distributions()
    names = {owner for library in libraries for owner in owners.get(library, ())}
    return {name: importlib.metadata.version(name) for name in sorted(names)}


def forget() -> None:
    """Look at sources again: a process that makes one run after another may see them changed."""
    code_closure.cache_clear()
    _behaviour_of.cache_clear()
    forget_modules()


@functools.cache
def _behaviour_of(module: str) -> tuple[str, tuple[str, ...]]:
    """(hash of what a module does, the dotted names that it imports)."""
    found = find_module(module)
    assert found.path is not None, "a module with source has a path"
    try:
        does = summary(found.path.read_bytes(), str(found.path))
    except (SyntaxError, ValueError) as error:
        raise UnnameableCode(f"the module {module!r} is not Python: {error}") from None
    return does.digest, tuple(dict.fromkeys(_imported(found, does)))


def _imported(module: Module, does: Summary) -> Iterator[str]:
    """The dotted names that a module imports or runs; those of things in a module too, which are no modules."""
    package = module.name if module.is_package else module.name.rpartition(".")[0]
    for each in does.imports:
        base = each.module
        if each.level:
            try:
                base = importlib.util.resolve_name("." * each.level + base, package)
            except ImportError:
                continue  # above the package: importing it fails
        yield base
        yield from (f"{base}.{name}" for name in each.names)
    top = module.name.partition(".")[0]
    yield from (name for name in does.dotted if name.partition(".")[0] == top)  # a program is named in a string
    for name in does.loaded:
        yield importlib.util.resolve_name(name, package) if name.startswith(".") and package else name
