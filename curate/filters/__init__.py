"""Heuristic filters as data: metrics, rules and edits, gathered in packs.

`load`, `available`, `apply_all`, `Pack`, `Applied`, `PackError`. Names are resolved when used, and the project itself
imports the modules, so that a task which only reads addresses or bounds does not depend on every kernel.
"""

import importlib
from typing import Any

_HOMES = {
    "PackError": "errors",
    "available": "pack_files",
    "Applied": "packs",
    "Pack": "packs",
    "apply_all": "packs",
    "load": "loading",
}

__all__ = ["Applied", "Pack", "PackError", "apply_all", "available", "load"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
