"""The encoders of tokenizers beside tiktoken and Hugging Face's library, in one process, on one thread, in CPU time.

    python tests/benchmarks/bench_tokens.py FILE.jsonl.gz|FILE.parquet... --tokenizer gpt2 --tokenizer tokenizer.json
    python tests/benchmarks/bench_tokens.py --memory 1000 --tokenizer gpt2
    python tests/benchmarks/bench_tokens.py FILE --bytes 1000000000 --tokenizer gpt2
    python tests/benchmarks/bench_tokens.py FILE --train 8000

Speed: an encoder that has seen only the texts it is proved with encodes each file three times; ids are compared with the
reference's. Memory: so many megabytes of random words, and the memory of the process at its highest. Bytes: the texts of
the files over and over, numbered and turned about from the second round on, until so many bytes were proved. Train: the
trainers of Hugging Face's library and of gigatoken. The ratio is the reference's CPU time to ours.
"""

from __future__ import annotations

import argparse
import itertools
import os
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("RAYON_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import numpy as np
import pyarrow as pa

from curate import tokens
from curate.shards.kept_texts import texts_of
from curate.tokens.engines import Library
from curate.tokens.tokenizer import Tokenizer

PASSES = 3
WORD_LETTERS = (4, 13)
BATCH = 8_000_000


def timed(call: Callable[[Any], Any], argument: Any) -> tuple[Any, float]:
    """What a call gives, and its CPU seconds."""
    started = time.process_time()
    made = call(argument)
    return made, time.process_time() - started


def warm(tokenizer: Tokenizer) -> Library:
    """The reference as an engine, after both encoders have seen a sentence."""
    library = Library(tokenizer.definition.library, tokenizer.definition.reference)
    sentence = pa.array(["A sentence, so that the encoder is made."])
    tokenizer.encode(sentence), library(sentence)
    return library


def speed(name: str, paths: list[str]) -> None:
    """MB/s of a file's texts by pass, and the ratio to the reference."""
    made, seconds = timed(tokens.load, name)
    library, proof = timed(warm, made)
    print(f"{name}: {made.engine}, {made.vocabulary_size:,} ids; loaded in {seconds:.2f} s, proved in {proof:.2f} s")
    for path in paths:
        tokenizer = Tokenizer(made.name, made.definition, made.end_of_text)
        warm(tokenizer)
        texts = pa.concat_arrays(list(texts_of(path)))
        size = texts.nbytes / 1e6
        (right, _), theirs = timed(library, texts)
        for number in range(PASSES):
            rows, ours = timed(tokenizer.encode, texts)
            differing = int((rows.values.to_numpy() != right).sum()) if len(rows.values) == len(right) else -1
            print(
                f"  {Path(path).name} {size:.1f} MB, pass {number + 1}: {size / ours:.0f} MB/s, {library.name} "
                f"{size / theirs:.1f} MB/s, ratio {theirs / ours:.1f}, {differing} ids differ"
            )


def random_words(random: np.random.Generator, size: int) -> pa.Array:
    """Texts of about `size` bytes of words that hardly come twice."""
    lengths = random.integers(*WORD_LETTERS, size // 9, dtype=np.int32)
    letters = random.integers(ord("a"), ord("z") + 1, int(lengths.sum()) + len(lengths), dtype=np.uint8)
    letters[np.cumsum(lengths + 1) - 1] = ord(" ")
    offsets = np.linspace(0, len(letters), 1_000).astype(np.int64)
    buffers = pa.py_buffer(offsets), pa.py_buffer(letters)
    return pa.LargeStringArray.from_buffers(len(offsets) - 1, *buffers)


def memory(name: str, megabytes: int) -> None:
    """The memory of the process at its highest over so many megabytes of random words."""
    tokenizer = tokens.load(name)
    warm(tokenizer)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    random = np.random.default_rng(0)
    seconds = done = 0.0
    while done < megabytes:
        texts = random_words(random, BATCH)
        seconds += timed(tokenizer.encode, texts)[1]
        done += texts.nbytes / 1e6
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(
        f"{name}: {done:.0f} MB of random words, {done / seconds:.1f} MB/s; memory {before:.0f} MB, at most {most:.0f} MB"
    )


def varied(paths: list[str]) -> Iterator[pa.Array]:
    """The texts of the files for ever, never the same twice: numbered, and from the second round on turned about."""
    for turn in itertools.count():
        for path in paths:
            for column in texts_of(path):
                strings = column.to_pylist()
                if turn:
                    cuts = [(turn * 7919 + index) % (len(text) + 1) for index, text in enumerate(strings)]
                    strings = [
                        f"{turn}x{cut} {text[cut:]}{text[:cut]}" for text, cut in zip(strings, cuts, strict=True)
                    ]
                yield pa.array(strings, pa.large_string())


class Proved(NamedTuple):
    """What was encoded both ways, and the columns of texts whose ids were not the reference's."""

    library: str
    bytes: int
    texts: int
    differing: int


def prove(name: str, paths: list[str], size: int) -> Proved:
    """Compare ids with the reference's until `size` bytes were encoded both ways."""
    tokenizer = tokens.load(name)
    library = warm(tokenizer)
    done = documents = differing = 0
    for texts in varied(paths):
        rows, (right, lengths) = tokenizer.encode(texts), library(texts)
        same = np.array_equal(rows.values.to_numpy(), right) and np.array_equal(np.diff(rows.offsets), lengths)
        differing += not same
        done += texts.nbytes
        documents += len(texts)
        if done >= size:
            break
    return Proved(library.name, done, documents, differing)


def train(paths: list[str], size: int) -> None:
    """CPU seconds of both trainers for a vocabulary of `size` in GPT-2's form, and the merges they share."""
    import gigatoken

    from curate.tokens.training import train_vocabulary

    texts = [text for path in paths for column in texts_of(path) for text in column.to_pylist()]
    megabytes = sum(len(text.encode()) for text in texts) / 1e6
    with tempfile.TemporaryDirectory() as folder:
        trained, ours = timed(lambda out: train_vocabulary(texts, size, out), f"{folder}/tokenizer.json")
        merges = list(tokens.load(str(trained.path)).definition.fast().merges)
    content = b"\xff".join(text.encode() for text in texts)
    call = gigatoken.train_bpe
    (_, other), theirs = timed(lambda data: call(data, size - 1, [], "huggingface", b"\xff"), content)
    shared = sum(mine == other_one for mine, other_one in zip(merges, other, strict=False))
    print(
        f"{megabytes:.1f} MB to {size:,} ids: tokenizers {ours:.1f} s, proof included, gigatoken {theirs:.1f} s, "
        f"ratio {ours / theirs:.1f}; {shared:,} of {len(merges):,} merges stand at the same place"
    )


def main() -> None:
    """Print what was asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("files", nargs="*")
    parser.add_argument("--tokenizer", action="append", default=[])
    parser.add_argument("--memory", type=int, metavar="MB")
    parser.add_argument("--bytes", type=int, metavar="N")
    parser.add_argument("--train", type=int, metavar="IDS")
    options = parser.parse_args()
    if options.train:
        train(options.files, options.train)
    for name in options.tokenizer or ([] if options.train else ["gpt2"]):
        if options.memory:
            memory(name, options.memory)
        elif options.bytes:
            made = prove(name, options.files, options.bytes)
            print(
                f"{name}: {made.bytes:,} bytes, {made.texts:,} texts; batches that differ from {made.library}: "
                f"{made.differing}"
            )
        else:
            speed(name, options.files)


if __name__ == "__main__":
    main()
