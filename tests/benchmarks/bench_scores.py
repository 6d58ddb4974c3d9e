"""Scoring by quality models, one of two classes and five of labels, beside Python's bare splitting of the same texts.

    python tests/benchmarks/bench_scores.py DATA

Texts: the main texts of `realweb-dev`, three times over, as one batch. The weights are random: they cost what learned ones
cost. A model of labels parts documents by host, looks whether it has seen them, and calibrates. Processor time of one
thread.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa

from curate.quality.features import BUCKETS
from curate.quality.model import Classifier, Trained
from curate.quality.seen import text_codes
from curate.records.pages import ID
from curate.records.quality import FoldRule

_COPIES = 3
_TRIES = 5


def main(folder: Path) -> None:
    """Print speeds and ratios."""
    with gzip.open(folder / "realweb-dev.gold.jsonl.gz", "rt", encoding="utf-8") as file:
        rows = [row for row in map(json.loads, file) if row["text"]]
    listed = [row["text"] for row in rows] * _COPIES
    texts, urls = pa.array(listed, pa.large_string()), pa.array([row["url"] for row in rows] * _COPIES)
    ids = pa.array([hashlib.blake2b(b"%d" % n, digest_size=16).digest() for n in range(len(listed))], ID)
    random = np.random.default_rng(0)
    learned = [np.unique(text_codes(texts.slice(fold * 100, 400))) for fold in range(5)]
    models = [Trained(random.normal(size=BUCKETS).astype(np.float32), 0.0, seen) for seen in learned]
    rule = FoldRule(folds=5, by="host", round=0, seed=0)
    curve = {"": [[0.0, 0.2, 0.5, 1.0], [0.0, 0.1, 0.6, 1.0]]}
    of_labels = Classifier(
        tuple(model.scorer() for model in models), rule, tuple(learned), {"by": None, "curves": curve}
    )
    plain = Classifier((models[0].scorer(),))
    size = sum(len(text.encode()) for text in listed) / 1e6
    works: dict[str, Callable[[], object]] = {
        "two classes": lambda: plain.judge(texts),
        "labels": lambda: of_labels.judge(texts, ids, urls),
        "str.lower().split()": lambda: [text.lower().split() for text in listed],
    }
    least = dict.fromkeys(works, float("inf"))
    for _ in range(_TRIES):
        for name, work in works.items():
            begun = time.process_time()
            work()
            least[name] = min(least[name], time.process_time() - begun)
    for name, seconds in least.items():
        print(f"{name:20} {size / seconds:6.1f} MB/s")
    peer = least["str.lower().split()"]
    print(f"ratio of CPU time, labels to two classes {least['labels'] / least['two classes']:.2f}")
    print(
        f"splitting in Python to labels {peer / least['labels']:.2f}, to two classes {peer / least['two classes']:.2f}"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
