"""Trains byte-level BPE vocabularies with Hugging Face `tokenizers` and saves them as tiktoken reads them.

The trainer splits text by the same pattern as the encoder, written for its engine. What is saved is proved: the trainer's
own encoding and the saved vocabulary's must agree on a sample of the text. Knows texts and vocabularies; knows no run.
"""

from __future__ import annotations

import base64
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from curate.errors import CurateError
from curate.storage import write_atomically
from curate.tokens.tokenizer import END_OF_TEXT, load

SUFFIX = ".tiktoken"
_BYTES = 256
_SPLIT = (
    r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"  # GPT-2's release, src/encoder.py
)
_SAMPLE = 1000
"""Texts on which the saved vocabulary must agree with the trainer."""


class TrainingError(CurateError, ValueError):
    """A vocabulary that cannot be trained or saved so."""


@dataclass(frozen=True)
class Trained:
    """What was trained: the file, its tokens with the special one, and the texts it was proved on."""

    path: Path
    vocabulary_size: int
    proved_on: int


def train_vocabulary(texts: Iterable[str], size: int, out: str | Path) -> Trained:
    """Train a vocabulary of `size` ids, the last of them end-of-text, and write it to `out` (.tiktoken).

    The result depends on the texts alone. Raises TrainingError where `out` or `size` will not do, where the texts hold too
    little, or where saved and trained vocabulary differ.
    """
    path = Path(out)
    if path.suffix != SUFFIX:
        raise TrainingError(f"{path.name}: a vocabulary's name ends in {SUFFIX}, by which it is known for one")
    if size < _BYTES + 1:
        raise TrainingError(f"a vocabulary of {size}: bytes and end-of-text alone are {_BYTES + 1}")
    sample: list[str] = []
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_SPLIT), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    trained.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=size - 1, initial_alphabet=alphabet, show_progress=False)
    trained.train_from_iterator(_keeping(texts, sample), trainer)
    ranks = _ranks(trained)
    if len(ranks) < size - 1:
        raise TrainingError(f"the texts give {len(ranks) + 1} tokens, not {size}: give more text, or a smaller --vocab")
    lines = (
        base64.b64encode(token) + b" %d\n" % rank for token, rank in sorted(ranks.items(), key=lambda pair: pair[1])
    )
    write_atomically(path, b"".join(lines))
    _prove(trained, path, sample)
    return Trained(path, size, len(sample))


def _keeping(texts: Iterable[str], sample: list[str]) -> Iterator[str]:
    """The texts, the first of which are kept as the sample."""
    iterator = iter(texts)
    for text in itertools.islice(iterator, _SAMPLE):
        sample.append(text)
        yield text
    yield from iterator


def _ranks(trained: Tokenizer) -> dict[bytes, int]:
    """The trained tokens as bytes: the trainer writes each byte as a character of its alphabet."""
    characters = _byte_characters()
    return {bytes(characters[each] for each in token): rank for token, rank in trained.get_vocab().items()}


def _byte_characters() -> dict[str, int]:
    """The byte that each character of the byte-level alphabet stands for (GPT-2's `bytes_to_unicode`, src/encoder.py):
    printable Latin-1 bytes stand for themselves, the others, in order, for the characters from U+0100 on."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [value for value in range(_BYTES) if value not in printable]
    return {chr(value): value for value in printable} | {chr(_BYTES + i): value for i, value in enumerate(others)}


def _prove(trained: Tokenizer, path: Path, sample: list[str]) -> None:
    saved = load(str(path))
    rows = saved.encode(pa.array(sample, pa.large_string()))
    for text, ids in zip(sample, rows, strict=True):
        if ids.as_py() != trained.encode(text).ids:
            raise TrainingError(
                f"{path} does not encode as its trainer does, first in {text[:60]!r}; it was trained, but do not use it"
            )
    if saved.end_of_text != saved.vocabulary_size - 1:
        raise TrainingError(f"{path}: {END_OF_TEXT} is not the last id")
