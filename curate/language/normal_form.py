"""Text as the language model was trained on: composed (NFC), and in lower case where it is written all in capitals.

Nearly every text is so already, which a kernel sees by Unicode's quick check (UAX #15, section 9); the rest goes through
Python one by one. Knows Unicode; knows no language.
"""

import sys
import unicodedata
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.text.characters import LOWER, UPPER, Bytes, Offsets, decode, tables
from curate.text.compiled import kernel

_UNSURE = 255  # not composed, or able to compose with what stands before
_FIRST_CHANGED = 0xC0  # the first letter with a decomposition
_LAST_CHANGED = 0x2FA1D  # no character after this one has a decomposition, or combines (but for planes' ends)
_HANGUL_PARTS = range(0x1161, 0x11C3)  # vowels and final consonants, composed by rule


@lru_cache(maxsize=1)
def _quick_check() -> NDArray[np.uint8]:
    """Per code point: its combining class, or _UNSURE."""
    table = np.zeros(sys.maxunicode + 1, np.uint8)
    for code in range(_FIRST_CHANGED, _LAST_CHANGED + 1):
        character = chr(code)
        composed = unicodedata.is_normalized("NFC", character)
        table[code] = max(int(table[code]), unicodedata.combining(character) if composed else _UNSURE)
        parts = unicodedata.decomposition(character).split()
        if len(parts) == 2 and not parts[0].startswith("<"):
            table[int(parts[1], 16)] = _UNSURE
    table[_HANGUL_PARTS] = _UNSURE
    return table


@kernel
def _unsure(data: Any, bounds: Any, quick_check: Any, flags: Any, unsure: Any) -> None:
    for document in range(len(bounds) - 1):
        index = bounds[document]
        end = bounds[document + 1]
        lower = upper = False
        last = np.uint8(0)
        doubt = False
        while index < end:
            byte = data[index]
            if byte < 0x80:
                lower |= 97 <= byte <= 122
                upper |= 65 <= byte <= 90
                last = np.uint8(0)
                index += 1
                continue
            point, size = decode(data, index, end)
            index += size
            lower |= (flags[point] & LOWER) != 0
            upper |= (flags[point] & UPPER) != 0
            order = quick_check[point]
            if order == _UNSURE or (order and order < last):
                doubt = True
                break
            last = order
        unsure[document] = doubt or (upper and not lower)


def normalised(data: Bytes, bounds: Offsets) -> tuple[Bytes, Offsets]:
    """The documents in the form the model knows, as new (bytes, offsets) where any of them changes."""
    documents = len(bounds) - 1
    unsure = np.zeros(documents, np.bool_)
    _unsure(data, bounds, _quick_check(), tables().flags, unsure)
    changed: dict[int, bytes] = {}
    for document in np.flatnonzero(unsure).tolist():
        raw = data[bounds[document] : bounds[document + 1]].tobytes()
        text = raw.decode("utf-8", "replace")
        if text.isupper():
            text = text.lower()
        form = unicodedata.normalize("NFC", text).encode()
        if form != raw:
            changed[document] = form
    if not changed:
        return data, bounds
    lengths = np.diff(bounds)
    pieces: list[Any] = []
    start = 0
    for document, form in changed.items():
        pieces += [data[bounds[start] : bounds[document]], np.frombuffer(form, np.uint8)]
        lengths[document] = len(form)
        start = document + 1
    pieces.append(data[bounds[start] : bounds[-1]])
    moved = np.zeros(documents + 1, np.int64)
    np.cumsum(lengths, out=moved[1:])
    return np.concatenate(pieces), moved
