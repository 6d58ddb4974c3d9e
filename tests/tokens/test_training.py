"""Vocabularies of one's own, and those of Hugging Face: saved, read back, compared."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pyarrow as pa
import pytest
import tiktoken.load
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from curate import tokens
from curate.shards.comparing import Texts, compare
from curate.tokens.odd_texts import ODD_TEXTS
from curate.tokens.training import TrainingError, train_vocabulary
from curate.tokens.verify import Difference, ProofError, differences, prove_sample, verify

ODD = ["", "naïve  café\n\n\tdon't 12345 <|endoftext|>", "汉字かな 한국어", "\U0001f600\u200d x" * 20, "a" * 3_000]


def test_a_trained_vocabulary_encodes_as_its_trainer_and_as_tiktoken(real_texts: list[str], tmp_path: Path) -> None:
    """Training proves the first itself, on up to a thousand of its texts; here is the second."""
    trained = train_vocabulary(real_texts[:600], 2_000, tmp_path / "mine.tiktoken")
    assert (trained.vocabulary_size, trained.proved_on) == (2_000, 600)
    ranks = tiktoken.load.load_tiktoken_bpe(str(trained.path))
    assert sorted(ranks.values()) == list(range(1_999))
    loaded = tokens.load(str(trained.path))
    assert loaded.end_of_text == 1_999 and loaded.vocabulary_size == 2_000
    texts = real_texts[:50] + ODD
    rows = loaded.encode(pa.array(texts, pa.large_string()))
    for text, ids in zip(texts, rows.to_pylist(), strict=True):
        assert ids == loaded.reference([text])[0]
        assert loaded.decode(ids) == text


def test_the_same_texts_give_the_same_vocabulary(real_texts: list[str], tmp_path: Path) -> None:
    first, second = (train_vocabulary(real_texts[:100], 600, tmp_path / f"{name}.tiktoken").path for name in "ab")
    assert first.read_bytes() == second.read_bytes()


def test_what_cannot_be_trained_is_said(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="more text"):
        train_vocabulary(["too little"], 1_000, tmp_path / "a.tiktoken")
    with pytest.raises(TrainingError, match=r"\.json or \.tiktoken"):
        train_vocabulary(["text"], 300, tmp_path / "a.txt")
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


@pytest.mark.parametrize("split", ["gpt2", "gpt4"])
def test_a_trained_tokenizer_json_is_read_by_transformers(real_texts: list[str], tmp_path: Path, split: str) -> None:
    from transformers import AutoTokenizer

    trained = train_vocabulary(real_texts[:200], 1_000, tmp_path / "tokenizer.json", split)
    loaded = tokens.load(str(trained.path))
    assert (loaded.engine, loaded.vocabulary_size, loaded.end_of_text) == ("gigatoken", 1_000, 999)
    for name, content in loaded.files().items():
        (tmp_path / name).write_bytes(content)
    theirs = AutoTokenizer.from_pretrained(tmp_path)
    assert theirs.eos_token_id == 999
    texts = real_texts[:40]
    assert [theirs.encode(text) for text in texts] == loaded.encode(pa.array(texts)).to_pylist()
    assert [theirs.decode(theirs.encode(text)) for text in texts] == texts


@pytest.mark.parametrize("name", ["gpt2", "cl100k_base", "llama2", "gemma"])
def test_the_exported_files_are_the_same_tokenizer(name: str, forms: dict[str, Path], tmp_path: Path) -> None:
    """tiktoken's and SentencePiece's, as a tokenizer.json that transformers and this project read."""
    from transformers import AutoTokenizer

    loaded = tokens.load(str(forms[name]) if name in forms else name)
    for file, content in loaded.files().items():
        (tmp_path / file).write_bytes(content)
    theirs = AutoTokenizer.from_pretrained(tmp_path)
    assert theirs.eos_token_id == loaded.end_of_text
    again = tokens.load(str(tmp_path / "tokenizer.json"))
    assert (again.engine, again.end_of_text, again.vocabulary_size) == (
        "gigatoken",
        loaded.end_of_text,
        loaded.vocabulary_size,
    )
    column = pa.array(ODD_TEXTS, pa.large_string())
    assert again.encode(column) == loaded.encode(column)
    assert theirs.decode(theirs.encode("Hello there, you", add_special_tokens=False)) == "Hello there, you"


def test_verification_counts_what_differs_and_shows_where(real_texts: list[str], forms: dict[str, Path]) -> None:
    columns = [pa.array(real_texts[:50], pa.large_string())]
    for against in (None, "tiktoken", "hf"):
        found = verify("gpt2", columns, against)
        assert (found.engine, found.texts, found.differing) == ("gigatoken", 50 + len(ODD_TEXTS), 0)
        assert found.bytes > sum(len(text.encode()) for text in real_texts[:50])
    with pytest.raises(ValueError, match="'tiktoken' cannot read it"):
        verify(str(forms["qwen"]), columns, "tiktoken")
    rows = pa.array([[1, 2, 3], [4]], pa.list_(pa.uint16()))
    assert differences(rows, [[1, 2, 3], [4]], 0) == []
    assert differences(rows, [[1, 9, 3], [4, 5]], 10) == [Difference(10, 1, [2, 3], [9, 3]), Difference(11, 1, [], [5])]


def test_a_sample_of_a_run_is_proved_and_a_wrong_id_stops_it(real_texts: list[str]) -> None:
    loaded = tokens.load("gpt2")
    texts = pa.array([f"{number}: {real_texts[number % 1_000][:60]}" for number in range(5_000)], pa.large_string())
    ids = pa.array([hashlib.blake2b(b"%d" % number, digest_size=16).digest() for number in range(5_000)], pa.binary(16))
    rows = loaded.encode(texts)
    assert 0 < prove_sample(loaded, ids, texts, rows) < 15
    wrong = pa.ListArray.from_arrays(rows.offsets, pa.array(rows.values.to_numpy() ^ 1))
    with pytest.raises(ProofError, match=r"gigatoken does not give the ids that tiktoken gives with gpt2"):
        prove_sample(loaded, ids, texts, wrong)
