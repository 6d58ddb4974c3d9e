"""Extraction beside datatrove's Trafilatura block: pages per second on one core, and agreement with people's choice.

    python tests/benchmarks/bench_extract.py [--pages N] [--data FOLDER]

Every system gets the same pages in this process, its own child included, bound to one core. Speed counts all pages;
quality counts those that people annotated and that are whole: the mean F1 of the multiset of lower-cased words against
the full text, the share of wanted snippets found and of unwanted ones absent, white space folded.
"""

import argparse
import gzip
import json
import os
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
from datatrove.data import Document
from datatrove.pipeline.extractors import Trafilatura
from fastwarc.warc import ArchiveIterator, WarcRecordType

from curate.extract import Extractor
from curate.extract.charset import decode

DATA = Path(os.environ.get("CURATE_TEST_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data")
BATCH = 128
PEER_TIMEOUT = 30.0
"""Seconds; the block's default of one would drop pages on a busy machine."""

Page = tuple[dict[str, Any], bytes, str | None]
"""Gold, body, Content-Type."""
Texts = dict[int, str]
"""Text by the page's index; absent where nothing was extracted."""


def pages(data: Path, count: int | None) -> Iterator[Page]:
    """The real pages with their gold: the first `count`, whose order is by hash of the address."""
    with gzip.open(data / "realweb-dev.gold.jsonl.gz") as lines:
        gold = {row["record_id"]: row for row in map(json.loads, lines)}
    with open(data / "realweb-dev.warc.gz", "rb") as file:
        records = ArchiveIterator(file, record_types=WarcRecordType.response, parse_http=True)
        for _, record in zip(range(count or len(gold)), records, strict=False):
            kind = record.http_headers.get("Content-Type")
            yield gold[record.headers["WARC-Record-ID"]], record.reader.read(), kind


def with_curate(engine: str) -> Callable[[list[Page]], Texts]:
    """curate's extractor, bytes to text."""

    def run(chosen: list[Page]) -> Texts:
        texts: Texts = {}
        with Extractor(engine) as made:
            for start in range(0, len(chosen), BATCH):
                part = chosen[start : start + BATCH]
                batch = pa.record_batch(
                    {
                        "body": pa.array([body for _, body, _ in part], pa.large_binary()),
                        "content_type": pa.array([kind for _, _, kind in part], pa.string()),
                    }
                )
                done = made.extract(batch).column("text").to_pylist()
                texts |= {start + i: text for i, text in enumerate(done) if text is not None}
        return texts

    return run


def with_datatrove(chosen: list[Page]) -> Texts:
    """datatrove's block with its own options and its own child process; decoding counted, as in curate."""
    documents = (
        Document(text=decode(body, kind)[0], id=str(i), metadata={}) for i, (_, body, kind) in enumerate(chosen)
    )
    return {int(document.id): document.text for document in Trafilatura(timeout=PEER_TIMEOUT).run(documents)}


def quality(chosen: list[Page], texts: Texts) -> tuple[float, float, float]:
    """Mean word F1, share of wanted snippets found, share of unwanted snippets absent."""
    scores, found, absent = [], [], []
    for i, (gold, _, _) in enumerate(chosen):
        if gold["gold_kind"] != "human" or gold["truncated"]:
            continue
        text = texts.get(i, "")
        folded = " ".join(text.split())
        found += [" ".join(snippet.split()) in folded for snippet in gold["with"] or []]
        absent += [" ".join(snippet.split()) not in folded for snippet in gold["without"] or []]
        if gold["text"]:
            got, want = (Counter(re.findall(r"\w+", side.lower())) for side in (text, gold["text"]))
            scores.append(2 * (got & want).total() / max(1, got.total() + want.total()))
    return _mean(scores), _mean(found), _mean(absent)


def _mean(values: list[float] | list[bool]) -> float:
    return sum(values) / len(values) if values else float("nan")


def main() -> None:
    """Run all systems and print one line each, the ratio against datatrove's."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--pages", type=int, help="only the first N pages")
    parser.add_argument("--data", type=Path, default=DATA)
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    chosen = list(pages(arguments.data, arguments.pages))
    systems = {
        "datatrove Trafilatura": with_datatrove,
        "curate trafilatura": with_curate("trafilatura"),
        "curate resiliparse": with_curate("resiliparse"),
    }
    print(f"{len(chosen)} pages\n{'':24}pages/s   ratio  word F1   found  absent  texts")
    base = 0.0
    for name, run in systems.items():
        run(chosen[:2])  # imports and caches
        start = time.perf_counter()
        texts = run(chosen)
        rate = len(chosen) / (time.perf_counter() - start)
        base = base or rate
        f1, found, absent = quality(chosen, texts)
        print(f"{name:24}{rate:7.1f}{rate / base:8.2f}{f1:9.4f}{found:8.3f}{absent:8.3f}{len(texts):7}", flush=True)


if __name__ == "__main__":
    main()
