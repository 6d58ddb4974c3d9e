"""Shards, and where their rows came from. Knows types and names only."""

import pyarrow as pa

from curate.records.pages import ID


def shard(tokens: pa.DataType) -> pa.Schema:
    """A document a row, in the global order; the value buffer of `tokens` is the flat stream of tokens."""
    return pa.schema([("id", ID), ("source", pa.string()), ("tokens", pa.list_(tokens))])


PLACES = pa.schema([("part", pa.int32()), ("row", pa.int64()), ("shard_row", pa.int64())])
"""Where a shard's rows came from: the token store's part and the row in it, sorted by both."""

NUMBERED_PLACES = pa.schema([*PLACES, ("shard", pa.int32())])
"""The same of several shards, and in which of all shards each row is."""
