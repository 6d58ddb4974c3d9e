"""WARC to tokens beside datatrove's own blocks, on the same core and the same pages, in one script.

    python tests/benchmarks/bench_pipeline.py [--data FOLDER] [--resiliparse]

datatrove: WarcReader, Trafilatura, C4QualityFilter, tiktoken. curate: a whole run of the same steps with its own engine,
ledger and shards included. With --resiliparse both call the same extractor. Word F1 of the own engine is on pages that it
has learned from: docs/extraction.md has it by cross-validation. Needs what datatrove's
blocks import: trafilatura, spacy, nltk, faust-cchardet, python-magic. Both are warm: models loaded, kernels compiled.

Prints two ratios: of wall time, and of CPU time, child processes included, which a busy machine disturbs less.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import resource
import tempfile
import time
from collections import Counter, defaultdict
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


def cpu_seconds() -> float:
    """CPU time of this process and its children, those that ended and those that live."""
    ended = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    ticks = 0
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # ended meanwhile
        if int(fields[1]) == os.getpid():
            ticks += int(fields[11]) + int(fields[12])
    return sum(usage.ru_utime + usage.ru_stime for usage in ended) + ticks / os.sysconf("SC_CLK_TCK")


class Resiliparse(BaseExtractor):  # type: ignore[misc]
    """resiliparse as curate calls it, as a datatrove block."""

    name = "Resiliparse"

    def __init__(self) -> None:
        super().__init__(timeout=PEER_TIMEOUT)

    def extract(self, text: str) -> str:
        """The main text."""
        return load_engine("resiliparse")(text, HTMLTree.parse(text))


def with_datatrove(data: Path, extractor: BaseExtractor) -> tuple[dict[str, str], int, dict[str, float]]:
    """(extracted text by address, tokens, seconds by block)."""
    seconds: defaultdict[str, float] = defaultdict(float)

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
    quality = C4QualityFilter()
    warm = [Document(text="<p>A sentence of a page.", id="warm")]
    list(quality.run(extractor.run(warm)))  # loads what the blocks import and their sentence model
    read = timed("read", WarcReader(str(data), glob_pattern="realweb-dev.warc.gz").run(None))
    extracted = timed("extract", remember(extractor.run(read)))
    kept = timed("filter", quality.run(extracted))
    tokens = 0
    started, cpu = time.perf_counter(), cpu_seconds()
    for document in kept:
        tokens += len(encoding.encode_ordinary(document.text)) + 1
    total = time.perf_counter() - started
    return (
        texts,
        tokens,
        {
            "read": seconds["read"],
            "extract": seconds["extract"] - seconds["read"],
            "filter": seconds["filter"] - seconds["extract"],
            "tokens": total - seconds["filter"],
            "all": total,
            "cpu": cpu_seconds() - cpu,
        },
    )


def with_curate(data: Path, engine: str, folder: Path) -> tuple[dict[str, str], int, dict[str, float]]:
    """The same of a whole run; what is compiled once per machine is compiled before."""
    file = folder / "bench.yaml"
    file.write_text(PIPELINE.format(data=data, engine=engine))
    curate.run(file, out=folder / "texts", engine="serial", until="extract")
    for _ in ("compile", "measure"):
        started, cpu = time.perf_counter(), cpu_seconds()
        run = curate.run(file, out=folder / f"run-{time.monotonic_ns()}", engine="serial")
        total, cpu = time.perf_counter() - started, cpu_seconds() - cpu
    seconds = {}
    for path in (run.path / "timings").glob("*.jsonl"):
        seconds[path.stem] = sum(json.loads(line)["seconds"] for line in path.read_text().splitlines())
    table = pq.read_table(folder / "texts" / "documents" / "extract")
    texts = dict(zip(table["url"].to_pylist(), table["text"].to_pylist(), strict=True))
    return texts, run.stats["sources"]["web"]["tokens"], {**seconds, "all": total, "cpu": cpu}


def word_f1(data: Path, texts: dict[str, str]) -> float:
    """Mean F1 of the multiset of lower-cased words over whole pages that people annotated; no text scores 0."""
    scores = []
    with gzip.open(data / "realweb-dev.gold.jsonl.gz") as lines:
        for gold in map(json.loads, lines):
            if gold["gold_kind"] != "human" or not gold["text"] or gold["truncated"]:
                continue
            wanted, found = (
                Counter(gold["text"].lower().split()),
                Counter((texts.get(gold["url"]) or "").lower().split()),
            )
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
    results, rates = [], []
    with tempfile.TemporaryDirectory() as folder:
        results.append(("datatrove", *with_datatrove(options.data, extractor)))
        engine = "resiliparse" if options.resiliparse else "curate"
        results.append(("curate", *with_curate(options.data, engine, Path(folder))))
    for name, texts, tokens, seconds in results:
        wall, cpu = seconds.pop("all"), seconds.pop("cpu")
        shares = ", ".join(f"{step} {value / wall:.1%}" for step, value in sorted(seconds.items(), key=lambda s: -s[1]))
        print(
            f"{name:<10} {pages / wall:8.1f} pages/s   {cpu / pages * 1000:6.2f} ms CPU a page   "
            f"word F1 {word_f1(options.data, texts):.3f}   {tokens:,} tokens   {shares}"
        )
        rates.append((wall, cpu))
    (their_wall, their_cpu), (our_wall, our_cpu) = rates
    print(f"ratio      {their_wall / our_wall:8.1f} of wall time, {their_cpu / our_cpu:.1f} of CPU time")


if __name__ == "__main__":
    main()
