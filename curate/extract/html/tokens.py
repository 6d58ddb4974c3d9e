"""Tokens of HTML: where tags, attributes, comments and raw text end, as the standard's tokenizer has it (13.2.5).

Each function moves forward over bytes of UTF-8 and never back, so the whole is linear. A tag, comment or raw text that
the page does not finish ends with the page. Knows bytes; knows no open elements and no text.
"""

from __future__ import annotations

import numpy as np

from curate.extract.html.elements import ATTRIBUTES, attribute_number
from curate.extract.html.references import reference
from curate.text.characters import Bytes, Offsets
from curate.text.compiled import Scalar
from curate.text.compiled import lean_kernel as kernel
from curate.text.hashing import FNV_OFFSET, add_to_code

_LT, _GT, _SLASH, _EQUALS, _DASH, _BANG, _DOUBLE, _SINGLE, _AMPERSAND = (ord(c) for c in "<>/=-!\"'&")
_STRIDE = 128
"""Bytes that are looked at together: a loop of fewer is unrolled by LLVM, and one of these becomes four vectors."""
_SCRIPT = np.frombuffer(b"script", np.uint8)


@kernel
def is_space(byte: Scalar) -> Scalar:
    """White space of HTML: space, tab, line feed, form feed, carriage return."""
    return byte == 32 or byte == 10 or byte == 9 or byte == 13 or byte == 12


@kernel
def is_letter(byte: Scalar) -> Scalar:
    """An ASCII letter."""
    return 97 <= byte | 32 <= 122


@kernel
def lower(byte: Scalar) -> Scalar:
    """An ASCII letter in lower case; any other byte as it is."""
    return byte + 32 if 65 <= byte <= 90 else byte


@kernel
def place_of(byte: Scalar, data: Bytes, at: Scalar, end: Scalar) -> Scalar:
    """Where this byte stands first from here on; the end if nowhere. Looks at a vector of bytes at once."""
    wanted = np.uint8(byte)
    while at + _STRIDE <= end:
        part = data[at : at + _STRIDE]
        found = np.uint8(0)
        for i in range(_STRIDE):
            found = np.uint8(found | np.uint8(part[i] == wanted))
        if found:
            break
        at += _STRIDE
    while at < end and data[at] != wanted:
        at += 1
    return at


@kernel
def tag_name(data: Bytes, at: Scalar, end: Scalar) -> tuple[Scalar, Scalar]:
    """The place after the name that begins here, and the code of the name in lower case."""
    code = FNV_OFFSET
    while at < end:
        byte = data[at]
        if byte in (_GT, _SLASH) or is_space(byte):
            break
        code = add_to_code(code, lower(byte))
        at += 1
    return at, code


@kernel
def attributes(data: Bytes, at: Scalar, end: Scalar, found: Offsets) -> Scalar:
    """The place after the `>` of a tag whose name ends here; -1 if the page ends first.

    Fills start and end of the value of every attribute that is read: `found[2 * number]` and the next, -1 where there
    is none. The first of two with one name counts. The values are as written, references and all.
    """
    for i in range(2 * len(ATTRIBUTES)):
        found[i] = -1
    while at < end:
        byte = data[at]
        if byte == _GT:
            return at + 1
        if byte == _SLASH or is_space(byte):
            at += 1
            continue
        code, first = FNV_OFFSET, at  # a name may begin with `=`
        while at < end:
            byte = data[at]
            if byte in (_GT, _SLASH) or is_space(byte) or (byte == _EQUALS and at > first):
                break
            code = add_to_code(code, lower(byte))
            at += 1
        while at < end and is_space(data[at]):
            at += 1
        start = stop = at
        if at < end and data[at] == _EQUALS:
            at += 1
            while at < end and is_space(data[at]):
                at += 1
            if at >= end:
                return -1
            quote = data[at]
            if quote in (_DOUBLE, _SINGLE):
                at += 1
                start = at
                stop = place_of(quote, data, at, end)
                at = stop + 1
            else:
                start = at
                while at < end and data[at] != _GT and not is_space(data[at]):
                    at += 1
                stop = at
        number = attribute_number(code)
        if number >= 0 and found[2 * number] < 0:
            found[2 * number] = start
            found[2 * number + 1] = stop
    return -1


