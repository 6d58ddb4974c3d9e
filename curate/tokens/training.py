"""Trains byte-level BPE tokenizers with Hugging Face `tokenizers`, and saves a `tokenizer.json` or tiktoken's ranks.

The trainer splits text by the same expression as the encoder. What is saved is proved: the trainer's own encoding and the
saved tokenizer's must agree on a sample of the text. Knows texts and vocabularies; knows no run.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from curate.errors import CurateError
from curate.storage import write_atomically
from curate.tokens.encodings import END_OF_TEXT, SCHEMES, byte_letters, to_file
from curate.tokens.tokenizer import load
from curate.tokens.verify import differences

SUFFIXES = (".json", ".tiktoken")
SPLITS = {scheme.name: scheme.expression for scheme in SCHEMES if scheme.expression}
"""The ways of splitting text that a vocabulary is trained with, by the encoding that made them known."""
_SAMPLE = 1000
"""Texts on which the saved tokenizer must agree with the trainer."""


class TrainingError(CurateError, ValueError):
    """A vocabulary that cannot be trained or saved so."""


@dataclass(frozen=True)
class Trained:
    """What was trained: the file, its tokens with the special one, and the texts it was proved on."""

    path: Path
    vocabulary_size: int
    proved_on: int


def train_vocabulary(texts: Iterable[str], size: int, out: str | Path, split: str = "gpt2") -> Trained:
    """Train a vocabulary of `size` ids, the last of them end-of-text, and write it to `out` (.json, .tiktoken).

    `split`: one of SPLITS; a .tiktoken file is read as GPT-2's. The result depends on the texts alone. Raises TrainingError
    where `out`, `size` or `split` will not do, where the texts hold too little, or where saved and trained differ.
    """
    path = Path(out)
    if path.suffix not in SUFFIXES:
        raise TrainingError(
            f"{path.name}: a tokenizer's name ends in {' or '.join(SUFFIXES)}, by which it is known for one"
        )
    if split not in SPLITS or (path.suffix == ".tiktoken" and split != "gpt2"):
        raise TrainingError(
            f"{path.name} cannot be split as {split!r}: .json as {' or '.join(SPLITS)}, .tiktoken as gpt2"
        )
    if size <= len(byte_letters()):
        raise TrainingError(f"a vocabulary of {size}: bytes and end-of-text alone are {len(byte_letters()) + 1}")
    remaining = iter(texts)
    sample = list(itertools.islice(remaining, _SAMPLE))
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLITS[split]), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    trained.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=size - 1, initial_alphabet=sorted(byte_letters()), show_progress=False)
    trained.train_from_iterator(itertools.chain(sample, remaining), trainer)
    vocabulary = trained.get_vocab()
    if len(vocabulary) < size - 1:
        raise TrainingError(
            f"the texts give {len(vocabulary) + 1} tokens, not {size}: give more text, or a smaller --vocab"
        )
    trained.add_special_tokens([AddedToken(END_OF_TEXT, special=True, normalized=False)])
    trained.encode_special_tokens = True
    if path.suffix == ".json":
        write_atomically(path, trained.to_str(pretty=True).encode())
    else:
        write_atomically(path, to_file(_ranks(vocabulary)))
    _prove(trained, path, sample)
    return Trained(path, size, len(sample))


def _ranks(vocabulary: dict[str, int]) -> dict[bytes, int]:
    """Tokens' bytes with their ranks: the trainer writes each byte as a character of its alphabet."""
    values = {letter: value for value, letter in enumerate(byte_letters())}
    return {bytes(values[letter] for letter in token): rank for token, rank in vocabulary.items()}


def _prove(trained: Tokenizer, path: Path, sample: list[str]) -> None:
    saved = load(str(path))
    right = [trained.encode(text, add_special_tokens=False).ids for text in sample]
    for each in differences(saved.encode(pa.array(sample, pa.large_string())), right, 0):
        raise TrainingError(
            f"{path} does not encode as its trainer does, first in {sample[each.text][:60]!r}; "
            "it was trained, but do not use it"
        )
    if saved.end_of_text != saved.vocabulary_size - 1:
        raise TrainingError(f"{path}: {END_OF_TEXT} is not the last id")
