"""Does `validate` tell mixes apart that differ, and not those that do not? On real text, with tiny models, on a CPU.

    python tests/benchmarks/bench_trainer_validate.py shuffled   # a tenth of the documents has its words shuffled
    python tests/benchmarks/bench_trainer_validate.py gopher     # web text with and without Gopher's filters
    python tests/benchmarks/bench_trainer_validate.py halves     # 20 pairs of random halves of one mix: no difference

Needs the test data (CURATE_TEST_DATA). Prints each verdict; of the halves, how many of 20 intervals exclude zero.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch

import curate
from curate.tokens import load
from curate.trainer.compare.comparison import Verdict
from curate.trainer.compare.settings import Validation
from curate.trainer.compare.validate import validate
from curate.trainer.evaluate.rows import read_lines

DATA = Path(os.environ.get("CURATE_TEST_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data")
TEXTS = ("wikipedia-paragraphs", "abc-science", "state-union", "webtext", "movie-reviews", "gutenberg-books")
MERGES = 1024
PIECE = 2000  # characters: longer documents are cut, so that halves are alike
HELD_OUT = 0.1
SHUFFLED = 0.1  # of the documents
PAIRS = 20
CONTEXT = 128
STEP_TOKENS = 512  # small steps: much learning from few tokens
MODEL = {
    "vocabulary": MERGES + 1, "context": CONTEXT, "layers": 2, "width": 64, "heads": 4, "hidden": 172,
    "activation": "swiglu", "norm": "rms", "positions": "rotary", "bias": False,
    "initial_deviation": 0.05,  # GPT-2's 0.02 is for wide models: a narrow one stays for long where it begins
}  # fmt: skip
MUON = {"name": "muon", "learning_rate": 8e-3}


def documents() -> list[tuple[str, str]]:
    """(source, text) of every piece of the real texts."""
    pieces = []
    for name in TEXTS:
        for row in read_lines(DATA / "text" / f"{name}.jsonl.gz"):
            text = row["text"]
            pieces += [(name, text[at : at + PIECE]) for at in range(0, len(text), PIECE)]
    return [(name, text) for name, text in pieces if len(text) > 200]


def draw(text: str, purpose: str) -> float:
    """A number in [0, 1) from the text."""
    return int.from_bytes(hashlib.blake2b(f"{purpose}/{text}".encode(), digest_size=8).digest(), "little") / 2**64


def small_tokenizer(folder: Path) -> str:
    """A file of GPT-2's first tokens: a small vocabulary makes small models quick."""
    ranks = sorted((load("gpt2").definition.token_bytes or {}).items(), key=lambda item: item[1])[:MERGES]
    path = folder / "small.tiktoken"
    path.write_bytes(b"".join(base64.b64encode(token) + b" %d\n" % rank for token, rank in ranks))
    return str(path)


