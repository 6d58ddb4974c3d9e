"""Code from outside the project: where it is looked for, and how a changed module is loaded again.

The folder of a pipeline file comes last on Python's path, so that a file in it can hide no module of Python's or of an
installed distribution. Knows Python's path; knows no step.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from curate.engine.fingerprint import code_fingerprint, forget

_loaded: dict[str, str] = {}
"""The fingerprints of the modules that this process has loaded by name, as they were then."""


def make_importable(folder: str | Path) -> None:
    """Let modules that lie in a folder be imported, in this process and those it starts with its path."""
    path = str(Path(folder).resolve())
    if path not in sys.path:
        sys.path.append(path)
        importlib.invalidate_caches()


def load_again_what_changed() -> None:
    """Before a run: forget names of code, and modules from outside whose source is no longer what was loaded."""
    forget()
    for module, before in list(_loaded.items()):
        if code_fingerprint(module) != before:
            for name in [each for each in sys.modules if each == module or each.startswith(module + ".")]:
                del sys.modules[name]
            del _loaded[module]


def note_loaded(references: tuple[str, ...]) -> None:
    """Remember what code from outside was when it was loaded; see `load_again_what_changed`."""
    for reference in references:
        module = reference.partition(":")[0]
        _loaded.setdefault(module, code_fingerprint(module))
