"""The batch encoder beside tiktoken's `encode_ordinary`, on one core, in one process.

    python tests/benchmarks/bench_encoder.py FILE.parquet|FILE.jsonl.gz [--tokenizer gpt2]

A file of texts (column or field `text`), as `curate run --until extract` keeps it. CPU time, so that a busy machine changes
little. The first pass has an encoder that has seen nothing but one sentence.
"""

from __future__ import annotations

import argparse
import gzip
import json
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from curate import tokens
from curate.tokens.encoder import BatchEncoder

PASSES = 4


def read_texts(path: str) -> pa.Array:
    """Every text of the file."""
    if path.endswith(".parquet"):
        return pq.read_table(path, columns=["text"]).column("text").combine_chunks()
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return pa.array([json.loads(line)["text"] for line in lines], pa.large_string())


def main() -> None:
    """Print MB/s of both, and the ratio, per pass."""
    parser = argparse.ArgumentParser()
    parser.add_argument("file")
    parser.add_argument("--tokenizer", default="gpt2")
    options = parser.parse_args()
    texts = read_texts(options.file)
    strings = texts.to_pylist()
    megabytes = sum(len(text.encode()) for text in strings) / 1e6
    encoding = tokens.load(options.tokenizer).encoding
    encoder = BatchEncoder(encoding, np.uint32)
    encoder(pa.array(["A sentence, so that everything is compiled."]))
    for number in range(PASSES):
        started = time.process_time()
        ids, _ = encoder(texts)
        ours = time.process_time() - started
        started = time.process_time()
        theirs_ids = [encoding.encode_ordinary(text) for text in strings]
        theirs = time.process_time() - started
        assert ids.tolist() == [token for text in theirs_ids for token in text]
        print(
            f"pass {number + 1}: {megabytes:.1f} MB, encoder {megabytes / ours:.1f} MB/s, "
            f"tiktoken {megabytes / theirs:.1f} MB/s, ratio {theirs / ours:.2f}"
        )


if __name__ == "__main__":
    main()
