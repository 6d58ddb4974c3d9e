"""Reading a WARC file: curate's rows, Arrow batches included, beside fastwarc's bare iteration with bodies read.

Run as `python tests/benchmarks/bench_ingest.py FILE.warc.gz`; prints seconds, the ratio and the peak memory.
"""

import resource
import sys
import time
from collections import Counter
from pathlib import Path

from fastwarc.warc import ArchiveIterator

from curate.ingest import Columns, read
from curate.storage import SourceFile

ROUNDS = 5


def with_fastwarc(path: Path) -> int:
    with open(path, "rb") as file:
        return sum(len(record.reader.read()) for record in ArchiveIterator(file))


def with_curate(path: Path) -> int:
    file = SourceFile(str(path), path.name, path.stat().st_size, "")
    return sum(batch["body"].nbytes for batch in read(file, "web", "warc", Columns(), Counter()))


def main() -> None:
    path = Path(sys.argv[1])
    best = dict.fromkeys((with_fastwarc, with_curate), float("inf"))
    for _ in range(ROUNDS):
        for reader in best:
            start = time.perf_counter()
            reader(path)
            best[reader] = min(best[reader], time.perf_counter() - start)
    for reader, seconds in best.items():
        print(f"{reader.__name__}: {seconds:.3f} s, {path.stat().st_size / seconds / 1e6:.0f} MB/s of stored bytes")
    print(f"curate takes {best[with_curate] / best[with_fastwarc]:.2f} times as long")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")


if __name__ == "__main__":
    main()
