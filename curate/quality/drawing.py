"""Which documents of a part are in a sample: those with small draws that fail no rule. Knows rules; knows no classifier."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from curate.engine.task import Inputs
from curate.records.batches import read_batches
from curate.records.quality import SAMPLE
from curate.text.chance import draw
from curate.verdicts.steps import steps_from_json


def drawn(
    inputs: Inputs, steps: Sequence[Mapping[str, Any]], limit: str, seed: int, purpose: str
) -> Iterator[pa.RecordBatch]:
    """Batches of SAMPLE, one for each of the inputs `documents` and `columns`, which are aligned: the documents whose draw
    by this seed and purpose is at most `limit`, a decimal number of 64 bits, and which fail no rule of `steps` (JSON)."""
    columns = [read_batches(path) for path in inputs.paths("columns")]
    rules, highest = steps_from_json(steps), np.uint64(int(limit))
    for batch in read_batches(inputs.path("documents")):
        known = {name: part.column(name) for part in map(next, columns) for name in part.schema.names}
        draws = draw(batch.column("id"), seed, purpose)
        chosen = draws <= highest
        for step in rules:
            for failed in step.fails(known).values():
                chosen &= ~failed
        yield pa.record_batch([pa.array(draws), *batch.columns], schema=SAMPLE).filter(pa.array(chosen))
