"""Recall and precision on real text: planted pairs are found as often as the formula says, and no unlike page goes."""

import math
import random
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from curate.dedup import signatures
from curate.dedup.banding import band_keys, found_share
from curate.dedup.normal import find_units
from curate.dedup.shingles import Shingles, distinct_shingles, hash_shingles, set_jaccard
from curate.text.columns import as_column, text_buffers
from curate.text.compiled import kernel
from tests.support.deduplicating import Row, deduplicate
from tests.support.real_text import books, extracted_pages

BANDS, ROWS = 14, 8
PAIRS = 150
LEVELS = [0.3, 0.4, 0.5, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95]
SIGMAS = 4  # a wrong alarm once in 16,000 levels


def sets_of(texts: list[str], ngram: int = 5) -> Shingles:
    return distinct_shingles(hash_shingles(find_units(*text_buffers(as_column(texts))), ngram), 1 << 40)


def jaccard(sets: Shingles, left: int, right: int) -> float:
    first, second = (sets.hashes[sets.offsets[i] : sets.offsets[i + 1]] for i in (left, right))
    return float(set_jaccard(first, second))


def plant(words: list[str], similarity: float, rng: random.Random, length: int = 300) -> tuple[str, str]:
    """Two passages of real text that share one stretch, so long that their 5-grams have about this similarity."""
    shared = round(2 * similarity / (1 + similarity) * length)
    start, first, second = (rng.randrange(len(words) - length) for _ in range(3))
    common, other = words[start : start + shared], length - shared
    left = [*words[first : first + other], *common]
    right = [*common, *words[second : second + other]]
    return " ".join(left), " ".join(right)


@pytest.fixture(scope="module")
def planted(shared_data: Path) -> tuple[list[str], NDArray[np.float64]]:
    """Texts, pair after pair, and each pair's exact similarity."""
    words = books(shared_data)
    rng = random.Random(11)
    texts = [text for level in LEVELS for _ in range(PAIRS) for text in plant(words, level, rng)]
    sets = sets_of(texts)
    return texts, np.array([jaccard(sets, i, i + 1) for i in range(0, len(texts), 2)])


def test_pairs_are_found_as_often_as_the_formula_says(planted: tuple[list[str], NDArray[np.float64]]) -> None:
    texts, similarities = planted
    signed = signatures(texts, permutations=BANDS * ROWS)
    keys = band_keys(signed.values, np.zeros(len(texts), np.uint64), BANDS, ROWS)
    found = (keys[::2] == keys[1::2]).any(axis=1)
    for number, level in enumerate(LEVELS):
        mine = slice(number * PAIRS, (number + 1) * PAIRS)
        assert abs(similarities[mine].mean() - level) < 0.02, "the test's pairs are not as similar as meant"
        chances = np.array([found_share(s, BANDS, ROWS) for s in similarities[mine]])
        spread = math.sqrt((chances * (1 - chances)).sum())
        assert abs(found[mine].sum() - chances.sum()) <= SIGMAS * spread + 0.5, level


def test_of_planted_pairs_all_that_verification_lets_through_go_and_none_below_six_tenths(
    planted: tuple[list[str], NDArray[np.float64]], tmp_path: Path
) -> None:
    texts, similarities = planted
    rows = [{"id": f"t{i:05d}", "text": text, "url": None, "date": None} for i, text in enumerate(texts)]
    found = deduplicate(tmp_path, {"books": rows}, {"minhash": {}})
    names = {row["id"]: name for name, row in found.items()}
    sets = sets_of(texts)
    removed = [(int(name[1:]), int(row["duplicate_of"][1:])) for name, row in found.items() if row["duplicate_of"]]
    assert names and all(jaccard(sets, *pair) >= 0.6 for pair in removed)
    gone = {frozenset(pair) for pair in removed}
    for number, level in enumerate(LEVELS):
        pairs = range(number * PAIRS, (number + 1) * PAIRS)
        share = np.mean([frozenset((2 * i, 2 * i + 1)) in gone for i in pairs])
        if level >= 0.85:
            assert share >= np.mean([found_share(similarities[i], BANDS, ROWS) for i in pairs]) - 0.05
        if level <= 0.5:
            assert share == 0


@kernel
def _similar_pairs(hashes: NDArray[np.uint32], offsets: NDArray[np.int64], least: float, out: NDArray[np.int64]) -> int:
    count = 0
    documents = len(offsets) - 1
    for i in range(documents):
        for j in range(i + 1, documents):
            first = hashes[offsets[i] : offsets[i + 1]]
            second = hashes[offsets[j] : offsets[j + 1]]
            small, large = min(len(first), len(second)), max(len(first), len(second))
            if small and small >= least * large and set_jaccard(first, second) >= least:
                out[count, 0] = i
                out[count, 1] = j
                count += 1
    return count


def similar_pairs(texts: list[str], least: float) -> list[tuple[int, int]]:
    """Every pair of texts of at least this exact similarity of their sets of shingles."""
    sets = sets_of(texts)
    out = np.empty((5_000_000, 2), np.int64)
    return [(int(i), int(j)) for i, j in out[: _similar_pairs(sets.hashes, sets.offsets, least, out)]]


def test_real_pages_go_as_exact_comparison_of_all_pairs_says(shared_data: Path, tmp_path: Path) -> None:
    """No page goes that is below .6 to its survivor; of the pairs above .9 none has both pages left."""
    texts = extracted_pages(shared_data)
    rows: list[Row] = [{"id": f"t{i:05d}", "text": t, "url": None, "date": None} for i, t in enumerate(texts)]
    found = deduplicate(tmp_path, {"web": rows}, {"minhash": {}})
    sets = sets_of(texts)
    removed = {int(name[1:]): int(row["duplicate_of"][1:]) for name, row in found.items() if row["duplicate_of"]}
    assert len(removed) > 10
    assert min(jaccard(sets, *pair) for pair in removed.items()) >= 0.6
    left = [pair for pair in similar_pairs(texts, 0.9) if all(found[f"t{i:05d}"]["kept"] for i in pair)]
    assert left == []


def test_verifying_exactly_removes_what_is_above_the_bound_and_nothing_below(shared_data: Path, tmp_path: Path) -> None:
    words = books(shared_data)
    rng = random.Random(12)
    texts = [text for level in (0.66, 0.7, 0.74) for _ in range(60) for text in plant(words, level, rng)]
    rows = [{"id": f"t{i:05d}", "text": text, "url": None, "date": None} for i, text in enumerate(texts)]
    setting = {"minhash": {"bands": 50, "rows": 4, "verify": 0.7, "exact": True}}  # .99999 are found at .66
    found = deduplicate(tmp_path, {"books": rows}, setting)
    sets = sets_of(texts)
    removed = {name: row for name, row in found.items() if row["duplicate_of"]}
    for name, row in removed.items():
        assert row["jaccard"] == pytest.approx(jaccard(sets, int(name[1:]), int(row["duplicate_of"][1:])))
        assert row["jaccard"] >= np.float32(0.7)
    for i in range(0, len(texts), 2):
        if jaccard(sets, i, i + 1) >= 0.7:
            assert f"t{i:05d}" in removed or f"t{i + 1:05d}" in removed
