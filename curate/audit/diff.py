"""Two runs compared: settings, code, inputs, and what became of whom.

A record's id holds its source, file and offset, so the same file's ledgers are compared part by part: memory is that of
two parts, whatever a run's size. Knows ledgers; runs nothing.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curate.audit.finished_run import AuditError, OpenedPart, OpenedRun
from curate.audit.lineage import lineage
from curate.audit.rendering import Answer, Cell, Passage, Table
from curate.records.pages import ID
from curate.text.hashing import GOLDEN

_COLUMNS = ["id", "url", "failed", "kept", "dropped_at", "tokens"]
_SHOWN = 40
_KEPT = "kept"


@dataclass
class Flips:
    """What became of the records of both runs. Counters are over records in both; `only` counts those in one."""

    fates: Counter[tuple[str, str]] = field(default_factory=Counter)
    gained: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    tokens: Counter[str] = field(default_factory=Counter)
    only: Counter[str] = field(default_factory=Counter)
    examples: dict[tuple[str, str], list[tuple[bytes, str | None]]] = field(default_factory=dict)


def diff(first: OpenedRun, second: OpenedRun, examples: int) -> Answer:
    """The answer to `curate diff A B`."""
    settings = [*_differences(first.record["pipeline"], second.record["pipeline"])]
    stages = _stages(first, second)
    inputs = _inputs(first, second)
    flips = compare(first, second, examples)
    sides = (("first", first), ("second", second))
    moved = {fates: count for fates, count in flips.fates.items() if fates[0] != fates[1]}
    same = sum(flips.fates.values()) - sum(moved.values())
    moves = sorted(moved.items(), key=lambda item: (-item[1], item[0]))
    rules = sorted({*flips.gained, *flips.lost}, key=lambda rule: (-flips.gained[rule] - flips.lost[rule], rule))
    amounts = [
        (unit, *(count if count is not None else "" for count in counts))
        for unit, counts in (
            ("tokens", [None if kept_chars(run) is not None else flips.tokens[side] for side, run in sides]),
            ("characters", [kept_chars(run) for _, run in sides]),
        )
        if any(count is not None for count in counts)
    ]
    blocks: list[Table | Passage] = [
        Table("Settings", ("key", "first", "second"), tuple(settings[:_SHOWN]), "" if settings else "the same"),
        Table("Stages", ("stage", "settings", "code and libraries"), tuple(stages), "" if stages else "the same"),
        Table("Inputs", ("file", "first", "second"), tuple(inputs[:_SHOWN]), "" if inputs else "the same"),
        Table(
            "Yield",
            ("", "first", "second"),
            (
                ("documents kept", flips.tokens["first kept"], flips.tokens["second kept"]),
                *amounts,
                ("records only here", flips.only["first"], flips.only["second"]),
            ),
            f"{same:,} records in both met the same fate",
        ),
        Table("Fates", ("first", "second", "records"), tuple((a, b, count) for (a, b), count in moves[:_SHOWN])),
        Table(
            "Rules",
            ("rule", "fail only in first", "fail only in second"),
            tuple((rule, flips.lost[rule], flips.gained[rule]) for rule in rules[:_SHOWN]),
        ),
    ]
    for (before, after), _ in moves[:_SHOWN]:
        found = flips.examples.get((before, after), [])
        if found:
            rows = tuple((id.hex(), url) for id, url in found)
            blocks.append(Table(f"{before} -> {after}", ("id", "url"), rows))
    data = {
        "settings": [dict(zip(("key", "first", "second"), row, strict=True)) for row in settings],
        "stages": [dict(zip(("stage", "settings", "code"), row, strict=True)) for row in stages],
        "inputs": [dict(zip(("file", "first", "second"), row, strict=True)) for row in inputs],
        "yield": {key: dict(flips.tokens)[key] for key in sorted(flips.tokens)}
        | {f"{side} characters": kept_chars(run) for side, run in sides if kept_chars(run) is not None},
        "only": dict(flips.only),
        "fates": [{"first": a, "second": b, "records": count} for (a, b), count in moves],
        "rules": [{"rule": rule, "first": flips.lost[rule], "second": flips.gained[rule]} for rule in rules],
        "same": same,
    }
    return Answer(tuple(blocks), data)


def kept_chars(run: OpenedRun) -> int | None:
    """Characters of the documents that a run without a tokenizer gave; None for one that counts tokens."""
    if run.pipeline.tokens is not None:
        return None
    return sum(source.get("kept_chars", 0) for source in run.stats["sources"].values())


def _differences(first: Any, second: Any, key: str = "") -> Iterator[tuple[Cell, ...]]:
    """(key path, value, value) wherever two trees differ, down to single values. Steps are told by their names, so that one
    more step is one more line; bounds under `filters` are keys of their own."""
    if isinstance(first, Mapping) or isinstance(second, Mapping):
        left, right = (each if isinstance(each, Mapping) else {} for each in (first, second))
        for name in dict.fromkeys([*left, *right]):
            yield from _differences(left.get(name), right.get(name), f"{key}.{name}" if key else str(name))
    elif isinstance(first, list) and isinstance(second, list) and _named(first) and _named(second):
        yield from _differences(_by_name(first), _by_name(second), key)
    elif isinstance(first, list) and isinstance(second, list) and len(first) == len(second):
        for index, (left, right) in enumerate(zip(first, second, strict=True)):
            yield from _differences(left, right, f"{key}[{index}]")
    elif first != second:
        yield key, _short(first), _short(second)


def _named(steps: list[Any]) -> bool:
    """Whether a list is one of steps: mappings of a single key, the step's name."""
    return all(isinstance(step, Mapping) and len(step) == 1 for step in steps)


