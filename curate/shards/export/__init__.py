"""Shards in the formats of other trainers, with a card that says what they are. Knows formats; knows no trainer."""

from curate.shards.export.formats import ExportError
from curate.shards.export.run import export

__all__ = ["ExportError", "export"]
