"""Measures a model: bits per byte of texts, perplexity of WikiText-2, accuracy of tasks; each per item, with its error.

Knows a tokenizer, a model and files of items; knows no training.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curate.tokens import Tokenizer
from curate.trainer.evaluate.overlap import NGRAM, overlaps
from curate.trainer.evaluate.scoring import continuation_likelihoods, document_nats
from curate.trainer.evaluate.tasks import WIKITEXT, Item, Task, find_task, read_items, read_lines, with_shots
from curate.trainer.model.model import GPT

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Found:
    """How much of some texts a training set holds, by runs of NGRAM tokens; shorter texts cannot be looked for."""

    searched: int
    """Texts of at least NGRAM tokens."""
    share_of_texts: float
    """Of those searched, the share with at least one run in the training set; NaN where none was searched."""
    share_of_runs: float
    """Of all their runs, the share in the training set: says more where texts are long."""


@dataclass(frozen=True)
class Measure:
    """A number from items: the sum of `values` over the sum of `weights`, one of each per item."""

    name: str
    unit: str
    values: Floats
    weights: Floats
    found: Found | None = None
    """How much of the items a training set holds."""

    @property
    def mean(self) -> float:
        """The measure."""
        return float(self.values.sum() / self.weights.sum())

    @property
    def standard_error(self) -> float:
        """Of the mean, over items: of a ratio, by linearisation (Cochran 1977, §2.11). NaN for a single item."""
        count = len(self.values)
        if count < 2:
            return math.nan
        residuals = self.values - self.mean * self.weights
        return float(np.sqrt((residuals**2).sum() / (count - 1) * count) / self.weights.sum())


def encode(tokenizer: Tokenizer, texts: Sequence[str]) -> list[npt.NDArray[Any]]:
    """Token ids of each text, without end-of-text."""
    rows = tokenizer.encode(pa.array(texts, pa.string()))
    offsets, values = rows.offsets.to_numpy(), rows.values.to_numpy()
    return [values[begin:end] for begin, end in itertools.pairwise(offsets)]


def bits_per_byte(
    model: GPT, tokenizer: Tokenizer, name: str, texts: Sequence[str], data: str | Path | None = None
) -> Measure:
    """Bits that the model needs per byte of UTF-8; an item is a text. It does not depend on the tokenizer.

    `data` is the mix to look for the texts in.
    """
    nats = document_nats(model, encode(tokenizer, texts), tokenizer.end_of_text)
    sizes = np.array([len(text.encode()) for text in texts], dtype=np.float64)
    found = None if data is None else find_in_training(tokenizer, texts, data)
    return Measure(name, "bits/byte", nats / math.log(2), sizes, found)


def wikitext_perplexity(
    model: GPT, tokenizer: Tokenizer, folder: str | Path, data: str | Path | None = None
) -> tuple[Measure, float]:
    """Nats per word of WikiText-2's validation articles, words as the corpus spaces them, and their perplexity per word.

    `data` is the mix to look for them in.
    """
    texts = [row["text"] for row in read_lines(Path(folder) / f"{WIKITEXT}.jsonl.gz")]
    nats = document_nats(model, encode(tokenizer, texts), tokenizer.end_of_text)
    words = np.array([len(text.split()) for text in texts], dtype=np.float64)
    found = None if data is None else find_in_training(tokenizer, texts, data)
    measure = Measure("wikitext2", "nats/word", nats, words, found)
    return measure, math.exp(measure.mean)


def accuracy(
    model: GPT,
    tokenizer: Tokenizer,
    task: Task,
    items: Sequence[Item],
    shots: int = 0,
    seed: int = 0,
) -> Measure:
    """Share of items answered rightly by likelihood, with solved examples before each."""
    asked = with_shots(items, shots, seed)
    flat = [pair for item in asked for pair in zip(item.prompts, item.continuations, strict=True)]
    prompts = encode(tokenizer, [prompt for prompt, _ in flat])
    endings = encode(tokenizer, [ending for _, ending in flat])
    start = [tokenizer.end_of_text]
    pairs = [([*start, *prompt.tolist()], ending.tolist()) for prompt, ending in zip(prompts, endings, strict=True)]
    scores = iter(zip(flat, continuation_likelihoods(model, pairs), strict=True))
    right = []
    for item in asked:
        mine = [next(scores) for _ in item.prompts]
        if task.kind == "exact":
            right.append(float(mine[0][1].greedy))
            continue
        nats = [score.nats / len(ending.encode()) if task.per_byte else score.nats for (_, ending), score in mine]
        right.append(float(int(np.argmax(nats)) == item.gold))
    return Measure(
        f"{task.name}{f' {shots}-shot' if task.shots else ''}", "accuracy", np.array(right), np.ones(len(right))
    )


def measure_task(
    model: GPT,
    tokenizer: Tokenizer,
    name: str,
    folder: str | Path,
    shots: Sequence[int] = (0,),
    *,
    limit: int | None = None,
    data: str | Path | None = None,
    seed: int = 0,
) -> list[Measure]:
    """A task once per number of shots. `data` is the mix to look for its items in. Raises ValueError, FileNotFoundError."""
    task = find_task(name)
    items = read_items(task, folder, limit)
    found = None if data is None else find_in_training(tokenizer, [item.text for item in items], data)
    measures = [accuracy(model, tokenizer, task, items, count, seed) for count in (shots if task.shots else (0,))]
    return [Measure(each.name, each.unit, each.values, each.weights, found) for each in measures]


def find_in_training(tokenizer: Tokenizer, texts: Sequence[str], data: str | Path) -> Found:
    """How much of the texts the train split of `data` holds."""
    tokens = encode(tokenizer, texts)
    shares = overlaps(data, tokens)
    known = ~np.isnan(shares)
    if not known.any():
        return Found(0, math.nan, math.nan)
    runs = np.array([len(text) - NGRAM + 1 for text in tokens])[known]
    shares = shares[known]
    return Found(len(shares), float((shares > 0).mean()), float((shares * runs).sum() / runs.sum()))
