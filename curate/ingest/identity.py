"""Record ids: a hash of where a record lies, the same wherever the file is stored."""

from hashlib import blake2b
from struct import pack

ID_BYTES = 16


def record_id(source: str, relative: str, position: int, within: int = 0) -> bytes:
    """The 16-byte id of the record at `position` (stored offset, or row of a table) of a source's file.

    `within` tells apart records that share one compressed frame: their offset in the frame's decoded bytes.
    Names are separated by NUL, which no file name contains, so that ("a", "bc") and ("ab", "c") differ.
    """
    place = pack("<qq", position, within) if within else pack("<q", position)
    digest = blake2b(source.encode("utf-8", "surrogateescape"), digest_size=ID_BYTES)
    digest.update(b"\0" + relative.encode("utf-8", "surrogateescape") + b"\0" + place)
    return digest.digest()
