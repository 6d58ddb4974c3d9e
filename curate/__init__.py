"""Turns raw web crawls into audited, reproducible pre-training data.

`curate.run(path) -> Run` and `curate.open_run(path)`; the rooms (`curate.filters`, `curate.tokens`, ...) are imported as
modules. Names are resolved when used, because processes that only extract pages import this package too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from curate.pipeline.run import Run, open_run, run

__all__ = ["Run", "open_run", "run"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module("curate.pipeline.run"), name)
