"""Weights of groups from a file: YAML or JSON keys, or a table of CSV or Parquet. Knows names and numbers; knows no tokens.

A table has a column `weight`, and either one column with the groups' names, as a plan shows them (`de/0.7`), or the columns
that the mixture is by, which make the names.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from curate.config.document import read_document
from curate.config.mixture import Weighing
from curate.errors import CurateError
from curate.mixture.groups import CELL, NONE

WEIGHT = "weight"
_GROUP = ("group", "cell", "name")
"""What the column of names may be called."""
_MOST_BYTES = 64 << 20  # of a file of weights: a million cells


class WeightsError(CurateError, ValueError):
    """A file of weights that cannot be used; the message says what is wrong where."""


def weights_of(weighing: Weighing, columns: Sequence[str]) -> dict[str, float] | None:
    """The weights that are given, or those of the file that is named; None where shares are said otherwise."""
    if weighing.weights is None:
        return None
    if isinstance(weighing.weights, str):
        return read_weights(weighing.weights, columns)
    return dict(weighing.weights)


def read_weights(path: str, columns: Sequence[str]) -> dict[str, float]:
    """The weight of each group in a file, for a mixture by these columns. Raises WeightsError, FileNotFoundError."""
    ending = path.rpartition(".")[2].lower()
    if ending in ("yaml", "yml", "json"):
        return _checked(path, _of_tree(path, read_document(path, "weights", ()).tree))
    if ending not in ("csv", "tsv", "parquet"):
        raise WeightsError(f"{path}: weights are read from .yaml, .json, .csv, .tsv and .parquet")
    return _checked(path, _of_table(path, _table(path, ending), columns))


def _of_tree(path: str, tree: Mapping[str, Any], before: str = "") -> list[tuple[str, Any]]:
    """Names and weights; keys within keys are the columns of a cell."""
    found: list[tuple[str, Any]] = []
    for name, value in tree.items():
        full = f"{before}{name}"
        found += _of_tree(path, value, f"{full}{CELL}") if isinstance(value, Mapping) else [(full, value)]
    return found


def _table(path: str, ending: str) -> pa.Table:
    with open(path, "rb") as file:
        data = file.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise WeightsError(f"{path} has more than {_MOST_BYTES:,} bytes: it is no file of weights")
    try:
        if ending == "parquet":
            return pq.read_table(pa.BufferReader(data))
        delimiter = "\t" if ending == "tsv" else ","
        names = data.partition(b"\n")[0].decode().strip("\ufeff\r").split(delimiter)
        kinds = {name.strip('"'): pa.string() for name in names}
        return pa.csv.read_csv(
            pa.BufferReader(data),
            parse_options=pa.csv.ParseOptions(delimiter=delimiter),
            convert_options=pa.csv.ConvertOptions(column_types=kinds, strings_can_be_null=True),
        )
    except (pa.ArrowInvalid, UnicodeDecodeError) as error:
        raise WeightsError(f"{path} is no table of weights: {error}") from None


def _of_table(path: str, table: pa.Table, columns: Sequence[str]) -> list[tuple[str, Any]]:
    there = table.column_names
    if WEIGHT not in there:
        raise WeightsError(f"{path} has no column {WEIGHT!r}; it has {', '.join(map(repr, there))}")
    values = table.column(WEIGHT).to_pylist()
    if set(columns) <= set(there):
        cells = zip(*(table.column(name).to_pylist() for name in columns), strict=True)
        names = [CELL.join(NONE if value in (None, "") else str(value) for value in cell) for cell in cells]
        return list(zip(names, values, strict=True))
    named = next((name for name in _GROUP if name in there), None)
    if named is None:
        wanted = f"{', '.join(columns)}, or {_GROUP[0]!r} with their names"
        raise WeightsError(f"{path} does not say whose weights it holds: it needs the columns {wanted}")
    return list(zip(map(str, table.column(named).to_pylist()), values, strict=True))


def _checked(path: str, found: Sequence[tuple[str, Any]]) -> dict[str, float]:
    weights: dict[str, float] = {}
    for number, (name, value) in enumerate(found, 1):
        try:
            weight = math.nan if value is None or isinstance(value, bool) else float(value)
        except (TypeError, ValueError):
            weight = math.nan
        if not (math.isfinite(weight) and weight >= 0):
            raise WeightsError(
                f"{path}, row {number}: the weight of {name!r} is {value!r}; it must be a number from 0 on"
            )
        if name in weights:
            raise WeightsError(f"{path}, row {number}: {name!r} has a weight already")
        weights[name] = weight
    if not any(weights.values()):
        raise WeightsError(f"{path} gives no group a weight above 0")
    return weights
