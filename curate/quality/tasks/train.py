"""Training the quality classifier of a run on samples of its own documents. Knows samples and classifiers."""

from __future__ import annotations

from typing import TypedDict

import numpy as np
import pyarrow as pa

from curate import quality
from curate.engine.task import Inputs, Output
from curate.quality.training import Classifier, Examples, cross_fit
from curate.records.batches import read_batches
from curate.records.quality import SAMPLE, Card


class TrainParams(TypedDict):
    """The kind of classifier, how many examples of each class it learns from, and the seed of its draws."""

    classifier: Classifier
    sample: int
    seed: int


def compile_kernels(params: TrainParams) -> None:
    """Compile what trains, once per machine."""
    quality.compile_kernels()


def train_model(params: TrainParams, inputs: Inputs, output: Output) -> Card:
    """Inputs `positive` and `negative` (SAMPLE). Writes `model`, one per fold of hosts in a file; counts are its card.

    Of each class the `sample` examples with the smallest draws are used.
    """
    sides = []
    for side in ("positive", "negative"):
        batches = [batch for path in inputs.paths(side) for batch in read_batches(path)]
        table = pa.Table.from_batches(batches, SAMPLE).combine_chunks()
        order = np.argsort(table.column("draw").to_numpy(), kind="stable")[: params["sample"]]
        sides.append(table.take(pa.array(order)))
    table = pa.concat_tables(sides).combine_chunks()
    ids, urls, texts = (table.column(name).combine_chunks() for name in ("id", "url", "text"))
    examples = Examples(ids, urls, texts, np.arange(len(table)) < len(sides[0]))
    return cross_fit(output.path("model"), examples, params["classifier"], params["seed"])
