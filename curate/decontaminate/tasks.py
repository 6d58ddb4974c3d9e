"""Decontaminating: items to n-grams, n-grams found and counted by part, the frequent ones ignored, the rest cut out.

Joins the aligned files of a part by position. Knows files; what a match is and what remains without it is said elsewhere.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.decontaminate.cutting import LEAST_PIECE, MOST_PIECES, Span, in_characters, merged, pieces_without
from curate.decontaminate.grams import FEWEST_WORDS, Grams, distinct_pairs, find_grams, grams_of, table_of
from curate.decontaminate.items import read_items
from curate.decontaminate.overlap import Standing, longest_question, most_together
from curate.decontaminate.records import COUNTS, FOUND, ITEMS, MATCHES, OUTCOME, read_grams, write_grams
from curate.engine.task import Inputs, Output
from curate.records.batches import BatchWriter, read_batches
from curate.records.counts import ContaminationCounts
from curate.records.documents import DOCUMENTS
from curate.records.verdicts import VERDICTS
from curate.text.columns import as_column, replace_rows
from curate.verdicts.decide import drop_documents

STEP = "decontaminate"
FREQUENT = 10
"""N-grams in more documents of the training set are ignored (Brown et al. 2020, appendix C)."""
_BETWEEN_PIECES = "\n\n"
_LONGEST_OVERLAP = 600  # characters of overlapping text that the report quotes of an item in a document
_BETWEEN_OVERLAPS = " […] "


class IndexParams(TypedDict):
    """What each evaluation file's set is called, which fields of an item are text, and words of an n-gram."""

    sets: list[str]
    fields: list[str] | None
    ngram: int
    overlap: float | None


class IndexCounts(TypedDict):
    """Items, their n-grams, and how many words these have."""

    items: int
    ngrams: int
    lengths: list[int]


class MatchParams(TypedDict):
    """Lengths of the n-grams."""

    lengths: list[int]


class MatchCounts(TypedDict):
    """Documents searched, and different n-grams found."""

    documents: int
    ngrams: int


class NoParams(TypedDict):
    """Nothing."""


class FrequentCounts(TypedDict):
    """N-grams that are ignored."""

    frequent: int


class CutParams(MatchParams):
    """And what becomes of a document with a match: `cut` or `drop`."""

    mode: str
    overlap: float | None


class Frequent(TypedDict):
    """N-grams in more documents than this are ignored, and there were so many of them."""

    documents_more_than: int
    ngrams: int


class ReportParams(TypedDict):
    """The parts' sources, and the settings that the report states."""

    sources: list[str]
    ngram: int
    mode: str
    frequent: Frequent
    overlap: float | None


class ReportCounts(TypedDict):
    """Items that were found, and the documents that hold them."""

    items: int
    documents: int


def compile_kernels(params: MatchParams) -> None:
    """Compile the search, once per machine."""
    sample = as_column(["Kernels are compiled here."])
    grams = grams_of(sample.to_pylist(), [0], FEWEST_WORDS)
    find_grams(sample, grams, table_of(grams))


def index_items(params: IndexParams, inputs: Inputs, output: Output) -> IndexCounts:
    """Inputs: the evaluation `files`. Writes `grams`, `heads` and `items`."""
    texts: list[str] = []
    owners: list[int] = []
    asks: list[bool] = []
    names: list[tuple[str, str]] = []
    for name, path in zip(params["sets"], inputs.paths("files"), strict=True):
        for item in read_items(path, params["fields"]):
            chosen = range(len(item.texts)) if params["overlap"] is None else longest_question(item)
            texts += [item.texts[text] for text in chosen]
            asks += [item.questions[text] for text in chosen]
            owners += [len(names)] * len(chosen)
            names.append((name, item.name))
    grams = grams_of(texts, owners, params["ngram"], asks)
    write_grams(grams, output.path("grams"), output.path("heads"))
    matched = np.zeros(len(names), bool)
    matched[grams.items] = True
    words = np.zeros(len(names), np.int64)
    words[: len(grams.words)] = grams.words
    with BatchWriter(output.path("items"), ITEMS) as writer:
        sets, items = (pa.array([pair[side] for pair in names], pa.string()) for side in (0, 1))
        writer.write({"set": sets, "item": items, "matched": pa.array(matched), "words": pa.array(words)})
    return {"items": len(names), "ngrams": len(grams.keys), "lengths": grams.lengths.tolist()}


