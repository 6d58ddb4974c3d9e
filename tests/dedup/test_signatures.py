"""Signatures and keys: the same numbers as datasketch's, the probabilities as published."""

import datasketch
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.dedup.banding import band_keys, choose_banding, found_share
from curate.dedup.buckets import sort_pairs
from curate.dedup.components import forest_of_keys, forest_of_links, merge_forests
from curate.dedup.normal import find_units
from curate.dedup.shingles import Shingles, distinct_shingles, hash_shingles, hash_texts, set_jaccard
from curate.dedup.signatures import EMPTY, sign
from curate.dedup.tasks.link import component_ranges
from curate.text.columns import as_column, text_buffers

HASHES = st.lists(st.integers(0, 2**32 - 1), max_size=40)


@settings(deadline=None, max_examples=50)
@given(st.lists(HASHES, max_size=6), st.sampled_from([1, 7, 112, 256]), st.integers(0, 2**32 - 1))
def test_signatures_of_the_same_shingle_hashes_are_those_of_datasketch(
    documents: list[list[int]], count: int, seed: int
) -> None:
    offsets = np.cumsum([0, *map(len, documents)])
    hashes = np.array([value for document in documents for value in document], np.uint32)
    ours = sign(hashes, offsets, count, seed)
    for document, signature in zip(documents, ours, strict=True):
        theirs = datasketch.MinHash(count, seed, hashfunc=int)
        theirs.update_batch(document)
        assert np.array_equal(signature, theirs.hashvalues)
        assert document or (signature == EMPTY).all()


@pytest.mark.parametrize(
    ("bands", "rows", "published"),
    [(14, 8, {0.7: 0.56, 0.75: 0.77, 0.8: 0.92, 0.85: 0.99})],  # FineWeb
)
def test_probabilities_are_those_published(bands: int, rows: int, published: dict[float, float]) -> None:
    assert {s: round(found_share(s, bands, rows), 2) for s in published} == published


@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.7, 0.75, 0.8, 0.9, 0.95])
@pytest.mark.parametrize("permutations", [64, 128, 256])
def test_bands_and_rows_for_a_threshold_are_those_of_datasketch(threshold: float, permutations: int) -> None:
    index = datasketch.MinHashLSH(threshold, permutations)
    assert choose_banding(threshold, permutations) == (index.b, index.r)


def units(*texts: str) -> list[list[int]]:
    found = find_units(*text_buffers(as_column(texts)))
    return [found.codes[a:b].tolist() for a, b in zip(found.offsets[:-1], found.offsets[1:], strict=True)]


def test_case_punctuation_layout_and_invisible_characters_make_no_difference() -> None:
    first, *others = units(
        "Don't stop: the naïve WORLD_view.",
        "don’t  stop\n\nthe NAÏVE world view!",
        "«Don't» stop — the na\u00adïve world\u2003view",
    )
    assert len(first) == 7
    assert all(other == first for other in others)


def test_words_of_scripts_without_spaces_are_their_characters() -> None:
    (chinese, thai, hindi, mixed) = units("汉字测试。", "ภาษา", "हिन्दी भाषा", "Python 3は速い")
    assert [len(chinese), len(thai), len(hindi), len(mixed)] == [4, 4, 2, 5]


@given(st.lists(st.text(max_size=60), min_size=1, max_size=8), st.integers(1, 6))
@settings(deadline=None, max_examples=60)
def test_shingles_are_functions_of_their_words_alone(texts: list[str], ngram: int) -> None:
    data, bounds = text_buffers(as_column(texts))
    found = find_units(data, bounds)
    shingles = hash_shingles(found, ngram)
    known: dict[int, tuple[int, ...]] = {}
    for i in range(len(texts)):
        words = found.codes[found.offsets[i] : found.offsets[i + 1]].tolist()
        hashes = shingles.hashes[shingles.offsets[i] : shingles.offsets[i + 1]].tolist()
        grams = [tuple(words[at : at + ngram]) for at in range(len(words) - ngram + 1)]
        assert len(grams) == len(hashes)
        for gram, value in zip(grams, hashes, strict=True):
            assert known.setdefault(value, gram) == gram


