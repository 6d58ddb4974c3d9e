"""A fastText classifier of two classes, as DCLM trains its own: a bag of words and pairs of words, then a linear layer.

One thread and a seed make training repeatable; scores are the library's. Li et al. 2024 (DCLM), section 4.4. Knows
fastText; knows no files of the project.
"""

import os
import tempfile
from collections.abc import Callable

import fasttext
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.errors import ConfigError

HIGH = "__label__hq"
LOW = "__label__cc"
"""The labels DCLM gave its positives and its negatives."""

_WORD_NGRAMS = 2  # DCLM: unigrams and bigrams
_EPOCHS = 5  # fastText's default for classifiers, as the next
_RATE = 0.1
_WIDTH = 32
_BUCKETS = 1 << 18  # of pairs of words; with the width, a model of 32 MiB and its vocabulary
_LEAST_COUNT = 2  # a word seen once teaches nothing


def as_lines(texts: pa.Array) -> list[str]:
    """Texts as the library wants them: one line each."""
    return [_line(text) for text in texts.to_pylist()]


def _line(text: str) -> str:
    return text.replace("\n", " ")


def train(texts: pa.Array, positive: NDArray[np.bool_], order: NDArray[np.int64], seed: int) -> bytes:
    """The model file fastText writes after learning from these rows of texts, in this order."""
    with tempfile.TemporaryDirectory() as folder:
        examples = os.path.join(folder, "examples.txt")
        with open(examples, "w", encoding="utf-8") as file:
            for row in order.tolist():
                file.write(f"{HIGH if positive[row] else LOW} {_line(texts[row].as_py())}\n")
        model = fasttext.train_supervised(
            input=examples,
            lr=_RATE,
            dim=_WIDTH,
            epoch=_EPOCHS,
            wordNgrams=_WORD_NGRAMS,
            minCount=_LEAST_COUNT,
            bucket=_BUCKETS,
            thread=1,
            seed=seed % (1 << 31),  # a C int
            verbose=0,
        )
        path = os.path.join(folder, "model.bin")
        model.save_model(path)
        with open(path, "rb") as saved:
            return saved.read()


def scorer(model: bytes | str, label: str = HIGH) -> Callable[[pa.Array], NDArray[np.float32]]:
    """What gives each text its probability of `label`, by a model's bytes or the path of its file.

    Raises ConfigError where the file is no fastText classifier, or has no such label.
    """
    if isinstance(model, str):
        try:
            loaded = fasttext.load_model(model)
        except ValueError as error:
            raise ConfigError(f"{model} is no model of fastText's ({error})") from None
    else:
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "model.bin")
            with open(path, "wb") as file:
                file.write(model)
            loaded = fasttext.load_model(path)
    if label not in loaded.labels:
        raise ConfigError(f"the model has no label {label!r}; it has {', '.join(sorted(loaded.labels))}")
    classes = len(loaded.labels)

    def score(texts: pa.Array) -> NDArray[np.float32]:
        scores = np.zeros(len(texts), np.float32)
        labels, probabilities = loaded.predict(as_lines(texts), k=classes) if len(texts) else ([], [])
        for row, (names, values) in enumerate(zip(labels, probabilities, strict=True)):
            scores[row] = dict(zip(names, values, strict=True)).get(label, 0.0)
        return np.minimum(scores, np.float32(1))  # fastText's probabilities may exceed 1 by 1e-5

    return score
