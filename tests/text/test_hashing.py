"""Hashes of 64 bits against published values, in kernels, over arrays and in Python."""

from __future__ import annotations

import numpy as np

from curate.text.hashing import GOLDEN, splitmix, word_code


def test_splitmix_gives_the_published_numbers() -> None:
    """The first outputs of SplitMix64 from the state 0, as Vigna's splitmix64.c prints them."""
    expected = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]
    states = np.arange(1, 4, dtype=np.uint64) * GOLDEN
    assert [int(splitmix(state)) for state in states] == expected
    assert splitmix.py_func(states).tolist() == expected


def test_words_have_the_codes_of_fnv_1a() -> None:
    """Of ASCII, code points are bytes: the values of Fowler, Noll and Vo's test suite."""
    assert word_code("") == 0xCBF29CE484222325
    assert word_code("a") == 0xAF63DC4C8601EC8C
    assert word_code("foobar") == 0x85944171F73967E8
