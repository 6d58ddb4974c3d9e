"""Thousands of damaged files: no exception, no hang, nothing uncounted, no neighbour of damage lost."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.support.mutations import SHAPES, check

FILES = 200
"""Of each shape; `tests/benchmarks/fuzz_ingest.py` tries a million."""


@pytest.mark.timeout(300)
@pytest.mark.parametrize("shape", SHAPES)
def test_damaged_files_are_read_and_accounted_for(tmp_path: Path, shape: str) -> None:
    seen: Counter[str] = Counter()
    for number in range(FILES):
        seen += check(number, shape, tmp_path)
    assert sum(seen.values()) >= FILES
    assert len(seen) > 1, "the damage shows"
