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

from curate.pii.looks import (
    ALPHANUMERIC,
    CLASSES,
    DIGIT,
    HEX,
    KEY,
    LOCAL,
    LONGEST_DOMAIN,
    START,
    WIDE_AT_1,
    WIDE_AT_2,
    account_end,
    dot_apart,
    edge,
    extends,
    hexadecimal,
    is_letter,
    number_end,
    says_at,
    says_secret,
    word_at,
)
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
_LONGEST_LOCAL = 64  # characters before the @ of an address (RFC 5321, 4.5.3.1)
_LONGEST_CREDENTIALS = 256
_MAC_GROUP = 4  # of its groups; as long are an IBAN's country and check digits
_SPELLED_AROUND = 100  # bytes before and after a spelled-out "at" or "dot" in which an address is looked for
_SPELLED_STEP = 50  # such words this close to the last are in what was marked there
_ASSIGNED_LENGTH = 4  # bytes of a stretch at a sign: `:= "`; what follows is read by the detector


@kernel
def _put(found: Any, count: Scalar, document: Scalar, kind: Scalar, start: Scalar, stop: Scalar) -> Scalar:
    """Write a row where there is room for it; returns the count with it."""
    if count < found.shape[1]:
        found[0, count], found[1, count], found[2, count], found[3, count] = document, kind, start, stop
    return count + 1


@kernel
def _put_tokens(
    data: Any, low: Scalar, end: Scalar, document: Scalar, classes: Any, found: Any, count: Scalar
) -> Scalar:
    """Write a row for every run of the characters of keys that is long enough. A run of n holds every n-th byte, so only
    those are looked at. Returns the count with them."""
    done = low
    at = low + _LEAST_TOKEN - 1
    while at < end:
        if not classes[data[at]] & KEY:
            at += _LEAST_TOKEN
            continue
        start = at
        while start > done and classes[data[start - 1]] & KEY:
            start -= 1
        done = at
        while done < end and classes[data[done]] & KEY:
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
    if not (classes[after] & HEX or after == 58):
        return count, done
    start, stop, likely = hexadecimal(data, at, max(low, done), end, classes)
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
            if not classes[byte] & START:
                at += 1
                continue
            kind = -1
            start = stop = at
            wide = byte == 0xEF and at + 2 < end and data[at + 1] == WIDE_AT_1 and data[at + 2] == WIDE_AT_2
            if byte == 64 or wide or (byte == 37 and at + 2 < end and data[at + 1] == 52 and data[at + 2] == 48):
                after = at + (1 if byte == 64 else 3)
                if at > low and classes[data[at - 1]] & LOCAL and after < end and classes[data[after]] & LOCAL:
                    while start > low and start > at - 4 * _LONGEST_LOCAL and classes[data[start - 1]] & LOCAL:
                        start -= 1
                    stop = after
                    dots = 0
                    while (
                        stop < end
                        and stop < after + LONGEST_DOMAIN
                        and classes[data[stop]] & LOCAL
                        and data[stop] != 37
                    ):
                        dots += data[stop] == 46
                        stop += 1
                    if dots:
                        count = _put(found, count, document, AT, start, stop)
                if byte != 37 and at >= spelled + _SPELLED_STEP and dot_apart(data, after, end):
                    kind = SPELLED
                    spelled = at
                at = after
            elif byte == 100 or byte == 68:  # d
                if (
                    word_at(data, at + 1, end, 111, 116)
                    and edge(data, at - 1, low, end)
                    and edge(data, at + 3, low, end)
                    and at >= spelled + _SPELLED_STEP
                    and says_at(data, max(low, at - _SPELLED_AROUND), at, end)
                ):
                    kind = SPELLED
                    spelled = at
                at += 1
            elif byte == 40 or byte == 91 or byte == 123 or byte == 60:  # ( [ { <
                inner = at + 1
                while inner < end and inner < at + 3 and data[inner] == 32:
                    inner += 1
                if at >= spelled + _SPELLED_STEP and (
                    word_at(data, inner, end, 97, 116) and edge(data, inner + 2, low, end)
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
                    if says_secret(data, low, at):
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
                while start > done and classes[data[start - 1]] & ALPHANUMERIC:
                    start -= 1
                letters = False
                digits_end = start
                while stop < end and classes[data[stop]] & ALPHANUMERIC:
                    if not classes[data[stop]] & DIGIT:
                        letters = True
                    elif not letters:
                        digits_end = stop + 1
                    if data[stop] == 95 and stop >= spelled + _SPELLED_STEP and word_at(data, stop + 1, end, 97, 116):
                        first, last = max(low, stop - _SPELLED_AROUND), min(end, stop + _SPELLED_AROUND)
                        count = _put(found, count, document, SPELLED, first, last)
                        spelled = stop
                    stop += 1
                if not letters:
                    for index in range(start, at):
                        letters |= not classes[data[index]] & DIGIT
                word_end = stop
                if stop - start == _MAC_GROUP and stop < end and data[stop] == 46:
                    count, hex_done = _put_hexadecimal(data, start, low, end, document, hex_done, classes, found, count)
                if (
                    letters
                    and stop - start >= _MAC_GROUP
                    and is_letter(data[start])
                    and is_letter(data[start + 1])
                    and (classes[data[start + 2]] & classes[data[start + 3]] & DIGIT)
                ):
                    last, characters = account_end(data, start, end, classes)
                    if characters >= _LEAST_ACCOUNT:
                        count = _put(found, count, document, ACCOUNT, start, last)
                at = word_end
                within = start > low and classes[data[start - 1]] & ALPHANUMERIC  # cut at `done`
                extended = digits_end > start and digits_end < word_end and extends(data[digits_end])
                if not within and (not letters or extended):
                    stop, digits, dots = number_end(data, start, end, classes)
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
        count = int(_scan(data, bounds, CLASSES, found))
        if count <= room:
            return found[:, :count]
        room = count
