"""Training the quality classifier of a run on samples of its own documents. Knows samples and classifiers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from curate import quality
from curate.batches import read_batches
from curate.engine.task import Counts, File, Output
from curate.quality.training import Examples, train
from curate.records.quality import SAMPLE


def compile_kernels(params: Mapping[str, Any]) -> None:
    """Compile what trains, once per machine."""
    quality.compile_kernels()


def train_model(params: Mapping[str, Any], inputs: Sequence[File], output: Output) -> Counts:
    """Inputs `positive...` and `negative...` (SAMPLE). Writes `model`; counts are its card.

    Of each class the `sample` examples with the smallest draws are used.
    """
    sides = []
    for side in ("positive", "negative"):
        batches = [batch for file in inputs if file.name.startswith(side) for batch in read_batches(file.path)]
        table = pa.Table.from_batches(batches, SAMPLE).combine_chunks()
        order = np.argsort(table.column("draw").to_numpy(), kind="stable")[: params["sample"]]
        sides.append(table.take(pa.array(order)))
    table = pa.concat_tables(sides).combine_chunks()
    ids, urls, texts = (table.column(name).combine_chunks() for name in ("id", "url", "text"))
    examples = Examples(ids, urls, texts, np.arange(len(table)) < len(sides[0]))
    return train(output.path("model"), examples, params["classifier"], params["seed"])
