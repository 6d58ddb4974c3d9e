"""Packs decide as independent oracles do: on real pages, and on generated text.

Oracles are given texts as the extractors of the rules' authors give them: without blank lines.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate import filters
from tests.support import filter_oracles as oracles
from tests.support.real_text import extracted_pages

EVERY = 10
"""Every tenth page for oracles that take a second per megabyte; tests/benchmarks/conformance_filters.py takes all."""

DATATROVE = {
    "gopher-quality-datatrove": ("GopherQualityFilter", "gopher_quality_filter"),
    "gopher-repetition-datatrove": ("GopherRepetitionFilter", "gopher_repetition_filter"),
    "fineweb": ("FineWebQualityFilter", "fineweb_quality_filter"),
}

WORDS = "the of and to be a b. c! ... … # - • word sentence, İs 中文 १२ {x} lorem ipsum [1] javascript"
some_words = st.sampled_from(WORDS.split())
some_lines = st.lists(some_words, max_size=12).map(" ".join)
generated = st.lists(st.one_of(some_lines, st.just(""), st.text(max_size=5)), max_size=25).map("\n".join)
judged = settings(deadline=None, derandomize=True)


@cache
def pack(name: str) -> filters.Pack:
    return filters.load(name)


def failures(name: str, texts: list[str]) -> list[set[str]]:
    """The rules each text fails."""
    applied = pack(name).apply(pa.array(texts, pa.large_string()))
    verdicts = pack(name).verdicts(applied.metrics)
    return [{rule for rule, failed in verdicts.items() if failed[row]} for row in range(len(texts))]


def check_c4(texts: list[str]) -> None:
    applied = pack("c4").apply(pa.array(texts, pa.large_string()))
    dropped = [rules - {"min_sentences"} for rules in failures("c4", texts)]
    expected = [oracles.c4_lines(text) for text in texts]
    assert applied.texts.to_pylist() == ["\n".join(kept).strip() for kept, _ in expected]
    assert dropped == [rules for _, rules in expected]


def test_c4_leaves_the_lines_of_the_reference_on_real_pages(shared_data: Path) -> None:
    check_c4(extracted_pages(shared_data))


@judged
@given(generated)
def test_c4_leaves_the_lines_of_the_reference_on_any_text(text: str) -> None:
    check_c4([text])


def test_c4_keeps_the_pages_that_the_reference_keeps_with_nltk(shared_data: Path) -> None:
    count = oracles.punkt()
    texts = extracted_pages(shared_data)[::EVERY]
    differ = 0
    for text, failed in zip(texts, failures("c4", texts), strict=True):
        kept, dropped = oracles.c4_lines(text)
        differ += bool(failed) != (bool(dropped) or sum(map(count, kept)) < 3)
    assert differ <= len(texts) // 200  # Punkt's word lists: it matters only under three surviving lines


@pytest.fixture
def white_space_words(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """datatrove's filter behind a pack, its words split at white space instead of by spaCy."""
    pytest.importorskip("datatrove")
    import importlib

    def block(name: str) -> Any:
        class_name, module_name = DATATROVE[name]
        module = importlib.import_module(f"datatrove.pipeline.filters.{module_name}")
        monkeypatch.setattr(module, "split_into_words", lambda text, language: text.split())
        return getattr(module, class_name)()

    return block


@pytest.mark.parametrize("name", DATATROVE)
def test_datatrove_and_its_variant_decide_alike_on_real_pages(
    name: str, shared_data: Path, white_space_words: Callable[[str], Any]
) -> None:
    block = white_space_words(name)
    texts = extracted_pages(shared_data)[::EVERY]
    parted = name == "gopher-repetition-datatrove"  # it counts paragraphs, which blank lines part
    seen = ["\n\n".join(oracles.blocks(text)) if parted else oracles.as_lines(text) for text in texts]
    theirs = [oracles.datatrove_failure(block, text) for text in seen]
    ours = failures(name, texts)
    assert [bool(failed) for failed in ours] == [reason is not None for reason in theirs]
    if name == "gopher-quality-datatrove":  # its rules name datatrove's reasons
        reasons = {rule.name: rule.why for rule in pack(name).rules}
        named = [{None, *(reasons[rule] for rule in failed)} for failed in ours]
        assert all(reason in known for known, reason in zip(named, theirs, strict=True))


@pytest.mark.parametrize("name", ["gopher-quality-datatrove", "fineweb"])
def test_datatrove_and_its_variant_decide_alike_on_any_text(name: str, white_space_words: Callable[[str], Any]) -> None:
    """The repetition filter joins words without a space, so that "a b" equals "ab": on single letters that decides, on
    real pages it does not. Its n-grams are checked word by word in test_text_kernels."""
    block = white_space_words(name)

    @judged
    @given(generated.filter(str.strip))  # datatrove divides by zero where nothing is left to count
    def decide(text: str) -> None:
        assert bool(failures(name, [text])[0]) == (oracles.datatrove_failure(block, oracles.as_lines(text)) is not None)

    decide()


def test_c4_datatrove_leaves_the_lines_of_datatroves_filter(shared_data: Path) -> None:
    """Without the sentence rule, for which datatrove asks spaCy."""
    datatrove = pytest.importorskip("datatrove.pipeline.filters")
    from datatrove.data import Document

    block = datatrove.C4QualityFilter(min_num_sentences=-1)
    texts = extracted_pages(shared_data)
    edited = pack("c4-datatrove").apply(pa.array(texts)).texts.to_pylist()
    for text, failed, ours in zip(texts, failures("c4-datatrove", texts), edited, strict=True):
        document = Document(text=text, id="0")
        kept = block.filter(document) is True
        assert kept == (not failed - {"min_sentences"})
        assert not kept or document.text == ours


@pytest.mark.parametrize(
    ("name", "oracle"), [("gopher-quality", oracles.gopher_quality), ("gopher-repetition", oracles.gopher_repetition)]
)
def test_gopher_decides_as_the_paper_says(name: str, oracle: Callable[[str], set[str]], shared_data: Path) -> None:
    texts = extracted_pages(shared_data)[::EVERY]
    assert failures(name, texts) == [oracle(text) for text in texts]

    @judged
    @given(generated)
    def decide(text: str) -> None:
        assert failures(name, [text]) == [oracle(text)]

    decide()


def test_fineweb_paper_decides_as_the_paper_says(shared_data: Path) -> None:
    terminal = pytest.importorskip("datatrove.utils.text").TERMINAL_PUNCTUATION
    texts = extracted_pages(shared_data)
    assert failures("fineweb-paper", texts) == [
        oracles.fineweb_paper(oracles.as_lines(text), terminal) for text in texts
    ]


@pytest.mark.parametrize(
    ("name", "oracle"), [("gopher-repetition-dolma", oracles.dolma), ("redpajama-v2", oracles.redpajama)]
)
def test_metrics_are_those_of_the_code_they_name(
    name: str, oracle: Callable[[str], dict[str, float]], shared_data: Path
) -> None:
    texts = extracted_pages(shared_data)[::EVERY]
    ours = pack(name).apply(pa.array(texts)).metrics
    theirs = [oracle(oracles.as_lines(text)) for text in texts]
    for metric in theirs[0]:
        np.testing.assert_allclose(ours[metric], [each[metric] for each in theirs], rtol=1e-9, atol=1e-12)
