"""Vocabularies of one's own, and those of Hugging Face: saved, read back, compared."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pytest
import tiktoken.load
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from curate import tokens
from curate.tokens.comparing import Texts, compare
from curate.tokens.training import TrainingError, train_vocabulary

ODD = ["", "naïve  café\n\n\tdon't 12345 <|endoftext|>", "汉字かな 한국어", "\U0001f600\u200d x" * 20, "a" * 3_000]


@pytest.fixture(scope="session")
def real_texts(shared_data: Path) -> list[str]:
    with gzip.open(shared_data / "text" / "wikipedia-multilingual.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line)["text"] for line in lines][:600]


def test_a_trained_vocabulary_encodes_as_its_trainer_and_as_tiktoken(real_texts: list[str], tmp_path: Path) -> None:
    """Training proves the first itself, on up to a thousand of its texts; here is the second."""
    trained = train_vocabulary(real_texts, 2_000, tmp_path / "mine.tiktoken")
    assert (trained.vocabulary_size, trained.proved_on) == (2_000, 600)
    ranks = tiktoken.load.load_tiktoken_bpe(str(trained.path))
    assert sorted(ranks.values()) == list(range(1_999))
    loaded = tokens.load(str(trained.path))
    assert loaded.end_of_text == 1_999 and loaded.vocabulary_size == 2_000
    texts = real_texts[:50] + ODD
    rows = loaded.encode(pa.array(texts, pa.large_string()))
    for text, ids in zip(texts, rows.to_pylist(), strict=True):
        assert ids == loaded.encoding.encode_ordinary(text)
        assert loaded.decode(ids) == text


def test_the_same_texts_give_the_same_vocabulary(real_texts: list[str], tmp_path: Path) -> None:
    first, second = (train_vocabulary(real_texts[:100], 600, tmp_path / f"{name}.tiktoken").path for name in "ab")
    assert first.read_bytes() == second.read_bytes()


def test_what_cannot_be_trained_is_said(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="more text"):
        train_vocabulary(["too little"], 1_000, tmp_path / "a.tiktoken")
    with pytest.raises(TrainingError, match=r"\.tiktoken"):
        train_vocabulary(["text"], 300, tmp_path / "a.json")
    with pytest.raises(TrainingError, match="257"):
        train_vocabulary(["text"], 100, tmp_path / "a.tiktoken")


def test_a_tokenizer_json_encodes_as_its_library_without_special_tokens(real_texts: list[str], tmp_path: Path) -> None:
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=900, special_tokens=["<|endoftext|>"], initial_alphabet=alphabet, show_progress=False
    )
    made.train_from_iterator(real_texts[:100], trainer)
    path = tmp_path / "tokenizer.json"
    made.save(str(path))
    loaded = tokens.load(str(path))
    assert loaded.end_of_text == made.token_to_id("<|endoftext|>") == 0
    assert loaded.vocabulary_size == made.get_vocab_size()
    texts = real_texts[:30] + ODD
    made.encode_special_tokens = True
    for text, ids in zip(texts, loaded.encode(pa.array(texts, pa.large_string())).to_pylist(), strict=True):
        assert ids == made.encode(text, add_special_tokens=False).ids
        assert loaded.end_of_text not in ids
        assert loaded.decode(ids) == text


def test_tokenizers_are_compared_by_source_and_language(tmp_path: Path) -> None:
    """GPT-2 was made for English: its bytes per token say so."""
    english, german = (
        "The weather was fine and nobody said a word. ",
        "Das Wetter war schön, und niemand sagte ein Wort. ",
    )
    batch = Texts("news", pa.array([english * 5, german * 5, english], pa.large_string()), pa.array(["en", "de", None]))
    rows = {(row.source, row.language): row for row in compare([batch, batch], ["gpt2"])}
    assert set(rows) == {("news", "en"), ("news", "de"), ("news", "unknown")}
    assert rows["news", "en"].documents == 2
    assert rows["news", "en"].bytes == 2 * 5 * len(english)
    assert rows["news", "en"].bytes_per_token("gpt2") > 1.5 * rows["news", "de"].bytes_per_token("gpt2")
