"""Compares tokenizers on the same texts: bytes per token, by source and language. Knows texts in groups; knows no run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.tokens.tokenizer import load


@dataclass(frozen=True)
class Texts:
    """Texts of one source: `text` (large_string) and the `language` (string, null where unknown) of each."""

    source: str
    text: pa.Array
    language: pa.Array


@dataclass(frozen=True)
class Comparison:
    """One group's size, and how many tokens each tokenizer makes of it."""

    source: str
    language: str
    documents: int
    bytes: int
    tokens: dict[str, int]

    def bytes_per_token(self, name: str) -> float:
        """Bytes of UTF-8 that a token stands for, on average: more is shorter sequences."""
        return self.bytes / self.tokens[name] if self.tokens[name] else float("nan")


def compare(batches: Iterable[Texts], names: Sequence[str]) -> list[Comparison]:
    """Every (source, language) with its counts, in order of names."""
    tokenizers = [load(name) for name in names]
    counted: dict[tuple[str, str], list[int]] = {}
    for batch in batches:
        sizes = pc.binary_length(batch.text).to_numpy()
        lengths = [pc.list_value_length(each.encode(batch.text)).to_numpy() for each in tokenizers]
        languages = pc.fill_null(batch.language, "unknown").dictionary_encode()
        codes = languages.indices.to_numpy()
        for code, language in enumerate(languages.dictionary.to_pylist()):
            mine = codes == code
            entry = counted.setdefault((batch.source, language), [0] * (2 + len(names)))
            for index, value in enumerate((np.ones(len(sizes), int), sizes, *lengths)):
                entry[index] += int(value[mine].sum())
    return [
        Comparison(source, language, documents, size, dict(zip(names, made, strict=True)))
        for (source, language), (documents, size, *made) in sorted(counted.items())
    ]
