"""Pipelines drawn at random, run and held against their ledgers: `python -m tests.benchmarks.sweep_runs [RUNS] [FIRST]`.

Prints a line for each that breaks a promise, with its number, which draws it again. The exit status is 1 if any does.
"""

from __future__ import annotations

import sys
import tempfile
import traceback
from collections import Counter
from pathlib import Path

from tests.support.sweeping import sweep

_EVERY = 50


def main(runs: int = 1000, first: int = 1000) -> int:
    """Try so many pipelines, from a number on."""
    seen: Counter[str] = Counter()
    for number in range(first, first + runs):
        with tempfile.TemporaryDirectory() as folder:
            try:
                seen[sweep(number, Path(folder))] += 1
            except Exception:
                seen["broken"] += 1
                print(f"BROKEN {number}\n{traceback.format_exc()}", flush=True)
        if (number + 1 - first) % _EVERY == 0:
            print(f"{number + 1 - first} pipelines: {dict(seen)}", flush=True)
    print(dict(seen))
    return int(seen["broken"] > 0)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
