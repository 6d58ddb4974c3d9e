"""The product: documents of tokens in one global order, as Arrow files. Knows token ids; knows no text."""

from curate.shards.entry import ShardError
from curate.shards.loader import Batch, Loader, StateError
from curate.shards.reader import ShardReader

__all__ = ["Batch", "Loader", "ShardError", "ShardReader", "StateError"]
