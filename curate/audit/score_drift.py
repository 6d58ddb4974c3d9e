"""Whether a quality score means the same in every month and language of a run.

Its distribution stands beside the one that the model was measured on, or, where the run trained the model, beside that of
the whole source. Knows the ledger; judges nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curate.audit.finished_run import OpenedRun
from curate.audit.rendering import Answer, Cell, Table
from curate.quality.drift import drift, in_words, measured_on
from curate.quality.threshold import BINS, histogram
from curate.records.quality import SCORE, ScoreDrift

_MOST_ROWS = 24  # of a table: the months and the languages with the most documents
_FEWEST = 20  # documents of a row
_MONTHS = 7  # characters of 2026-11


def score_drift(run: OpenedRun) -> Answer:
    """Per source with quality scores a table: the source, its months and its languages, and how far their scores moved."""
    blocks, data = [], {}
    for name in run.pipeline.sources:
        quality = run.stats["sources"][name]["quality"]
        if not quality:
            continue
        brought = None if "sampled" in quality else measured_on(quality.get("model") or {})
        before = brought or quality["scores"]
        found: dict[str, dict[str, ScoreDrift]] = {"source": _moved({name: np.array(quality["scores"])}, before)}
        for column, counts in _by(run, name).items():
            found[column] = _moved(counts, before)
        beside = "the documents of the model's card" if brought else "the whole source, whose own model this is"
        rows = [
            _row(column, value, each)
            for column, of in found.items()
            for value, each in sorted(_largest(of).items(), key=lambda item: item[0])
            if brought or column != "source"
        ]
        headings = ("of", "", "documents", "stability index", "by chance", "Kolmogorov-Smirnov", "scores")
        blocks.append(Table(f"{name}: scores beside {beside}", headings, tuple(rows)))
        data[name] = {"beside": "card" if brought else "source", **found}
    return Answer(tuple(blocks), data)


def _by(run: OpenedRun, source: str) -> dict[str, dict[str, np.ndarray[Any, np.dtype[np.int64]]]]:
    """Documents by class of the score for each month in which they were fetched and each language, where these are known."""
    found: dict[str, dict[str, Any]] = {"month": {}, "language": {}}
    for part, path in zip(run.parts, run.ledger, strict=True):
        if part.source != source:
            continue
        table = pq.read_table(path, columns=[SCORE, "date", "language"])
        table = table.filter(pc.is_valid(table.column(SCORE))).combine_chunks()
        scores = table.column(SCORE).to_numpy()
        months = pc.utf8_slice_codeunits(table.column("date").cast(pa.date32()).cast(pa.string()), 0, _MONTHS)
        for column, values in (("month", months), ("language", table.column("language"))):
            coded = values.combine_chunks().dictionary_encode()
            codes = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
            for code, value in enumerate(coded.dictionary.to_pylist()):
                counts = found[column].setdefault(value, np.zeros(BINS, np.int64))
                counts += np.array(histogram(scores[codes == code]))
    return {column: of for column, of in found.items() if of}


def _moved(counts: Mapping[str, Any], before: list[int]) -> dict[str, ScoreDrift]:
    moved = {value: drift(before, each.tolist()) for value, each in counts.items() if each.sum() >= _FEWEST}
    return {value: each for value, each in moved.items() if each is not None}


def _largest(found: Mapping[str, ScoreDrift]) -> dict[str, ScoreDrift]:
    order = sorted(found, key=lambda value: (-found[value]["documents"], value))
    return {value: found[value] for value in order[:_MOST_ROWS]}


def _row(column: str, value: str, each: ScoreDrift) -> tuple[Cell, ...]:
    return column, value, each["documents"], each["psi"], each["chance"], each["ks"], in_words(each)
