"""The messages between an Extractor and its child, over pipes. Imports little: the child starts with it.

Parent to child, per page: REQUEST, the Content-Type value in UTF-8, the body. Child to parent: one byte READY once the
engine is loaded (anything else is an error message up to the end), then per page REPLY, the charset, the text or the
reason in UTF-8. Strictly in turns: the child answers a page before the next one is sent, so that neither side ever
writes while the other does, and a death loses exactly one page.
"""

import struct
from enum import IntEnum

REQUEST = struct.Struct("<QI")
"""Bytes of the body, bytes of the Content-Type."""
REPLY = struct.Struct("<BIQ")
"""An Outcome, bytes of the charset, bytes of the text or reason."""
READY = b"+"

PIPE_BYTES = 1 << 20
"""Asked of the kernel for each pipe, so that most pages cross in one piece (Linux's default maximum)."""

MEMORY_STATUS = 77
"""The child's exit status when it ran out of memory: not one that Python or a shell uses."""


class Outcome(IntEnum):
    TEXT = 0
    REASON = 1
