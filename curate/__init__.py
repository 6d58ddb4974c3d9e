"""Turns raw web crawls into audited, reproducible pre-training data.

`curate.run(path) -> Run` and `curate.open_run(path) -> Run`; the rooms (`curate.filters`, `curate.tokens`, ...) are modules
that can be used alone. Names are resolved when used, because processes that only extract pages import this package too.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from curate import dedup, extract, filters, language, pii, shards, tokens
    from curate.pipeline.run import Run, open_run, run

__all__ = [
    "Run",
    "__version__",
    "dedup",
    "extract",
    "filters",
    "language",
    "open_run",
    "pii",
    "run",
    "shards",
    "tokens",
]

_OF_RUNS = ("Run", "open_run", "run")


def __getattr__(name: str) -> object:
    if name == "__version__":
        from importlib.metadata import version

        return version("curate-data")
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name in _OF_RUNS:
        return getattr(importlib.import_module("curate.pipeline.run"), name)
    return importlib.import_module(f"curate.{name}")