def write_mix(
    folder: Path,
    tokenizer_name: str,
    documents: Sequence[tuple[str, str]],
    change: Callable[[str], str] = lambda text: text,
) -> str:
    """Shards of the documents in the project's own format, their texts changed. The order is drawn from what a document
    was before, as a run draws it from ids, so that a document stands in the same place in every mix.
    """
    tokenizer = load(tokenizer_name)
    ordered = sorted(documents, key=lambda each: draw(each[1], "order"))
    rows = tokenizer.encode(pa.array([change(text) for _, text in ordered]))
    ids = [[*row, tokenizer.end_of_text] for row in rows.to_pylist()]
    batch = pa.record_batch(
        {
            "id": pa.array([hashlib.md5(text.encode()).digest() for _, text in ordered], pa.binary(16)),
            "source": pa.array([source for source, _ in ordered]),
            "tokens": pa.array(ids, pa.list_(tokenizer.arrow_type)),
        }
    )
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "train-00000.arrow"
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, batch.schema) as writer:
        writer.write_batch(batch)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    shard = {
        "file": path.name,
        "split": "train",
        "rows": batch.num_rows,
        "tokens": sum(map(len, ids)),
        "bytes": path.stat().st_size,
        "sha256": digest,
    }
    manifest = {
        "format": "curate-shards/1",
        "name": folder.name,
        "seed": 0,
        "tokenizer": {
            "name": tokenizer.name,
            "vocabulary_size": tokenizer.vocabulary_size,
            "vocabulary_sha256": tokenizer.vocabulary_hash,
            "end_of_text": tokenizer.end_of_text,
            "dtype": str(tokenizer.arrow_type),
        },
        "documents": batch.num_rows,
        "tokens": shard["tokens"],
        "shards": [shard],
        "fingerprint": digest,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return str(folder)


def write_texts(folder: Path, texts: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Validation texts per domain."""
    folder.mkdir(parents=True, exist_ok=True)
    files: dict[str, list[str]] = {}
    for source, text in texts:
        files.setdefault(source, []).append(json.dumps({"text": text}) + "\n")
    for source, lines in files.items():
        (folder / f"{source}.jsonl").write_text("".join(lines))
    return {source: str(folder / f"{source}.jsonl") for source in files}


def compare(
    name: str,
    out: Path,
    mixes: dict[str, str],
    texts: dict[str, str],
    seeds: int,
    tokens: int,
    limit: int,
    *,
    optimizer: dict[str, Any] = MUON,
    average: float = 0.0,
    points: int = 3,
    order: str = "shuffled",
    **changes: Any,
) -> Verdict:
    """The verdict of tiny proxies; `changes` are further keys of the validation file."""
    settings: dict[str, Any] = {
        "name": name,
        "mixes": mixes,
        "seeds": seeds,
        "proxy": {
            "model": MODEL,
            "data": {"sequence_length": CONTEXT, "order": order},
            "budget": {"tokens": tokens},
            "batch": {"tokens": STEP_TOKENS, "micro": STEP_TOKENS // CONTEXT},
            "optimizer": optimizer,
            "schedule": {"warmup": 0.1, "final": 0.0},
            "average": average,
            "precision": "float32",
            "compile": False,
            "every": {"log": 100_000},
        },
        "evaluation": {"texts": texts, "limit": limit, "points": points},
        "devices": ["cpu"],
        "out": str(out / name),
        **changes,
    }
    started = time.perf_counter()
    verdict = validate(Validation.model_validate(settings), say=lambda line: None)
    for pair in verdict.pairs:
        print(
            f"{name} ({seeds} seeds x {tokens:,} tokens, {time.perf_counter() - started:.0f} s): {pair.sentence}",
            flush=True,
        )
    return verdict


def shuffled(out: Path, seeds: int, tokens: int) -> None:
    """A tenth of the documents with their words in another order."""
    tokenizer = small_tokenizer(out)
    train = [each for each in documents() if draw(each[1], "held out") >= HELD_OUT]
    held_out = [each for each in documents() if draw(each[1], "held out") < HELD_OUT]

    def spoiled(text: str) -> str:
        if draw(text, "shuffled") >= SHUFFLED:
            return text
        words = text.split(" ")
        random.Random(text).shuffle(words)
        return " ".join(words)

    mixes = {
        "clean": write_mix(out / "clean", tokenizer, train),
        "shuffled": write_mix(out / "spoilt", tokenizer, train, spoiled),
    }
    compare("shuffled", out, mixes, write_texts(out / "texts", held_out), seeds, tokens, 80)


def gopher(out: Path, seeds: int, tokens: int) -> None:
    """Extracted web pages with and without Gopher's quality and repetition rules."""
    tokenizer = small_tokenizer(out)
    mixes = {}
    for name, steps in (
        ("unfiltered", ""),
        ("gopher", "\n      - filter: gopher-quality\n      - filter: gopher-repetition"),
    ):
        pipeline = out / f"{name}.yaml"
        pipeline.write_text(
            f"name: {name}\nsources:\n  web:\n    read: {{format: warc, paths: ['{DATA}/realweb-dev.warc.gz']}}\n"
            f"    steps:\n      - extract: {{engine: resiliparse}}\n      - language: {{keep: [en], minimum: 0.65}}{steps}\n"
            f"tokens: {{tokenizer: '{tokenizer}'}}\nshards: {{tokens_per_shard: 64M, validation: 0.005}}\n"
        )
        mixes[name] = str(curate.run(pipeline, out=out / f"run-{name}", engine="serial").path)
    held_out = [each for each in documents() if draw(each[1], "held out") < HELD_OUT]
    compare("gopher", out, mixes, write_texts(out / "texts", held_out), seeds, tokens, 80)


def halves(out: Path, seeds: int, tokens: int) -> None:
    """Random halves of one mix, again and again: a difference shown is a false one."""
    tokenizer = small_tokenizer(out)
    everything = documents()
    texts = write_texts(out / "texts", [each for each in everything if draw(each[1], "held out") < HELD_OUT])
    train = [each for each in everything if draw(each[1], "held out") >= HELD_OUT]
    shown = 0
    widths = []
    for pair in range(PAIRS):
        sides: dict[str, str] = {}
        for name, low in (("first", True), ("second", False)):
            half = [each for each in train if (draw(each[1], f"half {pair}") < 0.5) == low]
            sides[name] = write_mix(out / f"{name}-{pair}", tokenizer, half)
        found = compare(f"halves-{pair}", out, sides, texts, seeds, tokens, 25).pairs[0].primary.comparison
        shown += found.shown
        widths.append(found.high - found.low)
        print(f"{shown} of {pair + 1} intervals exclude zero", flush=True)
    print(
        f"{shown} of {PAIRS} intervals exclude zero (at most 3 wanted); median width {np.median(widths):.4f} bits/byte"
    )


def main() -> None:
    """Run one comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("which", choices=("shuffled", "gopher", "halves"))
    parser.add_argument("--seeds", type=int)
    parser.add_argument("--tokens", type=int)
    parser.add_argument("--out", help="keep the proxies here; the same command goes on with them")
    options = parser.parse_args()
    torch.set_num_threads(1)
    out = Path(options.out or tempfile.mkdtemp(prefix="bench-validate-"))
    out.mkdir(parents=True, exist_ok=True)
    run, seeds, tokens = {
        "shuffled": (shuffled, 8, 1_000_000),
        "gopher": (gopher, 8, 400_000),
        "halves": (halves, 3, 30_000),
    }[options.which]
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    run(out, options.seeds or seeds, options.tokens or tokens)


if __name__ == "__main__":
    main()
