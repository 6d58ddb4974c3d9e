"""Megatron-LM's indexed dataset: `SPLIT.bin`, the tokens, and `SPLIT.idx`, where each document lies.

The layout of version 1 of NVIDIA/Megatron-LM, megatron/core/datasets/indexed_dataset.py: magic, version, type, counts;
int32 lengths, int64 byte offsets, int64 document bounds. A document is one sequence, end-of-text included.
"""

from __future__ import annotations

import functools
import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from curate.shards.export.formats import ExportFile, Source

_MAGIC = b"MMIDIDX\x00\x00"
_VERSION = 1
_INT32, _UINT16 = 4, 8  # codes of the types of tokens
_GPT2_PATTERN = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
"""As a `tokenizer.json` of tiktoken's encodings writes it; the possessive quantifiers of tiktoken's own change nothing."""
_NAMES = {"train": "train", "validation": "valid"}


def files(source: Source) -> list[ExportFile]:
    """Two files per split, and the vocabulary as Megatron's own byte-level BPE reads it, where the tokenizer is one."""
    names = [(split, _NAMES[split]) for split in source.splits]
    return [
        *(ExportFile(f"{name}.bin", functools.partial(_write_tokens, source, split)) for split, name in names),
        *(ExportFile(f"{name}.idx", functools.partial(_write_index, source, split)) for split, name in names),
        *_vocabulary(source),
    ]


def _vocabulary(source: Source) -> list[ExportFile]:
    """`vocab.json` and `merges.txt` for --vocab-file and --merge-file of GPT2BPETokenizer. Only for a tokenizer that splits
    text as GPT-2 does: that one splits by no other pattern. Others are read by HuggingFaceTokenizer from the folder."""
    content = source.tokenizer.files().get("tokenizer.json")
    if content is None:
        return []
    model = json.loads(content)["model"]
    if not _splits_as_gpt2(json.loads(content)) or model.get("type") != "BPE":
        return []
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]]
    files = {
        "vocab.json": json.dumps(model["vocab"] | source.tokenizer.definition.special, ensure_ascii=False),
        "merges.txt": "\n".join(["#version: 0.2", *merges, ""]),
    }
    return [ExportFile(name, functools.partial(_write_text, text)) for name, text in files.items()]


def _splits_as_gpt2(tokenizer: Mapping[str, Any]) -> bool:
    """Whether the file pre-tokenizes by GPT-2's pattern: the library's own, or the pattern written out."""
    steps = tokenizer.get("pre_tokenizer") or {}
    listed = steps.get("pretokenizers", [steps])
    split = [step for step in listed if step.get("type") == "Split"]
    own = [step for step in listed if step.get("type") == "ByteLevel" and step.get("use_regex", True)]
    if tokenizer.get("normalizer") or len(split) + len(own) != 1:
        return False
    return bool(own) or split[0]["pattern"].get("Regex") == _GPT2_PATTERN


def _write_text(text: str, path: Path) -> None:
    path.write_text(text, encoding="utf-8")


def _type(source: Source) -> tuple[int, np.dtype[Any]]:
    """Megatron knows no uint32; every id fits into int32."""
    return (_UINT16, np.dtype("<u2")) if source.reader.dtype == np.uint16 else (_INT32, np.dtype("<i4"))


def _write_tokens(source: Source, split: str, path: Path) -> None:
    _, dtype = _type(source)
    with open(path, "wb") as file:
        for entry in source.reader.split(split):
            file.write(source.open(entry).tokens.astype(dtype, copy=False).data)


def _write_index(source: Source, split: str, path: Path) -> None:
    code, dtype = _type(source)
    offsets = [source.open(entry).offsets for entry in source.reader.split(split)]
    lengths = np.concatenate([np.diff(each) for each in offsets]).astype("<i4")
    ends = np.cumsum(lengths, dtype=np.int64)
    with open(path, "wb") as file:
        file.write(_MAGIC + struct.pack("<QBQQ", _VERSION, code, len(lengths), len(lengths) + 1))
        file.write(lengths.data)
        file.write(((ends - lengths) * dtype.itemsize).astype("<i8").data)
        file.write(np.arange(len(lengths) + 1, dtype="<i8").data)
