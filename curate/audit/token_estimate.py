"""Tokens of documents that were never tokenized, counted on a sample. Knows texts and tokenizers; decides nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate import tokens
from curate.audit.finished_run import OpenedRun
from curate.audit.lineage import gone, judged_texts
from curate.audit.sums import Flip, Sums

SAMPLE = 1000
"""Documents of each source that are tokenized; where no more are let in, nothing is estimated."""

_TWO_SIDED_95 = 1.959964  # normal quantile


@dataclass(frozen=True)
class Estimate:
    """A number of tokens between `low` and `high`. `counted`: it is no estimate, and all three are the same."""

    tokens: int
    low: int
    high: int
    counted: bool

    @classmethod
    def exactly(cls, tokens: int) -> Estimate:
        """So many, counted."""
        return cls(tokens, tokens, tokens, counted=True)

    def plus(self, tokens: int) -> Estimate:
        """The sum with tokens that were counted."""
        return Estimate(self.tokens + tokens, self.low + tokens, self.high + tokens, self.counted)

    def __str__(self) -> str:
        return f"{self.tokens:,}" if self.counted else f"about {self.tokens:,} ({self.low:,} to {self.high:,})"


def count_tokens(run: OpenedRun, flips: Sequence[Flip]) -> dict[bytes, int]:
    """Tokens of these documents' texts as they were after edits, end-of-text not counted, by id. Raises AuditError where
    `.work` was removed."""
    counted: dict[bytes, int] = {}
    settings = run.pipeline.tokens
    if not flips or settings is None:
        return counted
    tokenizer = tokens.load(settings.tokenizer, settings.end_of_text)
    for part in run.parts:
        wanted = sorted((flip.document, flip.id) for flip in flips if flip.part == part.name)
        if not wanted:
            continue
        texts = _texts(run, part.name, np.array([document for document, _ in wanted]))
        lengths = pc.list_value_length(tokenizer.encode(texts)).to_pylist()
        counted |= {id: length for (_, id), length in zip(wanted, lengths, strict=True)}
    return counted


def _texts(run: OpenedRun, part: str, documents: np.ndarray[tuple[int], np.dtype[np.int64]]) -> pa.Array:
    """The texts of documents, by ascending number, as verdicts found them."""
    path = judged_texts(run.part(part))
    if path is None or not path.exists():
        raise gone(path or run.folder / ".work")
    pieces, first = [], 0
    with pa.memory_map(str(path)) as file:
        reader = pa.ipc.open_file(file)
        for index in range(reader.num_record_batches):
            batch = reader.get_batch(index)
            low, high = np.searchsorted(documents, [first, first + batch.num_rows])
            if low < high:
                pieces.append(batch.column("text").take(pa.array(documents[low:high] - first)))
            first += batch.num_rows
    return pa.concat_arrays(pieces)


def estimate_tokens(counted: Mapping[bytes, int], sums: Sums, groups: Sequence[tuple[str, str | None]]) -> Estimate:
    """Tokens of all documents let in of these (source, language) groups, from those counted.

    Where not all of a source's were counted: the ratio estimate, tokens per character times characters (Cochran 1977,
    Sampling Techniques, chapter 6), with its 95 % interval.
    """
    total, variance, counted_all = 0.0, 0.0, True
    for source in dict.fromkeys(source for source, _ in groups):
        mine = [group for group in groups if group[0] == source]
        flips = [flip for flip in sums.samples.get(("admitted", source), []) if flip.id in counted]
        part = Sums({group: sums.groups[group] for group in mine})
        chars, documents = part.total("admitted_chars"), part.total("admitted")
        sampled = [flip for flip in flips if (source, flip.language) in mine]
        if len(sampled) == documents:
            total += sum(counted[flip.id] for flip in sampled)
            continue
        counted_all = False
        if len(flips) > 1 and chars:
            x = np.array([flip.chars for flip in flips], np.float64)
            y = np.array([counted[flip.id] for flip in flips], np.float64)
            ratio = y.sum() / max(x.sum(), 1.0)
            per_document = float(((y - ratio * x) ** 2).sum() / (len(flips) - 1))
            total += ratio * chars
            unseen = 1 - len(sampled) / documents
            variance += per_document * documents**2 / len(flips) * unseen
    margin = _TWO_SIDED_95 * math.sqrt(variance)
    return Estimate(round(total), max(0, math.floor(total - margin)), math.ceil(total + margin), counted_all)
