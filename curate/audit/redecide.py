"""Decides every document of a ledger again under changed settings, with the rules' own code, and adds up what changes.

Streams the ledger a row group at a time and reads only the columns that the changed steps look at, so memory follows
neither the run's size nor its width. Exact up to deduplication. Knows verdicts; knows no text.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curate.audit.lineage import verdict_settings
from curate.audit.measures import BEFORE_DOCUMENTS
from curate.audit.opened import OpenedPart, OpenedRun
from curate.chance import draw
from curate.config.models import Pipeline, Quality, Source
from curate.filters.expression import parse
from curate.quality.keep import threshold_of_share
from curate.records import ID
from curate.stages.judge import judge_step
from curate.steps import verdict_steps

Mask = npt.NDArray[np.bool_]
Step = Mapping[str, Any]

_ALWAYS = ["id", "language", "failed", "dropped_at", "kept", "tokens", "chars", "cluster_size"]
_JUDGED = ["language", "language_score", "quality_score", "quality_draw"]
_EDITED = "edits.list.element.chars"
_TEXT = frozenset({"language", "dropped_at"})


@dataclass(frozen=True)
class Steps:
    """A source's verdict steps before and after a change. `changed` names those that differ."""

    old: tuple[Step, ...]
    new: tuple[Step, ...]

    @property
    def changed(self) -> frozenset[str]:
        """Names of the steps that are not the same on both sides."""
        old = {step["name"]: step for step in self.old}
        new = {step["name"]: step for step in self.new}
        return frozenset(name for name in (*old, *new) if old.get(name) != new.get(name))

    def columns(self, ledger: Sequence[str]) -> list[str]:
        """Those of the ledger's columns that the changed steps look at."""
        needed: list[str] = []
        for step in self.new:
            if step["name"] not in self.changed:
                continue
            if step["kind"] == "filter":
                names = [name for _, metric, *_ in step["rules"] for name in parse(metric).names()]
                needed += [f"{step['name']}.{name}" for name in names]
            else:
                needed += [*_JUDGED, *(name for name in ledger if name.startswith(f"{step['name']}."))]
        return list(dict.fromkeys(needed))


def changed_steps(run: OpenedRun, pipeline: Pipeline) -> dict[str, Steps]:
    """Per source the verdict steps that the run applied, and those of a changed pipeline."""
    found = {}
    for name in run.pipeline.sources:
        old = tuple(verdict_settings(run, name))
        removals = tuple(step for step in old if step["kind"] == "removed")
        new = verdict_steps(pipeline, name, _least_score(run, pipeline.sources[name], name))
        found[name] = Steps(old, (*removals, *_as_committed(new)))
    return found


def _least_score(run: OpenedRun, source: Source, name: str) -> float | None:
    """The least quality score kept where the source keeps a share of the highest, found over its whole ledger."""
    setting = source.setting(Quality)
    if setting is None or setting.keep_share is None:
        return None

    def chunks() -> Iterator[npt.NDArray[np.float32]]:
        for part, path in zip(run.parts, run.ledger, strict=True):
            if part.source == name:
                yield pq.read_table(path, columns=["quality_score"]).column(0).drop_null().to_numpy()

    return threshold_of_share(chunks, setting.keep_share)


def _as_committed(steps: list[dict[str, Any]]) -> tuple[Step, ...]:
    """Steps as a manifest holds them: as JSON."""
    return tuple(json.loads(json.dumps(steps)))


@dataclass(frozen=True)
class Redecided:
    """One row group under new rules: masks over its documents, and per changed rule who fails it now."""

    part: OpenedPart
    first: int
    """Number of the group's first document within the part."""
    documents: pa.Table
    passed: Mask
    passes: Mask
    fails: Mapping[str, Mask]


def redecide(run: OpenedRun, steps: Mapping[str, Steps]) -> Iterator[Redecided]:
    """Every row group of the ledger, decided again. Only documents: records dropped before they were one stay dropped."""
    for (decided,) in redecide_all(run, [steps]):
        yield decided


def redecide_all(run: OpenedRun, variants: Sequence[Mapping[str, Steps]]) -> Iterator[list[Redecided]]:
    """Every row group of the ledger, read once and decided under each variant."""
    for part, path in zip(run.parts, run.ledger, strict=True):
        mine = [steps[part.source] for steps in variants]
        file = pq.ParquetFile(path, read_dictionary=["failed.list.element", *_TEXT])
        names = file.schema_arrow.names
        columns = list(dict.fromkeys([*_ALWAYS, _EDITED, *(name for each in mine for name in each.columns(names))]))
        first = 0
        for group in range(file.num_row_groups):
            table = file.read_row_group(group, columns=columns).combine_chunks()
            table = table.filter(_is_document(table))
            yield [_decide(part, first, table, steps) for steps in mine]
            first += table.num_rows


def _is_document(table: pa.Table) -> pa.ChunkedArray:
    early = pc.is_in(table.column("dropped_at").cast(pa.string()), pa.array(BEFORE_DOCUMENTS))
    return pc.invert(pc.fill_null(early, False))


def _decide(part: OpenedPart, first: int, table: pa.Table, steps: Steps) -> Redecided:
    judged_before = {step["name"] for step in steps.old}
    passed = ~_failed_any(table, judged_before)
    passes = ~_failed_any(table, judged_before - steps.changed)
    columns = {name: _plain(_one(table, name)) for name in steps.columns(table.schema.names)}
    fails: dict[str, Mask] = {}
    for step in steps.new:
        if step["name"] in steps.changed:
            for rule, mask in judge_step(step, columns).items():
                fails[f"{step['name']}/{rule}"] = mask
                passes &= ~mask
    return Redecided(part, first, table, passed, passes, fails)


