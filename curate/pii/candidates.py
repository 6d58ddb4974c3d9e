"""The prefilter: one pass over UTF-8 bytes that marks the stretches where personal data can be.

Nearly all of a page has no digit, no `@` and no spelled-out "dot": those bytes cost one table look-up each. What is marked
is looked at again by the detector of its kind, in Python. Linear: a stretch ends before the next of its kind begins, or its
length is bounded. Knows the looks of things; decides nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.text.columns import text_buffers
from curate.text.compiled import Scalar, kernel

NUMBER = 0
"""Groups of digits with separators of phone, card and social security numbers between them."""
DOTTED = 1
"""The same with three or more single full stops: perhaps an IPv4 address."""
HEXADECIMAL = 2
"""Groups of hexadecimal digits joined by colons, hyphens or full stops: MAC and IPv6 addresses."""
TOKEN = 3
"""A run of the characters of keys, wallets and base64 that has a digit, or letters of both cases."""
ACCOUNT = 4
"""Two letters, two digits, letters and digits, perhaps in groups: IBAN."""
AT = 5
"""An `@` or `%40` between characters of an address."""
SPELLED = 6
"""An `at` and a `dot` as words or in brackets."""
CREDENTIALS = 7
"""`://`, and a colon and an `@` before the next white space."""
KEY_BLOCK = 8
"""`-----BEGIN`."""
ASSIGNED = 9
"""A colon or `=` behind the last letters of a word that a secret follows."""

_LEAST_NUMBER = 7  # digits of the shortest phone number looked for
_LEAST_TOKEN = 16  # characters of the shortest key of `curate.pii.keys`
_LEAST_ACCOUNT = 15  # characters of the shortest IBAN (Norway)
_LONGEST_ACCOUNT = 34  # ISO 13616
_LONGEST_LOCAL = 64  # characters before the @ of an address (RFC 5321, 4.5.3.1)
_LONGEST_DOMAIN = 255  # the same, 4.5.3.1.2
_LONGEST_CREDENTIALS = 256
_LEAST_IPV6 = 6  # characters of the shortest address that a machine on the public internet has, as in 2a00::
_DOTTED_MAC = 14  # characters of 0000.5e00.5301
_MAC_GROUP = 4  # of its groups; as long are an IBAN's country and check digits
_SPELLED_AROUND = 100  # bytes before and after a spelled-out "at" or "dot" in which an address is looked for
_SPELLED_STEP = 50  # such words this close to the last are in what was marked there

_DIGIT = 1
_ALPHANUMERIC = 2
_HEX = 4
_LOCAL = 8
_START = 16  # bytes at which something can begin
_TOKEN = 32  # bytes of keys: letters, digits and _ - . + / = ~
_ASSIGNED_LENGTH = 4  # bytes of a stretch at a sign: `:= "`; what follows is read by the detector


_WIDE_AT = "\uff20".encode()
_WIDE_AT_1, _WIDE_AT_2 = _WIDE_AT[1], _WIDE_AT[2]


def _byte_classes() -> NDArray[np.uint8]:
    classes = np.zeros(256, np.uint8)
    for byte in range(256):
        character = chr(byte)
        if byte >= 0x80:
            classes[byte] = _LOCAL
        elif character.isdigit():
            classes[byte] = _DIGIT | _ALPHANUMERIC | _HEX | _LOCAL | _START
        elif character.isalpha() or character == "_":
            classes[byte] = _ALPHANUMERIC | _LOCAL | (_HEX if character in "abcdefABCDEF" else 0)
        elif character in ".+-'%":
            classes[byte] = _LOCAL
    for character in "_@%dD:=-([{<":
        classes[ord(character)] |= _START
    classes[_WIDE_AT[0]] |= _START
    for byte in range(0x80):
        if chr(byte).isalnum() or chr(byte) in "_-.+/=~":
            classes[byte] |= _TOKEN
    return classes


_CLASSES = _byte_classes()


@kernel
def _separator(data: Any, at: Scalar, end: Scalar) -> Scalar:
    """Bytes of the separator of digit groups at `at`, 0 where there is none."""
    byte = data[at]
    if byte == 32 or byte == 45 or byte == 46 or byte == 47 or byte == 40 or byte == 41:  # space - . / ( )
        return 1
    if byte == 91 and at + 2 < end and data[at + 1] == 46 and data[at + 2] == 93:  # [.]
        return 3
    if byte == 0xC2 and at + 1 < end and data[at + 1] == 0xA0:  # no-break space
        return 2
    if byte == 0xE2 and at + 2 < end and data[at + 1] == 0x80:  # U+2000 to U+2015, U+202F: spaces and dashes
        last = data[at + 2]
        if last <= 0x8A or 0x90 <= last <= 0x95 or last == 0xAF:
            return 3
    return 0


@kernel
def _extends(byte: Scalar) -> Scalar:
    """Whether an extension can begin so: `x12`, `ext. 12`."""
    return byte | 32 == 120 or byte | 32 == 101


@kernel
def _number_end(data: Any, at: Scalar, end: Scalar, classes: Any) -> tuple[Scalar, Scalar, Scalar]:
    """(end, digits, full stops between two digits) of the groups of digits that begin at `at`."""
    digits = dots = np.int64(0)
    before = at
    while True:
        while at < end and classes[data[at]] & _DIGIT:
            at += 1
            digits += 1
        if at < end and classes[data[at]] & _ALPHANUMERIC and not _extends(data[at]):  # 2019 in "1 2019a"
            return before, digits, dots
        before = gap = at
        for _ in range(4):
            if gap >= end:
                break
            gap += _separator(data, gap, end)
        if gap == at or gap >= end or not classes[data[gap]] & _DIGIT:
            return at, digits, dots
        dots += (gap == at + 1 and data[at] == 46) or (gap == at + 3 and (data[at + 1] == 46))
        at = gap


@kernel
def _hexadecimal(data: Any, at: Scalar, low: Scalar, end: Scalar, classes: Any) -> tuple[Scalar, Scalar, Scalar]:
    """(start, end, whether it can be an address) of the stretch of hexadecimal digits, `:`, `-` and `.` around `at`."""
    start = at
    while start > low and (classes[data[start - 1]] & _HEX or data[start - 1] == 58 or data[start - 1] == 45):
        start -= 1
    stop = at
    colons = hyphens = dots = 0
    double = False
    while stop < end:
        byte = data[stop]
        if not classes[byte] & _HEX:
            if byte != 58 and byte != 45 and byte != 46:
                break
            dots += byte == 46
        stop += 1
    for index in range(start, stop):
        byte = data[index]
        colons += byte == 58
        hyphens += byte == 45
        double |= byte == 58 and index + 1 < stop and data[index + 1] == 58
    length = stop - start
    marked = colons >= 5 or (colons >= 2 and double) or hyphens >= 5 or (dots >= 2 and length >= _DOTTED_MAC)
    return start, stop, marked and length >= _LEAST_IPV6


@kernel
def _account_end(data: Any, start: Scalar, end: Scalar, classes: Any) -> tuple[Scalar, Scalar]:
    """(end, characters) of letters and digits from `start`, single spaces or hyphens between them."""
    at = start
    count = np.int64(0)
    while at < end and count <= _LONGEST_ACCOUNT:
        byte = data[at]
        if classes[byte] & _ALPHANUMERIC and byte != 95:
            count += 1
        elif not ((byte == 32 or byte == 45) and at + 1 < end and classes[data[at + 1]] & _ALPHANUMERIC):
            break
        at += 1
    return at, count


@kernel
def _is_letter(byte: Scalar) -> Scalar:
    return 65 <= (byte & 0xDF) <= 90


@kernel
def _word_at(data: Any, at: Scalar, end: Scalar, first: Scalar, second: Scalar) -> Scalar:
    """Whether two letters, in either case, stand at `at`."""
    return at + 1 < end and data[at] | 32 == first and data[at + 1] | 32 == second


@kernel
def _edge(data: Any, at: Scalar, low: Scalar, end: Scalar) -> Scalar:
    """Whether a spelled-out word can begin or end beside this byte: white space, a bracket, a hyphen, an underscore."""
    if at < low or at >= end:
        return False
    byte = data[at]
    return byte <= 32 or byte == 40 or byte == 41 or byte == 91 or byte == 93 or byte in (123, 125, 60, 62, 42, 45, 95)


@kernel
def _says_at(data: Any, low: Scalar, high: Scalar, end: Scalar) -> Scalar:
    """Whether `at` stands between edges, or an `@`, somewhere in data[low:high]."""
    for index in range(low, high):
        if data[index] == 64:
            return True
        if (
            _word_at(data, index, end, 97, 116)
            and _edge(data, index - 1, low, end)
            and _edge(data, index + 2, low, end)
        ):
            return True
    return False


@kernel
def _put(found: Any, count: Scalar, document: Scalar, kind: Scalar, start: Scalar, stop: Scalar) -> Scalar:
    """Write a row where there is room for it; returns the count with it."""
    if count < found.shape[1]:
        found[0, count], found[1, count], found[2, count], found[3, count] = document, kind, start, stop
    return count + 1


@kernel
def _says_secret(data: Any, low: Scalar, at: Scalar) -> Scalar:
    """Whether a sign at `at` follows, perhaps behind a quote and spaces, the end of one of the words of `secrets`."""
    last = at - 1
    while last >= low and last > at - 6 and data[last] in (32, 9, 34, 39, 93, 96):
        last -= 1
    if last - 2 < low:
        return False
    one, two, three = data[last - 2] | 32, data[last - 1] | 32, data[last] | 32
    if three == 121:  # key
        return one == 107 and two == 101
    if three == 110:  # token
        return one == 107 and two == 101
    if three == 116:  # secret, passwort
        return (one == 114 and two == 101) or (one == 111 and two == 114)
    if three == 100:  # password, passwd, pwd, ...id
        return (one == 111 and two == 114) or two == 119 or two == 105
    if three == 115:  # pass, credentials
        return two == 115 or (one == 97 and two == 108)
    if three == 101:  # passphrase, mot de passe
        return (one == 97 and two == 115) or (one == 115 and two == 115)
    return (three == 97 and ((one == 110 and two == 104) or two in (0xB1, 0x91))) or (three == 108 and one == 105)


@kernel
def _put_tokens(
    data: Any, low: Scalar, end: Scalar, document: Scalar, classes: Any, found: Any, count: Scalar
) -> Scalar:
    """Write a row for every run of the characters of keys that is long enough. A run of n holds every n-th byte, so only
    those are looked at. Returns the count with them."""
    done = low
    at = low + _LEAST_TOKEN - 1
    while at < end:
        if not classes[data[at]] & _TOKEN:
            at += _LEAST_TOKEN
            continue
        start = at
        while start > done and classes[data[start - 1]] & _TOKEN:
            start -= 1
        done = at
        while done < end and classes[data[done]] & _TOKEN:
            done += 1
        at = done + _LEAST_TOKEN
        if done - start < _LEAST_TOKEN:
            continue
        digit = upper = lower = False
        for index in range(start, done):
            byte = data[index]
            digit |= 48 <= byte <= 57
            upper |= 65 <= byte <= 90
            lower |= 97 <= byte <= 122
        if digit or (upper and lower):
            count = _put(found, count, document, TOKEN, start, done)
    return count


@kernel
def _dot_apart(data: Any, at: Scalar, end: Scalar) -> Scalar:
    """Whether a full stop between spaces follows soon."""
    for index in range(at + 1, min(end - 1, at + _LONGEST_DOMAIN)):
        if data[index] == 10:
            return False
        if data[index] == 46 and data[index - 1] == 32 and data[index + 1] == 32:
            return True
    return False


@kernel
def _put_hexadecimal(
    data: Any,
    at: Scalar,
    low: Scalar,
    end: Scalar,
    document: Scalar,
    done: Scalar,
    classes: Any,
    found: Any,
    count: Scalar,
) -> tuple[Scalar, Scalar]:
    """(count, end of what was looked at) with a row for the hexadecimal groups around a separator, or a group, at `at`."""
    if at < done or at + 1 >= end:
        return count, done
    after = data[at + 1]
    if not (classes[after] & _HEX or after == 58):
        return count, done
    start, stop, likely = _hexadecimal(data, at, max(low, done), end, classes)
    if likely:
        count = _put(found, count, document, HEXADECIMAL, start, stop)
    return count, max(done, stop)


@kernel
def _scan(data: Any, bounds: Any, classes: Any, found: Any) -> Scalar:
    """Fill `found` (rows: document, kind, start, end) as far as it reaches; returns how many rows there are."""
    count = np.int64(0)
    for document in range(len(bounds) - 1):
        low, end = bounds[document], bounds[document + 1]
        count = _put_tokens(data, low, end, document, classes, found, count)
        at = low
        done = low  # digits and letters before this were looked at
        hex_done = low
        spelled = low - _SPELLED_STEP
        while at < end:
            byte = data[at]
            if not classes[byte] & _START:
                at += 1
                continue
            kind = -1
            start = stop = at
            wide = byte == 0xEF and at + 2 < end and data[at + 1] == _WIDE_AT_1 and data[at + 2] == _WIDE_AT_2
            if byte == 64 or wide or (byte == 37 and at + 2 < end and data[at + 1] == 52 and data[at + 2] == 48):
                after = at + (1 if byte == 64 else 3)
                if at > low and classes[data[at - 1]] & _LOCAL and after < end and classes[data[after]] & _LOCAL:
                    while start > low and start > at - 4 * _LONGEST_LOCAL and classes[data[start - 1]] & _LOCAL:
                        start -= 1
                    stop = after
                    dots = 0
                    while (
                        stop < end
                        and stop < after + _LONGEST_DOMAIN
                        and classes[data[stop]] & _LOCAL
                        and data[stop] != 37
                    ):
                        dots += data[stop] == 46
                        stop += 1
                    if dots:
                        count = _put(found, count, document, AT, start, stop)
                if byte != 37 and at >= spelled + _SPELLED_STEP and _dot_apart(data, after, end):
                    kind = SPELLED
                    spelled = at
                at = after
            elif byte == 100 or byte == 68:  # d
                if (
                    _word_at(data, at + 1, end, 111, 116)
                    and _edge(data, at - 1, low, end)
                    and _edge(data, at + 3, low, end)
                    and at >= spelled + _SPELLED_STEP
                    and _says_at(data, max(low, at - _SPELLED_AROUND), at, end)
                ):
                    kind = SPELLED
                    spelled = at
                at += 1
            elif byte == 40 or byte == 91 or byte == 123 or byte == 60:  # ( [ { <
                inner = at + 1
                while inner < end and inner < at + 3 and data[inner] == 32:
                    inner += 1
                if at >= spelled + _SPELLED_STEP and (
                    _word_at(data, inner, end, 97, 116) and _edge(data, inner + 2, low, end)
                ):
                    kind = SPELLED
                    spelled = at
                at += 1
            elif byte == 58 or byte == 61:  # : =
                if byte == 58 and at + 2 < end and data[at + 1] == 47 and data[at + 2] == 47:
                    colon = False
                    stop = at + 3
                    while stop < end and stop < at + _LONGEST_CREDENTIALS and data[stop] > 32 and data[stop] != 64:
                        colon |= data[stop] == 58
                        stop += 1
                    if colon and stop < end and data[stop] == 64:
                        kind = CREDENTIALS
                else:
                    count, hex_done = _put_hexadecimal(data, at, low, end, document, hex_done, classes, found, count)
                    if _says_secret(data, low, at):
                        kind = ASSIGNED
                        stop = min(end, at + _ASSIGNED_LENGTH)
                at += 1
            elif byte == 45:  # -
                if (
                    at + 10 < end
                    and data[at + 4] == 45
                    and data[at + 5] == 66
                    and data[at + 6] == 69
                    and data[at + 7] == 71
                ):
                    kind = KEY_BLOCK
                count, hex_done = _put_hexadecimal(data, at, low, end, document, hex_done, classes, found, count)
                at += 1
            elif byte == 37 or byte == 0xEF or at < done:  # % or a wide character; the rest of a word
                at += 1
            else:  # a digit or an underscore: the word around it
                while start > done and classes[data[start - 1]] & _ALPHANUMERIC:
                    start -= 1
                letters = False
                digits_end = start
                while stop < end and classes[data[stop]] & _ALPHANUMERIC:
                    if not classes[data[stop]] & _DIGIT:
                        letters = True
                    elif not letters:
                        digits_end = stop + 1
                    if data[stop] == 95 and stop >= spelled + _SPELLED_STEP and _word_at(data, stop + 1, end, 97, 116):
                        first, last = max(low, stop - _SPELLED_AROUND), min(end, stop + _SPELLED_AROUND)
                        count = _put(found, count, document, SPELLED, first, last)
                        spelled = stop
                    stop += 1
                if not letters:
                    for index in range(start, at):
                        letters |= not classes[data[index]] & _DIGIT
                word_end = stop
                if stop - start == _MAC_GROUP and stop < end and data[stop] == 46:
                    count, hex_done = _put_hexadecimal(data, start, low, end, document, hex_done, classes, found, count)
                if (
                    letters
                    and stop - start >= _MAC_GROUP
                    and _is_letter(data[start])
                    and _is_letter(data[start + 1])
                    and (classes[data[start + 2]] & classes[data[start + 3]] & _DIGIT)
                ):
                    last, characters = _account_end(data, start, end, classes)
                    if characters >= _LEAST_ACCOUNT:
                        count = _put(found, count, document, ACCOUNT, start, last)
                at = word_end
                within = start > low and classes[data[start - 1]] & _ALPHANUMERIC  # cut at `done`
                extended = digits_end > start and digits_end < word_end and _extends(data[digits_end])
                if not within and (not letters or extended):
                    stop, digits, dots = _number_end(data, start, end, classes)
                    while start > low and (data[start - 1] == 40 or data[start - 1] == 43):  # ( +
                        start -= 1
                    if dots >= 3:
                        kind = DOTTED
                    elif digits >= _LEAST_NUMBER:
                        kind = NUMBER
                    if kind >= 0:
                        at = max(at, stop)
                done = at
            if kind == SPELLED:
                start = max(low, at - _SPELLED_AROUND)
                stop = min(end, at + _SPELLED_AROUND)
            if kind >= 0:
                count = _put(found, count, document, kind, start, stop)
    return count


def candidates(texts: pa.Array) -> NDArray[np.int64]:
    """Stretches of a column of texts to look at: (4, n), rows document, kind, first byte, byte after it, both within the
    column's data buffer."""
    data, bounds = text_buffers(texts)
    room = 64 + int(bounds[-1] - bounds[0]) // 256
    while True:
        found = np.empty((4, room), np.int64)
        count = int(_scan(data, bounds, _CLASSES, found))
        if count <= room:
            return found[:, :count]
        room = count
