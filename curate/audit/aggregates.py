"""Counts over ledger rows that merge by addition: what the report shows of a run of any size.

Each part's counts are made once, beside its ledger, and a report only merges them. Bounded: histograms have fixed edges,
domains are the most frequent of each part, samples and nearest documents are so many. Knows ledger columns; knows no page.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from curate.audit.dials import Choice, Dial, choices, dials
from curate.audit.failing import (
    DOMAINS,
    SETS,
    TAKERS,
    Aggregate,
    Failures,
    Mask,
    grouped,
    largest,
    only_failures,
    taken_by,
    trimmed,
)
from curate.audit.removals import RULE
from curate.audit.removals import STEP as REMOVED
from curate.audit.sampled import sample_of
from curate.records.pages import ID
from curate.text.addresses import hosts
from curate.text.chance import draw
from curate.verdicts.steps import BEFORE_DOCUMENTS, VerdictStep

Edges = npt.NDArray[np.float64]

_STEPS_PER_DECADE = 180
"""From 1 to 10 by twentieths, from 10 to 100 by halves, and so on: numbers that people write."""
_DECADES = 9  # up to a thousand million
_UNIT_STEPS = 200  # from 0 to 1 by half hundredths
_FINE = tuple(k / 2000 for k in range(1, 10))  # below the first of those
_WHOLE = tuple(range(101))  # whole numbers that half steps leave out are few: all up to 100


def edges(bounds: Sequence[float] = (), single: bool = False) -> Edges:
    """The ascending edges, with these bounds among them. Every value is the float nearest to its decimal; of a rule that
    compares as float32 (`single`), those that float32 tells apart, `as_written`."""
    grid = [k / _UNIT_STEPS for k in range(_UNIT_STEPS + 1)]
    for decade in range(_DECADES):
        step = 10**decade
        grid += [(20 + k) * step / 20 for k in range(1, _STEPS_PER_DECADE + 1)]
    at = np.unique(np.array([*grid, *_FINE, *_WHOLE, *bounds], np.float64))
    return np.unique(as_written(at)) if single else at


def as_written(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Values of float32 as the shortest decimals that lead to them: .65, not .6499999762. Their order, and which of them
    are the same, stay."""
    decimals = pa.array(values.astype(np.float32)).cast(pa.string()).cast(pa.float64())
    return np.asarray(decimals.to_numpy(zero_copy_only=False), np.float64)


def bins(values: npt.NDArray[np.float64], at: Edges) -> npt.NDArray[np.int64]:
    """The bin of each value, none of them NaN: 2i + 1 for what equals edge i, 2i for what lies just below it, and
    2 x len(edges) for what lies above all."""
    left = np.searchsorted(at, values, side="left")
    return np.asarray(left + np.searchsorted(at, values, side="right"), np.int64)


Unit = Literal["tokens", "chars"]
"""The ledger column that kept documents are counted in."""

KEPT = "kept"
"""The fate of what no step dropped."""
NEAREST = 3
"""Documents kept on each side of each rule's bound."""
_HUNDREDTHS = 100
MOST_ODDS = 20
"""Scores of odds beyond 2^20, or below its inverse, are not told apart: float32 hardly does."""
_FINER = 16  # bins per doubling of the odds, where it is asked whether the score decides
_OCTAVE = 2  # bins per doubling of lengths in tokens


def needed_columns(steps: Sequence[VerdictStep]) -> list[str]:
    """The ledger columns that `aggregate` looks at."""
    always = [
        "id", "source", "url", "chars", "language", "language_score", "quality_score", "failed", "duplicate_kind",
        "duplicate_of", "jaccard", "cluster_size", "contamination", "pii", "kept", "dropped_at", "tokens", "topic",
    ]  # fmt: skip
    return list(dict.fromkeys([*always, *(name for each in dials(steps) for name in each.columns())]))


