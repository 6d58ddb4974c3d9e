"""Reads the results of trained mixes: CSV of weights and of losses, or JSON Lines of both. Fits nothing.

CSV files have a header. The column that files of weights and losses share (`index`, say) joins their rows; without one, rows
are joined by order. Every other column of a file of weights is a group.
"""

from __future__ import annotations

import csv
import fnmatch
import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from curate.errors import CurateError

Floats = npt.NDArray[np.float64]


class ResultsError(CurateError, ValueError):
    """A file that does not hold results; says where and what would be right."""

    status = 2


@dataclass(frozen=True)
class Results:
    """Runs: weights (runs, groups), rows of sum 1, and losses (runs, columns)."""

    groups: tuple[str, ...]
    weights: Floats
    names: tuple[str, ...]
    losses: Floats


@dataclass(frozen=True)
class Mixes:
    """Mixes to predict: weights (rows, groups) and what each row is called."""

    keys: tuple[str, ...]
    weights: Floats


@dataclass(frozen=True)
class _Rows:
    path: str
    columns: tuple[str, ...]
    rows: tuple[dict[str, str], ...]
    lines: tuple[int, ...]


def read_csv(mixtures: str | Path, losses: str | Path, pattern: str) -> Results:
    """Results of two CSV files. `pattern` names the loss columns: a name, a glob, a part of a name, or a regular expression.

    Raises ResultsError naming file, line and column.
    """
    mixes, found = _rows(mixtures), _rows(losses)
    shared = [name for name in mixes.columns if name in found.columns]
    if len(shared) > 1:
        raise ResultsError(f"{losses}:1: columns {', '.join(shared)} are in both files: one should join their rows")
    groups = tuple(name for name in mixes.columns if name not in shared)
    names = _matching(found, [name for name in found.columns if name not in shared], pattern)
    weights, wanted = _weights(mixes, groups), _numbers(found, names)
    if not shared:
        if len(weights) != len(wanted):
            raise ResultsError(
                f"{losses}: {len(wanted)} rows, {mixtures} has {len(weights)}: without a shared column they must agree"
            )
        return Results(groups, weights, names, wanted)
    places = _places(found, shared[0])
    _places(mixes, shared[0])
    keys = [row[shared[0]] for row in mixes.rows]
    for key, line in zip(keys, mixes.lines, strict=True):
        if key not in places:
            raise ResultsError(f"{mixtures}:{line}: {shared[0]} {key} is not in {losses}")
    return Results(groups, weights, names, wanted[[places[key] for key in keys]])


def read_mixes(path: str | Path, groups: Sequence[str]) -> Mixes:
    """Mixes of a CSV file with a column per group, and perhaps others: the first of those names the rows."""
    rows = _rows(path)
    missing = [name for name in groups if name not in rows.columns]
    if missing:
        raise ResultsError(f"{path}:1: no column {missing[0]}: a column for each of {', '.join(groups)} is needed")
    others = [name for name in rows.columns if name not in groups]
    keys = [row[others[0]] if others else str(number) for number, row in enumerate(rows.rows, 1)]
    return Mixes(tuple(keys), _weights(rows, groups))


def read_json_lines(path: str | Path) -> Results:
    """JSON Lines of {"weights": {group: weight}, "loss": number or {name: number}}. Raises ResultsError naming the line."""
    weights: list[dict[str, float]] = []
    losses: list[dict[str, float]] = []
    for number, line in enumerate(Path(path).read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            given = {name: float(weight) for name, weight in row["weights"].items()}
            loss = row["loss"] if isinstance(row["loss"], dict) else {"loss": row["loss"]}
            found = {name: float(value) for name, value in loss.items()}
            total = sum(given.values())
            whole = {name: weight / total for name, weight in given.items()}
            if min(given.values()) < 0 or not all(map(math.isfinite, [*whole.values(), *found.values()])) or not found:
                raise ValueError
        except (ValueError, KeyError, TypeError, AttributeError, ZeroDivisionError):
            raise ResultsError(f'{path}:{number}: expected {{"weights": {{"web": 0.8, ...}}, "loss": 3.2}}') from None
        if losses and found.keys() != losses[0].keys():
            raise ResultsError(f"{path}:{number}: losses {', '.join(found)}, of the first line {', '.join(losses[0])}")
        weights.append(whole)
        losses.append(found)
    if not weights:
        raise ResultsError(f"{path}: no results")
    groups, names = tuple(sorted({name for row in weights for name in row})), tuple(losses[0])
    return Results(
        groups,
        np.array([[row.get(name, 0.0) for name in groups] for row in weights]),
        names,
        np.array([[row[name] for name in names] for row in losses]),
    )


def _rows(path: str | Path) -> _Rows:
    with open(path, newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        columns = tuple(reader.fieldnames or ())
        if len(columns) < 2 or len(set(columns)) < len(columns):
            raise ResultsError(f"{path}:1: expected a header of distinct column names, separated by commas")
        rows, lines = [], []
        for row in reader:
            if None in row or None in row.values():
                raise ResultsError(f"{path}:{reader.line_num}: expected {len(columns)} values, as the header has")
            rows.append(row)
            lines.append(reader.line_num)
    if not rows:
        raise ResultsError(f"{path}: no rows below the header")
    return _Rows(str(path), columns, tuple(rows), tuple(lines))


def _matching(rows: _Rows, columns: Sequence[str], pattern: str) -> tuple[str, ...]:
    if pattern in columns:
        return (pattern,)
    try:
        expression = re.compile(pattern)
    except re.error:
        expression = None
    found = (
        [name for name in columns if fnmatch.fnmatchcase(name, pattern)]
        or [name for name in columns if pattern in name]
        or [name for name in columns if expression is not None and expression.search(name)]
    )
    if not found:
        raise ResultsError(f"{rows.path}:1: no column is like {pattern}; there are {', '.join(columns)}")
    return tuple(found)


def _numbers(rows: _Rows, columns: Sequence[str]) -> Floats:
    values = np.empty((len(rows.rows), len(columns)))
    for i, (row, line) in enumerate(zip(rows.rows, rows.lines, strict=True)):
        for j, name in enumerate(columns):
            try:
                values[i, j] = float(row[name])
            except ValueError:
                values[i, j] = math.nan
            if not math.isfinite(values[i, j]):
                raise ResultsError(f"{rows.path}:{line}: {name}: {row[name]!r} is not a number")
    return values


def _weights(rows: _Rows, groups: Sequence[str]) -> Floats:
    values = _numbers(rows, groups)
    for row, line in zip(values, rows.lines, strict=True):
        if row.min() < 0 or not row.sum() > 0:
            raise ResultsError(f"{rows.path}:{line}: weights must be 0 or more, and one above 0")
    return np.asarray(values / values.sum(axis=1, keepdims=True))


def _places(rows: _Rows, key: str) -> dict[str, int]:
    places: dict[str, int] = {}
    for place, (row, line) in enumerate(zip(rows.rows, rows.lines, strict=True)):
        if places.setdefault(row[key], place) != place:
            raise ResultsError(f"{rows.path}:{line}: {key} {row[key]} is there twice")
    return places
