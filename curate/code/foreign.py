"""Code from outside the project: where it is looked for, and how a changed module is loaded again.

The folder of a pipeline file comes last on Python's path, so that a file in it can hide no module of Python's or of an
installed distribution. Knows Python's path; knows no step.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from curate.code.fingerprint import UnnameableCode, code_closure, forget, named_code
from curate.code.modules import PACKAGE
from curate.errors import CurateError

_folder: list[tuple[str, bool]] = []
"""The folder of the pipeline file at hand, and whether it was put on Python's path; one at most, so that each file sees
its own code."""

_loaded: dict[str, str] = {}
"""What the modules from outside did that this process has loaded, as hashes, by name."""


class CodeChanged(CurateError, RuntimeError):
    """Code was edited between the start of a run and its use in a worker."""


def make_importable(folder: str | Path) -> None:
    """Let modules that lie in a folder be imported, in this process and those it starts with its path.

    The folder of another pipeline file is looked at no longer, and what was loaded from it is forgotten.
    """
    path = str(Path(folder).resolve())
    if _folder and _folder[0][0] == path:
        return
    if _folder:
        before, was_added = _folder.pop()
        if was_added:
            sys.path.remove(before)
    _folder.append((path, path not in sys.path))
    if path not in sys.path:
        sys.path.append(path)
    load_again_what_changed()


def load_again_what_changed() -> None:
    """Before a run: forget names of code, and modules from outside where one of them is no longer what was loaded."""
    forget()
    if any(_hash_of(module) != before for module, before in _loaded.items()):
        for module in _loaded:
            sys.modules.pop(module, None)
        _loaded.clear()


def note_loaded(references: Iterable[str]) -> None:
    """Remember what code from outside did when it was loaded, and what it imports; see `load_again_what_changed`."""
    for reference in references:
        sources = code_closure(reference.partition(":")[0]).sources
        for module, digest in sources.items():
            if module.partition(".")[0] != PACKAGE:
                _loaded.setdefault(module, digest)


def check_unchanged(params: Any) -> None:
    """Raise CodeChanged where the code that a task's params name under `code` is not what the run began with.

    A worker loads code long after the run has named it: its results would be committed under the name of the old code.
    """
    for named in _named_in(params):
        try:
            now = named_code(named)
        except UnnameableCode:
            now = {}
        for reference, before in named.items():
            if now.get(reference) != before:
                raise CodeChanged(
                    f"{reference} was changed while the run was going; the same command runs again what it decides"
                )


def _named_in(value: Any) -> Iterator[dict[str, str]]:
    if isinstance(value, dict):
        for key, each in value.items():
            if key == "code" and isinstance(each, dict):
                yield each
            else:
                yield from _named_in(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _named_in(each)


def _hash_of(module: str) -> str | None:
    try:
        return code_closure(module).sources.get(module)
    except UnnameableCode:
        return None
