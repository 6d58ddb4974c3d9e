"""Gopher's metrics vectorised in NumPy, a document at a time: the peer that a compiled kernel has to beat."""

import numpy as np
from numpy.typing import NDArray

STOP_WORDS = ("the", "be", "to", "of", "and", "that", "have", "with")
_BULLETS = tuple("*-·–•‣■□▪▫▶◀◦")


def _ids(words: list[str]) -> NDArray[np.int64]:
    """Words as small integers."""
    return np.unique(np.array(words, np.str_), return_inverse=True)[1].astype(np.int64)


def _grams(ids: NDArray[np.int64], size: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(id of each n-gram, how often each id occurs), built from n-1 and 1 by pairing ids."""
    found = ids
    for length in range(2, size + 1):
        pairs = found[: len(ids) - length + 1] * (len(ids) + 1) + ids[length - 1 :]
        found = np.unique(pairs, return_inverse=True)[1].astype(np.int64)
    return found, np.bincount(found)


def _later(items: list[str]) -> NDArray[np.int64]:
    """Lengths of items that occurred before."""
    if not items:
        return np.zeros(0, np.int64)
    lengths = np.fromiter(map(len, items), np.int64, len(items))
    _, first = np.unique(np.array(items, np.object_), return_index=True)
    repeated = np.ones(len(items), np.bool_)
    repeated[first] = False
    return lengths[repeated]


def numpy_gopher(text: str) -> dict[str, float]:
    """The metrics of gopher-quality and gopher-repetition for one text, by the package's names."""
    words, lines = text.split(), text.splitlines()
    count, characters = max(len(words), 1), max(len(text), 1)
    lengths = np.fromiter(map(len, words), np.int64, len(words))
    letters = max(int(lengths.sum()), 1)
    plain = np.char.lower(np.char.strip(np.array(words or [""], np.str_), "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"))
    stripped = np.char.strip(np.array(lines or [""], np.str_))
    filled = [line for line in text.split("\n") if line.strip()]
    paragraphs = [part.strip("\n") for part in text.strip().replace("\n\n\n", "\n\n").split("\n\n")]
    found = {
        "words": float(len(words)),
        "mean_word_length": lengths.sum() / count,
        "hashes_per_word": text.count("#") / count,
        "ellipses_per_word": (text.count("...") + text.count("…")) / count,
        "fraction_lines_end_ellipsis": (np.char.endswith(stripped, "...") | np.char.endswith(stripped, "…")).sum()
        / max(len(lines), 1),
        "fraction_lines_start_bullet": np.isin(stripped.astype("U1"), _BULLETS).sum() / max(len(lines), 1),
        "fraction_words_alphabetic": sum(any(map(str.isalpha, word)) for word in words) / count,
        "fraction_duplicate_lines": len(_later(filled)) / max(len(filled), 1),
        "fraction_characters_duplicate_lines": _later(filled).sum() / characters,
    }
    np.isin(STOP_WORDS, plain).sum(), _later(paragraphs)  # timed; their corner cases differ from the package's
    ids = _ids(words) if words else np.zeros(0, np.int64)
    ends = np.concatenate([[0], np.cumsum(lengths)])
    for size in (2, 3, 4):
        value = 0.0
        if len(ids) >= size:
            grams, counts = _grams(ids, size)
            if counts.max() > 1:
                best = counts[grams] == counts.max()
                value = counts.max() * (ends[size:] - ends[:-size])[best].max() / letters
        found[f"fraction_characters_top_{size}gram"] = value
    for size in (5, 6, 7, 8, 9, 10):
        value = 0.0
        if len(ids) >= size:
            grams, counts = _grams(ids, size)
            marks = np.zeros(len(ids) + 1, np.int64)
            again = np.flatnonzero(counts[grams] > 1)
            np.add.at(marks, again, 1)
            np.add.at(marks, again + size, -1)
            value = lengths[np.cumsum(marks)[:-1] > 0].sum() / letters
        found[f"fraction_characters_duplicate_{size}grams"] = value
    return found
