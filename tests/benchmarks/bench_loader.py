"""The loader beside Hugging Face `datasets`, on one core, in one process, over the same sequences.

    python tests/benchmarks/bench_loader.py [--tokens 64000000] [--sequence-length 1024] [--batch-size 32]

Shards of random ids are made in a temporary folder. Both read every sequence once in a shuffled order; `datasets` reads
what `curate export --to hf` wrote, in NumPy's format.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from curate import tokens
from curate.code.fingerprint import fingerprint
from curate.shards import Loader, MixedLoader
from curate.shards.export import export
from curate.shards.reader import MANIFEST, SHARDS_FORMAT
from curate.shards.store import write_shard
from curate.storage import digest_file

MEAN_DOCUMENT = 800
SHARDS = 2


def make_shards(folder: Path, count: int) -> None:
    """Shards of random ids, documents of geometric length."""
    random = np.random.default_rng(0)
    tokenizer = tokens.load("gpt2")
    entries = []
    for number in range(SHARDS):
        lengths = random.geometric(1 / MEAN_DOCUMENT, size=count // SHARDS // MEAN_DOCUMENT)
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
        values = random.integers(0, tokenizer.end_of_text, offsets[-1], dtype=np.uint16)
        values[offsets[1:] - 1] = tokenizer.end_of_text
        ids = pa.FixedSizeBinaryArray.from_buffers(
            pa.binary(16), len(lengths), [None, pa.py_buffer(random.bytes(16 * len(lengths)))]
        )
        rows = pa.ListArray.from_arrays(pa.array(offsets), pa.array(values))
        path = folder / f"train-{number:05d}.arrow"
        sources = pa.array(["made"] * len(lengths))
        write_shard(str(path), pa.record_batch([ids, sources, rows], names=["id", "source", "tokens"]))
        size: dict[str, Any] = {"rows": len(lengths), "tokens": len(values), "bytes": path.stat().st_size}
        size["sha256"] = digest_file(path)
        entries.append({"file": path.name, "split": "train"} | size)
    described = {
        "name": "gpt2",
        "vocabulary_size": tokenizer.vocabulary_size,
        "vocabulary_sha256": tokenizer.vocabulary_hash,
        "end_of_text": tokenizer.end_of_text,
        "dtype": "uint16",
    }
    content = {"format": SHARDS_FORMAT, "name": "random", "tokenizer": described, "shards": entries}
    totals = {"documents": sum(e["rows"] for e in entries), "tokens": sum(e["tokens"] for e in entries)}
    (folder / MANIFEST).write_text(json.dumps(content | totals | {"fingerprint": fingerprint(entries)}))


def in_phases(manifest: dict[str, Any]) -> dict[str, Any]:
    """The same shards, each a phase."""
    shards = [{**entry, "phase": number} for number, entry in enumerate(manifest["shards"])]
    return {**manifest, "shards": shards, "phases": [{"name": f"phase-{number}"} for number in range(len(shards))]}


def rate(batches: Iterator[Any], limit: int) -> float:
    """Millions of tokens per second of CPU time, over at most `limit` tokens."""
    next(batches)
    started, seen = time.process_time(), 0
    for inputs in batches:
        seen += inputs.size
        if seen >= limit:
            break
    return seen / (time.process_time() - started) / 1e6


def main() -> None:
    """Print both rates and their ratio."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--tokens", type=int, default=64_000_000)
    parser.add_argument("--sequence-length", type=int, default=1024)
    parser.add_argument("--batch-size", type=int, default=32)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        shards, exported = Path(temporary, "shards"), Path(temporary, "hf")
        shards.mkdir()
        make_shards(shards, options.tokens)
        loader = Loader(shards, options.sequence_length, options.batch_size)
        ours = rate((batch.inputs for batch in loader), 8 * options.tokens)
        masked = rate((batch.inputs for batch in loader if len(batch.cu_seqlens)), options.tokens)
        print(f"loader: {ours:,.0f} M tokens/s; with document boundaries {masked:,.0f} M tokens/s")
        mixed = MixedLoader(
            {"a": shards, "b": shards}, {"a": 0.7, "b": 0.3}, options.sequence_length, options.batch_size
        )
        blended = rate((batch.inputs for batch in mixed), 8 * options.tokens)
        print(f"mixed loader, 70 to 30 of two datasets: {blended:,.0f} M tokens/s")
        (shards / MANIFEST).write_text(json.dumps(in_phases(json.loads((shards / MANIFEST).read_text()))))
        phased = Loader(shards, options.sequence_length, options.batch_size)
        followed = rate((batch.inputs for batch in phased), 8 * options.tokens)
        print(f"loader of two phases: {followed:,.0f} M tokens/s")

        import datasets

        export(shards, "hf", exported, sequence_length=options.sequence_length)
        rows = datasets.load_from_disk(str(exported))["train"].with_format("numpy").shuffle(seed=0)
        theirs = rate((batch["input_ids"] for batch in rows.iter(options.batch_size)), options.tokens // 4)
        print(f"datasets: {theirs:,.0f} M tokens/s; ratio {ours / theirs:,.0f}")


if __name__ == "__main__":
    main()
