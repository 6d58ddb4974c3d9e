"""Tokenizing: exactly the ids of the library that says what is right, whatever the text."""

from __future__ import annotations

import gzip
import json
import multiprocessing
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import tiktoken
from hypothesis import given, settings
from hypothesis import strategies as st

from curate import tokens
from curate.tokens import engines
from curate.tokens.definitions import from_encoding
from curate.tokens.encodings import take_apart
from curate.tokens.odd_texts import ODD_TEXTS
from curate.tokens.rows import surround_rows
from curate.tokens.tokenizer import Tokenizer
from curate.tokens.vocabulary import VocabularyError

O200K = "|".join(
    [
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
        r"\p{N}{1,3}",
        r" ?[^\s\p{L}\p{N}]+[\r\n/]*",
        r"\s*[\r\n]+",
        r"\s+(?!\S)",
        r"\s+",
    ]
)
LONG = [
    "a" * 400_000,
    "x y " * 100_000,
    " " * 400_000 + "x",
    "\n \r\n" * 100_000,
    "\t" * 3_000 + "\n",
    "'" * 400_000,
    "1234567890" * 40_000,
    "汉字" * 200_000,
    "\U0001f469\u200d\U0001f469\u200d\U0001f467\U0001f3fd" * 60_000,
    "e\u0301" * 200_000,
]


@pytest.fixture(scope="session", params=["gpt2", "cl100k_base", "o200k"])
def tokenizer(request: pytest.FixtureRequest, vocabularies: None) -> Tokenizer:
    """A known encoding; o200k's vocabulary is not at hand everywhere, so its pattern goes with another's vocabulary."""
    try:
        if request.param != "o200k":
            return tokens.load(request.param)
        parts = take_apart(tiktoken.get_encoding("cl100k_base"))
    except (VocabularyError, OSError) as error:
        pytest.skip(str(error))
    special = {"<|endoftext|>": 100257}
    encoding = tiktoken.Encoding("o200k", pat_str=O200K, mergeable_ranks=dict(parts.ranks), special_tokens=special)
    return Tokenizer("o200k", from_encoding(encoding), 100257)


def assert_as_reference(tokenizer: Tokenizer, texts: list[str]) -> None:
    rows = tokenizer.encode(pa.array(texts, pa.large_string()))
    for text, ids, expected in zip(texts, rows, tokenizer.reference(texts), strict=True):
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


def test_known_encodings_are_encoded_fast(tokenizer: Tokenizer) -> None:
    assert tokenizer.engine == "gigatoken"


def test_long_runs_are_encoded_as_by_tiktoken(tokenizer: Tokenizer) -> None:
    assert_as_reference(tokenizer, LONG)


def test_every_text_of_the_test_data_is_encoded_as_by_tiktoken(tokenizer: Tokenizer, shared_data: Path) -> None:
    folder = shared_data if tokenizer.name == "gpt2" else shared_data / "text"
    for path in sorted(folder.rglob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            texts = [text for line in lines for text in strings(json.loads(line))]
        rows = tokenizer.encode(pa.array(texts, pa.large_string()))
        expected = tokenizer.reference(texts)
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
    assert_as_reference(tokenizer, texts)


def test_every_character_is_encoded_as_by_tiktoken(tokenizer: Tokenizer) -> None:
    characters = [chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) not in ("Cs", "Co")]
    lines = ["".join(characters[i : i + 64]) for i in range(0, len(characters), 64)]
    assert_as_reference(tokenizer, lines)
    assert_as_reference(tokenizer, ["a".join(line) for line in lines[:3_000]])


@pytest.mark.parametrize("form", ["llama3", "qwen", "unigram", "wordpiece", "gemma", "llama2", "t5"])
def test_every_form_of_tokenizer_encodes_as_its_library(
    form: str, forms: dict[str, Path], real_texts: list[str]
) -> None:
    loaded = tokens.load(str(forms[form]))
    fast = form in ("llama3", "qwen", "gemma", "llama2")
    assert loaded.engine == ("gigatoken" if fast else loaded.definition.library)
    assert_as_reference(loaded, [*real_texts[400:], *ODD_TEXTS])
    if fast:
        assert_as_reference(loaded, [text[:20_000] for text in LONG])
        for text in real_texts[400:500]:
            back = loaded.decode(loaded.encode(pa.array([text]))[0].values)
            assert back == (unicodedata.normalize("NFC", text) if form == "qwen" else text)


@pytest.mark.parametrize("form", ["llama3", "qwen", "gemma", "llama2"])
@settings(deadline=None, max_examples=60)
@given(texts=st.lists(st.one_of(ODD, st.text(max_size=60)), max_size=5))
def test_any_unicode_text_is_encoded_as_by_the_tokenizers_library(
    form: str, forms: dict[str, Path], texts: list[str]
) -> None:
    assert_as_reference(tokens.load(str(forms[form])), texts)


@pytest.mark.parametrize("form", ["llama3", "qwen", "unigram", "wordpiece", "gemma", "llama2", "t5"])
def test_names_of_special_tokens_inside_text_are_text(form: str, forms: dict[str, Path]) -> None:
    loaded = tokens.load(str(forms[form]))
    special = {id for name, id in loaded.definition.special.items() if "unk" not in name.lower()}
    texts = [f"before {name}{name} after{name}" for name in loaded.definition.special]
    for ids in loaded.encode(pa.array(texts)).to_pylist():
        assert ids and not special & set(ids)


def test_marks_newer_than_the_librarys_unicode_are_composed_as_it_does(forms: dict[str, Path]) -> None:
    loaded = tokens.load(str(forms["qwen"]))
    assert_as_reference(loaded, ["plain", "a\u0301\u0323\u0897\u0334", "", "b\U0001e6e3\u0323", "e\u0301"])


