"""Removing lines or spans of sentences that recur across documents: finding them, counting them, and the new texts.

The first document, in the order of the run, keeps its lines. Knows text and counts; knows no policy of which document is
better. A document is measured again by the sentence rules of its source's packs where it lost something.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Any, TypedDict

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.dedup.buckets import read_bucket, sort_pairs, write_keys
from curate.dedup.normal import mix64
from curate.dedup.records import PART_BITS, STEP, part_span
from curate.dedup.scope import Scopes, columns_of_documents, document_scopes
from curate.dedup.segments import Pieces, find_pieces, pieces_of_spans, span_codes, without_pieces
from curate.engine.task import Inputs, Output
from curate.records.batches import BatchWriter, read_batches
from curate.records.counts import LinesCounts
from curate.records.documents import DOCUMENTS
from curate.records.edits import EDITS, edit_column
from curate.records.sorted_files import read_range
from curate.records.verdicts import VERDICTS
from curate.text.columns import text_buffers, text_column
from curate.text.compiled import kernel
from curate.text.view import TextView
from curate.verdicts.bounds import BoundsRule
from curate.verdicts.decide import add_failures
from curate.verdicts.steps import steps_from_json, thresholds

EMPTIED = "emptied"
"""The rule that drops a document of which nothing is left."""

SENTENCES = "sentences"
"""The metric that is taken again of a document that lost something."""


class SpanParams(TypedDict):
    """A part's number, and what recurs in it: runs of `size` lines, or sentences, of one scope."""

    part: int
    sentences: bool
    size: int
    scope: Mapping[str, str]


class CountParams(TypedDict):
    """A bucket, how many leading bits name it, and in how many documents a key recurs."""

    bucket: int
    bits: int
    min_count: int


class RemoveParams(SpanParams):
    """And the kind of edit, and verdict steps with rules on the number of sentences."""

    kind: str
    rules: Sequence[Mapping[str, Any]]


class KeyCounts(TypedDict):
    """Keys written."""

    keys: int


class RecurringCounts(TypedDict):
    """Keys that recur, and how often they are to be removed."""

    frequent: int
    removed: int


def find_recurring(params: SpanParams, inputs: Inputs, output: Output) -> KeyCounts:
    """Inputs `documents`, `verdicts`, and where the scope is a column `records` or `scope`.

    Writes `keys` (KEYS): each line's or span's key once a kept document, with the document's number.
    """
    keys, numbers = [np.empty(0, np.uint64)], [np.empty(0, np.uint64)]
    first = params["part"] << PART_BITS
    for found in _batches(params, inputs):
        per_document = np.repeat(np.arange(found.documents, dtype=np.uint64), np.diff(found.pieces.offsets))
        pairs = np.unique(np.stack([per_document, found.keys], axis=1)[found.keys != 0], axis=0)
        keys.append(pairs[:, 1])
        numbers.append(pairs[:, 0] + np.uint64(first))
        first += found.documents
    found_keys = np.concatenate(keys)
    write_keys(output.path("keys"), *sort_pairs(found_keys, np.concatenate(numbers)))
    return {"keys": len(found_keys)}


def count_recurring(params: CountParams, inputs: Inputs, output: Output) -> RecurringCounts:
    """Inputs: `keys` of every part, regrouped. Writes `recurring` (KEYS, but ascending by number): keys of the bucket in at
    least `min_count` documents, beside each of these but the first."""
    keys, numbers = read_bucket(inputs.paths("keys"), params["bucket"], params["bits"])
    starts = np.flatnonzero(np.concatenate([np.ones(min(1, len(keys)), bool), keys[1:] != keys[:-1]]))
    counts = np.diff(np.append(starts, len(keys)))
    gone = np.repeat(counts >= params["min_count"], counts)
    gone[starts] = False
    owners, removed = sort_pairs(numbers[gone], keys[gone])
    write_keys(output.path("recurring"), removed, owners)
    return {"frequent": int((counts >= params["min_count"]).sum()), "removed": len(removed)}


def remove_recurring(params: RemoveParams, inputs: Inputs, output: Output) -> LinesCounts:
    """Inputs as `find_recurring`, and `recurring` regrouped by part.

    Writes `documents`, `verdicts`, and `columns` with the `edits`, all aligned.
    """
    recurring = _Recurring(inputs.paths("recurring"), params["part"])
    rules = [*thresholds(steps_from_json(params["rules"]))]
    failed: Counter[str] = Counter()
    alone: Counter[str] = Counter()
    documents = gone_documents = removed_chars = 0
    first = params["part"] << PART_BITS
    with ExitStack() as stack:
        texts = stack.enter_context(BatchWriter(output.path("documents"), DOCUMENTS))
        verdicts = stack.enter_context(BatchWriter(output.path("verdicts"), VERDICTS))
        columns = stack.enter_context(BatchWriter(output.path("columns"), pa.schema([("edits", EDITS)])))
        for found in _batches(params, inputs):
            changed, removed = found.without(recurring, params["size"], first)
            failures = _failures(changed, removed, rules)
            text = found.put_back(changed)
            lost = np.zeros(len(found.kept), np.int64)
            lost[found.kept] = removed
            texts.write({"id": found.batch.column("id"), "url": found.batch.column("url"), "text": text})
            columns.write({"edits": edit_column([(STEP, {params["kind"]: lost})], len(lost))})
            masks = {rule: found.spread(mask) for rule, mask in failures.items()}
            verdicts.write(add_failures(found.verdict, masks))
            matrix = np.array([*failures.values()], bool).reshape(len(failures), found.documents)
            failed.update({rule: int(mask.sum()) for rule, mask in failures.items()})
            alone.update({rule: int((mask & (matrix.sum(axis=0) == 1)).sum()) for rule, mask in failures.items()})
            gone_documents += int(matrix.any(axis=0).sum())
            documents += found.documents
            first += found.documents
            removed_chars += int(removed.sum())
    return {
        "documents": documents,
        "kept": documents - gone_documents,
        "dropped": {STEP: gone_documents} if gone_documents else {},
        "failed": dict(sorted(failed.items())),
        "alone": dict(sorted(alone.items())),
        "edited_chars": {f"{STEP}/{params['kind']}": removed_chars},
    }


