"""Language identification beside py3langid, and beside pycld2 and a fastText model where they can be had.

    python tests/benchmarks/bench_language.py DATA [--fasttext lid.176.bin]

Speed on whole pages, one thread; accuracy per language on `langid-dev`; what a minimum of confidence does; whole pages
against the language they claim. DATA is the folder of real test data.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from py3langid.langid import LanguageIdentifier

from curate import language

_CODES = "ar bn de en es fr hi id it ja ko mr pt ru ta te tr ur vi zh"
LARGEST = _CODES.split()
"""Of the 75 languages, the 20 with the most speakers (Ethnologue 2024), counting written standards once."""
ALIASES = {"nb": "no", "iw": "he", "zh-Hant": "zh", "jw": "jv", "in": "id"}

Identify = Callable[[list[str]], list[str]]


def rows(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def identifiers(model: str | None) -> dict[str, Identify]:
    """By name, what gives each text its language; the peers that are installed."""
    library = LanguageIdentifier.from_model_file("data/model.npz.xz")
    found: dict[str, Identify] = {
        "curate": lambda texts: language.identify(texts)[0],
        "py3langid": lambda texts: [library.classify(text)[0] for text in texts],
    }
    try:
        import pycld2

        def cld2(texts: list[str]) -> list[str]:
            answers = []
            for text in texts:
                try:
                    answers.append(pycld2.detect(text, bestEffort=True)[2][0][1])
                except pycld2.error:  # it refuses some control characters
                    answers.append("und")
            return answers

        found["pycld2"] = cld2
    except ImportError:
        print("pycld2 is not installed")
    if model:
        found[Path(model).name] = lambda texts: language.identify(texts, model=model)[0]
    return found


def same(code: str, label: str) -> bool:
    """Whether a code names a label's language; both Norwegians without Nynorsk are `no`."""
    return ALIASES.get(code, code) == ALIASES.get(label, label)


def speed(peers: dict[str, Identify], pages: list[str]) -> None:
    size = sum(len(page.encode()) for page in pages)
    column = pa.array(pages, pa.large_string())
    language.load().identify(column[:3])
    seconds = {}
    for name, identify in {"curate, from Arrow": None, **peers}.items():
        least = float("inf")
        for _ in range(5 if identify is None else 2):
            start = time.process_time()
            language.load().identify(column) if identify is None else identify(pages)
            least = min(least, time.process_time() - start)
        seconds[name] = least
    print(f"\n{len(pages):,} pages, {size / 1e6:.1f} MB, processor time of one thread")
    for name, each in seconds.items():
        ratio = seconds["py3langid"] / each
        print(f"  {name:22s} {size / each / 1e6:7.1f} MB/s   {ratio:6.1f} x py3langid")


def accuracy(peers: dict[str, Identify], sentences: list[dict[str, Any]]) -> None:
    labels = np.array([row["lang"] for row in sentences])
    right = {
        name: np.array(
            [same(code, label) for code, label in zip(identify([r["text"] for r in sentences]), labels, strict=True)]
        )
        for name, identify in peers.items()
    }
    largest = np.isin(labels, LARGEST)
    print(f"\n{len(labels):,} sentences of {len(set(labels))} languages: all / the 20 largest")
    for name, each in right.items():
        print(f"  {name:22s} {each.mean():.4f} / {each[largest].mean():.4f}")
    print("\n| language | " + " | ".join(right) + " |\n| --- |" + " --- |" * len(right))
    for label in sorted(set(labels)):
        print(f"| {label} | " + " | ".join(f"{each[labels == label].mean():.3f}" for each in right.values()) + " |")


def minimums(sentences: list[dict[str, Any]]) -> None:
    """On the half the temperature was not fitted on."""
    held = [row for row in sentences if hashlib.sha256(row["text"].encode()).digest()[0] & 1]
    for what, cut in (("whole sentences", None), ("their first 30 characters", 30), ("their first 15 characters", 15)):
        codes, scores = language.identify([row["text"][:cut] for row in held])
        right = np.array([same(code, row["lang"]) for code, row in zip(codes, held, strict=True)])
        error = expected_calibration_error(scores, right)
        print(
            f"\n{what}: {len(held):,}, accuracy {right.mean():.3f}, mean confidence {scores.mean():.3f}, ECE {error:.3f}"
        )
        print("| minimum | kept | precision | recall of what was right |\n| --- | --- | --- | --- |")
        for minimum in (0.0, 0.3, 0.5, 0.65, 0.8, 0.9, 0.95, 0.99):
            kept = scores >= minimum
            print(
                f"| {minimum} | {kept.mean():.3f} | {right[kept].mean():.3f} | {right[kept].sum() / right.sum():.3f} |"
            )


def expected_calibration_error(scores: np.ndarray, right: np.ndarray) -> float:
    """Mean distance of confidence and accuracy over tenths of the confidence, weighted by texts (Guo et al. 2017)."""
    tenth = np.minimum((scores * 10).astype(int), 9)
    return float(sum(abs(scores[tenth == t].sum() - right[tenth == t].sum()) for t in range(10)) / len(scores))


def claimed(peers: dict[str, Identify], pages: list[dict[str, Any]]) -> None:
    """Whole pages against the language that their HTML claims, a weak label."""
    claims = [row["html_lang"].replace("_", "-").split("-")[0].lower() for row in pages]
    print(f"\n{len(pages):,} pages that claim a language: share identified as claimed")
    for name, identify in peers.items():
        codes = identify([row["text"] for row in pages])
        agreed = np.mean([same(code, claim) for code, claim in zip(codes, claims, strict=True)])
        print(f"  {name:22s} {agreed:.4f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--fasttext", metavar="MODEL")
    options = parser.parse_args()
    sentences = rows(options.data / "langid-dev.jsonl.gz")
    pages = [row for row in rows(options.data / "realweb-dev.gold.jsonl.gz") if row["text"]]
    peers = identifiers(options.fasttext)
    speed(peers, [row["text"] for row in pages])
    accuracy(peers, sentences)
    minimums(sentences)
    claimed(peers, [row for row in pages if row["html_lang"]])


if __name__ == "__main__":
    main()