def aggregate(
    table: pa.Table, steps: Sequence[VerdictStep], first: int, unit: Unit = "tokens"
) -> tuple[Aggregate, pa.Table]:
    """(counts, sample) of ledger rows of one source. `first` is the number of the first document in its part, `unit` what
    kept documents are counted in: tokens, or characters as they were extracted."""
    early = pc.is_in(table.column("dropped_at"), value_set=pa.array(BEFORE_DOCUMENTS))
    table = table.filter(pc.invert(pc.fill_null(early, False))).combine_chunks()
    columns = {name: pa.concat_arrays([*table.column(name).chunks, pa.nulls(0, table.schema.field(name).type)])
               for name in table.column_names}  # fmt: skip
    judged = frozenset([REMOVED, *(step.name for step in steps)])  # who was removed since fails that too
    failures = Failures(columns["failed"], judged)
    kept = np.asarray(columns["kept"], bool)
    amounts: dict[str, npt.NDArray[np.int64]] = {unit: np.asarray(pc.fill_null(columns[unit], 0), np.int64) * kept}
    draws = draw(columns["id"].cast(ID), 0, "audit") if len(kept) else np.empty(0, np.uint64)
    listed, lists = [*dials(steps)], [*choices(steps)]
    values = {each.full_name: _values(each, columns) for each in listed}
    counts: Aggregate = {
        "documents": len(kept),
        "passed": int((failures.total == 0).sum()),
        "languages": _languages(columns["language"], kept, amounts),
        "domains": _domains(columns["url"], kept, failures.total == 0, amounts),
        "overlap": failures.overlap(),
        "sets": failures.sets(),
        "taken": taken_by(columns, kept),
        "rules": {each.full_name: _histograms(each, values[each.full_name], failures) for each in listed},
        "choices": {each.full_name: _choice(each, columns, failures) for each in lists},
        "fates": _fates(columns, kept),
        "only_failure": only_failures(failures, columns["chars"]),
        "quality": _quality(columns["quality_score"], kept, failures, _of_quality(steps)),
        "duplicates": _duplicates(columns),
        "pii": _pii(columns["pii"]),
        "contamination": _items(columns["contamination"]),
        "lengths": _lengths(amounts[unit][kept]),
        "amounts": _lengths(amounts[unit][kept], amounts[unit][kept]),
        "nearest": {
            each.full_name: _nearest(each, values[each.full_name], failures, draws, columns["id"], first)
            for each in listed
        },
    }
    if "topic" in columns and columns["topic"].null_count < len(kept):  # the ledgers of older runs have no such column
        counts["topics"] = _languages(columns["topic"], kept, amounts)
    movable = {*values, *(each.full_name for each in lists)}
    fixed = np.asarray(failures.matrix[[name not in movable for name in failures.names]].any(axis=0), bool)
    return counts, sample_of(columns, draws, values, fixed, kept, first)


def _values(measure: Dial, columns: Mapping[str, pa.Array]) -> npt.NDArray[np.float64]:
    values = measure.values(columns)
    return as_written(values) if measure.single else values


def _compared(measure: Dial, bound: float | None) -> float | None:
    """A bound among `_values`."""
    return bound if bound is None or not measure.single else float(as_written(np.array([bound], np.float64))[0])


def _languages(languages: pa.Array, kept: Mask, amounts: Mapping[str, npt.NDArray[np.int64]]) -> Aggregate:
    return grouped(languages, {"documents": np.ones(len(kept)), "kept": kept, **amounts})


def _domains(urls: pa.Array, kept: Mask, passed: Mask, amounts: Mapping[str, npt.NDArray[np.int64]]) -> Aggregate:
    weights = {"documents": np.ones(len(kept)), "passed": passed, "kept": kept, **amounts}
    return _most(grouped(hosts(urls), weights))


def _most(domains: Aggregate) -> Aggregate:
    """The most frequent domains; '' stays."""
    if len(domains) <= DOMAINS:
        return domains
    order = sorted(domains, key=lambda name: (name != "", -domains[name]["documents"], name))
    return {name: domains[name] for name in order[:DOMAINS]}


