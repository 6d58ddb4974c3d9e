"""A stored file decoded on demand, with the stored position of every decoded byte known frame by frame.

A frame is a gzip member or a zstd frame; of a plain file every byte is its own frame. Decoding that fails is resumed
at the next frame that makes sense. Knows compression and positions, nothing of what the decoded bytes mean.
"""

from __future__ import annotations

import io
import re
from collections import deque
from collections.abc import Callable
from typing import IO, Any, Final, cast

import zstandard
from isal import isal_zlib

from curate.ingest.reasons import DAMAGED, TRUNCATED_FILE

GZIP_MAGIC = re.compile(
    rb"\x1f\x8b\x08[\x00-\x1f]"
)  # RFC 1952, 2.3.1: deflate is method 8, three flag bits are reserved
ZSTD_MAGIC = re.compile(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18")  # RFC 8878, 3.1: a frame, a skippable frame
_MAGIC_BYTES: Final = 4
_DICTIONARY_FRAME: Final = b"\x5d\x2a\x4d\x18"  # WARC Zstandard specification 1.0: a dictionary as the first frame
_SKIPPABLE_HEADER: Final = 8  # RFC 8878, 3.1.2: magic and content size, four bytes each
_GZIP_WINDOW: Final = 31  # zlib's window of 15 bits, plus 16 for the gzip wrapper

PLAIN_SLICE: Final = 1 << 16
GZIP_SLICE: Final = 1 << 14
"""Stored bytes decoded at a time. Deflate expands at most 1,032 times: 16 MiB from one slice of a bomb."""
ZSTD_SLICE: Final = 1 << 10
"""The same for zstd, where 4 bytes may stand for a block of 128 KiB: 32 MiB."""
_SCAN: Final = 1 << 20
_PROBE: Final = 1 << 16

_ISAL_ERROR = cast("type[Exception]", isal_zlib.error)  # its stub names an instance
_DECODE_ERRORS: Final = (_ISAL_ERROR, zstandard.ZstdError, EOFError, OverflowError, ValueError)


def _codec_of_name(name: str) -> str:
    if name.endswith(".gz"):
        return "gzip"
    return "zstd" if name.endswith((".zst", ".zstd")) else "plain"


def _dictionary(file: IO[bytes]) -> zstandard.ZstdCompressionDict | None:
    """The dictionary that a zstd file begins with, if it does."""
    file.seek(0)
    head = file.read(_SKIPPABLE_HEADER)
    if len(head) < _SKIPPABLE_HEADER or not head.startswith(_DICTIONARY_FRAME):
        return None
    content = file.read(int.from_bytes(head[4:], "little"))
    if ZSTD_MAGIC.match(content):
        try:
            content = zstandard.ZstdDecompressor().decompressobj().decompress(content)
        except zstandard.ZstdError:
            return None
    return zstandard.ZstdCompressionDict(content)


class Frames:
    """Decoded bytes in `buffer`, filled on demand and dropped from its front; positions are relative to that front.

    How a file is stored is told by its first bytes where they are clear, else by its name.
    `makes_sense` says of decoded bytes whether a frame that begins with them is one to resume at after damage.
    `failure` is set while decoding cannot go on: DAMAGED, or TRUNCATED_FILE where the file ends inside a frame.
    """

    def __init__(
        self, file: IO[bytes], name: str, makes_sense: Callable[[bytes | bytearray], bool], start: int = 0
    ) -> None:
        self._file = file
        self._makes_sense = makes_sense
        file.seek(0)
        head = file.read(_MAGIC_BYTES * 2)
        named = _codec_of_name(name)
        looks = "gzip" if GZIP_MAGIC.match(head) else "zstd" if ZSTD_MAGIC.match(head) else None
        self._use(looks or named)
        if looks and looks != named and not self._sound(0):
            self._use(named)
        if not looks and named != "plain" and makes_sense(head) and self._next_frame(0, until=_SCAN) is None:
            self._use("plain")
        self.buffer = bytearray()
        self._dropped = 0  # decoded bytes before the buffer
        self._go_to(start)

    def _use(self, codec: str) -> None:
        """Take the file to be stored as the codec has it."""
        self.codec = codec
        self._magic = ZSTD_MAGIC if codec == "zstd" else GZIP_MAGIC
        self._slice = {"plain": PLAIN_SLICE, "gzip": GZIP_SLICE, "zstd": ZSTD_SLICE}[codec]
        self._zstd = zstandard.ZstdDecompressor(dict_data=_dictionary(self._file)) if codec == "zstd" else None

    def _go_to(self, position: int) -> None:
        """Decode on from a stored position where a frame begins."""
        self._dropped += len(self.buffer)
        self.buffer.clear()
        self._file.seek(position)
        self.stored = position  # everything before it is decoded
        self._starts = deque([(self._dropped, position)])  # (decoded, stored) position of the frames in the buffer
        self._decoder: Any = None
        self._unread = b""
        self.failure: str | None = None
        self.ended = False

    def _new_decoder(self) -> Any:
        return self._zstd.decompressobj() if self._zstd else isal_zlib.decompressobj(wbits=_GZIP_WINDOW)

    def fill(self) -> bool:
        """Decode one more slice into the buffer; False at the end of the file, and on failure.

        Slices begin where their frame begins, so what one call decodes does not depend on where reading started.
        """
        if self.failure or self.ended:
            return False
        if self._decoder is None:
            data = self._unread + self._file.read(self._slice - len(self._unread))
            self._unread = b""
            self.ended = not data
        else:
            data = self._file.read(self._slice)
            if not data:
                self.failure = TRUNCATED_FILE
        if not data:
            return False
        if self.codec == "plain":
            self.buffer += data
            self.stored += len(data)
            return True
        if self._decoder is None:
            self._decoder = self._new_decoder()
        try:
            self.buffer += self._decoder.decompress(data)
        except _DECODE_ERRORS:
            self.failure = DAMAGED
            return False
        self.stored += len(data)
        if self._decoder.eof:
            self._unread = self._decoder.unused_data
            self.stored -= len(self._unread)
            self._decoder = None
            self._starts.append((self._dropped + len(self.buffer), self.stored))
            self._forget_starts()
        return True

    def drop(self, count: int) -> None:
        """Forget the first bytes of the buffer."""
        del self.buffer[:count]
        self._dropped += count
        self._forget_starts()

    def _forget_starts(self) -> None:
        """Keep the last frame start at or before the buffer's front, and those after it."""
        while len(self._starts) > 1 and self._starts[1][0] <= self._dropped:
            self._starts.popleft()

    def place(self) -> tuple[int, int]:
        """Where the buffer's first byte is stored: its frame's stored position, and its offset in the decoded frame."""
        decoded, stored = self._starts[0]
        inside = self._dropped - decoded
        return (stored + inside, 0) if self.codec == "plain" else (stored, inside)

    def stored_end(self, count: int) -> int:
        """A stored position by which the buffer's first `count` bytes are decoded: a frame's end where one is known."""
        if self.codec == "plain":
            return self.place()[0] + count
        at = self._dropped + count
        return next((stored for decoded, stored in self._starts if decoded >= at), self.stored)

    def boundaries(self, low: int, high: int) -> list[int]:
        """Where in buffer[low : high + 1] frames end or begin; none in a plain file."""
        return [at for decoded, _ in self._starts if low <= (at := decoded - self._dropped) <= high]

    def rewind(self, place: tuple[int, int]) -> None:
        """Go back to a place, decoding its frame again."""
        position, inside = place
        self._go_to(position)
        while inside:
            while not self.buffer and self.fill():
                pass
            step = min(inside, len(self.buffer))
            if not step:
                return
            self.drop(step)
            inside -= step

    def resume(self) -> None:
        """After a failure: go on at the next frame that makes sense, or to the file's end; the buffer is forgotten."""
        position = self._next_frame(self._starts[-1][1] + 1)
        self._go_to(self._file.seek(0, io.SEEK_END) if position is None else position)
        self.ended = position is None

    def _next_frame(self, position: int, until: int | None = None) -> int | None:
        """The first stored position from `position` on where a frame that makes sense begins."""
        while until is None or position < until:
            self._file.seek(position)
            window = self._file.read(_SCAN)
            for match in self._magic.finditer(window):
                if self._sound(position + match.start()):
                    return position + match.start()
            if len(window) < _SCAN:
                break
            position += len(window) - _MAGIC_BYTES + 1
        return None

    def _sound(self, position: int) -> bool:
        """Whether a frame begins at the position that decodes to something sensible, or decodes to its end."""
        self._file.seek(position)
        decoder, decoded, left = self._new_decoder(), bytearray(), _PROBE
        try:
            while left > 0 and not decoder.eof and (data := self._file.read(self._slice)):
                decoded += decoder.decompress(data)
                left -= len(data)
                if self._makes_sense(decoded):
                    return True
        except _DECODE_ERRORS:
            return False
        return bool(decoder.eof and decoded)
