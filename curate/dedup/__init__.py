"""Deduplication: signatures, bands, components, survivors, lines, the index of earlier runs."""

from curate.dedup.api import Signed, open_signatures, signatures

__all__ = ["Signed", "open_signatures", "signatures"]
