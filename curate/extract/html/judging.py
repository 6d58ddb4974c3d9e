"""Which blocks are main text by a learned judgement: odds by boosted trees, then the choice of greatest expected F1.

The model is a file of the package, and all arithmetic is of integers, or of single divisions, so that every machine
keeps the same blocks. `tests/benchmarks/train_extract_judgement.py` learns it. Knows blocks and the model; knows
nothing of how blocks are written.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from curate.extract.engines import JUDGEMENT
from curate.extract.html.blocks import IN_TITLE, SAYS_HIDDEN, Page, Records
from curate.extract.html.choosing import LANDMARKS, NOT_SHOWN, simple
from curate.extract.html.elements import NUMBER
from curate.extract.html.features import FEATURES, Described
from curate.extract.html.trees import AT_ONCE, LEVELS, Trees, levels
from curate.text.compiled import Scalar, kernel

MODEL = JUDGEMENT
"""Arrays: weights of words and names (int8), odds by level (uint16), and the trees."""
LEAST_WORDS = 100
"""Words of a page below which the plain rule of `choosing` decides: of 1,293 pages to learn from 6 are as small, and what
a fragment shows of itself is too little to be judged by."""
MOST_HIDDEN = LEVELS // 2 - 13
"""The highest level of a block that declares itself hidden: odds of .45 to .55, so that it is kept where such blocks are
most of a page and not beside a page's plain text. Of their words 45 % are in the text by people."""
FEW_WORDS = 5
"""Words of a paragraph up to which it goes with the kept paragraph beside it: a line of stars, two links and a dash."""
_ONE = 65535
_APART = NOT_SHOWN | LANDMARKS
_P = NUMBER["p"]


class Judgement(NamedTuple):
    """A learned judgement of blocks."""

    words: NDArray[np.int8]
    """By bucket, what a word says for a block that has it."""
    names: NDArray[np.int8]
    """By bucket, what a name of a class or id says, and by element, what it says."""
    odds: NDArray[np.uint16]
    """By level, the probability that a block is main, in 65535ths."""
    trees: Trees


def read_judgement(path: Path = MODEL) -> Judgement:
    """The judgement that a file holds."""
    with np.load(path, allow_pickle=False) as file:
        trees = Trees(*(file[field] for field in Trees._fields))
        return Judgement(file["words"], file["names"], file["odds"], trees)


def write_judgement(judgement: Judgement, path: Path) -> None:
    """Write a judgement as `read_judgement` reads it."""
    arrays = judgement.trees._asdict()
    np.savez_compressed(path, words=judgement.words, names=judgement.names, odds=judgement.odds, **arrays)


_packaged = cache(read_judgement)


@kernel
def best_level(found: NDArray[np.int32], odds: NDArray[np.uint16], words: NDArray[np.int32]) -> Scalar:
    """The level from which on blocks are kept for the greatest expected F1 of words.

    Expected are twice the words kept and wanted, over those kept and those wanted; each term is a sum of integers.
    """
    by_level = np.zeros(LEVELS, np.int64)
    wanted: Scalar = 0
    for number in range(len(found)):
        by_level[found[number]] += words[number]
        wanted += np.int64(words[number]) * odds[found[number]]
    kept = right = 0
    best, highest = np.int64(0), -1.0
    for level in range(LEVELS - 1, -1, -1):
        if by_level[level]:
            kept += by_level[level]
            right += by_level[level] * odds[level]
            expected = right / (kept * _ONE + wanted)
            if expected > highest:
                best, highest = np.int64(level), expected
    return best


@kernel
def _keep(blocks: Records, nodes: Records, found: NDArray[np.int32], level: Scalar, kept: NDArray[np.bool_]) -> Scalar:
    """Keep blocks of this level and above, and short paragraphs next to a kept one of the same parent; titles never."""
    for number in range(len(blocks)):
        kept[number] = found[number] >= level
        if number and blocks[number].element == _P and blocks[number - 1].element == _P:
            one, other = number - 1, number
            alike = nodes[blocks[one].container].parent == nodes[blocks[other].container].parent
            left = other if found[one] >= level else one
            if alike and (found[one] >= level) != (found[other] >= level):
                kept[left] = blocks[left].words <= FEW_WORDS and blocks[left].flags & _APART == 0
    for number in range(len(blocks)):
        if blocks[number].flags & IN_TITLE:
            kept[number] = False


def judged(page: Page, judgement: Judgement) -> NDArray[np.int32]:
    """The level of each block's odds to be main text."""
    rows = Described(page, judgement.words, judgement.names).rows
    columns = np.zeros((FEATURES, -(-len(rows) // AT_ONCE) * AT_ONCE), np.uint8)
    columns[:, : len(rows)] = rows.T
    all_levels = np.empty(columns.shape[1], np.int32)
    levels(judgement.trees, columns, all_levels)
    found = all_levels[: len(rows)]
    np.minimum(found, MOST_HIDDEN, out=found, where=page.blocks["flags"] & SAYS_HIDDEN != 0)
    return found


def learned(page: Page, judgement: Judgement | None = None) -> NDArray[np.bool_]:
    """The blocks whose odds are at least those from which on the page's expected F1 is greatest.

    Without a judgement it is the package's own. What a style hides is judged like the rest: answers that fold out and
    tabs are text of the page; a title is none, even one that never ends. A page of fewer than LEAST_WORDS words is
    left to `simple`.
    """
    judgement = judgement or _packaged()
    if page.blocks["words"].sum() < LEAST_WORDS:
        return simple(page)
    found = judged(page, judgement)
    kept = np.empty(len(found), np.bool_)
    _keep(page.blocks, page.nodes, found, best_level(found, judgement.odds, page.blocks["words"]), kept)
    return kept
