"""A million damaged settings, manifests and tokenizers: `python -m tests.benchmarks.fuzz_settings [FILES] [FIRST]`.

The exit status is 1 if any breaks a promise.
"""

from __future__ import annotations

import sys

from tests.support.fuzzing import fuzz
from tests.support.mutated_files import SHAPES, check


def main(files: int = 1_000_000, first: int = 1_000_000) -> int:
    """Try so many files, from a number on."""
    return fuzz(check, list(SHAPES), files, first)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
