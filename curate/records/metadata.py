"""Columns carried from the input beside text: what they are called, and their types. Knows names and types only.

A column is `meta.NAME` from reading on. Its type is one for all sources of a run, by one rule: int64, double or bool where
every value is such, double where whole numbers and others mix, and else string: text as it is, everything else as JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

import pyarrow as pa

META = "meta."
RAW = "metadata"
"""The column of records and pages that holds a row's carried columns as one JSON object; null where there are none."""

_INT64 = range(-(1 << 63), 1 << 63)
BOOL, INT, FLOAT, TEXT, JSON = "bool", "int64", "double", "string", "json"
"""What a value can be; a JSON object, array, or number beyond 64 bits is `json`."""


class CarriedNumbers(TypedDict):
    """A carried column of a source: its type in the ledger, values that are not null, and those of another type that were
    written as JSON, or as double."""

    type: str
    """Of the column in the ledger."""
    values: int
    """Values that are not null."""
    converted: int
    """Those of another type, which were written as JSON, or as double."""


def kind_of(value: Any) -> str | None:
    """What a value is; None for null.

    >>> [kind_of(value) for value in (True, 3, 0.5, "x", [1], None)]
    ['bool', 'int64', 'double', 'string', 'json', None]
    """
    if value is None:
        return None
    if isinstance(value, bool):
        return BOOL
    if isinstance(value, int):
        return INT if value in _INT64 else JSON
    if isinstance(value, float):
        return FLOAT
    return TEXT if isinstance(value, str) else JSON


def common_type(kinds: Mapping[str, int]) -> str:
    """The Arrow type's name of a column whose values are so many of each kind.

    >>> common_type({"int64": 3, "double": 1}), common_type({"int64": 3, "string": 1}), common_type({})
    ('double', 'string', 'string')
    """
    there = {kind for kind, count in kinds.items() if count}
    if there in ({BOOL}, {INT}, {FLOAT}):
        return there.pop()
    return FLOAT if there == {INT, FLOAT} else TEXT


def carried_schema(columns: list[list[str]]) -> pa.Schema:
    """Fields of [name, Arrow type's name]."""
    return pa.schema([(name, pa.type_for_alias(kind)) for name, kind in columns])


def told_columns(schema: pa.Schema) -> list[str]:
    """Columns that may tell of a document in its own words: what came with it from the input, and what steps, the user's
    own among them, made of it that is no number.

    >>> told_columns(pa.schema([("url", pa.string()), ("meta.stars", pa.int64()), ("mine.opening", pa.string())]))
    ['meta.stars', 'mine.opening']
    """
    return [
        field.name
        for field in schema
        if field.name == RAW
        or field.name.startswith(META)
        or ("." in field.name and not pa.types.is_primitive(field.type))
    ]
