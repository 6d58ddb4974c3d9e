"""A stored file decoded on demand, with the stored position of every decoded byte known frame by frame.

A frame is a gzip member, a zstd frame, or a bzip2 or xz stream; of a plain file every byte is its own frame. Decoding that
fails is resumed at the next frame that makes sense. What one call decodes, and what a decoder may allocate, is bounded
beforehand. Knows compression and positions, nothing of what the decoded bytes mean.
"""

from __future__ import annotations

import bz2
import io
import lzma
import re
import zlib
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from typing import IO, Any, Final, cast

import zstandard
from isal import isal_zlib

from curate.errors import is_of_storage
from curate.ingest import evidence
from curate.ingest.reasons import DAMAGED, TRUNCATED_FILE

_MAGIC: Final = {
    "gzip": re.compile(rb"\x1f\x8b\x08[\x00-\x1f]"),
    "zstd": re.compile(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18"),
    "bzip2": re.compile(rb"BZh[1-9]1AY&SY"),
    "xz": re.compile(rb"\xfd7zXZ\x00"),
}
"""What a frame begins with; `evidence` names the standards. In the middle of a file all of it must be there."""
_SUFFIXES: Final = {".gz": "gzip", ".gzip": "gzip", ".zst": "zstd", ".zstd": "zstd", ".bz2": "bzip2", ".xz": "xz"}
_MAGIC_BYTES: Final = 10
_DICTIONARY_FRAME: Final = b"\x5d\x2a\x4d\x18"  # WARC Zstandard specification 1.0: a dictionary as the first frame
_SKIPPABLE_HEADER: Final = 8  # RFC 8878, 3.1.2: magic and content size, four bytes each
_GZIP_WINDOW: Final = 31  # zlib's window of 15 bits, plus 16 for the gzip wrapper

MAX_WINDOW: Final = 1 << 31
"""Most bytes that a zstd frame may ask to look back: `zstd --long=31`, the format's own limit, which some published
dumps use. The memory is taken only as the frame's content grows to it."""
MAX_DICTIONARY: Final = 16 << 20
"""Most bytes of a zstd file's dictionary, stored and decoded: 145 times what `zstd --train` makes."""
XZ_MEMORY: Final = 1 << 29
"""Most memory for an xz stream. `xz -9` needs 65 MiB."""

PLAIN_SLICE: Final = 1 << 16
GZIP_SLICE: Final = 1 << 14
"""Stored bytes decoded at a time. Deflate expands at most 1,032 times: 16 MiB from one slice of a bomb."""
ZSTD_SLICE: Final = 1 << 10
"""The same for zstd, where 4 bytes may stand for a block of 128 KiB: 32 MiB."""
_DECODED_SLICE: Final = 1 << 20
"""Decoded bytes at a time of bzip2 and xz, whose decoders can be told to pause."""
_SLICES: Final = {
    "plain": PLAIN_SLICE,
    "gzip": GZIP_SLICE,
    "zstd": ZSTD_SLICE,
    "bzip2": PLAIN_SLICE,
    "xz": PLAIN_SLICE,
}
_SCAN: Final = 1 << 20
_PROBE: Final = 1 << 16
_PROBES: Final = 4096
"""Most places tried to resume at after one damage: chance gives 64 false ones in a GiB, so only an attack has more."""

_ISAL_ERROR = cast("type[Exception]", isal_zlib.error)  # its stub names an instance
_DECODE_ERRORS: Final = (
    _ISAL_ERROR,
    zstandard.ZstdError,
    lzma.LZMAError,
    EOFError,
    OverflowError,
    ValueError,
    OSError,
    MemoryError,
)


def codec_of_name(name: str) -> str:
    """The compression that a file's name ends with, or `plain`."""
    return next((codec for suffix, codec in _SUFFIXES.items() if name.lower().endswith(suffix)), "plain")


def _dictionary(file: IO[bytes]) -> zstandard.ZstdCompressionDict | None:
    """The dictionary that a zstd file begins with, if it does and is not larger than MAX_DICTIONARY."""
    file.seek(0)
    head = file.read(_SKIPPABLE_HEADER)
    size = int.from_bytes(head[4:], "little")
    if len(head) < _SKIPPABLE_HEADER or not head.startswith(_DICTIONARY_FRAME) or size > MAX_DICTIONARY:
        return None
    content = file.read(size)
    if _MAGIC["zstd"].match(content):
        try:
            with zstandard.ZstdDecompressor(max_window_size=MAX_DICTIONARY).stream_reader(content) as reader:
                content = reader.read(MAX_DICTIONARY + 1)
        except zstandard.ZstdError:
            return None
    try:
        return zstandard.ZstdCompressionDict(content) if 0 < len(content) <= MAX_DICTIONARY else None
    except (zstandard.ZstdError, ValueError):
        return None


class Frames:
    """Decoded bytes in `buffer`, filled on demand and dropped from its front; positions are relative to that front.

    How a file is stored is told by its first bytes, then by the first frame in its first megabyte that makes sense, then
    by its name. `makes_sense` says of decoded bytes whether a frame that begins with them is one to resume at after damage.
    `stop` is where a plain file is taken to end.
    `failure` is set while decoding cannot go on: DAMAGED, or TRUNCATED_FILE where the file ends inside a frame.
    """

    def __init__(
        self,
        file: IO[bytes],
        name: str,
        makes_sense: Callable[[bytes | bytearray], bool],
        start: int = 0,
        stop: int | None = None,
    ) -> None:
        self._file = file
        self._stop = None  # looking at how the file is stored, all of it is looked at
        self._makes_sense = makes_sense
        self.size = file.seek(0, io.SEEK_END)
        file.seek(0)
        self._use(self._stored_as(file.read(evidence.LOOKED), codec_of_name(name)))
        self.buffer = bytearray()
        self._dropped = 0  # decoded bytes before the buffer
        self.rewinds = 0
        self._stop = stop
        self._go_to(start)

    def first_from(self, position: int, until: int) -> int | None:
        """The first stored position in [position, until) where a compressed frame begins that makes sense: it may lie in
        what another frame holds. None where there is none, and in a plain file."""
        return self._next_frame(position, until=until, sensible=True)

    def go_to(self, position: int) -> None:
        """Read on from a stored position where a frame begins; what is in the buffer is forgotten."""
        self._go_to(position)

    def _stored_as(self, head: bytes, named: str) -> str:
        """The compression of a file that begins with these bytes and is named so."""
        if self._makes_sense(head):  # as any file does whose first bytes were overwritten with a header
            self._use(named)
            return "plain" if self._next_frame(0, until=_SCAN, sensible=True) is None else named
        shown = evidence.compression(head)
        if shown:
            self._use(shown)
            if self._sound(0):
                return shown
        elif not evidence.is_binary(head):
            return "plain"
        for codec in dict.fromkeys([*([shown] if shown else []), named, *_MAGIC]):
            if codec != "plain":
                self._use(codec)
                if self._next_frame(0, until=_SCAN, sensible=True) is not None:
                    return codec
        return named

    def _use(self, codec: str) -> None:
        """Take the file to be stored as the codec has it."""
        self.codec = codec
        self._slice = _SLICES[codec]
        self._zstd = (
            zstandard.ZstdDecompressor(dict_data=_dictionary(self._file), max_window_size=MAX_WINDOW)
            if codec == "zstd"
            else None
        )

    def _go_to(self, position: int) -> None:
        """Decode on from a stored position where a frame begins."""
        self._dropped += len(self.buffer)
        self.buffer.clear()
        self._file.seek(position)
        self.stored = position  # everything before it is decoded
        self._decoded_at = [self._dropped]  # where the frames in the buffer begin, in decoded bytes,
        self._stored_at = [position]  # and in stored ones
        self._decoder: Any = None
        self._unread = b""
        self.failure: str | None = None
        self.ended = False

    def _new_decoder(self) -> Any:
        if self._zstd:
            return self._zstd.decompressobj()
        if self.codec == "bzip2":
            return bz2.BZ2Decompressor()
        if self.codec == "xz":
            return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_MEMORY)
        return isal_zlib.decompressobj(wbits=_GZIP_WINDOW)

    def _decode(self, decoder: Any, data: bytes) -> bytes:
        decoded: bytes = decoder.decompress(data, *([_DECODED_SLICE] if self.codec in ("bzip2", "xz") else []))
        return decoded

    def fill(self) -> bool:
        """Decode one more slice into the buffer; False at the end of the file, and on failure.

        Slices begin where their frame begins, so what one call decodes does not depend on where reading started.
        """
        if self.failure or self.ended:
            return False
        if self._decoder is None:
            data = self._unread + self._file.read(self._wanted() - len(self._unread))
            self._unread = b""
            self.ended = not data
        else:
            paused = not getattr(self._decoder, "needs_input", True)
            data = b"" if paused else self._file.read(self._slice)
            if not data and not paused:
                self.failure = TRUNCATED_FILE
        if self.ended or self.failure:
            return False
        if self.codec == "plain":
            self.buffer += data
            self.stored += len(data)
            return True
        if self._decoder is None:
            self._decoder = self._new_decoder()
        try:
            self.buffer += self._decode(self._decoder, data)
        except _DECODE_ERRORS:
            self.failure = DAMAGED
            return self._decode_up_to_the_error(data)
        self.stored += len(data)
        if self._decoder.eof:
            self._unread = self._decoder.unused_data
            self.stored -= len(self._unread)
            self._decoder = None
            self._begin_frame(self._dropped + len(self.buffer), self.stored)
        return True

    def _wanted(self) -> int:
        """How many stored bytes to take next."""
        if self._stop is None or self.codec != "plain":
            return self._slice
        return min(self._slice, max(0, self._stop - self.stored))

    def _decode_up_to_the_error(self, data: bytes) -> bool:
        """Add what the slice that failed decodes to before its error; whether that is anything.

        Only of gzip: other compressions come in blocks that are whole or lost. The frame is decoded once more, by zlib,
        which gives each byte as soon as it can; a frame is left at its first error, so this happens once a frame.
        """
        if self.codec != "gzip":
            return False
        decoder, start = zlib.decompressobj(_GZIP_WINDOW), self._stored_at[-1]
        given, before = self._dropped + len(self.buffer) - self._decoded_at[-1], len(self.buffer)
        self._file.seek(start)
        try:
            while start < self.stored:
                piece = self._file.read(min(self._slice, self.stored - start))
                given -= len(decoder.decompress(piece))
                start += len(piece)
            for at in range(len(data)):
                decoded = decoder.decompress(data[at : at + 1])
                self.stored += 1
                self.buffer += decoded[max(0, given) :] if given > 0 else decoded
                given = max(0, given - len(decoded))
        except zlib.error:
            pass
        return len(self.buffer) > before

    def _begin_frame(self, decoded: int, stored: int) -> None:
        """Note where a frame begins. One that holds nothing gives way to the next: only the last of a place counts."""
        if self._decoded_at[-1] == decoded:
            self._stored_at[-1] = stored
        else:
            self._decoded_at.append(decoded)
            self._stored_at.append(stored)
        self._forget_starts()

    @property
    def between_frames(self) -> bool:
        """Whether all that is decoded ends with a whole frame."""
        return self.codec != "plain" and self._decoder is None and self.failure is None

    def drop(self, count: int) -> None:
        """Forget the first bytes of the buffer."""
        del self.buffer[:count]
        self._dropped += count
        self._forget_starts()

    def _forget_starts(self) -> None:
        """Keep the last frame start at or before the buffer's front, and those after it."""
        before = bisect_right(self._decoded_at, self._dropped) - 1
        if before > 0:
            del self._decoded_at[:before], self._stored_at[:before]

    def place(self) -> tuple[int, int]:
        """Where the buffer's first byte is stored: its frame's stored position, and its offset in the decoded frame."""
        decoded, stored = self._decoded_at[0], self._stored_at[0]
        inside = self._dropped - decoded
        return (stored + inside, 0) if self.codec == "plain" else (stored, inside)

    def stored_end(self, count: int) -> int:
        """A stored position by which the buffer's first `count` bytes are decoded: a frame's end where one is known."""
        if self.codec == "plain":
            return self.place()[0] + count
        after = bisect_left(self._decoded_at, self._dropped + count)
        return self._stored_at[after] if after < len(self._stored_at) else self.stored

    def boundaries(self, low: int, high: int) -> list[int]:
        """Where in buffer[low : high + 1] frames end or begin; none in a plain file."""
        first = bisect_left(self._decoded_at, self._dropped + low)
        after = bisect_right(self._decoded_at, self._dropped + high)
        return [decoded - self._dropped for decoded in self._decoded_at[first:after]]

    def rewind(self, place: tuple[int, int]) -> None:
        """Go back to a place, decoding its frame again."""
        self.rewinds += 1
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
        position = self._next_frame(self._stored_at[-1] + 1)
        self._go_to(self._file.seek(0, io.SEEK_END) if position is None else position)
        self.ended = position is None

    def _next_frame(self, position: int, until: int | None = None, sensible: bool = False) -> int | None:
        """The first stored position from `position` on where a frame begins that is sound, or `sensible` as well."""
        probes = 0
        while self.codec != "plain" and (until is None or position < until):
            self._file.seek(position)
            window = self._file.read(_SCAN)
            for match in _MAGIC[self.codec].finditer(window):
                if until is not None and position + match.start() >= until:
                    return None
                probes += 1
                if self._sound(position + match.start(), sensible):
                    return position + match.start()
                if probes >= _PROBES:
                    return None
            if len(window) < _SCAN:
                break
            position += len(window) - _MAGIC_BYTES + 1
        return None

    def _sound(self, position: int, sensible: bool = False) -> bool:
        """Whether a frame begins at the position that decodes to something sensible, or unless asked, to its end."""
        self._file.seek(position)
        decoder, decoded, left = self._new_decoder(), bytearray(), _PROBE
        try:
            while left > 0 and not decoder.eof and (data := self._file.read(self._slice)):
                decoded += self._decode(decoder, data)
                left -= len(data)
                if self._makes_sense(decoded):
                    return True
                if len(decoded) > _SCAN:
                    return False
        except _DECODE_ERRORS as error:
            if is_of_storage(error):
                raise
            return False
        return bool(decoder.eof and decoded) and not sensible
