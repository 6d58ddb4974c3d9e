"""HTTP's codings undone: chunks and compressions, by what the bytes are before what a header says of them.

Every decoder is bounded before it allocates: in bytes of its output, in members, in layers and in the window it may ask
for. No limit looks at the clock, so a body's fate does not depend on the machine. Knows bodies, nothing of records.
"""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Callable, Sequence
from typing import Final, Literal

import zstandard
from fastwarc.stream_io import BrotliReader

from curate.ingest import evidence

MAX_BODY: Final = 32 << 20
"""Most bytes of a decoded body: 32 times where Common Crawl cut pages for years, and a bound for compression bombs."""
MAX_LAYERS: Final = 4
"""Most codings of one body. Servers behind two compressing proxies reach two."""
MAX_MEMBERS: Final = 4096
"""Most gzip members or zstd frames of one body. Blocked gzip of 64 KiB a member needs 512 for the largest body."""
MAX_CHUNKS: Final = 1 << 18
"""Most chunks of one body: the largest body in chunks of 128 bytes."""
_RESYNCS: Final = 64
_CANDIDATES: Final = 4096
"""Most wrong chunk sizes to recover from in one body, and lines to try for each."""
_READ: Final = 1 << 16
_CHUNK_SIZE = re.compile(rb"[ \t]*(?:0[xX])?([0-9a-fA-F]{1,15})[ \t]*(?:;[^\r\n]*)?\r{0,2}\n")  # RFC 9112, 7.1
_CUT_SIZE = re.compile(rb"[ \t]*[0-9a-fA-F]{0,15}[ \t]*(?:;[^\n]*)?\r*")
_NEXT_CHUNK = re.compile(rb"\r?\n([0-9a-fA-F]{1,8})[ \t]*(?:;[^\r\n]*)?\r?\n")
_LAST_CHUNK = re.compile(rb"\r?\n0{1,15}[ \t]*\r?\n?(?:\r?\n)?\Z")
_TRAILERS: Final = 1024  # bytes that may follow a last chunk of which the sizes before were wrong

Chunks = Literal["whole", "cut", "wrong"]


class NotDecodable(ValueError):
    """A body is not in the coding it is said to be in, nor in another that shows."""


class TooMuch(ValueError):
    """A body asks for more members, layers or window than any page does."""


def has_chunk_size(body: bytes) -> bool:
    """Whether the body begins with a line that is a chunk's size."""
    return _CHUNK_SIZE.match(body) is not None


def dechunk(body: bytes) -> tuple[bytes, Chunks]:
    """The body without chunked transfer coding, and whether its chunks are whole, cut, or of wrong sizes.

    After a size that is wrong the chunk ends at the next line that is a size and fits what follows it; where none does,
    the rest is one chunk. Raises TooMuch for more than MAX_CHUNKS.
    """
    pieces: list[bytes] = []
    at = wrong = 0
    for _ in range(MAX_CHUNKS):
        size = _CHUNK_SIZE.match(body, at)
        if size is None:
            if not _CUT_SIZE.fullmatch(body, at):
                pieces.append(body[at:])
                wrong += 1
            elif pieces and at == len(body) and (last := _LAST_CHUNK.search(pieces[-1])):  # a size that took it in
                pieces[-1] = pieces[-1][: last.start()]
                wrong += 1
            return b"".join(pieces), "wrong" if wrong else "cut"
        start, length = size.end(), int(size[1], 16)
        if length == 0:
            return b"".join(pieces), "wrong" if wrong else "whole"
        end = start + length
        if end >= len(body):
            last = _LAST_CHUNK.search(body, start)
            pieces.append(body[start : last.start() if last else len(body)])
            return b"".join(pieces), "wrong" if wrong or last else "cut"
        after = _after_line_end(body, end)
        if after is None and body[end:] != b"\r":
            wrong += 1
            found = _next_chunk(body, start) if wrong <= _RESYNCS else None
            if found is None:
                last = _LAST_CHUNK.search(body, start)
                pieces.append(body[start : last.start() if last else len(body)])
                return b"".join(pieces), "wrong"
            end, after = found
        pieces.append(body[start:end])
        at = len(body) if after is None else after
    raise TooMuch(f"more than {MAX_CHUNKS} chunks")


def _after_line_end(body: bytes, at: int) -> int | None:
    """Where the line end at a position ends; None where there is none."""
    if body.startswith(b"\r\n", at):
        return at + 2
    lone = body.startswith(b"\n", at) and body[at - 1] != 0x0D  # after CR it is half of an end that lies before
    return at + 1 if lone else None


def _next_chunk(body: bytes, start: int) -> tuple[int, int] | None:
    """Where the chunk that begins at `start` ends, by the next size that fits what follows, and where that size begins."""
    for number, found in enumerate(_NEXT_CHUNK.finditer(body, start)):
        length = int(found[1], 16)
        end = found.end() + length
        fits = len(body) - found.end() <= _TRAILERS if length == 0 else _after_line_end(body, end) is not None
        if fits:
            return found.start(), found.start(1)
        if number > _CANDIDATES:
            break
    return None


def _inflate(body: bytes, window: int, limit: int) -> bytes:
    """zlib's decoding of one or more members, at most `limit` bytes and one more to show that there are more."""
    decoded = bytearray()
    view = memoryview(body)
    at = members = 0
    while at < len(view) and len(decoded) <= limit:
        members += 1
        if members > MAX_MEMBERS:
            raise TooMuch(f"more than {MAX_MEMBERS} members")
        decoder = zlib.decompressobj(window)
        try:
            while at < len(view) and not decoder.eof and len(decoded) <= limit:
                data = view[at : at + _READ]
                decoded += decoder.decompress(data, limit + 1 - len(decoded))
                at += len(data) - len(decoder.unused_data)
        except zlib.error as error:
            if not decoded:
                raise NotDecodable("not deflate") from error
            break
        if window < 0:
            break
    return bytes(decoded)


