"""Lists of domains, words and addresses as sorted 64-bit codes, and addresses matched against them.

A list may have millions of entries: it is read by a kernel, and a lookup is a binary search. Two entries share a code
by accident once in 2^64 / entries lookups. Knows the form of addresses; knows no rule.
"""

import gzip
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate import storage
from curate.filters.errors import PackError
from curate.text.characters import Bytes, Offsets
from curate.text.compiled import Scalar, kernel
from curate.text.hashing import FNV_OFFSET, add_to_code

Codes = NDArray[np.uint64]

DOMAINS = 0
"""The host of the address or any domain above it is listed."""
WORDS = 1
"""A run of letters and digits in the address is listed, whatever its case."""
URLS = 2
"""The address is listed: scheme, a default port, fragment and the slash of an empty path make no difference, nor does
the case of the host."""

_GZIP = b"\x1f\x8b"


@kernel
def _lower(byte: Scalar) -> Scalar:
    return byte + np.uint8(32) if 65 <= byte <= 90 else byte


@kernel
def _host(data: Any, start: Scalar, end: Scalar) -> tuple[Scalar, Scalar, Scalar]:
    """(start of the host, its end, start of the path), with the scheme, user and port left out."""
    for index in range(start, end - 2):
        byte = data[index]
        if byte == 58 and data[index + 1] == 47 and data[index + 2] == 47:
            start = index + 3
            break
        if byte == 47 or byte == 63 or byte == 35:
            break
    path = start
    while path < end and data[path] != 47 and data[path] != 63 and data[path] != 35:
        path += 1
    begin = start
    for index in range(start, path):
        if data[index] == 64:
            begin = index + 1
    stop = path
    digits = path
    while digits > begin and 48 <= data[digits - 1] <= 57:
        digits -= 1
    if digits > begin and data[digits - 1] == 58:
        stop = digits - 1
    while stop > begin and data[stop - 1] == 46:
        stop -= 1
    return begin, stop, path


@kernel
def _port_differs(data: Any, stop: Scalar, path: Scalar) -> Scalar:
    """Whether a port other than 80 and 443 stands between host and path."""
    port: Any = 0
    for index in range(stop, path):
        if 48 <= data[index] <= 57:
            port = min(port * 10 + np.int64(data[index]) - 48, 1 << 20)
    return port != 0 and port != 80 and port != 443


@kernel
def _address_code(data: Any, start: Scalar, end: Scalar) -> Scalar:
    begin, stop, path = _host(data, start, end)
    code = FNV_OFFSET
    for index in range(begin, stop):
        code = add_to_code(code, _lower(data[index]))
    if _port_differs(data, stop, path):
        for index in range(stop, path):
            code = add_to_code(code, data[index])
    last = path
    while last < end and data[last] != 35:
        last += 1
    if last == path + 1 and data[path] == 47:
        last = path
    for index in range(path, last):
        code = add_to_code(code, data[index])
    return code


@kernel
def _domain_code(data: Any, start: Scalar, end: Scalar) -> Scalar:
    code = FNV_OFFSET
    for index in range(start, end):
        code = add_to_code(code, _lower(data[index]))
    return code


@kernel
def _listed(code: Scalar, listed: Any) -> Scalar:
    low = 0
    high = len(listed)
    while low < high:
        middle = (low + high) // 2
        if listed[middle] < code:
            low = middle + 1
        else:
            high = middle
    return low < len(listed) and listed[low] == code


@kernel
def _word_end(data: Any, at: Scalar, end: Scalar) -> Scalar:
    while at < end and (48 <= data[at] <= 57 or 97 <= _lower(data[at]) <= 122 or data[at] >= 128):
        at += 1
    return at


@kernel
def _count_matches(data: Any, bounds: Any, kind: Scalar, listed: Any, out: Any) -> None:
    for row in range(len(bounds) - 1):
        start, end = bounds[row], bounds[row + 1]
        matches = 0
        if kind == URLS:
            matches += _listed(_address_code(data, start, end), listed)
        elif kind == DOMAINS:
            begin, stop, _ = _host(data, start, end)
            while begin < stop:
                matches += _listed(_domain_code(data, begin, stop), listed)
                while begin < stop and data[begin] != 46:
                    begin += 1
                begin += 1
        else:
            at = start
            while at < end:
                word_end = _word_end(data, at, end)
                if word_end > at:
                    matches += _listed(_domain_code(data, at, word_end), listed)
                at = word_end + 1
        out[row] = matches


def count_matches(data: Bytes, bounds: Offsets, kind: int, listed: Codes) -> NDArray[np.int64]:
    """Per address, the parts of it (of one `kind`) that are listed."""
    out = np.zeros(len(bounds) - 1, np.int64)
    _count_matches(data, bounds, kind, listed, out)
    return out


@kernel
def _score(data: Any, start: Scalar, end: Scalar) -> Scalar:
    """The number at the end of an entry: digits after an optional hyphen; other text counts as 0."""
    value: Any = 0
    negative = start < end and data[start] == 45
    for index in range(start + negative, end):
        if not 48 <= data[index] <= 57:
            break
        value = min(value * 10 + np.int64(data[index]) - 48, 1 << 40)
    return -value if negative else value


@kernel
def _read_codes(data: Any, kind: Scalar, minimum: Scalar, scored: Scalar, out: Any) -> Scalar:
    count = 0
    start = 0
    size = len(data)
    while start < size:
        end = start
        while end < size and data[end] != 10:
            end += 1
        left, right = start, end
        start = end + 1
        while left < right and data[left] <= 32:
            left += 1
        while right > left and data[right - 1] <= 32:
            right -= 1
        if left == right or data[left] == 35:
            continue
        stop = left
        while stop < right and data[stop] != 9 and data[stop] != 32:
            stop += 1
        if scored:
            at = stop
            while at < right and data[at] <= 32:
                at += 1
            if _score(data, at, right) < minimum:
                continue
        if kind == URLS:
            out[count] = _address_code(data, left, stop)
        else:
            while kind == DOMAINS and left < stop and (data[left] == 42 or data[left] == 46):
                left += 1
            out[count] = _domain_code(data, left, stop)
        count += 1
    return count


def codes_of(content: bytes, kind: int, minimum: float | None = None) -> Codes:
    """The codes of a list, sorted: one entry a line, blank lines and lines that begin with # left out.

    With `minimum`, an entry is followed by white space and a whole number, and counts where that is not below it.
    """
    data = np.frombuffer(content, np.uint8)
    out = np.empty(content.count(b"\n") + 1, np.uint64)
    count = _read_codes(data, kind, 0 if minimum is None else int(np.ceil(minimum)), minimum is not None, out)
    return np.unique(out[:count])


def read_list(path: str, place: str) -> bytes:
    """A list's bytes, from a path or an address, gzip undone. Raises PackError where it cannot be read."""
    try:
        with storage.open_binary(path) as file:
            content = file.read()
        return gzip.decompress(content) if content.startswith(_GZIP) else content
    except (OSError, EOFError, zlib.error) as error:
        raise PackError(f"{place}: cannot read {path}: {error}") from None