def _one(table: pa.Table, name: str) -> pa.Array:
    """A column as one array."""
    column = table.column(name)
    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks or [pa.nulls(0, column.type)])


def _plain(column: pa.Array) -> pa.Array:
    """The column without a dictionary, as the rules know it."""
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def _failed_any(table: pa.Table, steps: set[str] | frozenset[str]) -> Mask:
    """Which rows failed a rule of these steps."""
    failed = _one(table, "failed")
    entries = failed.flatten().dictionary_encode()
    wanted = np.array([str(rule).split("/")[0] in steps for rule in entries.dictionary.to_pylist()], bool)
    if not len(wanted):
        return np.zeros(table.num_rows, bool)
    lengths = pc.fill_null(pc.list_value_length(failed), 0).to_numpy(zero_copy_only=False)
    ends = np.cumsum(lengths)
    running = np.concatenate([[0], np.cumsum(wanted[entries.indices.to_numpy(zero_copy_only=False)])])
    mask: Mask = running[ends] > running[ends - lengths]
    return mask


def rules_of(table: pa.Table, rows: Mask, steps: frozenset[str]) -> Counter[str]:
    """How often the rules of these steps are among the failures of the rows."""
    entries = pc.value_counts(_one(table.filter(pa.array(rows)), "failed").flatten())
    counts = Counter({str(each["values"]): int(each["counts"]) for each in entries.to_pylist()})
    return Counter({rule: count for rule, count in counts.items() if rule.split("/")[0] in steps})


SUMS = (
    "documents", "passed", "passes", "admitted", "removed",
    "kept", "kept_tokens", "staying", "staying_tokens", "admitted_chars",
    "freed_at_most", "displaced_at_most",
)  # fmt: skip
"""What is added up per source and language. `staying`: kept before and passing still. `admitted_chars`: of their text
after edits. `freed_at_most`: duplicates whose survivor no longer passes; `displaced_at_most`: survivors that those could
in turn replace."""


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
    admitted_by: Counter[str] = field(default_factory=Counter)
    removed_by: Counter[str] = field(default_factory=Counter)
    samples: dict[tuple[str, str], list[Flip]] = field(default_factory=dict)

    def sample(self, kind: str) -> list[Flip]:
        """The sample of documents `admitted` or `removed`, over all sources."""
        return sorted(flip for (each, _), flips in self.samples.items() if each == kind for flip in flips)

    def total(self, name: str, sources: Sequence[str] | None = None) -> int:
        """A sum over all groups, or those of some sources."""
        index = SUMS.index(name)
        return int(sum(row[index] for (source, _), row in self.groups.items() if sources is None or source in sources))

    def add(self, decided: Redecided, steps: Steps, seed: int, most: int) -> None:
        """Add a row group. `most` flips each way are kept as samples."""
        admitted, removed = ~decided.passed & decided.passes, decided.passed & ~decided.passes
        self._add_groups(decided, admitted, removed)
        self.admitted_by.update(rules_of(decided.documents, admitted, steps.changed))
        self.removed_by.update({rule: int((mask & removed).sum()) for rule, mask in decided.fails.items()})
        for kind, mask in (("admitted", admitted), ("removed", removed)):
            self._sample(kind, decided, mask, seed, most)

    def _add_groups(self, decided: Redecided, admitted: Mask, removed: Mask) -> None:
        table = decided.documents
        kept, tokens, text, size = (_numbers(table, name) for name in ("kept", "tokens", "text_chars", "cluster_size"))
        staying = (kept > 0) & decided.passes
        leaving = (kept > 0) & ~decided.passes & (size > 1)
        columns = [
            np.ones(len(kept)), decided.passed, decided.passes, admitted, removed,
            kept, tokens * kept, staying, tokens * staying, text * admitted,
            leaving * (size - 1), leaving * np.maximum(size - 3, 0),
        ]  # fmt: skip
        languages = _one(table, "language").dictionary_encode()
        codes = pc.fill_null(languages.indices, len(languages.dictionary)).to_numpy(zero_copy_only=False)
        names = [*languages.dictionary.to_pylist(), None]
        sums = np.stack([np.bincount(codes, weights=column, minlength=len(names)) for column in columns], axis=1)
        for name, row in zip(names, sums, strict=True):
            if row[0]:
                key = (decided.part.source, name)
                self.groups[key] = self.groups.get(key, 0) + row

    def _sample(self, kind: str, decided: Redecided, mask: Mask, seed: int, most: int) -> None:
        rows = np.flatnonzero(mask)
        if not most or not len(rows):
            return
        table = decided.documents
        draws = draw(_one(table, "id").take(pa.array(rows)).cast(ID), seed, "audit")
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


def _numbers(table: pa.Table, name: str) -> npt.NDArray[np.float64]:
    """A column as numbers, 0 where it is null. `text_chars`: characters of the text after edits."""
    if name == "text_chars":
        return _numbers(table, "chars") - _edited(_one(table, "edits"))
    column = pc.fill_null(_one(table, name).cast(pa.float64()), 0.0)
    return np.asarray(column.to_numpy(zero_copy_only=False), np.float64)


def _edited(edits: pa.Array) -> npt.NDArray[np.float64]:
    """Characters that edits removed, per row of list<struct<chars>>."""
    lengths = pc.fill_null(pc.list_value_length(edits), 0).to_numpy(zero_copy_only=False)
    ends = np.cumsum(lengths)
    removed = pc.fill_null(pc.struct_field(edits.flatten(), "chars"), 0).to_numpy(zero_copy_only=False)
    running = np.concatenate([[0], np.cumsum(removed)])
    return np.asarray(running[ends] - running[ends - lengths], np.float64)