def _histograms(measure: Dial, values: Any, failures: Failures) -> Aggregate:
    """Values of all documents, and of those that no other rule drops: sparse, by bin."""
    at = edges(measure.bounds, measure.single)
    known = ~np.isnan(values)
    others_pass = (failures.total == failures.of(measure.full_name)) & known
    number = bins(values[known], at)
    return {
        "low": _compared(measure, measure.low), "high": _compared(measure, measure.high), "single": measure.single,
        "exclusive": measure.exclusive, "metric": measure.metric,
        "key": measure.key, "whole_key": measure.whole_key,
        "values": _sparse(number),
        "others_pass": _sparse(number[others_pass[known]]),
    }  # fmt: skip


def _choice(choice: Choice, columns: Mapping[str, pa.Array], failures: Failures) -> Aggregate:
    """By language: documents, those that no other rule drops, and their characters as extracted."""
    others_pass = failures.total == failures.of(choice.full_name)
    chars = np.asarray(pc.fill_null(columns["chars"], 0), np.int64)
    weights = {"documents": np.ones(len(chars)), "others_pass": others_pass, "chars": chars * others_pass}
    rule = choice.rule
    return {"key": choice.key, "keeps": " ".join(rule.values), "languages": grouped(columns[rule.column], weights)}


def _sparse(numbers: npt.NDArray[np.int64]) -> dict[str, int]:
    """{bin: count}."""
    sums = np.bincount(numbers) if len(numbers) else np.empty(0, np.int64)
    return {str(i): int(sums[i]) for i in np.flatnonzero(sums)}


def _fates(columns: Mapping[str, pa.Array], kept: Mask) -> Aggregate:
    """Documents and characters, as extracted, by the step that dropped them; those kept are `kept`."""
    fate = pc.if_else(pa.array(kept), KEPT, pc.fill_null(columns["dropped_at"].cast(pa.string()), ""))
    chars = np.asarray(pc.fill_null(columns["chars"], 0), np.int64)
    return grouped(fate, {"documents": np.ones(len(kept)), "chars": chars})


def _of_quality(steps: Sequence[VerdictStep]) -> frozenset[str]:
    """The steps whose rules look at the quality score, or at the bucket that it lies in."""
    return frozenset(step.name for step in steps if {"quality_score", "quality_bucket"} & {*step.columns()})


def _quality(scores: pa.Array, kept: Mask, failures: Failures, steps: frozenset[str]) -> Aggregate:
    """Documents by the logarithm of their score's odds: classifiers' scores crowd at 0 and 1, where hundredths see nothing.
    Bin b holds odds from 2^(b - MOST_ODDS). `reached`: those that no other rule drops, `passed`: of them, those that the
    rules on the score let pass, both in bins of a sixteenth of that width: all of a source may lie within one doubling."""
    mine = [place for place, name in enumerate(failures.names) if name.split("/")[0] in steps]
    fails = failures.matrix[mine].sum(axis=0)
    known = np.asarray(pc.is_valid(scores), bool)
    score = np.asarray(pc.fill_null(scores, 0), np.float64)
    with np.errstate(divide="ignore"):
        odds = np.log2(score) - np.log2(1 - score)
    odds = np.clip(odds, -MOST_ODDS, MOST_ODDS) + MOST_ODDS
    bins, finer = np.floor(odds).astype(np.int64), np.floor(odds * _FINER).astype(np.int64)
    reached = known & (failures.total == fails)
    passed = reached & (fails == 0)
    return {
        "all": _sparse(bins[known]),
        "kept": _sparse(bins[known & kept]),
        "reached": _sparse(finer[reached]),
        "passed": _sparse(finer[passed]),
    }


def _duplicates(columns: Mapping[str, pa.Array]) -> Aggregate:
    size = np.asarray(pc.fill_null(columns["cluster_size"], 0), np.int64)
    survives = (size > 1) & np.asarray(pc.is_null(columns["duplicate_of"]), bool)
    kinds = Counter(kind for kind in columns["duplicate_kind"].drop_null().to_pylist())
    similarity = columns["jaccard"].filter(pc.is_valid(columns["duplicate_of"])).drop_null()
    percent = np.floor(np.nan_to_num(np.asarray(similarity, np.float64)) * _HUNDREDTHS + 1e-4).astype(np.int64)
    return {"kinds": dict(sorted(kinds.items())), "clusters": _sparse(size[survives]), "jaccard": _sparse(percent)}


