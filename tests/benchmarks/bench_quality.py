"""Both quality classifiers on real data: how well they separate, what length and register alone would do, how fast.

    python tests/benchmarks/bench_quality.py DATA

Good: Wikipedia paragraphs, science news, books in pieces. Other: the extracted text of `realweb-dev`. Pages are held out
by host, the rest by document, books whole. DATA is the folder of real test data.
"""

from __future__ import annotations

import argparse
import gzip
import json
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

import fasttext
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate import ingest, language
from curate.extract import extractor
from curate.quality import fasttext_classifier
from curate.quality.measures import separation
from curate.quality.model import load
from curate.quality.training import Examples, train
from curate.records.pages import ID
from curate.storage import SourceFile

PIECE = 4_000  # characters of a piece of a book, about a web page's
SAME_LENGTH = 1_000  # characters that every document is cut to, where length is to say nothing
GOOD = ("wikipedia-paragraphs", "abc-science", "gutenberg-books")


def references(data: Path, name: str) -> list[tuple[str, str]]:
    """(text, address that groups it) of a set of good documents."""
    with gzip.open(data / "text" / f"{name}.jsonl.gz", "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    if name != "gutenberg-books":
        return [(row["text"], f"https://{name}-{number}.example/") for number, row in enumerate(rows)]
    pieces = []
    for number, row in enumerate(rows):
        held = ""
        for paragraph in row["text"].split("\n\n"):
            held += paragraph + "\n\n"
            if len(held) >= PIECE:
                pieces.append((held, f"https://book-{number}.example/{len(pieces)}"))
                held = ""
    return pieces


def pages(data: Path) -> list[tuple[str, str]]:
    """(text, address) of every page with text."""
    path = data / "realweb-dev.warc.gz"
    file = SourceFile(str(path), path.name, path.stat().st_size, "")
    found = []
    for batch in ingest.read(file, "web", "warc", ingest.Columns(), Counter()):
        wanted = batch.filter(pc.is_valid(batch.column("body")))
        texts = extractor("resiliparse").extract(wanted.select(["body", "content_type"])).column("text").to_pylist()
        found += [pair for pair in zip(texts, wanted.column("url").to_pylist(), strict=True) if pair[0]]
    return found


def examples(good: Sequence[tuple[str, str]], other: Sequence[tuple[str, str]], cut: int | None = None) -> Examples:
    rows = [*good, *other]
    ids = [blake2b(f"{number}/{url}".encode(), digest_size=16).digest() for number, (_, url) in enumerate(rows)]
    return Examples(
        pa.array(ids, ID),
        pa.array([url for _, url in rows], pa.string()),
        pa.array([text[:cut] for text, _ in rows], pa.large_string()),
        np.arange(len(rows)) < len(good),
    )


def shown(number: float | None) -> str:
    return "-" if number is None else f"{number:.4f}"


def separate(name: str, data: Examples, folder: Path) -> None:
    """A line per classifier: area under ROC, average precision, at equal length, and the baselines."""
    for classifier in ("gpt3", "fasttext"):
        start = time.process_time()
        card: dict[str, Any] = train(str(folder / classifier), data, classifier, seed=0)  # type: ignore[arg-type]
        held, seconds = card["held_out"], time.process_time() - start
        areas = held["baselines"]["roc_auc"]
        cells = [held["roc_auc"], held["average_precision"], held["roc_auc_at_equal_length"]]
        cells += [areas["length"], areas["register"], areas["both"]]
        print(f"| {name} | {classifier} | " + " | ".join(map(shown, cells)) + f" | {seconds:.1f} |", flush=True)


def transfer(sets: dict[str, list[tuple[str, str]]], web: list[tuple[str, str]], folder: Path) -> None:
    """Trained on two kinds of good documents, asked about the third, against pages of other hosts."""
    hosts = np.array([blake2b(url.split("/")[2].encode(), digest_size=1).digest()[0] < 64 for _, url in web])
    seen = [page for page, held in zip(web, hosts, strict=True) if not held]
    unseen = [page for page, held in zip(web, hosts, strict=True) if held]
    print("\n| trained without | classifier | area under ROC | at equal length |\n| --- | --- | --- | --- |")
    for left_out in GOOD:
        known = [row for name in GOOD if name != left_out for row in sets[name]]
        asked = examples(sets[left_out], unseen)
        for classifier in ("gpt3", "fasttext"):
            path = str(folder / "transfer")
            train(path, examples(known, seen), classifier, seed=0)  # type: ignore[arg-type]
            measured = separation(load(path)(asked.texts), asked.positive, asked.texts)
            cells = [measured["roc_auc"], measured["roc_auc_at_equal_length"]]
            print(f"| {left_out} | {classifier} | " + " | ".join(map(shown, cells)) + " |", flush=True)


def speed(texts: pa.Array, folder: Path) -> None:
    size = sum(len(text.encode()) for text in texts.to_pylist())
    print(f"\nscoring {len(texts):,} pages, {size / 1e6:.1f} MB, processor time of one thread")
    library = fasttext.load_model(_library_file(folder))
    lines = fasttext_classifier.as_lines(texts)
    ours = {name: load(str(folder / name)) for name in ("gpt3", "fasttext")}
    for name, score in (*ours.items(), ("the fastText library", lambda _: library.predict(lines, k=2))):
        least = float("inf")
        for _ in range(4):
            start = time.process_time()
            score(texts)
            least = min(least, time.process_time() - start)
        print(f"  {name:22s} {size / least / 1e6:7.1f} MB/s")


def _library_file(folder: Path) -> str:
    """The fastText model's own file, as the model file holds it."""
    with pa.memory_map(str(folder / "fasttext")) as file:
        content = pa.ipc.open_file(file).read_all().column("fasttext")[0].as_py()
    (folder / "library.bin").write_bytes(content)
    return str(folder / "library.bin")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    options = parser.parse_args()
    sets = {name: references(options.data, name) for name in GOOD}
    web = pages(options.data)
    codes, _ = language.identify([text for text, _ in web])
    english = [page for page, code in zip(web, codes, strict=True) if code == "en"]
    good = [row for name in GOOD for row in sets[name]]
    print(
        ", ".join(f"{len(rows):,} {name}" for name, rows in sets.items()),
        f"; {len(web):,} pages, {len(english):,} English",
    )
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        print("\n| against | classifier | ROC | PR | ROC, equal length | length | register | both | seconds |")
        print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
        separate("all pages", examples(good, web), place)
        separate("English pages", examples(good, english), place)
        separate(f"English, first {SAME_LENGTH} characters", examples(good, english, SAME_LENGTH), place)
        for name in GOOD[:2]:  # there are too few books to hold some out
            separate(f"English, {name} only", examples(sets[name], english), place)
        transfer(sets, english, place)
        separate("all pages again", examples(good, web), place)
        speed(pa.array([text for text, _ in web], pa.large_string()), place)


if __name__ == "__main__":
    main()
