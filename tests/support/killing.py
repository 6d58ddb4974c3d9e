"""A reading process in which one file kills: put before the package's own child by `PYTHONPATH` and `sitecustomize`.

A file whose name holds `segfault`, `hog` or `exit` makes the reader do that when its third page is reached.
"""

from __future__ import annotations

import ctypes
import os
from typing import Any

from curate.ingest import warc

_add_row = warc.add_row
_HOG = 64 << 20


def add_row(rows: Any, found: Any, counts: Any) -> None:
    """Add the row, unless it is the one that kills."""
    headers = getattr(found, "headers", None)
    url = headers.get_bytes(b"WARC-Target-URI", b"") if headers is not None else b""
    if url.endswith(b"/segfault"):
        ctypes.string_at(0)
    if url.endswith(b"/exit"):
        os._exit(3)
    if url.endswith(b"/hog"):
        held = []
        while True:
            held.append(bytearray(_HOG))
    if url.endswith(b"/once") and not os.path.exists(os.environ["KILLED_ONCE"]):
        open(os.environ["KILLED_ONCE"], "w").close()
        os._exit(3)
    _add_row(rows, found, counts)


warc.add_row = add_row
