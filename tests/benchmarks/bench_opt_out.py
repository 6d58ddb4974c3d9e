"""Opt-outs of many hosts: how long a list takes to read and sort, what a worker holds of it, how fast documents are asked
about, beside a Python dict of the same list.

    python tests/benchmarks/bench_opt_out.py [ENTRIES]

Made up: a Parquet list of so many domains (default 1,000,000; of more there is no dict), and 200,000 addresses of which half
are on listed domains. Processor time of one thread; memory is what the process itself holds (not what it maps of files).
"""

from __future__ import annotations

import gc
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from curate.filters.opt_out.agents import agents_of
from curate.filters.opt_out.lists import statements_of_list
from curate.filters.opt_out.statements import Statements, sort_statements
from curate.records.batches import BatchWriter, read_batches
from curate.text.addresses import hosts

_PAGES = 200_000
_BATCH = 2_000
_PAGE_BYTES = 4096
_GROUP = 250_000
_MOST_IN_A_DICT = 1_000_000


def main(entries: int) -> None:
    """Print times, bytes and ratios."""
    agents = agents_of(["apertus"])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "list.parquet"
        schema = pa.schema([("domain", pa.string()), ("user_agents", pa.list_(pa.string()))])
        with pq.ParquetWriter(path, schema) as writer:
            for first in range(0, entries, _GROUP):
                numbers = range(first, min(first + _GROUP, entries))
                names = [f"site{number}.place{number % 97}.example" for number in numbers]
                listed = [["CCBot", "GPTBot"] if number % 3 else None for number in numbers]
                writer.write_table(pa.table([names, listed], schema=schema))
        del names, listed
        gc.collect()
        begun = time.process_time()
        told = sort_statements(statements_of_list(str(path), agents, Counter()))
        seconds = time.process_time() - begun
        print(f"{entries:,} entries read and sorted: {seconds:.1f} s, {1e6 * seconds / entries:.1f} us each")
        files = [str(Path(folder) / name) for name in ("sorted", "rules")]
        for file, batch in zip(files, told, strict=True):
            with BatchWriter(file, batch.schema, compressed=False) as writer:
                writer.write(dict(zip(batch.schema.names, batch.columns, strict=True)))
        size = sum(Path(file).stat().st_size for file in files)
        print(f"files: {size / entries:.1f} bytes an entry")
        del told, batch
        every = np.random.default_rng(0).integers(0, 2 * entries, _PAGES)
        pages = [f"https://www.site{number}.place{number % 97}.example/page/{number}" for number in every]
        batches = [pa.array(pages[first : first + _BATCH]) for first in range(0, _PAGES, _BATCH)]
        before = _held()
        asked = Statements(next(read_batches(files[0])), next(read_batches(files[1])), agents, "latest")
        begun = time.process_time()
        refused = sum(bool(each.agents) for batch in batches for each in asked.ask_all(batch, [None] * len(batch)))
        ours, held = time.process_time() - begun, _held() - before
        del asked
        print(f"{_PAGES:,} documents, {refused:,} refused: {1e6 * ours / _PAGES:.1f} us each; held {held / 1e6:.0f} MB")
        if entries > _MOST_IN_A_DICT:
            return
        before = _held()
        table = pq.read_table(path).to_pylist()
        known = {row["domain"]: tuple(row["user_agents"] or agents) for row in table}
        del table
        gc.collect()
        begun = time.process_time()
        count = 0
        for batch in batches:
            for of in hosts(batch).to_pylist():
                parts = of.split(".")
                count += any(".".join(parts[place:]) in known for place in range(len(parts)))
        theirs, dict_held = time.process_time() - begun, _held() - before
        assert count == refused
        print(f"a dict of names: {1e6 * theirs / _PAGES:.1f} us each; held {dict_held / 1e6:.0f} MB")
        print(f"ratio of CPU time {ours / theirs:.2f}, of memory {held / dict_held:.3f}")


def _held() -> int:
    """Bytes that are this process's own."""
    fields = Path("/proc/self/statm").read_text().split()
    return (int(fields[1]) - int(fields[2])) * _PAGE_BYTES


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
