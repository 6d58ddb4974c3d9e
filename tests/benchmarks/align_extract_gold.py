"""Which blocks of a page are in its text by people: an alignment of words, as labels to learn from.

Words of the page and of the text are aligned in order, runs of equal words before scattered ones; a block's label is the
share of its words that are aligned. What stands elsewhere in the text than on the page is sought twice more among what
is left, and counts there for blocks that are found nearly whole.
"""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from curate.extract.html.blocks import Page
from curate.text.compiled import Scalar, kernel

_WIDE = "\\u3040-\\u30ff\\u3400-\\u9fff\\uf900-\\ufaff"
WORD = re.compile(f"[{_WIDE}]|[^\\W{_WIDE}]+")
"""A run of letters, digits and underscores, or one ideograph or kana."""
MOST_CELLS = 600_000_000
"""Pairs of words that are compared; the end of a longer page has no labels."""
FOUND, FOUND_AGAIN = 0.5, 0.8
"""Share of a block's words from which on it is taken for found, in order and elsewhere."""
LEAST_WORDS = 3
"""Words of a block that may be found out of order."""
_FAR = -1_000_000
_UP, _LEFT, _MATCH, _RUN = 1, 2, 3, 4


@kernel
def _align(words: NDArray[np.int32], block: NDArray[np.int32], gold: NDArray[np.int32]) -> Scalar:
    """For each word of the page, the word of the text that it is, or -1. A match is worth 2, in a run within a block 4."""
    count, wanted = len(words), len(gold)
    back = np.zeros((count + 1, wanted + 1), np.uint8)
    best = np.zeros(wanted + 1, np.int32)
    ending, before = np.full(wanted + 1, _FAR, np.int32), np.full(wanted + 1, _FAR, np.int32)
    for i in range(1, count + 1):
        corner = best[0]
        run = 3 if i == 1 or block[i - 1] != block[i - 2] else 4
        for j in range(1, wanted + 1):
            above = best[j]
            matched, code = _FAR, 0
            if words[i - 1] == gold[j - 1]:
                matched = corner + 2
                if before[j - 1] + run >= matched:
                    matched, code = before[j - 1] + run, _RUN
            value, way = above, _UP
            if best[j - 1] > value:
                value, way = best[j - 1], _LEFT
            if matched > value:
                value, way = matched, _MATCH
            corner = above
            best[j], ending[j], back[i, j] = value, matched, way | code
        ending, before = before, ending
        before[0] = _FAR
    found = np.full(count, -1, np.int32)
    i, j, in_run = count, wanted, False
    while i > 0 and j > 0:
        code = back[i, j]
        if in_run or code & 3 == _MATCH:
            found[i - 1] = j - 1
            in_run = code & _RUN != 0
            i, j = i - 1, j - 1
        elif code & 3 == _UP:
            i -= 1
        else:
            j -= 1
    return found


def labels(page: Page, text: str) -> NDArray[np.float64]:
    """The share of each block's words that is in the text by people."""
    codes: dict[str, int] = {}
    parts = [WORD.findall(page.block_text(number).lower()) for number in range(len(page.blocks))]
    sizes = np.array([len(part) for part in parts], np.int64)
    words = np.array([codes.setdefault(word, len(codes)) for part in parts for word in part], np.int32)
    gold = np.array([codes.setdefault(word, len(codes)) for word in WORD.findall(text.lower())], np.int32)
    words = words[: MOST_CELLS // max(1, len(gold))]
    block = np.repeat(np.arange(len(parts), dtype=np.int32), sizes)[: len(words)]
    shares = np.zeros(len(parts))
    live, used = np.ones(len(words), np.bool_), np.zeros(len(gold), np.bool_)
    for turn in range(3):
        if not live.any() or used.all():
            break
        mine, theirs = block[live], np.flatnonzero(~used)
        found = _align(words[live], mine, gold[theirs])
        share = np.bincount(mine[found >= 0], minlength=len(parts)) / np.maximum(sizes, 1)
        taken = share >= FOUND if turn == 0 else (share >= FOUND_AGAIN) & (sizes >= LEAST_WORDS)
        shares = share if turn == 0 else np.where(taken, share, shares)
        used[theirs[found[(found >= 0) & taken[mine]]]] = True
        live &= ~taken[block]
        if not taken.any():
            break
    return shares
