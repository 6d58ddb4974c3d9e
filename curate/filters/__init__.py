"""Heuristic filters as data: metrics, rules and edits, gathered in packs."""

from curate.filters.content import pack_content
from curate.filters.errors import PackError
from curate.filters.packs import Applied, Pack, apply_all, available, load

__all__ = ["Applied", "Pack", "PackError", "apply_all", "available", "load", "pack_content"]
