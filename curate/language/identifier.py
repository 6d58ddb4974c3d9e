"""What names the language of a column of texts: the built-in model with calibrated confidences, or a fastText model.

Knows models; knows no pipeline and keeps nothing.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.language import bayes
from curate.language.normal_form import normalised
from curate.storage import digest_file
from curate.text.characters import Bytes, Offsets
from curate.text.columns import text_buffers

UNDETERMINED = "und"
"""ISO 639-2's code for an undetermined language."""

# A naive Bayes model takes n-grams for independent, which they are not, and so is far too sure: scores are divided by a
# temperature that grows with the n-grams found. Both numbers are of greatest likelihood on half of `langid-dev`, whole,
# cut and joined to lengths from 8 to 10,000 characters; docs/language.md shows how well they hold on the other half.
_TEMPERATURE_SCALE = 0.686
_TEMPERATURE_POWER = 0.539
_FEW_GRAMS, _REPEATED = 32, 5
"""A text of at most so many different n-grams, with more than so many characters to each, says one thing again and again
(aaaa, hahaha): counting it anew each time would make the model sure. Of `langid-dev` 1 text in
5,000 is such: a line said five times."""
_CHINESE, _VARIETIES, _SURE = "zh", ("wuu", "yue"), 0.9
"""The macrolanguage (ISO 639-3, zho) and its varieties that the model has. They share their characters, so a variety is
named only where the model is surer of it than of any text in Chinese of `langid-dev` that it takes for one (.75)."""
_ROWS = 256  # documents normalised and scored at once: bounds the score matrix

Answers = tuple[pa.Array, NDArray[np.float32]]


@dataclass(frozen=True)
class Identifier:
    """Names languages. `of_bytes` takes UTF-8 and bounds, so that parts of texts can be asked about without a copy."""

    of_bytes: Callable[[Bytes, Offsets], Answers]

    def identify(self, texts: pa.Array) -> Answers:
        """(string column of codes, float32 confidences) of a (large_)string column. Raises ValueError on nulls."""
        return self.of_bytes(*text_buffers(texts))


@lru_cache(maxsize=2)
def load(
    model: str | None = None, sha256: str | None = None, labels: str | tuple[tuple[str, str], ...] = "own"
) -> Identifier:
    """The built-in identifier, or that of a fastText model: a file's path, or an address with its content's SHA-256.
    `labels`: see `fasttext_model.Labels`.

    Raises OSError where it cannot be had, and ValueError where it is no fastText classifier or has another hash.
    """
    if model is None:
        return Identifier(_built_in)
    from curate.language import fasttext_model

    return Identifier(fasttext_model.identifier_of(fasttext_model.local_model(model, sha256), labels))


def model_digest(model: str | None, sha256: str | None = None) -> str | None:
    """What names a model's content: the SHA-256 of a file; of the built-in one, that of the weights of its own. Raises as
    `load`."""
    if model is None:
        return digest_file(str(bayes.OWN))
    if sha256 is not None:
        return sha256
    if not os.path.isfile(model):
        raise FileNotFoundError(f"no language model at {model}")
    return digest_file(model)


def compile_kernels() -> None:
    """Compile what the built-in identifier runs, once, before many workers need it."""
    normalised(np.zeros(0, np.uint8), np.zeros(1, np.int64))
    bayes.compile_kernels()


def _built_in(data: Bytes, bounds: Offsets) -> Answers:
    languages, columns = _columns()
    zh, varieties = languages.index(_CHINESE), [languages.index(name) for name in _VARIETIES]
    codes = np.empty(len(bounds) - 1, np.int32)
    confidences = np.empty(len(bounds) - 1, np.float32)
    for start in range(0, len(bounds) - 1, _ROWS):
        end = min(start + _ROWS, len(bounds) - 1)
        scores, found = bayes.score(*normalised(data, bounds[start : end + 1]))
        found[_says_nothing(data, bounds[start : end + 1], found)] = 0
        best = columns[scores.argmax(axis=1)]
        sure = confidence(scores, found, columns == best[:, None])
        chinese = (best == zh) | (np.isin(best, varieties) & (sure < _SURE))
        if chinese.any():
            best[chinese] = zh
            sure[chinese] = confidence(scores[chinese], found[chinese], np.isin(columns, [zh, *varieties])[None, :])
        codes[start:end] = np.where(found, best, len(languages) - 1)
        confidences[start:end] = np.where(found, sure, 0)
    return pa.array(languages).take(pa.array(codes)), confidences


def _says_nothing(data: Bytes, bounds: Offsets, found: NDArray[np.int64]) -> NDArray[np.int64]:
    """The documents of few n-grams and many characters."""
    few = (found > 0) & (found <= _FEW_GRAMS) & (np.diff(bounds) > _REPEATED * found)
    rows = np.flatnonzero(few)  # hardly any: characters of these are counted one by one
    characters = [np.count_nonzero((data[bounds[row] : bounds[row + 1]] & 0xC0) != 0x80) for row in rows]
    return np.asarray(rows[np.array(characters, np.int64) > _REPEATED * found[rows]], np.int64)


@lru_cache(maxsize=1)
def _columns() -> tuple[list[str], NDArray[np.int32]]:
    """(codes, `und` last; for each column of the model, the position of its code)."""
    names = bayes.model().languages
    codes = list(dict.fromkeys(names))
    return [*codes, UNDETERMINED], np.array([codes.index(name) for name in names], np.int32)


def confidence(
    scores: NDArray[np.float64], found: NDArray[np.int64], of_best: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """The probability of each document's best language, all its columns (`of_best`, documents x columns) together, from
    log-probabilities and the number of different n-grams that were found."""
    temperature = _TEMPERATURE_SCALE * np.maximum(found, 1) ** _TEMPERATURE_POWER
    odds = np.exp((scores - scores.max(axis=1, keepdims=True)) / temperature[:, None])
    probabilities: NDArray[np.float64] = (odds * of_best).sum(axis=1) / odds.sum(axis=1)
    return probabilities
