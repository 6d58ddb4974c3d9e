"""Adds up what a change of thresholds does: documents and tokens by source and language, or topic, flips by rule, samples.

Parts are added up side by side, in threads, and joined in their order. Knows decisions; makes none.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from curate.audit.finished_run import OpenedPart, OpenedRun
from curate.audit.redecide import Mask, Redecided, Steps, one_array, redecide_part
from curate.records.pages import ID
from curate.text.chance import draw
from curate.verdicts.steps import ROLE


def add_up(run: OpenedRun, variants: Sequence[Mapping[str, Steps]], most: int) -> list[Sums]:
    """The sums of the whole ledger under each variant, read once. `most` flips each way are kept as samples."""

    unit = "text_chars" if run.pipeline.tokens is None else "tokens"

    def of_part(part: OpenedPart, path: Path) -> list[Sums]:
        mine = [steps[part.source] for steps in variants]
        sums = [Sums() for _ in mine]
        for group in redecide_part(part, path, mine):
            for total, steps, decided in zip(sums, mine, group, strict=True):
                total.add(decided, steps, run.pipeline.seed, most, unit)
        return sums

    totals = [Sums() for _ in variants]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for sums in pool.map(of_part, run.parts, run.ledger):
            for total, each in zip(totals, sums, strict=True):
                total.join(each, most)
    return totals


def rules_of(table: pa.Table, rows: Mask, steps: frozenset[str]) -> Counter[str]:
    """How often the rules of these steps are among the failures of the rows."""
    entries = pc.value_counts(one_array(table.filter(pa.array(rows)), "failed").flatten())
    counts = Counter({str(each["values"]): int(each["counts"]) for each in entries.to_pylist()})
    return Counter({rule: count for rule, count in counts.items() if rule.split("/")[0] in steps})


SUMS = (
    "documents", "passed", "passes", "admitted", "removed",
    "kept", "kept_tokens", "staying", "staying_tokens", "admitted_chars",
    "freed_at_most", "freed_tokens_at_most", "displaced_at_most", "displaced_tokens_at_most", "copies",
)  # fmt: skip
"""What is added up per source and language. `staying`: kept before and passing still. `admitted_chars`: of their text
after edits. `freed_at_most`: duplicates, of any source, whose survivor here no longer passes, and their tokens if each had
the survivor's; `displaced_at_most`: survivors, of any source, that those could in turn replace. `copies`: documents that
deduplication dropped."""


class Flip(NamedTuple):
    """A document whose verdict changes, drawn for a sample: smallest draws first. `chars`: of its text after edits."""

    draw: int
    part: str
    document: int
    id: bytes
    source: str
    language: str | None
    chars: int


@dataclass
class Sums:
    """Sums by (source, language), flips by rule, and samples of the flips of each source."""

    groups: dict[tuple[str, str | None], npt.NDArray[np.float64]] = field(default_factory=dict)
    topics: dict[tuple[str, str | None], npt.NDArray[np.float64]] = field(default_factory=dict)
    """The same by (source, topic); of a run without topics empty."""
    admitted_by: Counter[str] = field(default_factory=Counter)
    removed_by: Counter[str] = field(default_factory=Counter)
    samples: dict[tuple[str, str], list[Flip]] = field(default_factory=dict)
    engines: Counter[tuple[str, str, str, bool, bool]] = field(default_factory=Counter)
    """Documents by (source, engine of the text before, after, whether it passed every rule, whether it passes); only where
    another text may be chosen."""

    def sample(self, kind: str) -> list[Flip]:
        """The sample of documents `admitted` or `removed`, over all sources."""
        return sorted(flip for (each, _), flips in self.samples.items() if each == kind for flip in flips)

    def total(self, name: str, sources: Sequence[str] | None = None) -> int:
        """A sum over all groups, or those of some sources."""
        index = SUMS.index(name)
        return int(sum(row[index] for (source, _), row in self.groups.items() if sources is None or source in sources))

    def join(self, other: Sums, most: int) -> None:
        """Add what was added up elsewhere. `most` flips each way are kept as samples."""
        for mine, theirs in ((self.groups, other.groups), (self.topics, other.topics)):
            for key, row in theirs.items():
                mine[key] = mine.get(key, 0) + row
        self.admitted_by.update(other.admitted_by)
        self.removed_by.update(other.removed_by)
        self.engines.update(other.engines)
        for name, found in other.samples.items():
            self.samples[name] = sorted([*self.samples.get(name, []), *found])[:most]

    def add(self, decided: Redecided, steps: Steps, seed: int, most: int, unit: str = "tokens") -> None:
        """Add a row group. `most` flips each way are kept as samples; `unit` is what `kept_tokens` and `staying_tokens`
        count: tokens, or the characters of texts (`text_chars`) where the run makes none."""
        admitted, removed = ~decided.passed & decided.passes, decided.passed & ~decided.passes
        self._add_groups(decided, admitted, removed, unit)
        self.admitted_by.update(rules_of(decided.documents, admitted, steps.redone))
        if decided.engines is not None:
            before, after = (column.to_pylist() for column in decided.engines)
            verdicts = (decided.passed.tolist(), decided.passes.tolist())
            sources = [decided.part.source] * len(before)
            self.engines.update(zip(sources, before, after, *verdicts, strict=True))
        self.removed_by.update({rule: int((mask & removed).sum()) for rule, mask in decided.fails.items()})
        for kind, mask in (("admitted", admitted), ("removed", removed)):
            self._sample(kind, decided, mask, seed, most)

    def _add_groups(self, decided: Redecided, admitted: Mask, removed: Mask, unit: str) -> None:
        table = decided.documents
        kept, tokens, text, size = (_numbers(table, name) for name in ("kept", unit, "text_chars", "cluster_size"))
        staying = (kept > 0) & decided.passes
        dropped_at = one_array(table, "dropped_at").cast(pa.string())
        copies = _are(dropped_at, "deduplicate")
        survived = (kept > 0) | _are(dropped_at, ROLE)  # what is no output can be what copies were removed for
        leaving = survived & ~decided.passes & (size > 1)
        freed, displaced = leaving * (size - 1), leaving * np.maximum(size - 3, 0)
        columns = [
            np.ones(len(kept)), decided.passed, decided.passes, admitted, removed,
            kept, tokens * kept, staying, tokens * staying, text * admitted,
            freed, freed * tokens, displaced, displaced * tokens, copies,
        ]  # fmt: skip
        _add_by(self.groups, decided.part.source, one_array(table, "language"), columns)
        if "topic" in table.column_names and table.column("topic").null_count < table.num_rows:
            _add_by(self.topics, decided.part.source, one_array(table, "topic"), columns)

    def _sample(self, kind: str, decided: Redecided, mask: Mask, seed: int, most: int) -> None:
        rows = np.flatnonzero(mask)
        if not most or not len(rows):
            return
        table = decided.documents
        draws = draw(one_array(table, "id").take(pa.array(rows)).cast(ID), seed, "audit")
        least = np.argsort(draws, kind="stable")[:most]
        taken = table.select(["id", "language", "chars", "edits"]).take(pa.array(rows[least])).combine_chunks()
        columns = (draws[least].tolist(), rows[least].tolist(), taken.column("id").to_pylist())
        languages, chars = taken.column("language").to_pylist(), _numbers(taken, "text_chars").tolist()
        source = decided.part.source
        found = [
            Flip(number, decided.part.name, decided.first + row, id, source, language, int(length))
            for number, row, id, language, length in zip(*columns, languages, chars, strict=True)
        ]
        before = self.samples.get((kind, source), [])
        self.samples[kind, source] = sorted([*before, *found])[:most]


def _add_by(
    groups: dict[tuple[str, str | None], npt.NDArray[np.float64]],
    source: str,
    names: pa.Array,
    columns: Sequence[npt.NDArray[Any]],
) -> None:
    """Add the sums of these columns by the names, null among them, to the groups of a source."""
    encoded = names.dictionary_encode()
    codes = pc.fill_null(encoded.indices, len(encoded.dictionary)).to_numpy(zero_copy_only=False)
    found = [*encoded.dictionary.to_pylist(), None]
    sums = np.stack([np.bincount(codes, weights=column, minlength=len(found)) for column in columns], axis=1)
    for name, row in zip(found, sums, strict=True):
        if row[0]:
            groups[source, name] = groups.get((source, name), 0) + row


def _numbers(table: pa.Table, name: str) -> npt.NDArray[np.float64]:
    """A column as numbers, 0 where it is null. `text_chars`: characters of the text after edits."""
    if name == "text_chars":
        return _numbers(table, "chars") - _edited(one_array(table, "edits"))
    column = pc.fill_null(one_array(table, name).cast(pa.float64()), 0.0)
    return np.asarray(column.to_numpy(zero_copy_only=False), np.float64)


def _are(column: pa.Array, value: str) -> Mask:
    """Which values are this one."""
    return np.asarray(pc.fill_null(pc.equal(column, value), False), bool)


def _edited(edits: pa.Array) -> npt.NDArray[np.float64]:
    """Characters that edits removed, per row of list<struct<chars>>."""
    lengths = pc.fill_null(pc.list_value_length(edits), 0).to_numpy(zero_copy_only=False)
    ends = np.cumsum(lengths)
    removed = pc.fill_null(pc.struct_field(edits.flatten(), "chars"), 0).to_numpy(zero_copy_only=False)
    running = np.concatenate([[0], np.cumsum(removed)])
    return np.asarray(running[ends] - running[ends - lengths], np.float64)
