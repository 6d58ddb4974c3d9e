"""Personal data in text: found by form and check digits, replaced by placeholders. Names and street addresses are not."""

from curate.pii.find import find
from curate.pii.scrubbing import Replacement, Scrubbed, scrub
from curate.pii.spans import OPTIONS, REGIONS, TYPES, Detection, Span

__all__ = ["OPTIONS", "REGIONS", "TYPES", "Detection", "Replacement", "Scrubbed", "Span", "find", "scrub"]
