"""How dear a page's tags are to parse: attributes counted as an HTML tokenizer sees them, before any tree is built.

Parsers compare a tag's attributes each with each (lexbor does), so one tag of 100,000 costs a minute. The kernel walks
the states of WHATWG HTML, 13.2.5, that tell attributes from text, comments and raw text. Knows bytes of markup only.
"""

from __future__ import annotations

import numpy as np

from curate.text.compiled import kernel

_LESS, _GREATER, _SLASH, _EQUAL, _BANG, _DASH = ord("<"), ord(">"), ord("/"), ord("="), ord("!"), ord("-")
_DOUBLE, _SINGLE = ord('"'), ord("'")
_RAW = np.frombuffer(b"script  style   textareatitle   xmp     iframe  noembed noframes", np.uint8).reshape(8, 8)
_RAW_LENGTHS = np.array([6, 5, 8, 5, 3, 6, 7, 8])
"""Elements whose content holds no tags but their own end."""


_HEAD = 64  # bytes in which UTF-16 shows by its NULs


@kernel
def _blank(byte):  # type: ignore[no-untyped-def]
    return byte == 32 or 9 <= byte <= 10 or 12 <= byte <= 13


@kernel
def _letter(byte):  # type: ignore[no-untyped-def]
    return 65 <= byte <= 90 or 97 <= byte <= 122


@kernel
def _raw_element(data, start, end, raw, lengths):  # type: ignore[no-untyped-def]
    """Which raw text element a name is; -1 for none."""
    for number in range(len(lengths)):
        if end - start == lengths[number]:
            same = True
            for at in range(lengths[number]):
                if (data[start + at] | 32) != raw[number, at]:
                    same = False
                    break
            if same:
                return number
    return -1


@kernel
def _end_tag(data, at, number, raw, lengths):  # type: ignore[no-untyped-def]
    """Where the end tag of the raw text element begins, from a position on; the end of the data where there is none."""
    size = lengths[number]
    while at + 2 + size < len(data):
        if data[at] == _LESS and data[at + 1] == _SLASH:
            same = True
            for offset in range(size):
                if (data[at + 2 + offset] | 32) != raw[number, offset]:
                    same = False
                    break
            after = data[at + 2 + size]
            if same and (_blank(after) or after in (_GREATER, _SLASH)):
                return at
        at += 1
    return len(data)


@kernel
def _attributes(data, at):  # type: ignore[no-untyped-def]
    """How many attributes follow a tag's name, and where the tag ends."""
    count, size = 0, len(data)
    while True:
        while at < size and (_blank(data[at]) or data[at] == _SLASH):
            at += 1
        if at >= size or data[at] == _GREATER:
            return count, at + 1
        count += 1
        at += 1  # a name's first character may be anything, `=` too
        while at < size and not (_blank(data[at]) or data[at] == _SLASH or data[at] == _GREATER or data[at] == _EQUAL):
            at += 1
        while at < size and _blank(data[at]):
            at += 1
        if at >= size or data[at] != _EQUAL:
            continue
        at += 1
        while at < size and _blank(data[at]):
            at += 1
        if at < size and (data[at] == _DOUBLE or data[at] == _SINGLE):
            quote = data[at]
            at += 1
            while at < size and data[at] != quote:
                at += 1
            at += 1
        else:
            while at < size and not (_blank(data[at]) or data[at] == _GREATER):
                at += 1


@kernel
def _comparisons(data, raw, lengths):  # type: ignore[no-untyped-def]
    """The sum over tags of the square of their attributes."""
    at, size, total = 0, len(data), 0
    while at + 1 < size:
        if data[at] != _LESS:
            at += 1
            continue
        following = data[at + 1]
        if following == _BANG and at + 3 < size and data[at + 2] == _DASH and data[at + 3] == _DASH:
            at += 4
            while at + 2 < size and not (data[at] == _DASH and data[at + 1] == _DASH and data[at + 2] == _GREATER):
                at += 1
            at += 3
            continue
        closing = following == _SLASH
        name = at + 1 + closing
        if name >= size or not _letter(data[name]):
            at += 1
            continue
        end = name
        while end < size and not (_blank(data[end]) or data[end] == _SLASH or data[end] == _GREATER):
            end += 1
        count, at = _attributes(data, end)
        total += count * count
        if not closing:
            number = _raw_element(data, name, end, raw, lengths)
            if number >= 0:
                at = _end_tag(data, at, number, raw, lengths)
    return total


def comparisons(page: bytes | memoryview) -> int:
    """The sum over all tags of the square of the number of their attributes, a parser's comparisons between them.

    The page is read as ASCII with other bytes between, which all charsets but UTF-16 allow; of UTF-16 every other byte.

        >>> comparisons(b"<p a b c>text<!-- <p d> --><br e='<p f g>'>")
        10
    """
    data = np.frombuffer(page, np.uint8)
    head = bytes(page[:_HEAD])
    if b"\0" in head:
        low = int(head.startswith((b"\0", b"\xfe\xff")))
        data = np.ascontiguousarray(data[low::2])
    return int(_comparisons(data, _RAW, _RAW_LENGTHS))
