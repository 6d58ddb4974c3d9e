"""Line programs: the steps that edit texts line by line, and their compiled form.

Steps are values; which of them make sense is the packs' business, what they do is `curate.text.line_edits`'.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from curate.text.characters import Bytes, Offsets, lowered, tables
from curate.text.multi_string_search import ANYWHERE, NeedleGroup, NeedleTable, needle_table

# What a step does with a line for which all its conditions hold.
DROP = 0
COUNT = 1
DELETE_CITATIONS = 2
DELETE_AT_START = 3
DELETE_AT_END = 4
DELETE_ANYWHERE = 5

# Conditions on a line.
LONGEST_WORD_ABOVE = 0
WORDS_BELOW = 1
WORDS_ABOVE = 2
ENDS_IN = 3
LACKS_ENDING = 4
CONTAINS = 5
UPPERCASE_ABOVE = 6
ONLY_NUMERIC = 7
COUNTER_OF = 8


@dataclass(frozen=True)
class LineCondition:
    """One of the condition codes above, with its bound or its strings (`flanks`: see needles)."""

    code: int
    bound: float = 0.0
    strings: tuple[str, ...] = ()
    flanks: int = ANYWHERE


@dataclass(frozen=True)
class LineStep:
    """An action for lines on which every condition holds; `phrases` are what a deletion removes, in any case."""

    action: int
    conditions: tuple[LineCondition, ...] = ()
    phrases: tuple[str, ...] = ()


class LineProgram(NamedTuple):
    """Compiled steps. `steps` rows: action, first and end condition, strings; `conditions` rows: code, strings."""

    steps: NDArray[np.int64]
    conditions: NDArray[np.int64]
    bounds: NDArray[np.float64]
    strings: Bytes
    string_ends: Offsets
    groups: Offsets
    needles: NeedleTable
    flags: NDArray[np.uint16]
    lower: NDArray[np.int32]


def line_program(steps: Sequence[LineStep]) -> LineProgram:
    """Compile steps for `edit_lines`."""
    rows: list[tuple[int, int, int, int]] = []
    conditions: list[tuple[int, int]] = []
    bounds: list[float] = []
    searched: list[NeedleGroup] = []
    groups: list[list[bytes]] = []
    for step in steps:
        first = len(conditions)
        for condition in step.conditions:
            number = 0
            if condition.code == CONTAINS:
                number = len(searched)
                searched.append(NeedleGroup(tuple(map(lowered, condition.strings)), condition.flanks))
            elif condition.strings:
                number = len(groups)
                fold = lowered if condition.code == COUNTER_OF else str.encode
                groups.append([fold(string) for string in condition.strings])
            conditions.append((condition.code, number))
            bounds.append(condition.bound)
        rows.append((step.action, first, len(conditions), len(groups)))
        if step.phrases:
            groups.append([lowered(phrase) for phrase in step.phrases])
    flat = [string for group in groups for string in group]
    properties = tables()
    return LineProgram(
        np.array(rows, np.int64).reshape(-1, 4),
        np.array(conditions, np.int64).reshape(-1, 2),
        np.array(bounds, np.float64),
        np.frombuffer(b"".join(flat) or b"\0", np.uint8),
        np.cumsum([0, *map(len, flat)]).astype(np.int64),
        np.cumsum([0, *map(len, groups)]).astype(np.int64),
        needle_table(searched),
        properties.flags,
        properties.lower,
    )