def _by_name(steps: list[Any]) -> dict[str, Any]:
    """Steps by name; of filters, by what they are called."""
    found: dict[str, Any] = {}
    for step in steps:
        ((kind, setting),) = step.items()
        name = kind
        if isinstance(setting, Mapping) and "pack" in setting:
            name = str(setting.get("as") or setting["pack"])
        while name in found:
            name += "'"
        found[name] = setting if isinstance(setting, Mapping) else {"is": setting}
    return found


def _short(value: Any) -> Cell:
    return value if value is None or isinstance(value, int | float | str) else str(value)


def _stages(first: OpenedRun, second: OpenedRun) -> list[tuple[Cell, ...]]:
    """Stages whose settings, or code and libraries, are not the same; one part of each source speaks for all."""
    rows: dict[tuple[Cell, ...], None] = {}
    for source in dict.fromkeys([*first.pipeline.sources, *second.pipeline.sources]):
        sides = [_made(run, source) for run in (first, second)]
        for stage in dict.fromkeys([*sides[0], *sides[1]]):
            if stage == "ledger":
                continue
            left, right = sides[0].get(stage), sides[1].get(stage)
            if left is None or right is None:
                rows[(stage, "only in the second" if left is None else "only in the first", "")] = None
            elif left[0] != right[0]:
                same = left[1] == right[1]
                rows[(stage, "same" if same else "differ", "differ" if same else "not compared")] = None
    return list(rows)


def _made(run: OpenedRun, source: str) -> dict[str, tuple[str, Mapping[str, Any]]]:
    part = next((part for part in run.parts if part.source == source), None)
    try:
        return {made.stage: (made.folder, made.params) for made in lineage(part)} if part else {}
    except AuditError:
        return {}


def _inputs(first: OpenedRun, second: OpenedRun) -> list[tuple[Cell, ...]]:
    sizes = [
        {f"{name}: {file['file']}": file["bytes"] for name, files in run.record["inputs"].items() for file in files}
        for run in (first, second)
    ]
    names = dict.fromkeys([*sizes[0], *sizes[1]])
    return [
        (name, sizes[0].get(name), sizes[1].get(name)) for name in names if sizes[0].get(name) != sizes[1].get(name)
    ]


def compare(first: OpenedRun, second: OpenedRun, examples: int) -> Flips:
    """Every record of both runs beside itself."""
    flips = Flips()
    for here, there in _sharing(first.parts, second.parts):
        if not there:
            _count_only("first", _ledger(first, here), flips)
        elif not here:
            _count_only("second", _ledger(second, there), flips)
        else:
            _compare_part(_ledger(first, here), _ledger(second, there), flips, examples)
    return flips


def _sharing(
    first: Sequence[OpenedPart], second: Sequence[OpenedPart]
) -> Iterator[tuple[list[OpenedPart], list[OpenedPart]]]:
    """The parts of two runs in groups that have files in common: files may have been cut or bundled otherwise."""
    fresh = itertools.count()
    group: dict[tuple[str, str], int] = {}
    groups: dict[int, tuple[list[OpenedPart], list[OpenedPart]]] = {}
    for side, parts in enumerate((first, second)):
        for part in parts:
            files = [(part.source, name) for name in part.files]
            met = sorted({group[file] for file in files if file in group})
            number = met[0] if met else next(fresh)
            held = groups.setdefault(number, ([], []))
            for other in met[1:]:
                moved = groups.pop(other)
                for mine, more in zip(held, moved, strict=True):
                    mine.extend(more)
                group |= dict.fromkeys((file for file, of in group.items() if of == other), number)
            group |= dict.fromkeys(files, number)
            held[side].append(part)
    yield from groups.values()


def _ledger(run: OpenedRun, parts: Sequence[OpenedPart]) -> pa.Table:
    paths = [run.file(f"ledger/{part.name}.parquet") for part in parts]
    tables = [
        pq.read_table(path, columns=_COLUMNS, read_dictionary=["failed.list.element", "dropped_at"]) for path in paths
    ]
    return tables[0] if len(tables) == 1 else pa.concat_tables(tables).unify_dictionaries()


def _count_only(side: str, table: pa.Table, flips: Flips) -> None:
    flips.only[side] += table.num_rows
    _count_yield(side, table, flips)


def _count_yield(side: str, table: pa.Table, flips: Flips) -> None:
    flips.tokens[f"{side} kept"] += pc.sum(table.column("kept")).as_py() or 0
    flips.tokens[side] += pc.sum(table.column("tokens")).as_py() or 0


