"""Vocabularies for the tests, and tokenizers in the forms that models come with, trained on real text."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sentencepiece
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

_WORDS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"
_REST = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
LLAMA3 = _WORDS + r"\p{N}{1,3}" + _REST
QWEN = _WORDS + r"\p{N}" + _REST
SIZE = 3_000


@pytest.fixture(scope="session", autouse=True)
def vocabularies(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """tiktoken's files from the test data, where that is at hand; tiktoken may delete what lies in its folder."""
    data = Path(os.environ.get("CURATE_TEST_DATA") or Path(__file__).parents[3] / "shared" / "data")
    with pytest.MonkeyPatch.context() as patch:
        if (data / "tokenizers").is_dir():
            folder = tmp_path_factory.mktemp("vocabularies")
            for path in (data / "tokenizers").iterdir():
                (folder / path.name).write_bytes(path.read_bytes())
            patch.setenv("TIKTOKEN_CACHE_DIR", str(folder))
        yield


@pytest.fixture(scope="session")
def real_texts(shared_data: Path) -> list[str]:
    """Wikipedia in 11 languages."""
    with gzip.open(shared_data / "text" / "wikipedia-multilingual.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line)["text"] for line in lines]


def byte_level(
    texts: list[str], pattern: str, special: list[str], normalizer: Any = None, whole: bool = False
) -> Tokenizer:
    """A byte-level BPE tokenizer; `whole`: a word that is a token is not merged (LLaMA 3's `ignore_merges`)."""
    made = Tokenizer(models.BPE(ignore_merges=whole))
    if normalizer is not None:
        made.normalizer = normalizer
    split = pre_tokenizers.Split(Regex(pattern), "isolated")
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    made.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    made.train_from_iterator(
        texts, trainers.BpeTrainer(vocab_size=SIZE, initial_alphabet=alphabet, show_progress=False)
    )
    made.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in special])
    return made


def unigram(texts: list[str]) -> Tokenizer:
    """Unigram over words, as T5's, with the special tokens inside the vocabulary."""
    made = Tokenizer(models.Unigram())
    made.normalizer = normalizers.NFKC()
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    made.decoder = decoders.Metaspace()
    special = ["<pad>", "</s>", "<unk>"]
    made.train_from_iterator(
        texts, trainers.UnigramTrainer(vocab_size=SIZE, special_tokens=special, unk_token="<unk>", show_progress=False)
    )
    return made


def word_piece(texts: list[str]) -> Tokenizer:
    """WordPiece, as BERT's."""
    made = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer(lowercase=True)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.decoder = decoders.WordPiece()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    made.train_from_iterator(
        texts, trainers.WordPieceTrainer(vocab_size=SIZE, special_tokens=special, show_progress=False)
    )
    return made


def sentence_piece(texts: list[str], path: Path, **settings: Any) -> None:
    """A `.model`."""
    lines = iter([line for text in texts for line in text.split("\n") if line])
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=lines, model_prefix=str(path.with_suffix("")), num_threads=1, minloglevel=2, **settings
    )


GEMMA = {
    "model_type": "bpe", "vocab_size": SIZE, "byte_fallback": True, "split_digits": True, "add_dummy_prefix": False,
    "normalization_rule_name": "identity", "remove_extra_whitespaces": False, "allow_whitespace_only_pieces": True,
    "pad_id": 0, "eos_id": 1, "bos_id": 2, "unk_id": 3,
}  # fmt: skip
LLAMA2 = GEMMA | {"add_dummy_prefix": True, "pad_id": -1, "eos_id": 2, "bos_id": 1, "unk_id": 0}


@pytest.fixture(scope="session")
def forms(real_texts: list[str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Tokenizers by form, each in a file."""
    folder = tmp_path_factory.mktemp("tokenizers")
    texts = real_texts[:400]
    end = ["<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>"]
    for name, made in {
        "llama3": byte_level(texts, LLAMA3, end, whole=True),
        "qwen": byte_level(texts, QWEN, ["<|endoftext|>", "<|im_start|>"], normalizers.NFC()),
        "unigram": unigram(texts),
        "wordpiece": word_piece(texts),
    }.items():
        made.save(str(folder / f"{name}.json"))
    for name, settings in {
        "gemma": GEMMA,
        "llama2": LLAMA2,
        "t5": {"model_type": "unigram", "vocab_size": SIZE},
    }.items():
        sentence_piece(texts, folder / f"{name}.model", **settings)
    return {path.stem: path for path in folder.iterdir() if path.suffix in (".json", ".model")}
