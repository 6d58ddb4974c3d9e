"""Signatures from text on one core, beside datatrove's, datasketch's with shingling in Python, and rensa's.

Every peer gets the same pages and makes signatures of 112 values of word 5-grams in its own way. The fast ones take the
best of several rounds, slow peers a sample and one round. Prints MB of UTF-8 text a second, and ratios.

    python -m tests.benchmarks.bench_dedup_signatures DATA
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import datasketch
import rensa
import xxhash
from datatrove.pipeline.dedup.minhash import MinhashConfig, MinhashDedupSignature

from curate.dedup import signatures
from curate.text.columns import as_column
from tests.support.real_text import extracted_pages

_PERMUTATIONS = 112
_NGRAM = 5
_ROUNDS = 5
_SAMPLE = 150  # pages for the slow peers


def shingled(text: str) -> list[str]:
    """Word 5-grams of lower-cased words, as a user would write them."""
    words = text.lower().split()
    return [" ".join(words[i : i + _NGRAM]) for i in range(len(words) - _NGRAM + 1)]


def with_datasketch(texts: list[str]) -> None:
    """One MinHash a text, a batch of shingles at once."""
    for text in texts:
        datasketch.MinHash(_PERMUTATIONS).update_batch([shingle.encode() for shingle in shingled(text)])


def with_rensa(texts: list[str]) -> None:
    """One RMinHash a text."""
    for text in texts:
        minhash = rensa.RMinHash(num_perm=_PERMUTATIONS, seed=1)
        minhash.update(shingled(text))
        minhash.digest()


def hash_string(text: str) -> int:
    """datatrove's default hash, xxh64. It passes strings, which xxhash 4 no longer takes."""
    value: int = xxhash.xxh64_intdigest(text.encode())
    return value


def datatrove_signer() -> Callable[[list[str]], None]:
    """datatrove's shingles and signatures; no file is written."""
    step = MinhashDedupSignature("/tmp", MinhashConfig(_NGRAM, 14, 8))
    step._hash_func = hash_string

    def sign(texts: list[str]) -> None:
        for text in texts:
            shingles = step.get_shingles(text)
            if shingles.size:
                step.get_signature(shingles)

    return sign


def rate(function: Callable[[list[str]], object], texts: list[str], rounds: int) -> float:
    """Megabytes of text a second of processor time, the best of the rounds."""
    size = sum(len(text.encode()) for text in texts) / 1e6
    best = float("inf")
    for _ in range(rounds):
        started = time.process_time()
        function(texts)
        best = min(best, time.process_time() - started)
    return size / best


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="the folder of real test data")
    texts = extracted_pages(parser.parse_args().data)
    sample = texts[:_SAMPLE]
    column = as_column(texts)
    signatures(column[:10], permutations=_PERMUTATIONS)
    datatrove = datatrove_signer()
    datatrove(texts[:2])
    ours = rate(lambda _: signatures(column, permutations=_PERMUTATIONS), texts, _ROUNDS)
    default = rate(lambda _: signatures(column), texts, _ROUNDS)
    print(f"{len(texts):,} pages, {sum(len(text.encode()) for text in texts) / 1e6:.1f} MB of text")
    print(f"curate, 112 permutations   {ours:8.1f} MB/s")
    print(f"curate, 256 permutations   {default:8.1f} MB/s")
    for name, function, pages in (
        ("rensa", with_rensa, texts),
        ("datasketch", with_datasketch, sample),
        ("datatrove", datatrove, sample),
    ):
        theirs = rate(function, pages, _ROUNDS if pages is texts else 1)
        print(f"{name:26} {theirs:8.2f} MB/s   curate is {ours / theirs:.0f} times as fast")


if __name__ == "__main__":
    main()
