"""Makes curate/language/weights.npz: what sentences of 75 languages add to py3langid's model.

    python -m tests.support.language_weights langid-dev.jsonl.gz

The model's n-grams stay as they are; only their probabilities change. In a language that the model has they become
(count + STRENGTH x the model's) / (n + STRENGTH), where a count is the sum over sentences of log(1 + times), as the model
counts. A language that it lacks begins from the mean of its relatives. `--folds` prints what a fold says of the others.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

import numba
import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from curate.language import bayes
from curate.language.identifier import confidence
from curate.language.normal_form import normalised
from curate.text.columns import as_column, text_buffers

TARGET = Path(bayes.__file__).with_name("weights.npz")
STRENGTH = 30_000.0
"""What the model's own probabilities weigh against the sentences', in n-grams; a language has some 9,000 in `langid-dev`.
Of 3, 10, 30 and 100 thousand the one that keeps the larger languages best while it finds the smaller."""
NEW_STRENGTH = 3_000.0
"""The same for a language that the model lacks."""
NEW = {"mi": (), "tn": ("st", "nso", "sn", "zu", "xh", "sw"), "ts": ("st", "nso", "sn", "zu", "xh", "sw")}
"""Languages that the model lacks, and those it has from whose mean they begin; none: from the mean of all."""
CODES = {"nb": "no"}
_FEWEST = 20
"""Sentences of a language in one script by which that script's column is changed."""


def read(path: str) -> tuple[list[str], NDArray[Any]]:
    """(texts, the model's codes of their languages)."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    return [row["text"] for row in rows], np.array([CODES.get(row["lang"], row["lang"]) for row in rows])


@numba.njit
def _walk(text: NDArray[Any], moves: NDArray[Any], names: NDArray[Any], first: int) -> NDArray[np.int64]:
    """The n-gram, or none, that ends at each byte of a text."""
    named = np.empty(len(text), np.int64)
    state = first
    for place, byte in enumerate(text):
        at = np.int64(state) << 8 | np.int64(byte)
        state = np.int64(moves[at])
        named[place] = names[at]
    return named


def counts(texts: list[str]) -> sp.csr_matrix:
    """log(1 + times) of the model's n-grams, a row a text."""
    model = bayes.model(own=False)
    none = len(model.weights)
    data, bounds = normalised(*text_buffers(as_column(texts)))
    rows, columns, values = [], [], []
    for row in range(len(bounds) - 1):
        named = _walk(data[bounds[row] : bounds[row + 1]], model.moves, model.names, model.first)
        grams, times = np.unique(named, return_counts=True)
        known = grams != none
        rows += [row] * int(known.sum())
        columns += grams[known].tolist()
        values += np.log1p(times[known]).tolist()
    return sp.csr_matrix((values, (rows, columns)), (len(texts), none))


def whole(logarithms: NDArray[np.float64]) -> NDArray[np.int64]:
    """Log-probabilities as the whole numbers that the model's weights are."""
    return np.clip(np.rint((logarithms - bayes.LOWEST) * bayes.STEPS), 0, bayes.MOST_WEIGHT - 1).astype(np.int64)


