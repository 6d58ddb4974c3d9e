"""Thrift's compact protocol, which Parquet's footers and page headers are written in: read and written without a schema.

A struct is a dict from field number to (type, value), a list is a pair (type of its elements, values). Reading is bounded
in values and depth before anything is built. Knows the protocol (Apache Thrift, thrift-compact-protocol.md), not Parquet.
"""

from __future__ import annotations

from typing import Any, Final

TRUE: Final = 1
FALSE: Final = 2
BYTE: Final = 3
I32: Final = 5
I64: Final = 6
DOUBLE: Final = 7
BINARY: Final = 8
LIST: Final = 9
SET: Final = 10
MAP: Final = 11
STRUCT: Final = 12
_INTEGERS: Final = (4, I32, I64)
_MAX_DEPTH: Final = 32
_DOUBLE_BYTES: Final = 8

Struct = dict[int, tuple[int, Any]]


class BadThrift(ValueError):
    """Bytes that are not a struct, end inside one, or hold more values than allowed."""


class _Reader:
    def __init__(self, data: bytes, at: int, budget: int) -> None:
        self.data, self.at, self.budget = data, at, budget

    def byte(self) -> int:
        if self.at >= len(self.data):
            raise BadThrift("the bytes end inside a struct")
        self.at += 1
        return self.data[self.at - 1]

    def varint(self) -> int:
        result = shift = 0
        while True:
            byte = self.byte()
            result |= (byte & 0x7F) << shift
            if byte < 0x80:
                return result
            shift += 7
            if shift > 63:
                raise BadThrift("an integer of more than 64 bits")

    def take(self, count: int) -> bytes:
        if count < 0 or self.at + count > len(self.data):
            raise BadThrift("the bytes end inside a value")
        self.at += count
        return self.data[self.at - count : self.at]

    def value(self, kind: int, depth: int) -> Any:
        self.budget -= 1
        if self.budget < 0 or depth > _MAX_DEPTH:
            raise BadThrift("more values, or deeper ones, than allowed")
        if kind in (TRUE, FALSE):
            return kind == TRUE
        if kind == BYTE:
            return self.byte()
        if kind in _INTEGERS:
            number = self.varint()
            return (number >> 1) ^ -(number & 1)
        if kind == DOUBLE:
            return self.take(_DOUBLE_BYTES)
        if kind == BINARY:
            return self.take(self.varint())
        if kind in (LIST, SET):
            return self.list(depth)
        if kind == STRUCT:
            return self.struct(depth)
        raise BadThrift(f"a value of type {kind}")

    def list(self, depth: int) -> tuple[int, list[Any]]:
        head = self.byte()
        count, kind = head >> 4, head & 0x0F
        if count == 15:
            count = self.varint()
        if count > self.budget or count > len(self.data) - self.at:
            raise BadThrift("a list longer than its bytes")
        if kind in (TRUE, FALSE):
            return kind, [self.byte() == TRUE for _ in range(count)]
        return kind, [self.value(kind, depth + 1) for _ in range(count)]

    def struct(self, depth: int) -> Struct:
        fields: Struct = {}
        number = 0
        while head := self.byte():
            delta, kind = head >> 4, head & 0x0F
            if delta:
                number += delta
            else:
                raw = self.varint()
                number = (raw >> 1) ^ -(raw & 1)
            fields[number] = (kind, self.value(kind, depth + 1))
        return fields


def read_struct(data: bytes, at: int = 0, budget: int = 1 << 10) -> tuple[Struct, int]:
    """The struct that begins at a position, and where it ends. Raises BadThrift; at most `budget` values are read."""
    reader = _Reader(data, at, budget)
    return reader.struct(0), reader.at


def _varint(number: int) -> bytes:
    written = bytearray()
    while number > 0x7F:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    written.append(number)
    return bytes(written)


def _zigzag(number: int) -> bytes:
    return _varint(number << 1 if number >= 0 else (-number << 1) - 1)


def _write_value(kind: int, value: Any) -> bytes:
    if kind in (TRUE, FALSE):
        return b""
    if kind == BYTE:
        return bytes([value])
    if kind in _INTEGERS:
        return _zigzag(value)
    if kind == DOUBLE:
        return bytes(value)
    if kind == BINARY:
        return _varint(len(value)) + bytes(value)
    if kind in (LIST, SET):
        element, values = value
        size = (
            bytes([len(values) << 4 | element]) if len(values) < 15 else bytes([0xF0 | element]) + _varint(len(values))
        )
        if element in (TRUE, FALSE):
            return size + bytes(TRUE if each else FALSE for each in values)
        return size + b"".join(_write_value(element, each) for each in values)
    return write_struct(value)


def write_struct(fields: Struct) -> bytes:
    """The struct in the compact protocol; what `read_struct` reads back.

    >>> read_struct(write_struct({1: (I64, -7), 3: (BINARY, b"x")}))[0]
    {1: (6, -7), 3: (8, b'x')}
    """
    written, last = bytearray(), 0
    for number, (kind, value) in sorted(fields.items()):
        delta = number - last
        written += bytes([delta << 4 | kind]) if 0 < delta < 16 else bytes([kind]) + _zigzag(number)
        written += _write_value(kind, value)
        last = number
    return bytes(written) + b"\0"
