"""Which of several texts of a document is kept: a choice made from the rules' verdicts on each of them.

Several engines may each give a page's text. All are evaluated, the rules judge every one, and a document goes on with the
one chosen here. The run and what-if ask the same object. Knows columns and rules; knows no engine and touches no text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.records.judging import Columns, Failures
from curate.records.metadata import META
from curate.verdicts.steps import VerdictStep

FIRST = "first"
"""The choice of the first text that passes every rule."""
ENGINE = "extract.engine"
"""The ledger column that names the engine whose text is kept."""
CHARS = "extract.chars"
"""Of each engine's text, its characters; 0 where it found none."""

Masks = NDArray[np.bool_]
"""[engines, rows]."""


def own_column(name: str, engine: str) -> str:
    """The ledger column that holds a column's values on one engine's texts.

    >>> own_column("c4.words", "trafilatura")
    'c4.words@trafilatura'
    """
    return f"{name}@{engine}"


@dataclass(frozen=True)
class TextChoice:
    """What chooses between the texts of `engines`, in this order, whose `columns` are computed for each text.

    `by` is FIRST, one of the engines, or one of the columns, whose highest value wins.
    """

    engines: tuple[str, ...]
    by: str
    columns: tuple[str, ...]

    def judging(self, steps: Sequence[VerdictStep]) -> tuple[VerdictStep, ...]:
        """The steps whose rules look at nothing but the texts' own columns and columns that all texts of a page share."""
        own = set(self.columns)
        return tuple(
            step
            for step in steps
            if all(name in own or name.startswith(META) for name in step.columns()) and step.rules
        )

    def needed(self, steps: Sequence[VerdictStep]) -> list[str]:
        """The ledger columns that a choice by these steps looks at."""
        names = dict.fromkeys(name for step in self.judging(steps) for name in step.columns())
        names |= {self.by: None} if self.by in self.columns else {}
        own = [own_column(name, engine) for engine in self.engines for name in (CHARS, *names) if not _shared(name)]
        return [*own, *(name for name in names if _shared(name))]

    def of_engine(self, engine: str, columns: Columns) -> dict[str, pa.Array]:
        """The columns of one engine's texts under their plain names, and the shared ones, from those of the ledger."""
        suffix = own_column("", engine)
        own = {name.removesuffix(suffix): column for name, column in columns.items() if name.endswith(suffix)}
        return {name: column for name, column in columns.items() if "@" not in name} | own

    def failures(self, steps: Sequence[VerdictStep], texts: Sequence[Columns]) -> list[Failures]:
        """Per engine, which rows of its texts fail each rule."""
        judging = self.judging(steps)
        found = []
        for columns in texts:
            failures: Failures = {}
            for step in judging:
                failures |= step.fails(columns)
            found.append(failures)
        return found

    def choose(
        self, texts: Sequence[Columns], there: Masks, failures: Sequence[Failures]
    ) -> tuple[NDArray[np.int64], Masks]:
        """(the number of the chosen engine per row, which texts pass every rule).

        `there`: which engines found a text. Where none of them passes, the choice is among all that are there.

        >>> choice = TextChoice(("a", "b"), FIRST, ())
        >>> choice.choose([{}, {}], np.array([[True, True], [True, False]]), [{"s/r": np.array([True, True])}, {}])[0]
        array([1, 0])
        """
        passes = there.copy()
        for number, failed in enumerate(failures):
            for mask in failed.values():
                passes[number] &= ~mask
        eligible = np.where(passes.any(axis=0), passes, there)
        chosen = eligible.argmax(axis=0).astype(np.int64)
        if self.by in self.engines:
            wanted = self.engines.index(self.by)
            chosen = np.where(there[wanted], wanted, chosen)
        elif self.by != FIRST:
            values = np.stack([_numbers(columns[self.by]) for columns in texts])
            chosen = np.where(eligible, values, -np.inf).argmax(axis=0).astype(np.int64)
        return chosen, passes

    def to_json(self) -> dict[str, Any]:
        """The choice as JSON: a task's parameter."""
        return {"engines": list(self.engines), "by": self.by, "columns": list(self.columns)}


def choice_from_json(value: Mapping[str, Any]) -> TextChoice:
    """A choice from its JSON."""
    return TextChoice(tuple(value["engines"]), value["by"], tuple(value["columns"]))


def of_chosen(columns: Sequence[pa.Array], chosen: NDArray[np.int64]) -> pa.Array:
    """Per row, the value in the column of the chosen engine."""
    rows = len(chosen)
    return pa.concat_arrays(columns).take(pa.array(chosen * rows + np.arange(rows)))


def _shared(name: str) -> bool:
    return name.startswith(META)


def _numbers(column: pa.Array) -> NDArray[np.float64]:
    """Values that can be compared: what is none, or no number, is below every number."""
    least = np.finfo(np.float64).min
    values = np.asarray(pc.fill_null(column.cast(pa.float64()), least).to_numpy(zero_copy_only=False), np.float64)
    return np.maximum(np.where(np.isnan(values), least, values), least)
