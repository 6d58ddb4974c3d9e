"""A file that is read by ranges: blocks are fetched as they are asked for, larger ones the longer reading goes straight on.

Knows a size and a function that fetches; no protocol.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import IO, Any, cast

_SMALLEST = 1 << 18
"""Bytes of the first block, and of each after a jump: the footer of most Parquet files, some hundred pages."""
_LARGEST = 8 << 20
"""Bytes of a block once reading goes straight on."""
_KEPT = 4
"""Blocks held at once: a reader that goes back looks at the head or at what it has just left."""

Fetch = Callable[[int, int], bytes]
"""The bytes from a position up to another, all of them."""


class _Ranged(io.RawIOBase):
    def __init__(self, size: int, fetch: Fetch) -> None:
        super().__init__()
        self._size, self._fetch, self._at = size, fetch, 0
        self._blocks: dict[int, bytes] = {}  # by position, the one used longest ago first
        self._next, self._length = -1, _SMALLEST

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, start + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        if self._at >= self._size or not len(view):
            return 0
        start, block = self._block()
        piece = block[self._at - start : self._at - start + len(view)]
        view[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)

    def _block(self) -> tuple[int, bytes]:
        """The block that holds the position, and where it begins."""
        for start in reversed(self._blocks):
            if start <= self._at < start + len(self._blocks[start]):
                block = self._blocks.pop(start)
                self._blocks[start] = block
                return start, block
        self._length = min(2 * self._length, _LARGEST) if self._at == self._next else _SMALLEST
        start, end = self._at, min(self._at + self._length, self._size)
        block = self._fetch(start, end)
        assert len(block) == end - start, "a range that is not whole was taken for one"
        self._next = end
        self._blocks[start] = block
        if len(self._blocks) > _KEPT:
            del self._blocks[next(iter(self._blocks))]
        return start, block


def open_ranged(size: int, fetch: Fetch) -> IO[bytes]:
    """A file of this size for reading, whose bytes `fetch` gives."""
    return cast("IO[bytes]", io.BufferedReader(_Ranged(size, fetch), 1 << 16))
