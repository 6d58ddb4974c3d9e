"""The messages between an Extractor and its child. Imports little: the child starts with it.

A batch is one exchange. The parent writes the pages' bodies end to end into a file in memory that both have open, then
REQUEST and a JSON list of [bytes of the body, Content-Type] to the child's standard input. The child appends, page by
page, REPLY, the charset, and the text or the reason in UTF-8 to a second such file, and says DONE on a pipe after the
last. So what a child did before it died is there to read, the page that it died of is the one after, and a page costs no
switch between processes. Before all that the child says READY on the pipe; anything else is an error message.
"""

import struct
from enum import IntEnum

REQUEST = struct.Struct("<Q")
"""Bytes of the JSON that follows."""
REPLY = struct.Struct("<BIQ")
"""An Outcome, bytes of the charset, bytes of the text or reason."""
READY = b"+"
DONE = b"."

MEMORY_STATUS = 77
"""The child's exit status when it ran out of memory: not one that Python or a shell uses."""


class Outcome(IntEnum):
    TEXT = 0
    REASON = 1
