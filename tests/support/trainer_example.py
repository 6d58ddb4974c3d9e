"""Shards of the bundled example's reference texts, and a model of a few seconds' training on them."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import numpy as np
import torch

import curate
from curate.shards import Loader
from curate.tokens import load
from curate.trainer.train.data import token_bytes
from curate.trainer.train.settings import Training

REFERENCE = Path(__file__).parents[2] / "examples" / "reference" / "*.jsonl.gz"
LENGTH = 32
torch.set_num_threads(1)  # tiny matrices: more threads only wait for each other
MERGES = 768  # GPT-2's first tokens: a small vocabulary makes small models quick


def make_tokenizer(folder: Path) -> Path:
    """A vocabulary file of GPT-2's first tokens."""
    ranks = sorted((load("gpt2").definition.token_bytes or {}).items(), key=lambda item: item[1])[:MERGES]
    path = folder / "small.tiktoken"
    path.write_bytes(b"".join(base64.b64encode(token) + b" %d\n" % rank for token, rank in ranks))
    return path


def make_shards(folder: Path) -> Path:
    """A run directory with a train and a validation split; made once in a folder."""
    if (folder / "run" / "shards" / "manifest.json").exists():
        return folder / "run"
    folder.mkdir(exist_ok=True)
    tokenizer = make_tokenizer(folder)
    pipeline = folder / "reference.yaml"
    pipeline.write_text(
        "name: reference\n"
        "sources:\n"
        "  reference:\n"
        f"    read: {{format: jsonl, paths: ['{REFERENCE}'], text: text}}\n"
        "    steps: []\n"
        f"tokens: {{tokenizer: '{tokenizer}'}}\n"
        "shards: {tokens_per_shard: 64M, validation: 0.05}\n"
    )
    run: Path = curate.run(pipeline, out=folder / "run", engine="serial").path
    return run


def settings(shards: Path, out: Path, steps: int, **changes: Any) -> Training:
    """A tiny model's training; `changes` replace whole keys."""
    return Training.model_validate(
        {
            "name": "tiny",
            "model": {"vocabulary": MERGES + 1, "layers": 2, "width": 32, "heads": 2, "context": LENGTH},
            "data": {"path": str(shards), "sequence_length": LENGTH},
            "budget": {"tokens": steps * 4 * LENGTH},
            "batch": {"tokens": 4 * LENGTH, "micro": 4},
            "optimizer": {"learning_rate": 0.05, "weight_decay": 0.0},
            "schedule": {"warmup": 0.1, "final": 0.05},
            "precision": "float32",
            "compile": False,
            "every": {"log": 10, "evaluate": 1000, "checkpoint": 1000},
            "evaluate_tokens": 0,
            "device": "cpu",
            "out": str(out),
            **changes,
        }
    )


def unigram_bits_per_byte(shards: Path) -> float:
    """What the best model of single tokens needs on the validation split: its own counts there, which favours it."""
    reader = Loader(shards, LENGTH, 1, split="validation").reader
    tokens = np.concatenate([reader.open(entry).tokens for entry in reader.split("validation")])
    tokens = tokens[tokens != reader.tokenizer["end_of_text"]]
    counts = np.bincount(tokens)
    sizes = token_bytes(reader.tokenizer)[: len(counts)]
    used = counts > 0
    bits = -(counts[used] * np.log2(counts[used] / len(tokens))).sum()
    return float(bits / (counts * sizes).sum())
