"""Several runs beside each other: what each made of its crawl, and, of the records that several read, who keeps what.

A record's id holds its source, file and offset, so the same crawl through several recipes is compared record by record;
DuckDB counts, and spills where memory ends. Knows ledgers; runs nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import duckdb
import pyarrow as pa

from curate.audit.diff import kept_chars
from curate.audit.findings import verdict
from curate.audit.finished_run import AuditError, OpenedRun
from curate.audit.ledger import connect
from curate.audit.rates import NOT_IDENTIFIED
from curate.audit.rendering import Answer, Cell, Table
from curate.records.statistics import outputs
from curate.storage import is_remote

MOST = 16
"""Runs that are compared at once."""
_SHOWN = 12
"""Languages, and domains, that are listed."""


def compare(runs: Sequence[OpenedRun]) -> Answer:
    """The answer to `curate compare`. Raises AuditError for fewer than two runs, more than MOST, or two of one name."""
    if not 2 <= len(runs) <= MOST:
        raise AuditError(f"2 to {MOST} runs are compared, not {len(runs)}")
    names = _names(runs)
    counted = _counted(runs)
    pairs, only, shared = _agreement(names, counted)
    yields = [
        (name, *_yield(run), only[name][0], only[name][1] if kept_chars(run) is None else None)
        for name, run in zip(names, runs, strict=True)
    ]
    there = [place for place, _ in enumerate(_HEADS) if any(row[place] is not None for row in yields)]
    blocks = [
        Table(
            "Yield",
            tuple(_HEADS[place] for place in there),
            tuple(tuple(row[place] for place in there) for row in yields),
            f"{shared:,} records were read by all of these runs.{_unlike(runs)}",
        ),
        Table(
            "Agreement", ("run", "and", "kept by both", "kept by either", "of these by both %"), tuple(pairs),
            "" if shared else "No record was read by all: are the sources called the same, and the files named alike?",
        ),
        Table(f"Kept documents by language, the {_SHOWN} most frequent", ("language", *names), _by(runs, "languages")),
        Table(f"Kept documents by domain, the {_SHOWN} most frequent", ("domain", *names), _by(runs, "domains")),
    ]  # fmt: skip
    data = {
        "runs": [dict(zip(_KEYS, row, strict=True)) for row in yields],
        "read_by_all": shared,
        "agreement": [dict(zip(("first", "second", "both", "either", "percent"), row, strict=True)) for row in pairs],
    }
    return Answer(tuple(blocks), data)


_HEADS = (
    "run", "documents", "kept", "kept %", "tokens", "characters", "findings", "only it keeps", "tokens only here",
)  # fmt: skip
"""A column that no run has is left out: one without a tokenizer counts characters."""
_KEYS = (
    "run", "documents", "kept", "percent", "tokens", "chars", "findings", "only_kept_here", "tokens_only_here",
)  # fmt: skip


def _names(runs: Sequence[OpenedRun]) -> list[str]:
    """What each run is called: its folder, with what is above it where two are called alike."""
    names = [run.place.rpartition("/")[2] if is_remote(run.place) else run.folder.resolve().name for run in runs]
    if len(set(names)) < len(names):
        names = [run.place for run in runs]
    if len(set(names)) < len(names):
        raise AuditError("one run is named twice")
    return names


def _yield(run: OpenedRun) -> tuple[Cell, ...]:
    mine = [run.stats["sources"][name] for name in outputs(run.stats["sources"])]
    documents, kept = sum(each["documents"] for each in mine), sum(each["kept"] for each in mine)
    found = run.stats.get("findings", [])
    worst = [each["kind"] for each in found if each["missed"] or each.get("level") == "stop"]
    said = verdict(found) + (f": {', '.join(dict.fromkeys(worst))}" if worst else "")
    rate = _percent(kept, documents)
    chars = kept_chars(run)
    tokens = sum(each["tokens"] for each in mine) if chars is None else None
    return documents, kept, rate, tokens, chars, said


def _unlike(runs: Sequence[OpenedRun]) -> str:
    """A warning where files of one name are of different sizes: their records are not the same, though their ids are."""
    sizes: dict[tuple[str, str], set[int]] = {}
    for run in runs:
        for source, files in run.record["inputs"].items():
            for file in files:
                sizes.setdefault((source, file["file"]), set()).add(file["bytes"])
    unlike = [file for (_, file), found in sizes.items() if len(found) > 1]
    return f" {unlike[0]} is not the same file in all of them: what is said of records is wrong." if unlike else ""


def _percent(part: int, whole: int) -> float | None:
    return round(100 * part / whole, 1) if whole else None


def _counted(runs: Sequence[OpenedRun]) -> list[tuple[int, int, int, list[int]]]:
    """(runs that read them, runs that keep them, records, tokens by run) of the records alike in both, runs as bits."""
    connection: Any = connect([file for run in runs for file in run.ledger])
    names = [str(file) for run in runs for file in run.ledger]
    numbers = [number for number, run in enumerate(runs) for _ in run.ledger]
    quoted = ", ".join("'" + name.replace("'", "''") + "'" for name in names)
    connection.register("of", pa.table({"file": names, "run": numbers}))
    tokens = ", ".join(
        f"sum(case when run = {number} then tokens else 0 end) as t{number}" for number in range(len(runs))
    )
    sums = ", ".join(f"sum(t{number})" for number in range(len(runs)))
    sql = (
        f"with every as (select id, run, kept, coalesce(tokens, 0) as tokens from read_parquet([{quoted}], filename = true) "
        "join of on of.file = filename), records as (select id, bit_or(1 << run) as reading, "
        f"bit_or(case when kept then 1 << run else 0 end) as keeping, {tokens} from every group by id) "
        f"select reading, keeping, count(*), {sums} from records group by all order by 1, 2"
    )
    try:
        rows = connection.execute(sql).fetchall()
    except duckdb.Error as error:
        raise AuditError(f"the runs could not be compared: {error}") from None
    return [(int(row[0]), int(row[1]), int(row[2]), [int(each or 0) for each in row[3:]]) for row in rows]


def _agreement(
    names: Sequence[str], counted: Sequence[tuple[int, int, int, list[int]]]
) -> tuple[list[tuple[Cell, ...]], dict[str, tuple[int, int]], int]:
    """(pairs, by run (records, tokens) that it alone keeps, records read by all). Only records that all read are told."""
    everybody = (1 << len(names)) - 1
    shared = [(keeping, records, tokens) for reading, keeping, records, tokens in counted if reading == everybody]
    only = {
        name: (
            sum(records for keeping, records, _ in shared if keeping == 1 << number),
            sum(tokens[number] for keeping, _, tokens in shared if keeping == 1 << number),
        )
        for number, name in enumerate(names)
    }
    pairs: list[tuple[Cell, ...]] = []
    for first, second in combinations(range(len(names)), 2):
        both = sum(records for keeping, records, _ in shared if keeping >> first & 1 and keeping >> second & 1)
        either = sum(records for keeping, records, _ in shared if keeping >> first & 1 or keeping >> second & 1)
        pairs.append((names[first], names[second], both, either, _percent(both, either)))
    return pairs, only, sum(records for _, records, _ in shared)


def _by(runs: Sequence[OpenedRun], kind: str) -> tuple[tuple[Cell, ...], ...]:
    """Kept documents of each run by language or domain."""
    kept: dict[str, list[int]] = {}
    for number, run in enumerate(runs):
        for source in outputs(run.stats["sources"]):
            for name, each in run.stats["audit"].get(source, {}).get(kind, {}).items():
                if name or kind == "languages":
                    kept.setdefault(name or NOT_IDENTIFIED, [0] * len(runs))[number] += each["kept"]
    order = sorted((name for name in kept if any(kept[name])), key=lambda name: (-sum(kept[name]), name))
    return tuple((name, *kept[name]) for name in order[:_SHOWN])