def train(grams: sp.csr_matrix, languages: NDArray[Any]) -> tuple[NDArray[np.uint16], tuple[str, ...]]:
    """(weights of all n-grams, the columns' languages): the model's own, changed, and the new ones after them."""
    model = bayes.model(own=False)
    own = len(model.languages)
    weights = model.weights[:, :own].astype(np.int64)
    probabilities = np.exp(weights / bayes.STEPS + bayes.LOWEST)
    scores = grams @ (weights / bayes.STEPS + bayes.LOWEST) + model.prior
    untold = {}
    for code in sorted(set(languages) - set(NEW)):
        columns = [place for place, name in enumerate(model.languages) if name == code]
        mine = np.flatnonzero(languages == code)
        script = scores[mine][:, columns].argmax(axis=1)
        for place, column in enumerate(columns):
            rows = mine[script == place]
            if len(rows) < _FEWEST:
                continue
            told = np.asarray(grams[rows].sum(axis=0)).ravel()
            before = probabilities[:, column] / probabilities[:, column].sum()
            untold[column] = np.log(STRENGTH / (told.sum() + STRENGTH))
            weights[:, column] = whole(np.log((told + STRENGTH * before) / (told.sum() + STRENGTH)))
    for column in set(range(own)) - set(
        untold
    ):  # n-grams that no sentence has weigh alike in languages without sentences
        weights[:, column] = np.maximum(weights[:, column] + round(float(np.mean([*untold.values()])) * bayes.STEPS), 0)
    added = []
    for code, relatives in NEW.items():
        taken = [place for place, name in enumerate(model.languages) if name in relatives] or list(range(own))
        before = probabilities[:, taken].mean(axis=1)
        told = np.asarray(grams[np.flatnonzero(languages == code)].sum(axis=0)).ravel()
        added.append(whole(np.log((told + NEW_STRENGTH * before / before.sum()) / (told.sum() + NEW_STRENGTH))))
    return np.column_stack([weights, *added]).astype(np.uint16), (*model.languages, *NEW)


def written(weights: NDArray[np.uint16]) -> dict[str, NDArray[Any]]:
    """The file's arrays: columns that changed as differences from the model's, mostly one number a column."""
    model = bayes.model(own=False)
    own = len(model.languages)
    difference = weights[:, :own].astype(np.int64) - model.weights[:, :own]
    shifts = np.array([np.bincount(column - column.min()).argmax() + column.min() for column in difference.T])
    column, gram = np.nonzero((difference - shifts).T)
    return {
        "model": np.array(hashlib.sha256(bayes.MODEL.read_bytes()).hexdigest()),
        "shifts": shifts.astype(np.int16),
        "per_column": np.bincount(column, minlength=own).astype(np.int32),
        "grams": gram.astype(np.int32),
        "changes": (difference - shifts)[gram, column].astype(np.int16),
        "added": weights[:, own:].T.copy(),
        "languages": np.array(list(NEW)),
    }


def fold_answers(
    texts: list[str], languages: NDArray[Any], asked: list[str] | None = None, folds: int = 10
) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """(answers, confidences) about each text by weights that have seen only the other folds.

    `asked`: what is asked about instead, a text each, such as its beginning.
    """
    model = bayes.model(own=False)
    grams = counts(texts)
    questions = grams if asked is None else counts(asked)
    fold = np.array([int(hashlib.sha256(text.encode()).hexdigest(), 16) % folds for text in texts])
    answers, sure = np.empty(len(texts), object), np.zeros(len(texts))
    for one in range(folds):
        weights, names = train(grams[fold != one], languages[fold != one])
        prior = np.concatenate([model.prior, np.full(len(NEW), model.prior.mean())])
        scores = questions[fold == one] @ (weights / bayes.STEPS + bayes.LOWEST) + prior
        columns = np.array([CHINESE.get(name, name) for name in names])
        best = columns[scores.argmax(axis=1)]
        found = np.diff(questions[fold == one].indptr)
        answers[fold == one] = np.where(found, best, "und")
        sure[fold == one] = np.where(found, confidence(scores, found, columns == best[:, None]), 0)
    return answers, sure


CHINESE = {"wuu": "zh", "yue": "zh"}
LARGEST = tuple("ar bn de en es fr hi id it ja ko mr pt ru ta te tr ur vi zh".split(" "))  # noqa: SIM905
"""Of the 75 languages, the 20 with the most speakers (Ethnologue 2024), written standards counted once."""


def main() -> None:
    """Train and write, or print what folds say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sentences")
    parser.add_argument("--folds", action="store_true")
    options = parser.parse_args()
    texts, languages = read(options.sentences)
    if options.folds:
        right = fold_answers(texts, languages)[0] == languages
        large = np.isin(languages, LARGEST)
        print(f"all {right.mean():.4f}, the 20 largest {right[large].mean():.4f}")
        print({code: round(float(right[languages == code].mean()), 3) for code in sorted(set(languages))})
        return
    weights, _ = train(counts(texts), languages)
    np.savez_compressed(TARGET, **written(weights))
    print(f"{TARGET}: {TARGET.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
