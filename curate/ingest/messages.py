"""What a reading process says to the one that asked: messages of a kind, a size, and so many bytes. Imports little."""

import struct
from enum import IntEnum

MESSAGE = struct.Struct("<BQ")
"""A Kind, and the bytes that follow."""
MEMORY_STATUS = 77
"""The reader's exit status when it ran out of memory: not one that Python or a shell uses."""


class Kind(IntEnum):
    READY = 0
    BATCH = 1
    """A record batch of the schema PAGES as Arrow serializes it."""
    COUNTS = 2
    """The file is read: a JSON object of counts."""
    ERROR = 3
    """Reading raised: a JSON list of the exception's name, its arguments and its traceback."""
