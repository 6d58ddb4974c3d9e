"""Verdicts after one more step: what it drops fails a rule of its own, and had failed nothing before. Knows verdicts."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.records import FAILED


def drop_documents(verdict: pa.RecordBatch, gone: NDArray[np.bool_], step: str, rules: pa.Array) -> dict[str, pa.Array]:
    """VERDICTS with the documents `gone` dropped at a step. `rules` (string): `step/rule` for each of those, in order."""
    mask = pa.array(gone)
    lists = pa.ListArray.from_arrays(pa.array(np.arange(len(rules) + 1, dtype=np.int32)), rules).cast(FAILED)
    where = pa.array(np.cumsum(gone) - 1, mask=~gone)
    return {
        "kept": pc.and_(verdict.column("kept"), pc.invert(mask)),
        "failed": pc.if_else(mask, lists.take(where), verdict.column("failed")),
        "dropped_at": pc.if_else(mask, step, verdict.column("dropped_at")),
    }
