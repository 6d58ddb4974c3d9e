"""From a model's raw score to the label that it stands for: isotonic regression, by group. Knows numbers only.

Pool-adjacent-violators (Ayer et al. 1955) over scores of documents that the model had not seen; equal scores are pooled
first, and blocks of too few labels join their neighbours. Between the blocks' centres the curve is straight. Beyond the
outermost it rises by a hundredth at most, so that no two scores become one and buckets stay fine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Curve = Sequence[Sequence[float]]
"""Raw scores from 0 to 1, and what they stand for: two lists of equal length, both rising."""

ALL = ""
"""The group of documents whose own group has no curve."""
LEAST_BLOCK = 50
"""Labels of a block of the curve; of fewer than twenty blocks' worth of labels a twentieth."""
LEAST_GROUP = 300
"""Labels of a group with a curve of its own."""
_MOST_BLOCKS = 20
_BEYOND = 0.01


def isotonic(scores: Numbers, labels: Numbers) -> Curve:
    """The curve through labels (0 to 1) of documents with these raw scores (0 to 1)."""
    least = min(LEAST_BLOCK, max(1, len(scores) // _MOST_BLOCKS))
    points, inverse = np.unique(scores, return_inverse=True)
    weights = np.bincount(inverse).astype(np.float64)
    centers = points.astype(np.float64)
    means = np.bincount(inverse, labels) / weights
    blocks: list[list[float]] = []  # [weight, sum of scores, sum of labels]
    for weight, center, mean in zip(weights.tolist(), centers.tolist(), means.tolist(), strict=True):
        blocks.append([weight, weight * center, weight * mean])
        while len(blocks) > 1 and _mean(blocks[-2]) >= _mean(blocks[-1]):
            _join(blocks, len(blocks) - 2)
    place = 0
    while place < len(blocks) and len(blocks) > 1:
        if blocks[place][0] < least:
            left = place - 1 if place and (place + 1 == len(blocks) or _is_nearer(blocks, place)) else place
            _join(blocks, left)
            place = left
        else:
            place += 1
    x = [block[1] / block[0] for block in blocks]
    y = [_mean(block) for block in blocks]
    before = [(0.0, max(0.0, y[0] - _BEYOND))] if x[0] > 0 else []
    after = [(1.0, min(1.0, y[-1] + _BEYOND))] if x[-1] < 1 else []
    curve = [*before, *zip(x, y, strict=True), *after]
    return [[round(point, 9) for point, _ in curve], [round(value, 9) for _, value in curve]]


def _mean(block: list[float]) -> float:
    return block[2] / block[0]


def _is_nearer(blocks: list[list[float]], place: int) -> bool:
    """Whether a block's label is nearer to the one below it than to the one above."""
    return _mean(blocks[place]) - _mean(blocks[place - 1]) <= _mean(blocks[place + 1]) - _mean(blocks[place])


def _join(blocks: list[list[float]], place: int) -> None:
    """Put a block and the next together."""
    blocks[place : place + 2] = [[a + b for a, b in zip(blocks[place], blocks[place + 1], strict=True)]]


def curves(scores: Numbers, labels: Numbers, groups: NDArray[np.str_]) -> dict[str, Curve]:
    """A curve over all documents, under ALL, and one of each group with enough labels."""
    found = {ALL: isotonic(scores, labels)}
    for name in np.unique(groups).tolist():
        mine = groups == name
        if name != ALL and mine.sum() >= LEAST_GROUP:
            found[name] = isotonic(scores[mine], labels[mine])
    return found


def calibrated(scores: NDArray[np.float32], groups: pa.Array | None, of: Mapping[str, Curve]) -> NDArray[np.float32]:
    """What raw scores stand for, by the curves of their groups (string, nulls allowed); None: by that of all."""
    found = _along(scores, of[ALL])
    if groups is None or len(of) == 1:
        return found
    coded = groups.cast(pa.string()).dictionary_encode()
    codes = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    for code, name in enumerate(coded.dictionary.to_pylist()):
        if name != ALL and name in of:
            mine = codes == code
            found[mine] = _along(scores[mine], of[name])
    return found


def _along(scores: NDArray[np.float32], curve: Curve) -> NDArray[np.float32]:
    found: NDArray[np.float32] = np.interp(scores, np.asarray(curve[0]), np.asarray(curve[1])).astype(np.float32)
    return found
