"""Deduplication: signatures, bands, components, survivors, lines, the index of earlier runs."""

from curate.dedup.api import Signed, signatures

__all__ = ["Signed", "signatures"]
