"""The product: documents of tokens in one global order, as Arrow files. Knows token ids; knows no text.

Names are resolved when used, and so that no import tells of it: a task that makes shards does not depend on their readers.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from curate.shards.entry import ShardError
    from curate.shards.loader import Batch, Loader, StateError
    from curate.shards.mixed_loader import MixedBatch, MixedLoader
    from curate.shards.reader import ShardReader

__all__ = ["Batch", "Loader", "MixedBatch", "MixedLoader", "ShardError", "ShardReader", "StateError"]

_HOMES = {
    "Batch": "loader",
    "Loader": "loader",
    "MixedBatch": "mixed_loader",
    "MixedLoader": "mixed_loader",
    "ShardError": "entry",
    "ShardReader": "reader",
    "StateError": "loader",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