def match_part(params: MatchParams, inputs: Inputs, output: Output) -> MatchCounts:
    """Inputs `documents`, `verdicts`, `grams`, `heads`.

    Writes `matches` (MATCHES), of documents that are alive, and `counts` (COUNTS).
    """
    grams = read_grams(inputs.path("grams"), inputs.path("heads"), params["lengths"])
    table = table_of(grams)
    counts: NDArray[np.int64] = np.zeros(len(grams.keys), np.int64)
    documents = 0
    with BatchWriter(output.path("matches"), MATCHES) as writer:
        aligned = map(read_batches, (inputs.path("documents"), inputs.path("verdicts")))
        for batch, verdict in zip(*aligned, strict=True):
            kept = verdict.column("kept")
            rows = np.flatnonzero(np.asarray(kept))
            found = find_grams(batch.column("text").filter(kept), grams, table)
            columns = (rows[found.rows], found.starts, found.ends, found.grams)
            writer.write({name: pa.array(column) for name, column in zip(MATCHES.names, columns, strict=True)})
            counts += np.bincount(distinct_pairs(found.rows, found.grams)[1], minlength=len(counts))
            documents += len(rows)
    seen = np.flatnonzero(counts)
    with BatchWriter(output.path("counts"), COUNTS) as writer:
        writer.write({"gram": pa.array(seen), "documents": pa.array(counts[seen])})
    return {"documents": documents, "ngrams": len(seen)}


def count_frequent(params: NoParams, inputs: Inputs, output: Output) -> FrequentCounts:
    """Inputs: every part's `counts`. Writes `frequent` (COUNTS): n-grams in more than FREQUENT documents of all parts."""
    pieces = [batch for path in inputs.paths("counts") for batch in read_batches(path)]
    table = pa.Table.from_batches(pieces, COUNTS).group_by("gram").aggregate([("documents", "sum")]).sort_by("gram")
    table = table.filter(pc.greater(table["documents_sum"], FREQUENT)).combine_chunks()
    with BatchWriter(output.path("frequent"), COUNTS) as writer:
        none = pa.array([], pa.int64())
        columns = (pa.concat_arrays([none, *table[name].chunks]) for name in ("gram", "documents_sum"))
        writer.write(dict(zip(COUNTS.names, columns, strict=True)))
    return {"frequent": len(table)}


def cut_part(params: CutParams, inputs: Inputs, output: Output) -> ContaminationCounts:
    """Inputs `documents`, `verdicts`, `matches`, `frequent`, `grams`, `heads`, `items`.

    Writes `documents` without what was found, `verdicts`, `columns` (OUTCOME), aligned, and `found` (FOUND).
    """
    words = np.concatenate([batch.column("words").to_numpy() for batch in read_batches(inputs.path("items"))])
    grams = read_grams(inputs.path("grams"), inputs.path("heads"), params["lengths"], words)
    ignored = np.zeros(len(grams.keys), bool)
    for batch in read_batches(inputs.path("frequent")) if params["overlap"] is None else ():
        ignored[batch.column("gram").to_numpy()] = True  # short n-grams are common each, and not together
    names = [f"{row['set']}:{row['item']}" for batch in read_batches(inputs.path("items")) for row in batch.to_pylist()]
    failed: Counter[str] = Counter()
    alive_documents = contaminated = 0
    with (
        BatchWriter(output.path("documents"), DOCUMENTS) as documents,
        BatchWriter(output.path("verdicts"), VERDICTS) as verdicts,
        BatchWriter(output.path("columns"), OUTCOME) as columns,
        BatchWriter(output.path("found"), FOUND) as found,
    ):
        aligned = (read_batches(inputs.path(name)) for name in ("documents", "verdicts", "matches"))
        for batch, verdict, matches in zip(*aligned, strict=True):
            cuts = {
                row: _cut(batch.column("text")[row].as_py(), spans, params["mode"])
                for row, spans in _spans(matches, grams, ignored, params["overlap"]).items()
            }
            rules = {row: cut.rule for row, cut in sorted(cuts.items()) if cut.rule is not None}
            alive = np.asarray(verdict.column("kept"))
            gone = np.zeros(len(alive), bool)
            gone[list(rules)] = True
            text = replace_rows(batch.column("text"), {row: cut.text for row, cut in cuts.items()})
            documents.write({"id": batch.column("id"), "url": batch.column("url"), "text": text})
            verdicts.write(drop_documents(verdict, gone, STEP, pa.array([*rules.values()], pa.string())))
            listed: list[list[str] | None] = [[] if lives else None for lives in alive.tolist()]
            for row, cut in cuts.items():
                listed[row] = [names[item] for item in cut.overlaps]
            columns.write({"contamination": pa.array(listed, OUTCOME.field("contamination").type)})
            found.write(_found(batch, cuts))
            failed.update(rules.values())
            alive_documents += int(alive.sum())
            contaminated += len(cuts)
    removed = sum(failed.values())
    return {
        "documents": alive_documents,
        "kept": alive_documents - removed,
        "dropped": {STEP: removed} if removed else {},
        "failed": dict(sorted(failed.items())),
        "alone": dict(sorted(failed.items())),
        "contaminated": contaminated,
    }


