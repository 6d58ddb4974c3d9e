"""What the kernels find in text is what Python's own string methods find, on any text of any script."""

import re
import unicodedata
from collections import Counter
from itertools import pairwise
from string import punctuation

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.text import repetition as grams_of
from curate.text import scan as scanned
from curate.text.characters import SYMBOL, lower_into, lowered, tables
from curate.text.columns import as_column, text_buffers, text_column
from curate.text.hashing import word_code
from curate.text.multi_string_search import (
    ANYWHERE,
    NOT_BESIDE_ASCII_LETTERS,
    NOT_BESIDE_WORD_CHARACTERS,
    NeedleGroup,
    needle_table,
    rows_with_group,
)
from curate.text.view import TextView
from tests.support import filter_oracles as oracles
from tests.support.filter_oracles import as_lines, blocks

CHARACTERS = "aAbB.,!?-#{}()\"'•…*0٣ _\r\t\x0b\x1c\x85\u2028\xa0\u3000\x00ǅⅧİßΩ\u2126é\u0344\uf900"
PIECES = ("\n", "\n\n", "\r\n", "...", "ab ab ", "word", "e\u0301", "中文", "שלום", "कि", "한", "👩‍👩‍👧")
pieces = st.sampled_from([*CHARACTERS, *PIECES])
texts = st.one_of(st.text(), st.lists(pieces).map("".join))
columns = st.lists(texts, max_size=6)


compiled_first = settings(deadline=None, derandomize=True)  # the first call compiles


def view_of(documents: list[str]) -> TextView:
    return TextView(pa.array(documents, pa.large_string()))


@compiled_first
@given(columns)
def test_words_are_those_of_str_split(documents: list[str]) -> None:
    found = view_of(documents).scan.words
    for row, text in enumerate(documents):
        here = slice(found.offsets[row], found.offsets[row + 1])
        assert found.codes[here].tolist() == [word_code(word) for word in text.split()]
        assert found.lengths[here].tolist() == [len(word) for word in text.split()]


@compiled_first
@given(columns)
def test_plain_words_are_lower_case_without_ascii_punctuation(documents: list[str]) -> None:
    found = view_of(documents).scan.plain
    for row, text in enumerate(documents):
        plain = text.translate(str.maketrans("", "", punctuation)).replace("Σ", "σ").lower().split()
        here = slice(found.offsets[row], found.offsets[row + 1])
        # Character by character: combining marks keep their order.
        apart = ["".join(unicodedata.normalize("NFD", character) for character in word) for word in plain]
        assert found.codes[here].tolist() == [word_code(word) for word in apart]
        assert found.lengths[here].tolist() == [len(word) for word in apart]


@compiled_first
@given(columns)
def test_character_counts_are_those_of_the_string_methods(documents: list[str]) -> None:
    totals = view_of(documents).scan.totals
    flags = tables().flags
    for row, text in enumerate(map(as_lines, documents)):
        words, runs = text.split(), re.findall(r"\w+|[^\w\s]+", text)
        free = [word for word in words if any(not flags[ord(character)] & SYMBOL for character in word)]
        expected = {
            scanned.CHARACTERS: len(text),
            scanned.SPACES: sum(map(str.isspace, text)),
            scanned.OTHER_BREAKS: len(re.findall("[\x0b\x0c\r\x1c-\x1e\x85\u2028\u2029]", text)),
            scanned.HASHES: text.count("#"),
            scanned.ELLIPSES: text.count("...") + text.count("…"),
            scanned.CURLY_BRACKETS: text.count("{") + text.count("}"),
            scanned.ALPHABETIC_WORDS: sum(any(map(str.isalpha, word)) for word in words),
            scanned.SYMBOL_FREE_WORDS: len(free),
            scanned.SYMBOL_FREE_CHARACTERS: sum(map(len, free)),
            scanned.RUNS: len(runs),
            scanned.LATIN_RUNS: sum(bool(re.search("[a-zA-Z]", run)) for run in runs),
            scanned.REGEX_SENTENCES: len(re.findall(r"\b[^.!?]+[.!?]*", text)),
        }
        assert {place: totals[place, row] for place in expected} == expected


@compiled_first
@given(columns)
def test_lines_and_paragraphs_are_those_of_python(documents: list[str]) -> None:
    view = view_of(documents)
    lines = view.scan.lines
    for row, written in enumerate(documents):
        text = as_lines(written)
        here = slice(lines.offsets[row], lines.offsets[row + 1])
        split = text.split("\n")
        assert lines.lengths[here].tolist() == [len(line) for line in split]
        assert (lines.marks[here] == scanned.BLANK).tolist() == [not line.strip() for line in split]
        assert lines.uppercase[here].tolist() == [sum(map(str.isupper, line)) for line in split]
        assert lines.digits[here].tolist() == [len(re.findall(r"\d", line)) for line in split]
        ends = [line.rstrip().endswith(("...", "…")) for line in split]
        assert (lines.marks[here] & scanned.ENDS_ELLIPSIS != 0).tolist() == ends
        same = [split.index(line) for line in split]
        codes = lines.codes[here].tolist()
        assert [codes.index(code) for code in codes] == same
        broken = text.splitlines()
        assert view.python_lines.number[row] == len(broken)
        assert view.python_lines.ends_ellipsis[row] == sum(x.rstrip().endswith(("...", "…")) for x in broken)
        assert view.python_lines.starts_dash[row] == sum(x.lstrip().startswith(("•", "-")) for x in broken)
        paragraphs = blocks(written.strip()) or [""]
        here = slice(view.paragraphs.offsets[row], view.paragraphs.offsets[row + 1])
        assert view.paragraphs.lengths[here].tolist() == [len(paragraph) for paragraph in paragraphs]
        assert view.duplicate_paragraphs.later[row] == len(paragraphs) - len(set(paragraphs))