def test_texts_of_a_batch_do_not_touch_each_other(tokenizer: Tokenizer) -> None:
    texts = ["hel", "lo wor", "ld", "", " 12", "345", "\n", "\n", "é", "\u0301"]
    assert_as_reference(tokenizer, texts)
    sliced = pa.array(texts, pa.string()).slice(2, 5)
    assert tokenizer.encode(sliced).to_pylist() == tokenizer.reference(texts[2:7])
    assert tokenizer.encode(pa.array([], pa.string())).to_pylist() == []
    assert tokenizer.encode(pa.array(["", ""])).to_pylist() == [[], []]


def test_forgetting_pretokens_changes_no_id(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory over more words than it may hold; a gigabyte is in the benchmark."""
    loaded = tokens.load("gpt2")
    monkeypatch.setattr(engines, "SLICE_BYTES", 1 << 16)
    monkeypatch.setattr(engines, "KEPT_BYTES", 1 << 20)
    monkeypatch.setattr(engines, "UNMEASURED_BYTES", 1 << 17)
    monkeypatch.setattr(engines, "_resident_bytes", lambda: 0)  # by text alone, as where the system does not say
    made = []
    engine = engines.Gigatoken(lambda: made.append(loaded.definition.fast()) or made[-1])
    texts = [f"qx{number}zyv {number}jqkv {'wq' * (number % 30)}" for number in range(20_000)]
    ids, lengths = engine(pa.array(texts))
    assert len(made) > 2
    expected = loaded.reference(texts)
    assert lengths.tolist() == [len(each) for each in expected]
    assert ids.tolist() == [id for each in expected for id in each]


def _encode_there(texts: list[str]) -> list[list[int]]:
    rows: list[list[int]] = tokens.load("gpt2").encode(pa.array(texts)).to_pylist()
    return rows


def test_a_forked_process_encodes() -> None:
    texts = ["A process forks after the encoder was used.", "again"] * 2_000
    expected = _encode_there(texts)
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map(_encode_there, [texts, texts]) == [expected, expected]


@pytest.mark.parametrize("kept", [None, 0])
def test_threads_encode_with_one_tokenizer(kept: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where it is made anew while others wait for it."""
    if kept is not None:
        monkeypatch.setattr("curate.tokens.engines.KEPT_BYTES", kept - 1)
    texts = [f"{number} threads, one tokenizer" for number in range(3_000)]
    expected = _encode_there(texts)
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(_encode_there, [texts] * 8)) == [expected] * 8


def test_encoding_starts_no_thread() -> None:
    """What runs in parallel is the engine's to say."""
    program = (
        "import os, pyarrow as pa; from curate import tokens\n"
        "tokens.load('gpt2').encode(pa.array(['word ' * 500_000] * 4))\n"
        "print(sum(open(f'/proc/self/task/{task}/comm').read().strip().startswith('rayon') "
        "for task in os.listdir('/proc/self/task')), len(os.listdir('/proc/self/task')))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split()[0] == "0"


def test_an_unknown_pattern_falls_back_to_tiktoken() -> None:
    ranks = {bytes([value]): value for value in range(256)}
    encoding = tiktoken.Encoding("odd", pat_str=r"\w+|\W", mergeable_ranks=ranks, special_tokens={"<|endoftext|>": 256})
    odd = Tokenizer("odd", from_encoding(encoding), 256)
    assert odd.engine == "tiktoken"
    assert odd.encode(pa.array(["ab, é"])).to_pylist() == [encoding.encode_ordinary("ab, é")]


def test_an_encoder_that_is_wrong_about_an_odd_text_is_not_used() -> None:
    """cl100k's vocabulary with a pattern that only begins as cl100k's does."""
    parts = take_apart(tiktoken.get_encoding("cl100k_base"))
    pattern = parts.pattern.replace(r"\p{N}{1,3}", r"\p{N}{1,2}")
    ranks, special = dict(parts.ranks), {"<|endoftext|>": 100257}
    encoding = tiktoken.Encoding("odd", pat_str=pattern, mergeable_ranks=ranks, special_tokens=special)
    assert pattern != parts.pattern
    assert Tokenizer("odd", from_encoding(encoding), 100257).engine == "tiktoken"


def test_ids_are_as_narrow_as_the_vocabulary_allows() -> None:
    assert tokens.load("gpt2").encode(pa.array(["hi"])).type == pa.list_(pa.uint16())
    assert tokens.load("cl100k_base").encode(pa.array(["hi"])).type == pa.list_(pa.uint32())


def test_decoding_gives_the_text_back(tokenizer: Tokenizer) -> None:
    for text in ODD_TEXTS:
        assert tokenizer.decode(tokenizer.encode(pa.array([text]))[0].values) == text


def test_a_tokens_length_is_that_of_its_bytes(tokenizer: Tokenizer, real_texts: list[str]) -> None:
    lengths = tokenizer.token_lengths()
    rows = tokenizer.encode(pa.array(real_texts[:50]))
    for text, ids in zip(real_texts, rows, strict=False):
        assert lengths[ids.values.to_numpy()].sum() == len(text.encode())
    assert lengths[tokenizer.end_of_text] == 0


def test_a_row_is_surrounded_by_what_begins_and_ends_a_document() -> None:
    rows = pa.array([[1, 2], [], [3]], pa.list_(pa.uint16()))
    assert surround_rows(rows.slice(1), (), (9,)).to_pylist() == [[9], [3, 9]]
    assert surround_rows(rows, (7, 8), (9, 0)).to_pylist() == [[7, 8, 1, 2, 9, 0], [7, 8, 9, 0], [7, 8, 3, 9, 0]]
    assert surround_rows(rows, (), ()).to_pylist() == rows.to_pylist()
