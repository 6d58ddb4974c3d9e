"""Thousands of damaged settings, manifests and tokenizers: a result or a sentence, never a traceback, hang or flood."""

from __future__ import annotations

import resource
from collections import Counter
from pathlib import Path

import pytest

from tests.support.mutated_files import COSTLY, SHAPES, check

FILES, COSTLY_FILES = 800, 400
"""Of each shape; `tests/benchmarks/fuzz_settings.py` tries a million."""
MOST_BYTES = 1 << 30
"""What reading any number of files of a few kilobytes may add to this process."""


@pytest.mark.timeout(120)
@pytest.mark.parametrize("shape", SHAPES)
def test_damaged_files_are_read_or_refused_in_a_sentence(tmp_path: Path, shape: str) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seen: Counter[str] = Counter()
    for number in range(COSTLY_FILES if shape in COSTLY else FILES):
        seen += check(number, shape, tmp_path)
    assert seen["read"] and seen["refused"], "some damage does not matter, some does"
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < MOST_BYTES


@pytest.mark.parametrize("shape", SHAPES)
def test_the_files_that_are_damaged_are_good(tmp_path: Path, shape: str) -> None:
    good, read, _ = SHAPES[shape]
    for data in good():
        read(data, tmp_path)