few_words = st.lists(st.sampled_from(["a", "bb", "ccc", "a,", "Ω"]), max_size=40).map(" ".join)


@compiled_first
@given(st.lists(few_words, max_size=4))
def test_repeated_ngrams_are_those_found_by_counting_them_all(documents: list[str]) -> None:
    found = view_of(documents).repetition
    for row, text in enumerate(documents):
        words = text.split()
        assert found.distinct[row] == len(set(words))
        for size in range(2, 11):
            columns = found.grams[row, size - grams_of.SHORTEST]
            if size <= grams_of.LONGEST_TOP:
                assert columns[grams_of.TOP] == oracles.top(words, size)
                continue
            tally = Counter(oracles.grams(words, size))
            sizes = {gram: sum(map(len, gram)) for gram in tally}
            assert columns[grams_of.COVERED] == oracles.covered(words, size)
            assert columns[grams_of.SUMMED] == sum(sizes[gram] * n for gram, n in tally.items() if n > 1)
            assert columns[grams_of.GRAM_CHARACTERS] == sum(sizes[gram] * n for gram, n in tally.items())
            assert columns[grams_of.GREEDY] == greedy(words, size)


def greedy(words: list[str], size: int) -> int:
    """datatrove's duplicate n-grams, joined by a space so that words stay apart."""
    seen: set[tuple[str, ...]] = set()
    place = characters = 0
    while place <= len(words) - size:
        gram = tuple(words[place : place + size])
        if gram in seen:
            characters += sum(map(len, gram))
            place += size
        else:
            seen.add(gram)
            place += 1
    return characters


@compiled_first
@given(texts)
def test_lower_case_is_pythons_but_for_the_final_sigma(text: str) -> None:
    data = np.frombuffer(text.encode(), np.uint8)
    out = np.empty(2 * len(data) + 4, np.uint8)
    size = lower_into(data, 0, len(data), out, tables().lower)
    assert out[:size].tobytes() == lowered(text)


@compiled_first
@given(columns, st.lists(st.text("abAİk. ", min_size=1, max_size=3), min_size=1, max_size=4))
def test_a_string_is_found_where_python_finds_it(documents: list[str], wanted: list[str]) -> None:
    data, offsets = text_buffers(pa.array(documents, pa.large_string()))
    choice = "|".join(re.escape(lowered(word).decode()) for word in wanted)
    patterns = {
        ANYWHERE: choice,
        NOT_BESIDE_ASCII_LETTERS: f"[^a-z](?:{choice})[^a-z]",
        NOT_BESIDE_WORD_CHARACTERS: rf"(?:\W|^)(?:{choice})(?:\W|\Z)",
    }
    for flanks, pattern in patterns.items():
        table = needle_table([NeedleGroup(tuple(map(lowered, wanted)), flanks)])
        found = rows_with_group(data, offsets, table).astype(bool).tolist()
        assert found == [bool(re.search(pattern, lowered(text).decode(), re.DOTALL)) for text in documents]


def test_sentences_agree_with_punkt(shared_data) -> None:  # type: ignore[no-untyped-def]
    """NLTK has learned more words than our lists hold: 1 line in 200 of real pages may differ, and the sum hardly does."""
    from tests.support.real_text import extracted_pages

    count = oracles.punkt()
    lines = [line for text in extracted_pages(shared_data)[::8] for line in oracles.c4_lines(text)[0]]
    ours = view_of(lines).sentences
    theirs = np.array([count(line) for line in lines])
    assert len(lines) > 1000
    assert np.mean(ours != theirs) < 0.01
    assert abs(ours.sum() - theirs.sum()) < 0.005 * theirs.sum()


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("", 0),
        ("No mark at all", 1),
        ("One. Two! Three?", 3),
        ("Dr. Jones met Mr. Smith.", 1),
        ("It cost 3.14 dollars. Cheap.", 2),
        ("J. S. Bach wrote it.", 1),
        ('He said "Go." She went.', 2),
        ("Wait... what? Yes!!!", 3),
        ("It ends (here.) And goes on.", 2),
        ("See example.com for more.", 1),
    ],
)
def test_sentences_of_plain_cases(text: str, sentences: int) -> None:
    assert view_of([text]).sentences.tolist() == [sentences]


@compiled_first
@given(columns)
def test_any_text_has_a_sentence_count_and_blank_text_has_none(documents: list[str]) -> None:
    for text, count in zip(documents, view_of(documents).sentences.tolist(), strict=True):
        assert (count > 0) == any(line.strip() for line in text.splitlines())


@compiled_first
@given(columns)
def test_columns_survive_slicing_and_both_widths(documents: list[str]) -> None:
    for kind in (pa.string(), pa.large_string()):
        column = pa.array(["before", *documents, "after"], kind).slice(1, len(documents))
        data, offsets = text_buffers(column)
        assert [bytes(data[a:b]).decode() for a, b in pairwise(offsets)] == documents
        begin, end = int(offsets[0]), int(offsets[-1])
        assert text_column(data[begin:end], offsets - begin, kind).to_pylist() == documents


def test_nulls_and_other_types_are_refused_with_what_was_found() -> None:
    with pytest.raises(ValueError, match="1 nulls of 2"):
        text_buffers(pa.array(["a", None]))
    with pytest.raises(ValueError, match="int64"):
        text_buffers(pa.array([1]))


def test_lone_surrogates_become_the_replacement_character() -> None:
    assert as_column(["a\ud800b", "\udfff", "ok"]).to_pylist() == ["a\ufffdb", "\ufffd", "ok"]