@kernel
def markup_end(data: Bytes, at: Scalar, end: Scalar, foreign: Scalar) -> tuple[Scalar, Scalar, Scalar]:
    """For `<!` or `<?` at this place: the place after it, and start and end of the text in it (a CDATA section's)."""
    if at + 3 < end and data[at + 1] == _BANG and data[at + 2] == _DASH and data[at + 3] == _DASH:
        at += 4
        if at < end and data[at] == _GT:
            return at + 1, 0, 0
        if at + 1 < end and data[at] == _DASH and data[at + 1] == _GT:
            return at + 2, 0, 0
        start = at
        while at < end:
            at = place_of(_GT, data, at, end)
            bang = at - 1 > start and data[at - 1] == _BANG
            before = at - 1 - bang
            if at < end and before > start and data[before] == _DASH and data[before - 1] == _DASH:
                return at + 1, 0, 0
            at += 1
        return end, 0, 0
    if foreign and at + 9 <= end and data[at + 2] == 91 and data[at + 3] == 67 and data[at + 8] == 91:  # <![CDATA[
        start = at + 9
        at = start
        while at + 2 < end and not (data[at] == 93 and data[at + 1] == 93 and data[at + 2] == _GT):
            at += 1
        return (at + 3, start, at) if at + 2 < end else (end, start, end)
    return min(place_of(_GT, data, at, end) + 1, end), 0, 0


@kernel
def _closes(data: Bytes, at: Scalar, end: Scalar, name: Scalar) -> Scalar:
    """Whether `</` and this name stand here, and an end of the name after it."""
    if at + 2 >= end or data[at] != _LT or data[at + 1] != _SLASH or not is_letter(data[at + 2]):
        return False
    after, code = tag_name(data, at + 2, end)
    return code == name and after < end


@kernel
def raw_end(data: Bytes, at: Scalar, end: Scalar, name: Scalar) -> Scalar:
    """Where the end tag of this name begins after raw text that begins here; the page's end if nowhere."""
    while at < end:
        at = place_of(_LT, data, at, end)
        if _closes(data, at, end, name):
            return at
        at += 1
    return end


@kernel
def _script_word(data: Bytes, at: Scalar, end: Scalar) -> Scalar:
    """Whether `script` and an end of a name stand here."""
    if at + 6 >= end:
        return False
    for i in range(6):
        if data[at + i] | 32 != _SCRIPT[i]:
            return False
    byte = data[at + 6]
    return byte in (_GT, _SLASH) or is_space(byte)


@kernel
def script_end(data: Bytes, at: Scalar, end: Scalar) -> Scalar:
    """Where the end tag of a script begins whose text begins here; the page's end if nowhere.

    After `<!--` a `<script` hides the next `</script` (the states "script data escaped" and "double escaped").
    """
    escaped = double = False
    since = at
    while at < end:
        if not escaped:
            at = place_of(_LT, data, at, end)
            if at == end:
                break
        byte = data[at]
        if byte == _LT:
            if not escaped and at + 3 < end and data[at + 1] == _BANG:
                if data[at + 2] == _DASH and data[at + 3] == _DASH:
                    escaped = True
                    at += 2  # the dashes may be those of `-->` as well
                    since = at
                    continue
            elif at + 1 < end and data[at + 1] == _SLASH:
                if _script_word(data, at + 2, end):
                    if not double:
                        return at
                    double = False
            elif escaped and not double and _script_word(data, at + 1, end):
                double = True
        elif byte == _GT and escaped and at >= since + 2 and data[at - 1] == _DASH and data[at - 2] == _DASH:
            escaped = double = False
        at += 1
    return end


@kernel
def value_text(data: Bytes, at: Scalar, end: Scalar, out: Bytes, place: Scalar, held: Bytes) -> Scalar:
    """Write an attribute's value with its references resolved; the place after it. NUL is left out."""
    while at < end:
        if data[at] == _AMPERSAND:
            after, size = reference(data, at, end, True, held)
            if after:
                for i in range(size):
                    out[place + i] = held[i]
                place += size
                at = after
                continue
        if data[at] != 0:
            out[place] = data[at]
            place += 1
        at += 1
    return place