def _compare_part(left: pa.Table, right: pa.Table, flips: Flips, examples: int) -> None:
    _count_yield("first", left, flips)
    _count_yield("second", right, flips)
    here, there = _aligned(left.column("id"), right.column("id"))
    flips.only["first"] += left.num_rows - len(here)
    flips.only["second"] += right.num_rows - len(there)
    left, right = left.take(pa.array(here)).combine_chunks(), right.take(pa.array(there)).combine_chunks()
    fates_left, fates_right = _fates(left), _fates(right)
    names_left, names_right = fates_left.dictionary.to_pylist(), fates_right.dictionary.to_pylist()
    codes = fates_left.indices.to_numpy().astype(np.int64) * len(names_right) + fates_right.indices.to_numpy()
    counts = np.bincount(codes, minlength=len(names_left) * len(names_right))
    for code in np.flatnonzero(counts).tolist():
        fates = names_left[code // len(names_right)], names_right[code % len(names_right)]
        flips.fates[fates] += int(counts[code])
        if fates[0] != fates[1]:
            _add_examples(left, np.flatnonzero(codes == code), flips.examples.setdefault(fates, []), examples)
    only_left, only_right = _rule_differences(left, right)
    flips.lost.update(only_left)
    flips.gained.update(only_right)


def _aligned(left: pa.ChunkedArray, right: pa.ChunkedArray) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Rows of the records in both, in the same order on both sides."""
    if left.equals(right):
        rows = np.arange(len(left))
        return rows, rows
    where = pc.index_in(left.cast(pa.binary()), value_set=right.cast(pa.binary()).combine_chunks())
    rows = np.flatnonzero(pc.is_valid(where).to_numpy())
    return rows, np.asarray(where.take(pa.array(rows)).to_numpy(), np.int64)


def _fates(table: pa.Table) -> pa.DictionaryArray:
    """`kept`, or the step that dropped the record."""
    dropped = table.column("dropped_at").cast(pa.string())
    fates = pc.if_else(table.column("kept"), _KEPT, pc.fill_null(dropped, "not an output"))
    return fates.combine_chunks().dictionary_encode()


def _add_examples(
    table: pa.Table, rows: npt.NDArray[np.int64], found: list[tuple[bytes, str | None]], most: int
) -> None:
    """Keep the records with the smallest ids: ids are hashes, so this is a sample."""
    ids = table.column("id").take(pa.array(rows))
    order = pc.select_k_unstable(ids.cast(pa.binary()), min(most, len(rows)), sort_keys=[("", "ascending")])
    chosen = rows[order.to_numpy()]
    urls = table.column("url").take(pa.array(chosen)).to_pylist()
    found[:] = sorted([*found, *zip(ids.take(order).cast(ID).to_pylist(), urls, strict=True)])[:most]


def _rule_differences(left: pa.Table, right: pa.Table) -> tuple[Counter[str], Counter[str]]:
    """Per rule, records that fail it on the left only, and on the right only."""
    sides = [_one(table.column("failed")) for table in (left, right)]
    names: dict[str, int] = {}
    keys = []
    for column in sides:
        entries = column.flatten().dictionary_encode()
        place = np.array([names.setdefault(name, len(names)) for name in entries.dictionary.to_pylist()], np.int64)
        codes = place[entries.indices.to_numpy()] if len(place) else np.empty(0, np.int64)
        rows = pc.list_parent_indices(column).to_numpy().astype(np.int64)
        keys.append((rows, codes))
    marks = [_marks(column, codes) for column, (_, codes) in zip(sides, keys, strict=True)]
    differ = marks[0] != marks[1]
    left_keys, right_keys = ((rows[differ[rows]] << 16) | codes[differ[rows]] for rows, codes in keys)
    listed = list(names)
    return (
        _by_rule(np.setdiff1d(left_keys, right_keys), listed),
        _by_rule(np.setdiff1d(right_keys, left_keys), listed),
    )


def _marks(failed: pa.Array, codes: npt.NDArray[np.int64]) -> npt.NDArray[np.uint64]:
    """A number per row that is the same for the same rules: rows that differ in it are few, and looked at closely."""
    lengths = pc.fill_null(pc.list_value_length(failed), 0).to_numpy(zero_copy_only=False)
    ends = np.cumsum(lengths)
    weights = (codes.astype(np.uint64) + np.uint64(1)) * GOLDEN
    weights = (weights ^ (weights >> np.uint64(31))) * GOLDEN
    running = np.concatenate([np.zeros(1, np.uint64), np.cumsum(weights, dtype=np.uint64)])
    return np.asarray(running[ends] - running[ends - lengths], np.uint64)


def _one(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.unify_dictionaries().chunks)


def _by_rule(keys: npt.NDArray[np.int64], names: list[str]) -> Counter[str]:
    codes, counts = np.unique(keys & 0xFFFF, return_counts=True)
    return Counter({names[code]: int(count) for code, count in zip(codes, counts, strict=True)})