def _gunzip(body: bytes, limit: int) -> bytes:
    return _inflate(body, zlib.MAX_WBITS | 16, limit)


def _undeflate(body: bytes, limit: int) -> bytes:
    """`deflate` means zlib's format (RFC 9110, 8.4.1.2), but some servers send the bare stream."""
    try:
        return _inflate(body, zlib.MAX_WBITS, limit)
    except NotDecodable:
        return _inflate(body, -zlib.MAX_WBITS, limit)


def _unbrotli(body: bytes, limit: int) -> bytes:
    reader, decoded = BrotliReader(io.BytesIO(body)), bytearray()
    try:
        while len(decoded) <= limit and (data := reader.read(min(_READ, limit + 1 - len(decoded)))):
            decoded += data
    except OSError as error:
        if not decoded:
            raise NotDecodable("not brotli") from error
    return bytes(decoded)


def _unzstd(body: bytes, limit: int) -> bytes:
    """zstd's decoding of one or more frames. A window beyond the largest body is refused before it is allocated."""
    decompressor = zstandard.ZstdDecompressor(max_window_size=MAX_BODY)
    decoded, at, frames = bytearray(), 0, 0
    while at < len(body) and len(decoded) <= limit:
        frames += 1
        if frames > MAX_MEMBERS:
            raise TooMuch(f"more than {MAX_MEMBERS} frames")
        try:
            if zstandard.get_frame_parameters(body[at : at + 18]).window_size > MAX_BODY:
                raise TooMuch("a window larger than any body")
            decoder = decompressor.decompressobj()
            while at < len(body) and not decoder.eof and len(decoded) <= limit:
                data = body[at : at + _ZSTD_READ]
                decoded += decoder.decompress(data)
                at += len(data) - len(decoder.unused_data)
        except zstandard.ZstdError as error:
            if not decoded:
                raise NotDecodable("not zstd") from error
            break
    return bytes(decoded[: limit + 1])


_ZSTD_READ: Final = 1 << 8  # four bytes may stand for a block of 128 KiB: 8 MiB from one such piece

Decoder = Callable[[bytes, int], bytes]
_DECODERS: Final[dict[bytes, Decoder]] = {
    b"gzip": _gunzip,
    b"x-gzip": _gunzip,
    b"deflate": _undeflate,
    b"br": _unbrotli,
    b"zstd": _unzstd,
}
_BY_SIGNATURE: Final[dict[str, Decoder]] = {"gzip": _gunzip, "zstd": _unzstd}
_WITHOUT_SIGNATURE: Final = (_unbrotli, _undeflate)
NONE_NAMED: Final = frozenset({b"", b"identity", b"none", b"chunked"})


def claims(values: Sequence[bytes]) -> list[bytes]:
    """The codings that header values name, in the order in which they are to be undone."""
    names = [name.partition(b";")[0].strip().strip(b"\"'").lower() for value in values for name in value.split(b",")]
    return [name for name in reversed(names) if name not in NONE_NAMED]


def undo(body: bytes, named: Sequence[bytes], html: bool, limit: int = MAX_BODY) -> tuple[bytes, bool]:
    """The body with its codings undone, and whether codings were named that it is not in, since it was stored decoded.

    What the bytes show comes first: text is taken as it is, whatever is named, and a compression's signature is obeyed
    whether named or not. Then the codings `named`; then, of a page said to be `html` that is evidently binary, those
    that have no signature. A coding that nobody named counts only if markup is under it. At most `limit` bytes and one
    more are decoded. Raises NotDecodable, or TooMuch.
    """
    if len(named) > MAX_LAYERS:
        raise TooMuch(f"more than {MAX_LAYERS} codings")
    left = list(named)
    for _ in range(MAX_LAYERS):
        if not body or evidence.may_be_html(body):
            break
        shown = _BY_SIGNATURE.get(evidence.compression(body) or "")
        if shown:
            decoded = _tried(shown, body, limit)
            if decoded is None or not (left or evidence.has_markup(decoded) or evidence.compression(decoded)):
                break
            body, left = decoded, _without(left, shown)
        elif left:
            decode = _DECODERS.get(left[0])
            tries = dict.fromkeys([*([decode] if decode else []), *_WITHOUT_SIGNATURE])
            found = [
                (each, out) for each in tries if (out := _tried(each, body, limit)) and _plausible(each, decode, out)
            ]
            if not found:
                break
            body, left = found[0][1], left[1:]
        else:
            if html and evidence.is_binary(body) and not evidence.compression(body):
                outs = (_tried(each, body, limit) for each in _WITHOUT_SIGNATURE)
                body = next((out for out in outs if out and evidence.may_be_html(out)), body)
            break
    if left and body and not evidence.is_surely_text(body):
        raise NotDecodable(f"not {left[0]!r}")
    return body, bool(left)


def _plausible(used: Decoder, named: Decoder | None, decoded: bytes) -> bool:
    """Whether what came out of a decoder counts: of the one that was named always, of another only with markup."""
    return used is named or evidence.has_markup(decoded)


def _without(left: list[bytes], used: Decoder) -> list[bytes]:
    """The codings still to be undone once one was: the next that names it goes, else the next."""
    for number, name in enumerate(left):
        if _DECODERS.get(name) is used:
            return left[number + 1 :]
    return left[1:]


def _tried(decode: Decoder, body: bytes, limit: int) -> bytes | None:
    """What the decoder makes of the body; None where it can make nothing of it."""
    try:
        return decode(body, limit) or None
    except NotDecodable:
        return None
