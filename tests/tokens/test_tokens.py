"""Tokenizing: exactly tiktoken's ids, whatever the text."""

from __future__ import annotations

import gzip
import json
import os
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import tiktoken
from hypothesis import given, settings
from hypothesis import strategies as st

from curate import tokens
from curate.tokens import table
from curate.tokens.encoder import BatchEncoder
from curate.tokens.merging import SHORT
from curate.tokens.pieces import O200K, PATTERNS
from curate.tokens.tokenizer import Tokenizer, append_to_rows
from curate.tokens.vocabulary import VocabularyError

HOSTILE = [
    "",
    "a" * 200_000,
    "x y " * 20_000,
    " " * 50_000 + "x",
    "\n \r\n" * 10_000,
    "\t" * 3_000 + "\n",
    "'" * 5_000,
    "1234567890" * 5_000,
    "ab" * 30_000,
    "汉字" * 20_000,
    "\U0001f469\u200d\U0001f469\u200d\U0001f467\U0001f3fd" * 5_000,
    "e\u0301" * 10_000,
    "<|endoftext|> and <|fim_prefix|> are text here",
    "I'LL say it's he'S we'\u017f 'tis 'RE x'Ve ''s 'lL",
    "A1b2 C\u0130\u0131\u01c5\u02b0\u0345 \u00a0\u2003x\u3000\u0085y\u2028z",
    "\u0301abc \u0301\u0302ABC de\u0301F/\n//x",
    "CamelCaseHTTPServer's iPhone'D",
    "\x00\x01\x7f\x80\u07ff\u0800\uffff\U00010000\U0010ffff",
]


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


@pytest.fixture(scope="session", params=["gpt2", "cl100k_base", "o200k"])
def tokenizer(request: pytest.FixtureRequest, vocabularies: None) -> Tokenizer:
    """A known encoding; o200k's vocabulary is not at hand everywhere, so its pattern goes with another's vocabulary."""
    try:
        if request.param != "o200k":
            return tokens.load(request.param)
        pattern = next(text for text, kind in PATTERNS.items() if kind == O200K)
        ranks = tokens.load("cl100k_base").encoding._mergeable_ranks
    except VocabularyError as error:
        pytest.skip(str(error))
    special = {"<|endoftext|>": 100257}
    return Tokenizer(
        "o200k", tiktoken.Encoding("o200k", pat_str=pattern, mergeable_ranks=ranks, special_tokens=special)
    )


def assert_as_tiktoken(tokenizer: Tokenizer, texts: list[str]) -> None:
    column = pa.array(texts, pa.large_string())
    for text, ids in zip(texts, tokenizer.encode(column), strict=True):
        expected = tokenizer.encoding.encode_ordinary(text)
        assert len(ids) == len(expected) and ids.as_py() == expected, repr(text[:200])


def strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for each in value:
            yield from strings(each)
    elif isinstance(value, dict):
        for each in value.values():
            yield from strings(each)


def test_the_compiled_encoder_is_used(tokenizer: Tokenizer) -> None:
    assert isinstance(tokenizer._encoder, BatchEncoder)


def test_hostile_text_is_encoded_as_by_tiktoken(tokenizer: Tokenizer) -> None:
    assert_as_tiktoken(tokenizer, HOSTILE)


