"""Personal data in text: found by form and check digits, replaced by placeholders. Names and street addresses are not."""

from curate.pii.detectors import OPTIONS, TYPES, Detection, Detector
from curate.pii.find import find
from curate.pii.regions import REGIONS
from curate.pii.scrubbing import Replacement, Scrubbed, scrub
from curate.pii.spans import Span

__all__ = ["OPTIONS", "REGIONS", "TYPES", "Detection", "Detector", "Replacement", "Scrubbed", "Span", "find", "scrub"]
