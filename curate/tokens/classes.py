"""Character classes of the splitting patterns, as a table by code point, taken from the very engine that tiktoken runs.

Python's Unicode version and that engine's differ, so the table is made by matching every character with it. Knows
classes; knows no text.
"""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt
import tiktoken

LETTER = 1
NUMBER = 2
SPACE = 4
HEAD = 8
"""What a word of o200k begins with: upper case, title case, letters without case, marks."""
TAIL = 16
"""What a word of o200k ends with: lower case, letters without case, marks."""

_PATTERNS = {
    LETTER: r"\p{L}+",
    NUMBER: r"\p{N}+",
    SPACE: r"\s+",
    HEAD: r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+",
    TAIL: r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]+",
}
_CODE_POINTS = 0x110000
_SURROGATES = range(0xD800, 0xE000)


@functools.cache
def character_classes() -> npt.NDArray[np.uint8]:
    """The bits above for every code point."""
    characters = "".join(chr(code) for code in range(_CODE_POINTS) if code not in _SURROGATES)
    table = np.zeros(_CODE_POINTS, dtype=np.uint8)
    for bit, pattern in _PATTERNS.items():
        found = np.frombuffer(_matched(pattern, characters).decode().encode("utf-32-le"), dtype="<u4")
        table[found] |= bit
    return table


def _matched(pattern: str, text: str) -> bytes:
    """What a pattern matches of a text: an encoding leaves out what its pattern does not match."""
    bytes_as_ids = {bytes([value]): value for value in range(256)}
    encoding = tiktoken.Encoding("matched", pat_str=pattern, mergeable_ranks=bytes_as_ids, special_tokens={})
    return bytes(encoding.encode_ordinary(text))
