"""Topics of real pages: the clusters' names and sizes, and how fast they are found and named, against the scan of words.

    python tests/benchmarks/bench_topics.py DATA [CLUSTERS]

DATA: the folder that `CURATE_TEST_DATA` names. Processor time of one thread.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

from curate.quality.features import extract
from curate.quality.topics.clusters import cluster, nearest
from curate.quality.topics.naming import name_clusters
from curate.quality.topics.tasks import ClusterParams, compile_kernels
from curate.quality.topics.terms import count
from curate.records.pages import ID

_COPIES = 8


def main(folder: Path, clusters: int) -> None:
    """Print clusters and speeds."""
    with gzip.open(folder / "realweb-dev.gold.jsonl.gz", "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    listed = [row["text"] for row in rows if row["text"] and (row["html_lang"] or "en").startswith("en")]
    texts = pa.array(listed, pa.large_string())
    ids = pa.array([hashlib.blake2b(text.encode(), digest_size=16).digest() for text in listed], ID)
    compile_kernels(ClusterParams(clusters=2, sample=2, seed=0))
    extract(texts)
    begun = time.process_time()
    found = cluster(count(texts), ids, clusters, 0)
    names, words = name_clusters(found, texts)
    seconds = time.process_time() - begun
    for name, size, told in zip(names, np.bincount(found.cluster[found.cluster >= 0]), words, strict=True):
        print(f"{size:6,} {name:45} {' '.join(told)}")
    print(f"{len(texts):,} pages, {len(found.space.weights):,} terms, {clusters} clusters: {seconds:.2f} s")
    many = pa.concat_arrays([texts] * _COPIES)
    size = sum(len(text.encode()) for text in listed) * _COPIES / 1e6
    times = []
    for work in (lambda: nearest(many, found.space, found.centres), lambda: extract(many)):
        begun = time.process_time()
        work()
        times.append(time.process_time() - begun)
    print(f"naming topics {size / times[0]:.0f} MB/s, hashing words for quality {size / times[1]:.0f} MB/s")
    print(f"ratio of CPU time {times[0] / times[1]:.2f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 24)
