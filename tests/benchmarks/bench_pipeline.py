"""WARC to tokens beside datatrove's own blocks, one core each, on the same pages in one script.

    python tests/benchmarks/bench_pipeline.py [--data FOLDER] [--resiliparse]

datatrove: WarcReader, Trafilatura (or, with --resiliparse, a block that calls the same extractor as curate),
C4QualityFilter, tiktoken. curate: a whole run of the same steps, ledger and shards included. Needs what datatrove's
blocks import: trafilatura, spacy, nltk, faust-cchardet, python-magic.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pyarrow.parquet as pq
import tiktoken
from datatrove.data import Document
from datatrove.pipeline.extractors import Trafilatura
from datatrove.pipeline.extractors.base import BaseExtractor
from datatrove.pipeline.filters import C4QualityFilter
from datatrove.pipeline.readers import WarcReader
from loguru import logger
from resiliparse.parse.html import HTMLTree

import curate
from curate.extract.engines import load as load_engine
from curate.tokens import load
from curate.tokens.vocabulary import tiktoken_cache

DATA = Path(os.environ.get("CURATE_TEST_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data")
PEER_TIMEOUT = 30.0
"""Seconds; the block's default of one would drop pages on a busy machine."""

PIPELINE = """
name: bench
sources:
  web:
    read: {{format: warc, paths: [{data}/realweb-dev.warc.gz]}}
    steps:
      - extract: {{engine: {engine}}}
      - filter: c4-datatrove
tokens: {{tokenizer: gpt2}}
"""


class Resiliparse(BaseExtractor):
    """curate's default extractor as a datatrove block."""

    name = "Resiliparse"

    def __init__(self) -> None:
        super().__init__(timeout=PEER_TIMEOUT)

    def extract(self, text: str) -> str:
        """The main text."""
        return load_engine("resiliparse")(text, HTMLTree.parse(text))


def with_datatrove(data: Path, extractor: BaseExtractor) -> tuple[dict[str, str], int, dict[str, float]]:
    """(extracted text by address, tokens, seconds by block)."""
    seconds: Counter[str] = Counter()

    def timed(name: str, documents: Iterable[Document]) -> Iterable[Document]:
        iterator = iter(documents)
        while True:
            started = time.perf_counter()
            document = next(iterator, None)
            seconds[name] += time.perf_counter() - started
            if document is None:
                return
            yield document

    texts: dict[str, str] = {}

    def remember(documents: Iterable[Document]) -> Iterable[Document]:
        for document in documents:
            texts[document.metadata["url"]] = document.text
            yield document

    with tiktoken_cache("gpt2"):
        encoding = tiktoken.get_encoding("gpt2")
    read = timed("read", WarcReader(str(data), glob_pattern="realweb-dev.warc.gz").run(None))
    extracted = timed("extract", remember(extractor.run(read)))
    kept = timed("filter", C4QualityFilter().run(extracted))
    tokens = 0
    started = time.perf_counter()
    for document in kept:
        tokens += len(encoding.encode_ordinary(document.text)) + 1
    total = time.perf_counter() - started
    return texts, tokens, {
        "read": seconds["read"], "extract": seconds["extract"] - seconds["read"],
        "filter": seconds["filter"] - seconds["extract"], "tokens": total - seconds["filter"], "all": total,
    }


def with_curate(data: Path, engine: str, folder: Path) -> tuple[dict[str, str], int, dict[str, float]]:
    """The same of a whole run; what is compiled once per machine is compiled before."""
    file = folder / "bench.yaml"
    file.write_text(PIPELINE.format(data=data, engine=engine))
    curate.run(file, out=folder / "texts", engine="serial", until="extract")
    for _ in ("compile", "measure"):
        started = time.perf_counter()
        run = curate.run(file, out=folder / f"run-{time.monotonic_ns()}", engine="serial")
        total = time.perf_counter() - started
    seconds = {}
    for path in (run.path / "timings").glob("*.jsonl"):
        seconds[path.stem] = sum(json.loads(line)["seconds"] for line in path.read_text().splitlines())
    table = pq.read_table(folder / "texts" / "documents" / "extract")
    texts = dict(zip(table["url"].to_pylist(), table["text"].to_pylist(), strict=True))
    return texts, run.stats["sources"]["web"]["tokens"], {**seconds, "all": total}


def word_f1(data: Path, texts: dict[str, str]) -> float:
    """Mean F1 of the multiset of lower-cased words over whole pages that people annotated; no text scores 0."""
    scores = []
    with gzip.open(data / "realweb-dev.gold.jsonl.gz") as lines:
        for gold in map(json.loads, lines):
            if gold["gold_kind"] != "human" or not gold["text"] or gold["truncated"]:
                continue
            wanted, found = Counter(gold["text"].lower().split()), Counter((texts.get(gold["url"]) or "").lower().split())
            shared = (wanted & found).total()
            scores.append(2 * shared / (wanted.total() + found.total()))
    return sum(scores) / len(scores)


def main() -> None:
    """Print pages per second, word F1, share of time by step, and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--resiliparse", action="store_true", help="the same extractor in both")
    options = parser.parse_args()
    logger.remove()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with gzip.open(options.data / "realweb-dev.gold.jsonl.gz") as lines:
        pages = sum(1 for _ in lines)
    load("gpt2")
    extractor = Resiliparse() if options.resiliparse else Trafilatura(timeout=PEER_TIMEOUT)
    rates = []
    with tempfile.TemporaryDirectory() as folder:
        ours = ("curate", *with_curate(options.data, "resiliparse", Path(folder)))
        theirs = ("datatrove", *with_datatrove(options.data, extractor))
        for name, texts, tokens, seconds in (theirs, ours):
            rates.append(pages / seconds["all"])
            shares = ", ".join(f"{step} {value / seconds['all']:.0%}" for step, value in seconds.items() if step != "all")
            print(f"{name:<10} {rates[-1]:8.1f} pages/s   word F1 {word_f1(options.data, texts):.3f}   {tokens:,} tokens   {shares}")
    print(f"ratio      {rates[1] / rates[0]:8.1f}")


if __name__ == "__main__":
    main()
