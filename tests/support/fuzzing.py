"""A million damaged files, told of as they come: what the scripts beside the benchmarks share."""

from __future__ import annotations

import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

_SLOW_SECONDS = 10.0
_EVERY = 1000


def fuzz(check: Callable[[int, str, Path], Counter[str]], shapes: Sequence[str], files: int, first: int) -> int:
    """Try so many files, from a number on; 1 if any breaks a promise, else 0.

    Prints a line for every thousand, and for every file that breaks a promise its shape, number and what was broken:
    `check(NUMBER, SHAPE, folder)` makes it again.
    """
    seen: Counter[str] = Counter()
    broken = 0
    with tempfile.TemporaryDirectory() as name:
        for number in range(first, first + files):
            shape = shapes[number % len(shapes)]
            started = time.process_time()
            try:
                seen += check(number, shape, Path(name))
            except KeyboardInterrupt:
                raise
            except BaseException:  # a panic of compiled code is no Exception
                broken += 1
                print(f"BROKEN {shape} {number}\n{traceback.format_exc()}", flush=True)
            if (spent := time.process_time() - started) > _SLOW_SECONDS:
                broken += 1
                print(f"SLOW {shape} {number}: {spent:.1f} s of CPU", flush=True)
            if (number + 1 - first) % _EVERY == 0:
                told = ", ".join(f"{what} {count}" for what, count in seen.most_common())
                print(f"{number + 1 - first} files, {broken} broken; {told}", flush=True)
    return int(broken > 0)
