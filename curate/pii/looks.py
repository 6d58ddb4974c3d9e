"""What personal data looks like byte by byte: classes of bytes, and where a group of digits, hexadecimal digits, letters or
words that may be some ends.

Kernels over UTF-8 that read a bounded stretch around a byte. Knows the looks of things; marks and decides nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.text.compiled import Scalar, kernel

_LONGEST_ACCOUNT = 34  # ISO 13616
LONGEST_DOMAIN = 255
"""Characters after the @ of an address (RFC 5321, 4.5.3.1.2)."""
_LEAST_IPV6 = 6  # characters of the shortest address that a machine on the public internet has, as in 2a00::
_DOTTED_MAC = 14  # characters of 0000.5e00.5301

DIGIT = 1
ALPHANUMERIC = 2
HEX = 4
LOCAL = 8
START = 16
"""Bytes at which something can begin."""
KEY = 32
"""Bytes of keys: letters, digits and _ - . + / = ~"""

_WIDE_AT = "\uff20".encode()
WIDE_AT_1, WIDE_AT_2 = _WIDE_AT[1], _WIDE_AT[2]
"""What follows the first byte of a full-width @."""


def _byte_classes() -> NDArray[np.uint8]:
    classes = np.zeros(256, np.uint8)
    for byte in range(256):
        character = chr(byte)
        if byte >= 0x80:
            classes[byte] = LOCAL
        elif character.isdigit():
            classes[byte] = DIGIT | ALPHANUMERIC | HEX | LOCAL | START
        elif character.isalpha() or character == "_":
            classes[byte] = ALPHANUMERIC | LOCAL | (HEX if character in "abcdefABCDEF" else 0)
        elif character in ".+-'%":
            classes[byte] = LOCAL
    for character in "_@%dD:=-([{<":
        classes[ord(character)] |= START
    classes[_WIDE_AT[0]] |= START
    for byte in range(0x80):
        if chr(byte).isalnum() or chr(byte) in "_-.+/=~":
            classes[byte] |= KEY
    return classes


CLASSES = _byte_classes()
"""The classes of each byte."""


@kernel
def separator(data: Any, at: Scalar, end: Scalar) -> Scalar:
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
def extends(byte: Scalar) -> Scalar:
    """Whether an extension can begin so: `x12`, `ext. 12`."""
    return byte | 32 == 120 or byte | 32 == 101


@kernel
def number_end(data: Any, at: Scalar, end: Scalar, classes: Any) -> tuple[Scalar, Scalar, Scalar]:
    """(end, digits, full stops between two digits) of the groups of digits that begin at `at`."""
    digits = dots = np.int64(0)
    before = at
    while True:
        while at < end and classes[data[at]] & DIGIT:
            at += 1
            digits += 1
        if at < end and classes[data[at]] & ALPHANUMERIC and not extends(data[at]):  # 2019 in "1 2019a"
            return before, digits, dots
        before = gap = at
        for _ in range(4):
            if gap >= end:
                break
            gap += separator(data, gap, end)
        if gap == at or gap >= end or not classes[data[gap]] & DIGIT:
            return at, digits, dots
        dots += (gap == at + 1 and data[at] == 46) or (gap == at + 3 and (data[at + 1] == 46))
        at = gap


@kernel
def hexadecimal(data: Any, at: Scalar, low: Scalar, end: Scalar, classes: Any) -> tuple[Scalar, Scalar, Scalar]:
    """(start, end, whether it can be an address) of the stretch of hexadecimal digits, `:`, `-` and `.` around `at`."""
    start = at
    while start > low and (classes[data[start - 1]] & HEX or data[start - 1] == 58 or data[start - 1] == 45):
        start -= 1
    stop = at
    colons = hyphens = dots = 0
    double = False
    while stop < end:
        byte = data[stop]
        if not classes[byte] & HEX:
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
def account_end(data: Any, start: Scalar, end: Scalar, classes: Any) -> tuple[Scalar, Scalar]:
    """(end, characters) of letters and digits from `start`, single spaces or hyphens between them."""
    at = start
    count = np.int64(0)
    while at < end and count <= _LONGEST_ACCOUNT:
        byte = data[at]
        if classes[byte] & ALPHANUMERIC and byte != 95:
            count += 1
        elif not ((byte == 32 or byte == 45) and at + 1 < end and classes[data[at + 1]] & ALPHANUMERIC):
            break
        at += 1
    return at, count


@kernel
def is_letter(byte: Scalar) -> Scalar:
    return 65 <= (byte & 0xDF) <= 90


@kernel
def word_at(data: Any, at: Scalar, end: Scalar, first: Scalar, second: Scalar) -> Scalar:
    """Whether two letters, in either case, stand at `at`."""
    return at + 1 < end and data[at] | 32 == first and data[at + 1] | 32 == second


@kernel
def edge(data: Any, at: Scalar, low: Scalar, end: Scalar) -> Scalar:
    """Whether a spelled-out word can begin or end beside this byte: white space, a bracket, a hyphen, an underscore."""
    if at < low or at >= end:
        return False
    byte = data[at]
    return byte <= 32 or byte == 40 or byte == 41 or byte == 91 or byte == 93 or byte in (123, 125, 60, 62, 42, 45, 95)


@kernel
def says_at(data: Any, low: Scalar, high: Scalar, end: Scalar) -> Scalar:
    """Whether `at` stands between edges, or an `@`, somewhere in data[low:high]."""
    for index in range(low, high):
        if data[index] == 64:
            return True
        if word_at(data, index, end, 97, 116) and edge(data, index - 1, low, end) and edge(data, index + 2, low, end):
            return True
    return False


@kernel
def says_secret(data: Any, low: Scalar, at: Scalar) -> Scalar:
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
def dot_apart(data: Any, at: Scalar, end: Scalar) -> Scalar:
    """Whether a full stop between spaces follows soon."""
    for index in range(at + 1, min(end - 1, at + LONGEST_DOMAIN)):
        if data[index] == 10:
            return False
        if data[index] == 46 and data[index - 1] == 32 and data[index + 1] == 32:
            return True
    return False