def test_documents_without_a_word_are_equal_only_where_their_bytes_are() -> None:
    texts = ["", "☺ ☹", "☹ ☺", "!!!", "☺ ☹"]
    data, bounds = text_buffers(as_column(texts))
    hashes = [tuple(pair) for pair in hash_texts(data, bounds, find_units(data, bounds)).tolist()]
    assert hashes[1] == hashes[4]
    assert len(set(hashes)) == 4


@given(st.lists(HASHES, min_size=2, max_size=2))
@settings(deadline=None)
def test_exact_jaccard_is_that_of_the_sets(pair: list[list[int]]) -> None:
    offsets = np.cumsum([0, *map(len, pair)])
    sets = distinct_shingles(Shingles(np.array([*pair[0], *pair[1]], np.uint32), offsets), 40)
    left, right = (sets.hashes[a:b] for a, b in zip(sets.offsets[:-1], sets.offsets[1:], strict=True))
    union = set(pair[0]) | set(pair[1])
    expected = len(set(pair[0]) & set(pair[1])) / len(union) if union else 1.0
    assert set_jaccard(left, right) == pytest.approx(expected)


def test_equal_bands_of_equal_scopes_have_equal_keys_and_no_others() -> None:
    signatures = np.random.default_rng(0).integers(0, 3, (60, 12)).astype(np.uint32)
    scopes = np.repeat(np.array([0, 9], np.uint64), 30)
    keys = band_keys(signatures, scopes, 6, 2)
    names: dict[int, tuple[int, ...]] = {}
    for document in range(60):
        for band in range(6):
            name = (int(scopes[document]), band, *signatures[document, 2 * band : 2 * band + 2].tolist())
            assert names.setdefault(int(keys[document, band]), name) == name


@given(st.lists(st.integers(0, 2**64 - 1), max_size=50))
@settings(deadline=None)
def test_sorting_is_stable_and_complete(numbers: list[int]) -> None:
    keys = np.array([*numbers, *numbers], np.uint64)
    ordered, places = sort_pairs(keys.copy(), np.arange(len(keys), dtype=np.uint64))
    expected = np.argsort(keys, kind="stable")
    assert np.array_equal(places, expected)
    assert np.array_equal(ordered, keys[expected])


LINKS = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=40)


@given(LINKS, st.integers(1, 4))
@settings(deadline=None)
def test_components_are_the_same_however_the_links_are_divided(links: list[tuple[int, int]], shares: int) -> None:
    pairs = np.array(links, np.uint64).reshape(-1, 2)
    whole = forest_of_links(pairs[:, 0], pairs[:, 1])
    merged = merge_forests([forest_of_links(pairs[i::shares, 0], pairs[i::shares, 1]) for i in range(shares)])
    reach = {int(number): {int(number)} for number in whole.numbers}
    for _ in links:
        for left, right in links:
            reach[left] |= reach[right]
            reach[right] |= reach[left]
    assert dict(zip(whole.numbers.tolist(), whole.roots.tolist(), strict=True)) == {n: min(r) for n, r in reach.items()}
    assert np.array_equal(whole.numbers, merged.numbers) and np.array_equal(whole.roots, merged.roots)


def test_documents_that_share_a_key_are_linked() -> None:
    forest = forest_of_keys(np.array([1, 1, 2, 3, 3, 3], np.uint64), np.array([5, 8, 9, 2, 7, 8], np.uint64))
    assert forest.numbers.tolist() == [2, 5, 7, 8]
    assert forest.roots.tolist() == [2, 2, 2, 2]


@given(st.lists(st.integers(1, 9), max_size=30), st.integers(1, 20))
def test_components_are_cut_into_batches_of_whole_ones(sizes: list[int], most: int) -> None:
    starts = np.cumsum([0, *sizes])[:-1] if sizes else np.empty(0, np.int64)
    ranges = component_ranges(starts, sum(sizes), most)
    assert [low for low, _ in ranges] == [0, *(high for _, high in ranges)][: len(ranges)]
    assert not sizes or ranges[-1][1] == sum(sizes)
    for low, high in ranges:
        assert low in starts
        assert high - low <= most or np.sum((starts >= low) & (starts < high)) == 1
