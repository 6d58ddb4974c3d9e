"""The product: documents of tokens in one global order, as Arrow files. Knows token ids; knows no text."""

from curate.shards.loader import Batch, Loader, StateError
from curate.shards.reader import ShardError, ShardReader

__all__ = ["Batch", "Loader", "ShardError", "ShardReader", "StateError"]
