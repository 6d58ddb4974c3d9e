"""N-grams of evaluation sets searched in texts, beside the same search in plain Python.

Run as `python tests/benchmarks/bench_decontaminate.py TEXTS.parquet EVAL.jsonl.gz...` (a column `text`): MB/s in this
thread's CPU time, and what was found by set.
"""

import sys
import time
from collections import Counter
from pathlib import Path
from string import punctuation

import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from curate.decontaminate.grams import find_grams, grams_of, table_of
from curate.decontaminate.items import read_items, set_name

NGRAM = 13
ROUNDS = 3
_PYTHON_SHARE = 20
"""Plain Python is timed on one text of so many."""


def words(text: str) -> list[str]:
    table = str.maketrans("", "", punctuation)
    return [word for token in text.split() if (word := token.lower().translate(table))]


def in_python(texts: list[str], wanted: set[tuple[str, ...]]) -> int:
    found = 0
    for text in texts:
        split = words(text)
        found += sum(tuple(split[i : i + NGRAM]) in wanted for i in range(len(split) - NGRAM + 1))
    return found


def main() -> None:
    column = pq.read_table(sys.argv[1])["text"].combine_chunks()
    texts: list[str] = []
    owners: list[int] = []
    sets: list[str] = []
    for path in sys.argv[2:]:
        for item in read_items(path, None):
            texts += item.texts
            owners += [len(sets)] * len(item.texts)
            sets.append(set_name(Path(path).name))
    start = time.thread_time()
    grams = grams_of(texts, owners, NGRAM)
    table = table_of(grams)
    seconds = time.thread_time() - start
    print(f"{len(sets):,} items, {len(grams.keys):,} n-grams of {grams.lengths.tolist()} words: {seconds:.2f} s")
    find_grams(column[:10], grams, table)
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.thread_time()
        found = find_grams(column, grams, table)
        best = min(best, time.thread_time() - start)
    speed = column.nbytes / best / 1e6
    print(f"search: {speed:.0f} MB/s of {column.nbytes / 1e6:.1f} MB")
    sample = column[::_PYTHON_SHARE]
    split = [words(text) for text in texts]
    wanted = {tuple(each[i : i + NGRAM]) for each in split for i in range(len(each) - NGRAM + 1)}
    listed = sample.to_pylist()
    start = time.thread_time()
    in_python(listed, wanted)
    python = sum(len(text.encode()) for text in listed) / (time.thread_time() - start) / 1e6
    print(f"plain Python, {NGRAM}-grams only: {python:.1f} MB/s; the search is {speed / python:.0f} times as fast")
    by_set: Counter[str] = Counter()
    for gram in found.grams.tolist():
        by_set.update({sets[item] for item in grams.items[grams.offsets[gram] : grams.offsets[gram + 1]].tolist()})
    print(f"n-grams found: {dict(by_set)}")


if __name__ == "__main__":
    main()
