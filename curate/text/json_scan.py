"""JSON measured and cut without building it: how many values, how deep, and where members of the top level lie.

Kernels over bytes. They tell strings from structure and count brackets; they do not check that the rest is valid.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from curate.text.compiled import kernel

_QUOTE, _BACKSLASH, _COMMA, _COLON = ord('"'), ord("\\"), ord(","), ord(":")
_OPEN_OBJECT, _CLOSE_OBJECT, _OPEN_ARRAY, _CLOSE_ARRAY = ord("{"), ord("}"), ord("["), ord("]")


@kernel
def _measure(data):  # type: ignore[no-untyped-def]
    """Values (one, and one per bracket opened and comma), and the greatest depth."""
    values, depth, deepest, quoted = 1, 0, 0, False
    at = 0
    while at < len(data):
        byte = data[at]
        if quoted:
            if byte == _BACKSLASH:
                at += 1
            elif byte == _QUOTE:
                quoted = False
        elif byte == _QUOTE:
            quoted = True
        elif byte == _COMMA:
            values += 1
        elif byte in (_OPEN_OBJECT, _OPEN_ARRAY):
            values += 1
            depth += 1
            deepest = max(deepest, depth)
        elif byte in (_CLOSE_OBJECT, _CLOSE_ARRAY):
            depth -= 1
        at += 1
    return values, deepest


@kernel
def _members(data, names, ends, spans):  # type: ignore[no-untyped-def]
    """Fill `spans` with where the values of the names lie, the last of each; False where the object does not close."""
    depth, quoted, key_start, key_end, value_start, seen_colon = 0, False, -1, -1, -1, False
    at, closed = 0, False
    while at < len(data):
        byte = data[at]
        if quoted:
            if byte == _BACKSLASH:
                at += 1
            elif byte == _QUOTE:
                quoted = False
                if depth == 1 and not seen_colon:
                    key_end = at
        elif byte == _QUOTE:
            if closed:
                return False
            quoted = True
            if depth == 1 and not seen_colon:
                key_start = at + 1
        elif byte == _COLON and depth == 1 and not seen_colon:
            seen_colon = True
            value_start = at + 1
        elif byte in (_OPEN_OBJECT, _OPEN_ARRAY):
            if closed or (depth == 0 and byte == _OPEN_ARRAY):
                return False
            depth += 1
        elif byte in (_CLOSE_OBJECT, _CLOSE_ARRAY, _COMMA):
            if depth == 1 and seen_colon:
                start = 0
                for name in range(len(ends)):
                    size = ends[name] - start
                    if key_end - key_start == size:
                        same = True
                        for offset in range(size):
                            if data[key_start + offset] != names[start + offset]:
                                same = False
                                break
                        if same:
                            spans[name, 0] = value_start
                            spans[name, 1] = at
                    start = ends[name]
                seen_colon = False
            if byte != _COMMA:
                depth -= 1
                if depth < 0:
                    return False
                closed = depth == 0
        at += 1
    return closed and not quoted


def measure(line: bytes) -> tuple[int, int]:
    """How many values the JSON has at most, and how deep it nests.

    >>> measure(b'{"a": [1, 2]}')
    (4, 2)
    """
    values, depth = _measure(np.frombuffer(line, np.uint8))
    return int(values), int(depth)


def members(line: bytes, names: Sequence[bytes]) -> list[tuple[int, int]] | None:
    """Where the value of each name lies at the top level of the object, (0, 0) where it has none; None for no object.

    Names are compared as they stand, without escapes; of a name that comes twice the last counts, as in JSON parsers.

        >>> members(b'{"a": [1, 2], "b": 3}', [b"b"])
        [(18, 20)]
    """
    spans: npt.NDArray[np.int64] = np.zeros((len(names), 2), np.int64)
    ends = np.cumsum([len(name) for name in names], dtype=np.int64)
    if not _members(np.frombuffer(line, np.uint8), np.frombuffer(b"".join(names) + b"\0", np.uint8), ends, spans):
        return None
    return [(int(start), int(end)) for start, end in spans]
