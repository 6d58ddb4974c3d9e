"""Pipelines as values: a YAML file read into frozen, typed models. Knows no step's implementation.

`ConfigError`, `Pipeline`, `Source`, `read_pipeline`. Names are resolved when used, and the project itself imports the
modules: a task that reads a pack would else hang, by its name, on every module of this room.
"""

import importlib
from typing import Any

_PLACES = {
    "ConfigError": "reading",
    "Pipeline": "models",
    "Source": "models",
    "read_pipeline": "reading",
}

__all__ = ["ConfigError", "Pipeline", "Source", "read_pipeline"]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_PLACES[name]}"), name)
