"""A million damaged files through the readers: `python -m tests.benchmarks.fuzz_ingest [FILES] [FIRST]`.

Prints a line for every thousand files, and for every file that breaks a promise its shape, number and what was broken;
`check(NUMBER, SHAPE, folder)` makes it again. The exit status is 1 if any was.
"""

from __future__ import annotations

import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

from tests.support.mutations import SHAPES, check, tally

_SLOW_SECONDS = 10.0
_EVERY = 1000


def main(files: int = 1_000_000, first: int = 1_000_000) -> int:
    """Try so many files, from a number on."""
    seen: Counter[str] = Counter()
    broken = 0
    shapes = list(SHAPES)
    with tempfile.TemporaryDirectory() as name:
        for number in range(first, first + files):
            shape = shapes[number % len(shapes)]
            started = time.process_time()
            try:
                seen += check(number, shape, Path(name))
            except Exception:
                broken += 1
                print(f"BROKEN {shape} {number}\n{traceback.format_exc()}", flush=True)
            if (spent := time.process_time() - started) > _SLOW_SECONDS:
                broken += 1
                print(f"SLOW {shape} {number}: {spent:.1f} s of CPU", flush=True)
            if (number + 1 - first) % _EVERY == 0:
                print(f"{number + 1 - first} files, {broken} broken; rows: {tally(seen)}", flush=True)
    return int(broken > 0)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
