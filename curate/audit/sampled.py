"""The run's sample: the documents with the smallest draws, each with what the ledger says of it and where its text lies.

The same documents whatever the order of parts, and bounded at any size of run. Holds no text: whoever shows one reads it
from the part. Knows ledger columns; knows no page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

SAMPLE = 2000
"""Documents of a sample."""
VALUE = "value."
"""What the columns of rules' values begin with."""
_TAKEN = (
    "id", "source", "url", "language", "language_score", "quality_score", "failed", "duplicate_kind", "duplicate_of",
    "chars", "tokens", "kept", "dropped_at",
)  # fmt: skip


def sample_of(
    columns: Mapping[str, pa.Array],
    draws: Any,
    values: Mapping[str, Any],
    fixed: npt.NDArray[np.bool_],
    kept: npt.NDArray[np.bool_],
    first: int,
) -> pa.Table:
    """Of the documents with the smallest draws: what the ledger says, each rule's value, whether a rule drops it that no
    page can move (`fixed`), and its number in its part, whose first here is `first`."""
    rows = np.argsort(draws, kind="stable")[:SAMPLE]
    taken = pa.array(rows)
    known = {name: columns[name].take(taken) for name in _TAKEN}
    return pa.table(
        {
            "draw": pa.array(draws[rows], pa.uint64()),
            **{name: _plain(column) for name, column in known.items()},
            "document": pa.array(rows + first, pa.int64()),
            "fixed": pa.array(fixed[rows], pa.bool_()),
            **{VALUE + name: pa.array(found[rows], pa.float64()) for name, found in values.items()},
        }
    )


def _plain(column: pa.Array) -> pa.Array:
    """A column without dictionaries, so that those of several parts are of one type."""
    if pa.types.is_dictionary(column.type):
        return column.cast(column.type.value_type)
    return column


def merge_samples(samples: Sequence[pa.Table]) -> pa.Table:
    """The documents with the smallest draws of several samples; a rule that a source lacks is null."""
    table = pa.concat_tables(samples, promote_options="default")
    return table.take(pc.sort_indices(table, sort_keys=[("draw", "ascending")])[:SAMPLE]).combine_chunks()


def candidates_of(sample: pa.Table, outputs: Sequence[str]) -> pa.Table:
    """The rows of these sources, in the order of their draws."""
    return sample.filter(pc.is_in(sample.column("source"), value_set=pa.array(outputs, pa.string())))
