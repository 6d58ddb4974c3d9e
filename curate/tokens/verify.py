"""Proves a tokenizer's encoder against the library that says what is right. Knows texts and tokenizers; knows no run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curate.errors import InvariantError
from curate.text.chance import id_words
from curate.tokens.definitions import from_json
from curate.tokens.engines import Reference
from curate.tokens.odd_texts import ODD_TEXTS
from curate.tokens.tokenizer import Tokenizer, load

ONE_IN = 1_000
"""Of so many documents of a run, one is encoded by the reference too."""
_SHOWN = 20


@dataclass(frozen=True)
class Difference:
    """A text whose ids differ: its number, the first position where they do, and the ids of both from there on."""

    text: int
    position: int
    found: list[int]
    expected: list[int]


@dataclass(frozen=True)
class Verified:
    """What was compared: texts, their bytes, the first differences, and CPU seconds of both."""

    engine: str
    against: str
    texts: int
    bytes: int
    differing: int
    differences: list[Difference]
    seconds: float
    reference_seconds: float


class ProofError(InvariantError):
    """Ids that are not the reference's."""


def verify(name: str, columns: Iterable[pa.Array], against: str | None = None) -> Verified:
    """Encode every text (string or large_string columns) and the odd texts both ways.

    `against`: tiktoken, or hf (of tiktoken's encodings, the `tokenizer.json` that exports carry); the tokenizer's own
    library by default. Raises ValueError where that library cannot read the tokenizer.
    """
    tokenizer = load(name)
    library, reference = _reference(tokenizer, against)
    texts = size = differing = 0
    shown: list[Difference] = []
    spent = [0.0, 0.0]
    tokenizer.encode(pa.array(["The encoder is made."]))
    for column in (pa.array(ODD_TEXTS, pa.large_string()), *columns):
        strings = column.to_pylist()
        rows, seconds = _timed(tokenizer.encode, column)
        expected, reference_seconds = _timed(reference, strings)
        spent = [spent[0] + seconds, spent[1] + reference_seconds]
        found = differences(rows, expected, texts)
        differing += len(found)
        shown += found[: _SHOWN - len(shown)]
        texts += len(strings)
        size += sum(len(text.encode()) for text in strings)
    return Verified(tokenizer.engine, library, texts, size, differing, shown, *spent)


def prove_sample(tokenizer: Tokenizer, ids: pa.Array, texts: pa.Array, rows: pa.ListArray) -> int:
    """Compare one document in ONE_IN, chosen by its record id (binary(16)); returns how many.

    Raises ProofError with a document whose ids are not the reference's, or where end-of-text stands in a text.
    """
    if tokenizer.engine == tokenizer.definition.library:
        return 0
    chosen = np.flatnonzero(id_words(ids)[:, 0] % np.uint64(ONE_IN) == 0)
    for index, expected in zip(chosen, tokenizer.reference(texts.take(pa.array(chosen)).to_pylist()), strict=True):
        found = rows[int(index)].as_py()
        if found != expected or tokenizer.end_of_text in found:
            raise ProofError(
                f"document {ids[int(index)].as_py().hex()}: {tokenizer.engine} does not give the ids that "
                f"{tokenizer.definition.library} gives with {tokenizer.name}; nothing was written. "
                f"`curate tokenizer verify {tokenizer.name}` shows where they differ"
            )
    return len(chosen)


def _reference(tokenizer: Tokenizer, against: str | None) -> tuple[str, Reference]:
    own = tokenizer.definition.library
    if against in (None, own) or (against == "hf" and own == "tokenizers"):
        return own, tokenizer.definition.reference
    files = tokenizer.definition.files()
    if against == "hf" and "tokenizer.json" in files:
        return "tokenizers", from_json(files["tokenizer.json"], {}).reference
    raise ValueError(f"{tokenizer.name} is read by {own}, and {against!r} cannot read it; leave out --against")


def _timed(call: Callable[[Any], Any], texts: Any) -> tuple[Any, float]:
    started = time.process_time()
    made = call(texts)
    return made, time.process_time() - started


def differences(rows: pa.ListArray, expected: Sequence[Sequence[int]], first: int) -> list[Difference]:
    """Where rows are not what is expected; `first` is the number of the first text."""
    offsets = rows.offsets.to_numpy()
    values: npt.NDArray[Any] = rows.values.to_numpy()
    found = []
    for index, right in enumerate(expected):
        mine = values[offsets[index] : offsets[index + 1]]
        if not np.array_equal(mine, right):
            shared = min(len(mine), len(right))
            unequal = np.flatnonzero(mine[:shared] != np.asarray(right, dtype=mine.dtype)[:shared])
            at = int(unequal[0]) if len(unequal) else shared
            found.append(Difference(first + index, at, mine[at : at + 8].tolist(), list(right[at : at + 8])))
    return found