def _failures(
    changed: pa.Array, removed: NDArray[np.int64], rules: Sequence[BoundsRule]
) -> dict[str, NDArray[np.bool_]]:
    """Which documents that lost something fail: nothing is left, or too few sentences for a pack of their source."""
    touched = removed > 0
    failures = {f"{STEP}/{EMPTIED}": touched & (np.asarray(pc.binary_length(changed)) == 0)}
    if rules and touched.any():
        counted = np.zeros(len(touched), np.float64)
        counted[touched] = TextView(changed.filter(pa.array(touched))).sentences
        for rule in rules:
            failures[f"{STEP}/{rule.step}-{rule.name}"] = touched & rule.outside(counted)
    return failures


class _Found:
    """The kept documents of a batch and their lines or spans."""

    def __init__(self, batch: pa.RecordBatch, verdict: pa.RecordBatch, scopes: Scopes, params: SpanParams) -> None:
        self.batch, self.verdict = batch, verdict
        self.kept = np.asarray(verdict.column("kept"))
        self._texts = batch.column("text").filter(verdict.column("kept"))
        self.documents = len(self._texts)
        self._data, self._bounds = text_buffers(self._texts)
        self.pieces: Pieces = find_pieces(self._data, self._bounds, params["sentences"])
        self.keys = span_codes(self.pieces, params["size"]).copy()
        _scope_keys(self.keys, self.pieces.offsets, scopes)

    def without(self, recurring: _Recurring, size: int, first: int) -> tuple[pa.Array, NDArray[np.int64]]:
        """(new texts, characters removed) of the kept documents, the first of which has the number `first`."""
        gone = pieces_of_spans(recurring.among(self.keys, self.pieces.offsets, first), size)
        if not gone.any():
            return self._texts, np.zeros(self.documents, np.int64)
        data, offsets = without_pieces(self._data, self._bounds, self.pieces, gone)
        texts = text_column(data, offsets, pa.large_string())
        removed = pc.subtract(pc.utf8_length(self._texts), pc.utf8_length(texts))
        return texts, np.asarray(removed, np.int64)

    def put_back(self, texts: pa.Array) -> pa.Array:
        """The batch's texts with these in place of those of kept documents."""
        where = pa.array(np.where(self.kept, np.cumsum(self.kept) - 1, 0), mask=~self.kept)
        return pc.coalesce(texts.take(where), self.batch.column("text"))

    def spread(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """A flag per kept document as one per document of the batch."""
        wide = np.zeros(len(self.kept), np.bool_)
        wide[self.kept] = mask
        return wide


def _batches(params: SpanParams, inputs: Inputs) -> Iterator[_Found]:
    beside = [read_batches(path) for name in ("records", "scope") for path in inputs.paths(name)]
    aligned = map(read_batches, (inputs.path("documents"), inputs.path("verdicts")))
    for batch, verdict in zip(*aligned, strict=True):
        known = columns_of_documents([next(each) for each in beside], batch.num_rows)
        yield _Found(batch, verdict, document_scopes(params["scope"], known, verdict.column("kept")), params)


@kernel
def _scope_keys(keys: Any, offsets: Any, scopes: Any) -> None:
    for document in range(len(scopes)):
        salt = mix64(scopes[document])
        for index in range(offsets[document], offsets[document + 1]):
            if keys[index] != 0:
                keys[index] = mix64(keys[index] ^ salt)


@kernel
def _among(keys: Any, offsets: Any, recurring: Any, bounds: Any, out: Any) -> None:
    """Whether each document's keys are among those that recur in it: recurring[bounds[i]:bounds[i + 1]], ascending."""
    for document in range(len(offsets) - 1):
        for index in range(offsets[document], offsets[document + 1]):
            low = bounds[document]
            high = bounds[document + 1]
            while low < high:
                middle = (low + high) // 2
                if recurring[middle] < keys[index]:
                    low = middle + 1
                else:
                    high = middle
            out[index] = keys[index] != 0 and low < bounds[document + 1] and recurring[low] == keys[index]


class _Recurring:
    """The keys that are to be removed from each document of a part."""

    def __init__(self, paths: Sequence[str], part: int) -> None:
        keys, numbers = [np.empty(0, np.uint64)], [np.empty(0, np.uint64)]
        for batch in read_range(paths, "number", *part_span(part)):
            keys.append(batch.column("key").to_numpy())
            numbers.append(batch.column("number").to_numpy())
        self._numbers, self._keys = sort_pairs(*reversed(sort_pairs(np.concatenate(keys), np.concatenate(numbers))))

    def among(self, keys: NDArray[np.uint64], offsets: NDArray[np.int64], first: int) -> NDArray[np.bool_]:
        """Which keys of documents, the first of which has the number `first`, are to be removed."""
        owners = np.arange(first, first + len(offsets), dtype=np.uint64)
        gone = np.zeros(len(keys), np.bool_)
        _among(keys, offsets, self._keys, np.searchsorted(self._numbers, owners), gone)
        return gone
