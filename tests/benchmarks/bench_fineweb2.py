"""The pack fineweb2 beside datatrove's filters, language by language, in one process.

    python tests/benchmarks/bench_fineweb2.py DATA

Texts of twenty sentences of `langid-dev`. "Again" is the same texts once more, when every run without white space is
known, as nearly all are in a long crawl. datatrove stops at the first filter that drops a text.
DATA is the folder of real test data.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa

from curate.filters.loading import load
from tests.filters.test_languages import reason, theirs

LANGUAGES = ("de", "ru", "hi", "th", "zh")
TEXTS = 300
ASKED_OF_DATATROVE = 60


def seconds(work: Callable[[], object]) -> float:
    """Processor time."""
    start = time.process_time()
    work()
    return time.process_time() - start


def main() -> None:
    """Print a line a language."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    sentences = defaultdict(list)
    with gzip.open(parser.parse_args().data / "langid-dev.jsonl.gz", "rt", encoding="utf-8") as file:
        for row in map(json.loads, file):
            sentences[row["lang"]].append(row["text"])
    print("language, MB/s: first, again, datatrove; datatrove's time per first and per again")
    for code in LANGUAGES:
        chance = random.Random(1)
        texts = ["\n".join(chance.sample(sentences[code], 20)) for _ in range(TEXTS)]
        column, megabytes = pa.array(texts), sum(len(text.encode()) for text in texts) / 1e6
        pack = load("fineweb2", language=code)
        assert pack.line is not None
        blocks = theirs(pack.line.language)
        pack.apply(column.slice(0, 1))
        reason(blocks, texts[0])
        first, again = (seconds(lambda: pack.apply(column)) for _ in range(2))  # noqa: B023
        asked = seconds(lambda: [reason(blocks, text) for text in texts[:ASKED_OF_DATATROVE]])  # noqa: B023
        datatrove = asked * TEXTS / ASKED_OF_DATATROVE
        speeds = ", ".join(f"{megabytes / spent:.2f}" for spent in (first, again, datatrove))
        print(f"{code}: {speeds}; {datatrove / first:.1f} x, {datatrove / again:.1f} x")


if __name__ == "__main__":
    main()