@dataclass(frozen=True)
class _Cut:
    """A contaminated document: its text from now on, the rule by which it is dropped, overlapping text by item."""

    text: str
    rule: str | None
    overlaps: Mapping[int, str]


def _spans(
    matches: pa.RecordBatch, grams: Grams, ignored: NDArray[np.bool_], overlap: float | None
) -> dict[int, dict[int, list[Span]]]:
    """By row, and by item in ascending order, the stretches of bytes that the item's n-grams cover; with `overlap`, of
    items of whose words so large a share stands together."""
    found: dict[int, dict[int, list[Standing]]] = {}
    longest = int(grams.lengths.max(initial=0))
    for row, start, end, gram in zip(*(column.to_pylist() for column in matches.columns), strict=True):
        if not ignored[gram]:
            of_row = found.setdefault(row, defaultdict(list))
            for at in range(grams.offsets[gram], grams.offsets[gram + 1]):
                item, place = int(grams.items[at]), int(grams.places[at])
                of_row[item].append(Standing(start, end, place, min(longest, int(grams.words[item]))))
    spans: dict[int, dict[int, list[Span]]] = {}
    for row, items in found.items():
        for item, standing in sorted(items.items()):
            if overlap is not None:
                standing = most_together(standing, int(grams.words[item]), overlap)
            if standing:
                spans.setdefault(row, {})[item] = merged((each.start, each.end) for each in standing)
    return spans


def _cut(text: str, items: Mapping[int, Sequence[Span]], mode: str) -> _Cut:
    document = text.encode()
    overlaps = {item: _quoted(document, spans) for item, spans in items.items()}
    if mode == "drop":
        return _Cut("", f"{STEP}/match", overlaps)
    spans = merged(span for spans in items.values() for span in spans)
    pieces = pieces_without(text, in_characters(document, spans))
    if len(pieces) > MOST_PIECES:
        return _Cut("", f"{STEP}/pieces", overlaps)
    left = [piece for piece in pieces if len(piece) >= LEAST_PIECE]
    if not left:
        return _Cut("", f"{STEP}/too-short", overlaps)
    return _Cut(_BETWEEN_PIECES.join(left), None, overlaps)


def _quoted(document: bytes, spans: Sequence[Span]) -> str:
    """Overlapping text for the report, cut where it is long."""
    text = _BETWEEN_OVERLAPS.join(document[start:end].decode() for start, end in spans)
    return text if len(text) <= _LONGEST_OVERLAP else text[:_LONGEST_OVERLAP] + _BETWEEN_OVERLAPS.rstrip()


def _found(batch: pa.RecordBatch, cuts: Mapping[int, _Cut]) -> dict[str, pa.Array]:
    pairs = [(row, item, text) for row, cut in cuts.items() for item, text in cut.overlaps.items()]
    rows = pa.array([row for row, _, _ in pairs], pa.int64())
    return {
        "number": pa.array([item for _, item, _ in pairs], pa.int64()),
        "id": batch.column("id").take(rows),
        "url": batch.column("url").take(rows),
        "text": pa.array([text for _, _, text in pairs], pa.string()),
    }


def report_contamination(params: ReportParams, inputs: Inputs, output: Output) -> ReportCounts:
    """Inputs `items`, and every part's `found`.

    Writes `report`, JSON: by set how many items it has, how many were too short to match, and each that was found, with the
    documents and the overlapping text.
    """
    sets: dict[str, dict[str, Any]] = {}
    names: list[tuple[str, str]] = []
    for batch in read_batches(inputs.path("items")):
        for row in batch.to_pylist():
            counted = sets.setdefault(
                row["set"], {"items": 0, "too_short": 0, "found": 0, "documents": 0, "overlaps": []}
            )
            counted["items"] += 1
            counted["too_short"] += not row["matched"]
            names.append((row["set"], row["item"]))
    documents: dict[int, list[dict[str, Any]]] = defaultdict(list)
    of_sets: dict[str, set[bytes]] = defaultdict(set)
    for source, path in zip(params["sources"], inputs.paths("found"), strict=True):
        for batch in read_batches(path):
            for row in batch.to_pylist():
                place = {"id": row["id"].hex(), "source": source, "url": row["url"], "text": row["text"]}
                documents[row["number"]].append(place)
                of_sets[names[row["number"]][0]].add(row["id"])
    for number in sorted(documents):
        name, item = names[number]
        sets[name]["found"] += 1
        sets[name]["overlaps"].append({"item": item, "documents": documents[number]})
    for name, ids in of_sets.items():
        sets[name]["documents"] = len(ids)
    stated = {name: params[name] for name in ("ngram", "overlap", "mode", "frequent")}
    report = stated | {"sets": sets}
    Path(output.path("report")).write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return {"items": len(documents), "documents": len({each["id"] for places in documents.values() for each in places})}
