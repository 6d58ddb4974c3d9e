"""Row groups of an index that a condition cannot be true in, by the least and greatest values that the file's footer tells.

The condition is parsed by DuckDB; looked at are comparisons of a column with numbers and strings that all have to hold. What
is of another form, or in a form that this DuckDB does not tell, leaves a row group in. Knows conditions and bounds; reads no
row.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

Value = int | str

_HOLDS: Final[Mapping[str, Callable[[Any, Any, Any], bool]]] = {
    "COMPARE_EQUAL": lambda low, high, value: low <= value <= high,
    "COMPARE_LESSTHAN": lambda low, high, value: low < value,
    "COMPARE_LESSTHANOREQUALTO": lambda low, high, value: low <= value,
    "COMPARE_GREATERTHAN": lambda low, high, value: high > value,
    "COMPARE_GREATERTHANOREQUALTO": lambda low, high, value: high >= value,
}
"""Whether a comparison can hold for some value between the least and the greatest."""
_TURNED: Final = {"LESSTHAN": "GREATERTHAN", "GREATERTHAN": "LESSTHAN"}


@dataclass(frozen=True)
class Bound:
    """A comparison of a column, its name in lower case, that has to hold with one of some values."""

    column: str
    kind: str
    values: tuple[Value, ...]

    def may_hold(self, low: Value, high: Value) -> bool:
        """Whether it can hold for a value from `low` to `high`.

        >>> Bound("n", "COMPARE_EQUAL", (3, 9)).may_hold(4, 8), Bound("n", "COMPARE_EQUAL", (3, 9)).may_hold(4, 9)
        (False, True)
        """
        if any(type(value) is not type(low) for value in self.values):
            return True
        return any(_HOLDS[self.kind](low, high, value) for value in self.values)


def bounds_of(where: str | None) -> list[Bound]:
    """The comparisons that have to hold where a condition is true, as far as they are of a form that is looked at.

    >>> bounds_of("host_tld = 'is' and (status = 200 or status = 304)")
    [Bound(column='host_tld', kind='COMPARE_EQUAL', values=('is',))]
    """
    if where is None:
        return []
    try:
        connection = duckdb.connect(":memory:")
        (text,) = connection.execute("select json_serialize_sql(?)", [f"select * from t where ({where})"]).fetchall()[0]
        (statement,) = json.loads(text)["statements"]
        return list(_bounds(statement["node"]["where_clause"]))
    except (duckdb.Error, ValueError, KeyError, TypeError, IndexError):
        return []


def _bounds(node: Mapping[str, Any]) -> Iterator[Bound]:
    kind = node["type"]
    if kind == "CONJUNCTION_AND":
        for child in node["children"]:
            yield from _bounds(child)
    elif kind in _HOLDS:
        left, right = node["left"], node["right"]
        if right["type"] == "COLUMN_REF":
            left, right = right, left
            for word, other in _TURNED.items():
                if word in kind:
                    kind = kind.replace(word, other)
                    break
        yield from _bound(kind, left, [right])
    elif kind == "COMPARE_IN":
        yield from _bound("COMPARE_EQUAL", node["children"][0], node["children"][1:])
    elif kind == "COMPARE_BETWEEN":
        yield from _bound("COMPARE_GREATERTHANOREQUALTO", node["input"], [node["lower"]])
        yield from _bound("COMPARE_LESSTHANOREQUALTO", node["input"], [node["upper"]])


def _bound(kind: str, column: Mapping[str, Any], others: Sequence[Mapping[str, Any]]) -> Iterator[Bound]:
    values = [_value(other) for other in others]
    if column["type"] == "COLUMN_REF" and len(column["column_names"]) == 1 and None not in values:
        yield Bound(column["column_names"][0].lower(), kind, tuple(value for value in values if value is not None))


def _value(node: Mapping[str, Any]) -> Value | None:
    """The whole number or string that a node is; None where it is something else."""
    if node["type"] != "VALUE_CONSTANT":
        return None
    if "literal" in node:
        kind, text = node["literal"]["kind"], node["literal"].get("text")
    elif node["value"]["is_null"]:
        return None
    else:
        kind, text = node["value"]["type"]["id"], node["value"].get("value")
    if kind in ("STRING", "VARCHAR"):
        return str(text)
    return int(text) if kind in ("INTEGER", "BIGINT", "SMALLINT", "TINYINT") else None


def may_match(group: pq.RowGroupMetaData, names: Sequence[str], schema: pa.Schema, bounds: Sequence[Bound]) -> bool:
    """Whether a row group may have a row for which all of these hold. `names` are those of its leaves, in their order."""
    by_name = {name.lower(): place for place, name in enumerate(names)}
    for bound in bounds:
        place = by_name.get(bound.column)
        if place is None or not _is_comparable(schema, names[place]):
            continue
        told = group.column(place).statistics
        if told is not None and told.has_null_count and told.null_count == group.num_rows:
            return False  # no comparison holds for a null
        if told is None or not told.has_min_max:
            continue
        if type(told.min) in (int, str) and not bound.may_hold(told.min, told.max):
            return False
    return True


def _is_comparable(schema: pa.Schema, name: str) -> bool:
    """Whether a column's values are compared by Python as by DuckDB."""
    place = schema.get_field_index(name)
    if place < 0:
        return False
    kind = schema.field(place).type
    return bool(pa.types.is_integer(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind))
