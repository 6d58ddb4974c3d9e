"""Personal data found and scrubbed beside datatrove's PIIFormatter on the same texts.

Run as `python tests/benchmarks/bench_pii.py LABELLED.jsonl.gz TEXTS.parquet` (a column `text`): recall and precision by
type, of all labelled texts and of a half with templates and sources of its own; speed on the other texts, in this thread's
CPU time, and how many findings there are.
"""

import sys
import time
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from datatrove.pipeline.formatters import PIIFormatter

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from curate import pii
from curate.pii import phones
from tests.support.pii_labels import Labelled, is_second_half, read_labelled, scores

ROUNDS = 3


def share(part: int, whole: int) -> str:
    return f"{part / whole:.3f}" if whole else "  -  "


def print_scores(title: str, rows: list[Labelled]) -> None:
    print(f"\n{title}: {len(rows):,} texts")
    print(f"{'':12} labels accepted | recall of accepted | recall | found | precision     | on another | on no")
    print(f"{'':12}                 | strict overlapping | of all |       | strict  over  | type's label | label")
    for name, s in scores(rows).items():
        print(
            f"{name:12} {s.labels:6} {s.accepted:8} |  {share(s.strict, s.accepted)}   {share(s.overlapping, s.accepted)}"
            f"     |  {share(s.overall, s.labels)} | {s.found:5} | {share(s.exact, s.found)}  {share(s.touching, s.found)} "
            f"| {s.elsewhere:10} | {s.found - s.touching - s.elsewhere:6}"
        )


def left_after(formatted: list[str], rows: list[Labelled], name: str) -> tuple[int, int]:
    """(labels, of them those whose text is still in the formatted text)."""
    pairs = zip(formatted, rows, strict=True)
    values = [(text, row.text[s.start : s.end]) for text, row in pairs for s in row.spans if s.type == name]
    return len(values), sum(value in text for text, value in values)


def print_beside(rows: list[Labelled]) -> None:
    formatter = PIIFormatter()
    ours = pii.scrub([row.text for row in rows]).texts.to_pylist()
    theirs = [formatter.format(row.text) for row in rows]
    print("\nlabels whose text is gone, curate and datatrove")
    for name in ("EMAIL", "IP_ADDRESS"):
        labels, left = left_after(ours, rows, name)
        _, left_there = left_after(theirs, rows, name)
        print(f"{name:12} {share(labels - left, labels)}  {share(labels - left_there, labels)}")


def forget_numbers() -> None:
    """Numbers checked before are remembered; a first look is what counts."""
    for check in (phones.is_national, phones.is_possible_international, phones.is_valid_international):
        check.cache_clear()


def print_speed(column: pa.Array) -> None:
    texts = column.to_pylist()
    formatter = PIIFormatter()
    size = column.nbytes / 1e6
    pii.scrub(column[:50])
    seconds = {}
    for name, call in {
        "find": lambda: pii.find(column),
        "scrub": lambda: pii.scrub(column),
        "datatrove": lambda: [formatter.format(text) for text in texts],
    }.items():
        best = float("inf")
        for _ in range(ROUNDS if name != "datatrove" else 1):
            forget_numbers()
            start = time.thread_time()
            call()
            best = min(best, time.thread_time() - start)
        seconds[name] = best
        print(f"{name:10} {size / best:7.1f} MB/s")
    print(f"scrubbing, all types, is {seconds['datatrove'] / seconds['scrub']:.1f} times as fast as datatrove's two")
    counts: Counter[str] = Counter()
    for each in pii.scrub(column).counts:
        counts.update(each)
    print(f"findings in {len(texts):,} texts, {size:.1f} MB: {dict(counts)}")


def main() -> None:
    rows = read_labelled(Path(sys.argv[1]))
    print_scores("all", rows)
    print_scores("second half", [row for row in rows if is_second_half(row)])
    print_beside(rows)
    print()
    print_speed(pq.read_table(sys.argv[2])["text"].combine_chunks())


if __name__ == "__main__":
    main()