def _pii(found: pa.Array) -> Aggregate:
    counts = np.asarray(found.items, np.int64)
    return grouped(found.keys.cast(pa.string()), {"documents": np.ones(len(counts)), "found": counts})


def _items(found: pa.Array) -> dict[str, int]:
    """Matches by set of evaluation items; an entry is `set:item`."""
    sets = Counter(str(name).partition(":")[0] for name in found.flatten().to_pylist())
    return dict(sorted(sets.items()))


def _lengths(amounts: npt.NDArray[np.int64], weights: npt.NDArray[np.int64] | None = None) -> dict[str, int]:
    """Documents by half-octave of their length, or what they weigh: bin k holds lengths from 2^(k/2)."""
    bins = np.floor(np.log2(np.maximum(amounts, 1)) * _OCTAVE + 1e-9).astype(np.int64)
    if weights is None:
        return _sparse(bins)
    sums = np.zeros(int(bins.max(initial=-1)) + 1, np.int64)
    np.add.at(sums, bins, weights)  # whole numbers: sums of weights as floats would not be exact
    return {str(i): int(sums[i]) for i in np.flatnonzero(sums)}


def _nearest(measure: Dial, values: Any, failures: Failures, draws: Any, ids: pa.Array, first: int) -> Aggregate:
    """Documents nearest to the bound, on either side; first those that no other rule drops."""
    bounds = [_compared(measure, bound) for bound in measure.bounds]
    distance = np.min([np.abs(values - bound) for bound in bounds], axis=0)
    fails = failures.of(measure.full_name)
    disturbed = failures.total != failures.of(measure.full_name)
    sides = {}
    there = ~np.isnan(values) & ~failures.of(RULE)  # nobody is shown what was removed
    for side, mask in (("fails", fails), ("passes", ~fails)):
        rows = np.flatnonzero(mask & there)
        clear = rows[~disturbed[rows]]
        rows = clear if len(clear) >= NEAREST else rows
        if len(rows) > NEAREST and rows is clear:  # what is further than the nearest few need not be sorted
            rows = rows[distance[rows] <= np.partition(distance[rows], NEAREST)[NEAREST]]
        order = rows[np.lexsort((draws[rows], distance[rows], disturbed[rows]))][:NEAREST]
        sides[side] = [
            [bool(disturbed[i]), float(distance[i]), int(draws[i]), float(values[i]), id.hex(), first + int(i)]
            for i, id in zip(order, ids.take(pa.array(order)).to_pylist(), strict=True)
        ]
    return sides


def merge(aggregates: Sequence[Aggregate]) -> Aggregate:
    """The sum of several."""
    total: Aggregate = {}
    for each in aggregates:
        _add(total, each)
    _bound(total)
    return total


def _bound(total: Aggregate) -> None:
    """Leave of what is counted by name the most frequent, in the counts of each source where there are several."""
    if not isinstance(total.get("documents"), int):
        for each in total.values():
            if isinstance(each, dict):
                _bound(each)
        return
    total["domains"] = _most(total.get("domains", {}))
    total["sets"] = largest(total.get("sets", {}), SETS)
    taken = total.get("taken", {"domains": {}, "languages": {}})
    total["taken"] = trimmed(
        {kind: {key: largest(counts, TAKERS) for key, counts in each.items()} for kind, each in taken.items()}
    )


def _add(total: Aggregate, other: Aggregate) -> None:
    for key, value in other.items():
        if isinstance(value, dict):
            _add(total.setdefault(key, {}), value)
        elif isinstance(value, list):
            total[key] = sorted([*total.get(key, []), *value])[:NEAREST]
        elif isinstance(value, bool | str | None) or key in ("low", "high"):
            total[key] = value
        else:
            total[key] = total.get(key, 0) + value
