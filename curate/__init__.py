"""Turns raw web crawls into audited, reproducible pre-training data.

`curate.run(path) -> Run` and `curate.open_run(path) -> Run`; the rooms (`curate.filters`, `curate.tokens`, ...) are modules
that can be used alone. Names are resolved when used, because processes that only extract pages import this package too.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from curate import dedup, extract, filters, language, pii, shards, tokens
    from curate.config.models import Pipeline
    from curate.pipeline.made import Run, open_run
    from curate.pipeline.run import run

__all__ = [
    "Pipeline",
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

_PLACES = {
    "Pipeline": "curate.config.models",
    "Run": "curate.pipeline.made",
    "open_run": "curate.pipeline.made",
    "run": "curate.pipeline.run",
}


def __getattr__(name: str) -> object:
    if name == "__version__":
        from importlib.metadata import version

        from curate.errors import DISTRIBUTION

        return version(DISTRIBUTION)
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name in _PLACES:
        return getattr(importlib.import_module(_PLACES[name]), name)
    return importlib.import_module(f"curate.{name}")
