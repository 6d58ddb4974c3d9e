"""Measures a model: bits per byte of texts, perplexity of WikiText-2, accuracy of tasks; each per item, with its error.

Knows a tokenizer, a model and files of items; knows no training.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curate.tokens import Tokenizer
from curate.trainer.evaluate.overlap import NGRAM, overlaps
from curate.trainer.evaluate.rows import read_texts
from curate.trainer.evaluate.scoring import Likelihood, continuation_likelihoods, document_nats
from curate.trainer.evaluate.task_formats import UNCONDITIONAL, Item, Style, Task
from curate.trainer.evaluate.task_scores import ACCURACY, GOLD, MEASURES, bits_of_gold, scores
from curate.trainer.evaluate.tasks import WIKITEXT, find_task, read_items, read_shots, task_path, with_shots
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
    texts = read_texts(task_path(WIKITEXT, folder))
    nats = document_nats(model, encode(tokenizer, texts), tokenizer.end_of_text)
    words = np.array([len(text.split()) for text in texts], dtype=np.float64)
    found = None if data is None else find_in_training(tokenizer, texts, data)
    measure = Measure("wikitext2", "nats/word", nats, words, found)
    return measure, math.exp(measure.mean)


def score_items(
    model: GPT,
    tokenizer: Tokenizer,
    task: Task,
    items: Sequence[Item],
    shots: int = 0,
    seed: int = 0,
    *,
    style: Style = "olmes",
    wanted: Sequence[str] = MEASURES,
    solved: Sequence[Item] | None = None,
) -> list[Measure]:
    """The measures of a task's items by likelihood, with solved examples before each; those of `wanted` that it has.

    `solved`: the examples of the task's own split, where there is one.
    """
    asked = with_shots(items, shots, seed, solved)
    flat = [pair for item in asked for pair in zip(item.prompts, item.continuations, strict=True)]
    found = iter(_likelihoods(model, tokenizer, flat))
    normalise = task.normalise(style)
    alone = (
        [each.nats for each in _likelihoods(model, tokenizer, [(UNCONDITIONAL, ending) for _, ending in flat])]
        if normalise == "unconditional" and task.kind == "choice"
        else [0.0] * len(flat)
    )
    rows, begin = [], 0
    for item in asked:
        mine = [next(found) for _ in item.prompts]
        gold = bits_of_gold(mine[item.gold].nats, item.continuations[item.gold])
        if task.kind == "choice":
            nats, without = [each.nats for each in mine], alone[begin : begin + len(mine)]
            spaces = style == "olmes"
            row = scores(nats, item.continuations, item.gold, normalise, spaces=spaces, unconditional=without)
        else:
            row = {ACCURACY: float(mine[0].greedy), GOLD: gold} if task.kind == "exact" else {GOLD: gold}
        rows.append(row)
        begin += len(mine)
    weights = _weights(task, items)
    name = f"{task.name}{f' {shots}-shot' if task.shots else ''}"
    return [
        Measure(name, unit, np.array([row[unit] for row in rows]) * weights, weights)
        for unit in MEASURES
        if unit in wanted and rows and unit in rows[0]
    ]


def by_group(measure: Measure, items: Sequence[Item]) -> list[Measure]:
    """A task's measure by subject or paradigm."""
    groups = np.array([item.group for item in items])
    return [
        Measure(f"{measure.name} {name}", measure.unit, measure.values[groups == name], measure.weights[groups == name])
        for name in sorted(set(groups.tolist()))
    ]


def _weights(task: Task, items: Sequence[Item]) -> Floats:
    """Equal weights, or such that each group counts the same."""
    if not task.macro:
        return np.ones(len(items))
    sizes = Counter(item.group for item in items)
    return np.array([1 / sizes[item.group] for item in items])


def _likelihoods(model: GPT, tokenizer: Tokenizer, pairs: Sequence[tuple[str, str]]) -> list[Likelihood]:
    """Of each continuation after its prompt. The two are encoded as one text, which is cut where the prompt's tokens end."""
    prompts = encode(tokenizer, [prompt for prompt, _ in pairs])
    wholes = encode(tokenizer, [prompt + ending for prompt, ending in pairs])
    cut = []
    for prompt, whole, (_, ending) in zip(prompts, wholes, pairs, strict=True):
        rest = whole[len(prompt) :]
        if not len(rest):  # the ending's tokens are one with the prompt's last
            rest = encode(tokenizer, [ending])[0]
            cut.append(([tokenizer.end_of_text, *prompt.tolist()], rest.tolist()))
            continue
        cut.append(([tokenizer.end_of_text, *whole[: len(prompt)].tolist()], rest.tolist()))
    return continuation_likelihoods(model, cut)


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
    style: Style = "olmes",
    wanted: Sequence[str] = MEASURES,
    groups: bool = False,
) -> list[Measure]:
    """A task once per number of shots, and with `groups` each of its subjects or paradigms.

    `data` is the mix to look for its items in. Raises ConfigError, FileNotFoundError.
    """
    task = find_task(name)
    items = read_items(task, folder, limit, style)
    solved = read_shots(task, folder, style) if task.shots else None
    found = None if data is None else find_in_training(tokenizer, [item.text for item in items], data)
    measures = []
    for count in shots if task.shots else (0,):
        for each in score_items(model, tokenizer, task, items, count, seed, style=style, wanted=wanted, solved=solved):
            measures.append(replace(each, found=found))
            measures += by_group(each, items) if groups and task.macro else []
    return measures


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