def test_every_text_of_the_test_data_is_encoded_as_by_tiktoken(tokenizer: Tokenizer, shared_data: Path) -> None:
    folder = shared_data / "text" if tokenizer.name == "o200k" else shared_data
    for path in sorted(folder.rglob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            texts = [text for line in lines for text in strings(json.loads(line))]
        column = pa.array(texts, pa.large_string())
        rows = tokenizer.encode(column)
        expected = [tokenizer.encoding.encode_ordinary(text) for text in texts]
        lengths = np.array([len(ids) for ids in expected])
        assert np.array_equal(np.diff(rows.offsets.to_numpy()), lengths), path.name
        assert np.array_equal(rows.values.to_numpy(), np.concatenate([np.array(ids, int) for ids in expected])), (
            path.name
        )


ODD = st.text(
    st.sampled_from(
        "aZsSdDtTlLvVeErRmM'ſ 0٣½\t\r\n\u0085\u00a0\u2028/-_.é\u0301ǅʰ汉ß\U0001f600\u200d\U0001f3fd\U00010400"
    ),
    max_size=40,
)


@settings(deadline=None, max_examples=300)
@given(st.lists(st.one_of(ODD, st.text(max_size=60)), max_size=5))
def test_any_unicode_text_is_encoded_as_by_tiktoken(tokenizer: Tokenizer, texts: list[str]) -> None:
    assert_as_tiktoken(tokenizer, texts)


def test_every_character_is_encoded_as_by_tiktoken(tokenizer: Tokenizer) -> None:
    characters = [chr(code) for code in range(0x30000) if unicodedata.category(chr(code)) not in ("Cs", "Cn", "Co")]
    lines = ["".join(characters[i : i + 64]) for i in range(0, len(characters), 64)]
    spaced = ["a".join(characters[i : i + 64]) for i in range(0, len(characters), 64)]
    assert_as_tiktoken(tokenizer, lines + spaced)


def test_texts_of_a_batch_do_not_touch_each_other(tokenizer: Tokenizer) -> None:
    texts = ["hel", "lo wor", "ld", "", " 12", "345", "\n", "\n", "é", "\u0301"]
    assert_as_tiktoken(tokenizer, texts)
    sliced = pa.array(texts, pa.string()).slice(2, 5)
    assert tokenizer.encode(sliced).to_pylist() == [tokenizer.encoding.encode_ordinary(t) for t in texts[2:7]]


def test_pieces_at_the_border_of_what_is_kept_are_right(tokenizer: Tokenizer) -> None:
    around = [letter * length for letter in ("a", "q ", "zé") for length in range(SHORT // 2 - 2, SHORT + 3)]
    assert_as_tiktoken(tokenizer, around + around)


def test_a_full_memory_of_pieces_changes_nothing(monkeypatch: pytest.MonkeyPatch, tokenizer: Tokenizer) -> None:
    encoder = BatchEncoder(tokenizer.encoding, tokenizer.dtype)
    texts = [f"qx{number}zyv {number}jqkv {'wq' * (number % 30)}" for number in range(200)]
    for used in (0, table.REMEMBERED - 50, table.REMEMBERED):
        encoder._table.used[0] = used
        ids, lengths = encoder(pa.array(texts))
        assert [len(tokenizer.encoding.encode_ordinary(text)) for text in texts] == lengths.tolist()
        assert ids.tolist() == [token for text in texts for token in tokenizer.encoding.encode_ordinary(text)]


def test_an_unknown_pattern_falls_back_to_tiktoken() -> None:
    ranks = {bytes([value]): value for value in range(256)}
    encoding = tiktoken.Encoding("odd", pat_str=r"\w+|\W", mergeable_ranks=ranks, special_tokens={"<|endoftext|>": 256})
    odd = Tokenizer("odd", encoding)
    assert odd._encoder is None
    assert odd.encode(pa.array(["ab, é"])).to_pylist() == [encoding.encode_ordinary("ab, é")]


def test_ids_are_as_narrow_as_the_vocabulary_allows() -> None:
    assert tokens.load("gpt2").encode(pa.array(["hi"])).type == pa.list_(pa.uint16())
    assert tokens.load("cl100k_base").encode(pa.array(["hi"])).type == pa.list_(pa.uint32())


def test_decoding_gives_the_text_back(tokenizer: Tokenizer) -> None:
    for text in HOSTILE[12:]:
        assert tokenizer.decode(tokenizer.encode(pa.array([text]))[0].values) == text


def test_end_of_text_is_appended_once_to_each_row() -> None:
    rows = pa.array([[1, 2], [], [3]], pa.list_(pa.uint16()))
    assert append_to_rows(rows.slice(1), 9).to_pylist() == [[9], [3, 9]]


def test_an_unknown_name_is_an_error_that_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match="gpt2"):
        tokens.load("gpt5")
