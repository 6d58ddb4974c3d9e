"""Several runs beside each other: what each made of its crawl, and, of the records that several read, who keeps what.

A record's id holds its source, file and offset, so the same crawl through several recipes is compared record by record;
DuckDB counts, and spills where memory ends. Knows ledgers; runs nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa

from curate.audit.diff import differing_settings, kept_chars
from curate.audit.findings import verdict
from curate.audit.finished_run import AuditError, OpenedRun
from curate.audit.ledger import connect
from curate.audit.rates import NO_TOPIC, NOT_IDENTIFIED
from curate.audit.rendering import Answer, Cell, Table
from curate.records.statistics import outputs
from curate.storage import is_remote
from curate.verdicts.steps import BEFORE_DOCUMENTS, ROLE

MOST = 16
"""Runs that are compared at once."""
EXAMPLES = 4
"""Records that one run alone keeps, of each, that can be read."""
LISTED = 12
"""Languages, and domains, that are listed."""


class Kind(NamedTuple):
    """A language, a domain or a topic: of each run the documents, of them those kept, and their tokens, or characters."""

    name: str
    documents: tuple[int, ...]
    kept: tuple[int, ...]
    amounts: tuple[int, ...]


class Comparison(NamedTuple):
    """Runs beside each other. Numbers of records are of those that all runs read."""

    names: tuple[str, ...]
    yields: tuple[tuple[Cell, ...], ...]
    """A row of _HEADS for each run."""
    pairs: tuple[tuple[Cell, ...], ...]
    """(run, another, kept by both, kept by either, of these by both in per cent)."""
    kept_by: Mapping[tuple[int, ...], int]
    """Records by the runs, as numbers, that keep them; those that none keeps are of ()."""
    shared: int
    languages: tuple[Kind, ...]
    domains: tuple[Kind, ...]
    unlike: str
    """A warning where files are not the same."""
    lost: tuple[tuple[Cell, ...], ...] = ()
    """(step, of each run the share of its documents that the step drops, None where it has no such step)."""
    one_recipe: bool = False
    """Whether the runs differ in nothing but in what they read, and in what they are called."""
    topics: tuple[Kind, ...] = ()
    """Of runs that have the step `topic`; runs whose topics were found by themselves name them differently."""
    alone: Mapping[int, tuple[bytes, ...]] = {}
    """By run, as a number, some of the records that it alone keeps: those of the least ids, which are hashes."""


def compared(runs: Sequence[OpenedRun]) -> Comparison:
    """What runs made of their crawls. Raises AuditError for fewer than two runs, more than MOST, or two of one name."""
    if not 2 <= len(runs) <= MOST:
        raise AuditError(f"2 to {MOST} runs are compared, not {len(runs)}")
    names = _names(runs)
    counted = _counted(runs)
    pairs, only, shared = _agreement(names, counted)
    yields = [
        (name, *_yield(run), only[name][0], only[name][1] if kept_chars(run) is None else None)
        for name, run in zip(names, runs, strict=True)
    ]
    everybody = (1 << len(names)) - 1
    kept_by: dict[tuple[int, ...], int] = {}
    alone: dict[int, tuple[bytes, ...]] = {}
    for reading, keeping, records, _, ids in counted:
        if reading == everybody:
            who = tuple(number for number in range(len(names)) if keeping >> number & 1)
            kept_by[who] = kept_by.get(who, 0) + records
            if len(who) == 1:
                alone[who[0]] = ids
    return Comparison(
        tuple(names), tuple(yields), tuple(pairs), kept_by, shared, _by(runs, "languages"), _by(runs, "domains"),
        _unlike(runs), _lost(runs), _one_recipe(runs), _by(runs, "topics"), alone,
    )  # fmt: skip


def compare(runs: Sequence[OpenedRun]) -> Answer:
    """The answer to `curate compare`. Raises AuditError as `compared` does."""
    return answer(compared(runs))


def answer(found: Comparison) -> Answer:
    """A comparison as tables."""
    names, shared = found.names, found.shared
    there = [place for place, _ in enumerate(_HEADS) if any(row[place] is not None for row in found.yields)]
    blocks = [
        Table(
            "Yield",
            tuple(_HEADS[place] for place in there),
            tuple(tuple(row[place] for place in there) for row in found.yields),
            f"{shared:,} records were read by all of these runs.{found.unlike}",
        ),
        Table(
            "Agreement", ("run", "and", "kept by both", "kept by either", "of these by both %"), found.pairs,
            "" if shared else "No record was read by all: are the sources called the same, and the files named alike?",
        ),
        Table("Documents that each step drops, % of a run's documents", ("step", *names), _percents(found.lost)),
        Table(f"Kept documents by language, the {LISTED} most frequent", ("language", *names), _kept(found.languages)),
        Table(f"Kept documents by domain, the {LISTED} most frequent", ("domain", *names), _kept(found.domains)),
        *([Table(f"Kept documents by topic, the {LISTED} most frequent", ("topic", *names), _kept(found.topics))]
          if found.topics else []),
    ]  # fmt: skip
    data = {
        "runs": [dict(zip(_KEYS, row, strict=True)) for row in found.yields],
        "read_by_all": shared,
        "kept_by": [
            {"runs": [names[number] for number in who], "records": records} for who, records in found.kept_by.items()
        ],
        "agreement": [
            dict(zip(("first", "second", "both", "either", "percent"), row, strict=True)) for row in found.pairs
        ],
        "one_recipe": found.one_recipe,
        "dropped": [{"step": step, "shares": dict(zip(names, shares, strict=True))} for step, *shares in found.lost],
        "languages": _told(found.languages, names),
        "domains": _told(found.domains, names),
        "topics": _told(found.topics, names),
    }
    return Answer(tuple(blocks), data)


def _kept(kinds: Sequence[Kind]) -> tuple[tuple[Cell, ...], ...]:
    return tuple((kind.name, *kind.kept) for kind in kinds)


def _percents(rows: Sequence[tuple[Cell, ...]]) -> tuple[tuple[Cell, ...], ...]:
    return tuple((step, *(None if share is None else round(100 * float(share), 1) for share in shares))
                 for step, *shares in rows)  # fmt: skip


def _told(kinds: Sequence[Kind], names: Sequence[str]) -> list[dict[str, Any]]:
    return [{"name": kind.name} | {field: dict(zip(names, getattr(kind, field), strict=True)) for field in _OF_KIND}
            for kind in kinds]  # fmt: skip


_OF_KIND = ("documents", "kept", "amounts")
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


_Counted = tuple[int, int, int, list[int], tuple[bytes, ...]]


def _counted(runs: Sequence[OpenedRun]) -> list[_Counted]:
    """(runs that read them, runs that keep them, records, tokens by run, some ids) of the records alike in both, runs as
    bits."""
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
        f"select reading, keeping, count(*), arg_min(id, id, {EXAMPLES}), {sums} from records group by all order by 1, 2"
    )
    try:
        rows = connection.execute(sql).fetchall()
    except duckdb.Error as error:
        raise AuditError(f"the runs could not be compared: {error}") from None
    return [
        (int(row[0]), int(row[1]), int(row[2]), [int(each or 0) for each in row[4:]], tuple(map(bytes, row[3])))
        for row in rows
    ]


def _agreement(
    names: Sequence[str], counted: Sequence[_Counted]
) -> tuple[list[tuple[Cell, ...]], dict[str, tuple[int, int]], int]:
    """(pairs, by run (records, tokens) that it alone keeps, records read by all). Only records that all read are told."""
    everybody = (1 << len(names)) - 1
    shared = [(keeping, records, tokens) for reading, keeping, records, tokens, _ in counted if reading == everybody]
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


_UNNAMED = {"languages": NOT_IDENTIFIED, "topics": NO_TOPIC}


def _by(runs: Sequence[OpenedRun], kind: str) -> tuple[Kind, ...]:
    """Documents of each run by language, domain or topic, those first that are kept most of together."""
    found: dict[str, list[list[int]]] = {}
    for number, run in enumerate(runs):
        counted_in = "tokens" if kept_chars(run) is None else "chars"
        for source in outputs(run.stats["sources"]):
            for name, each in run.stats["audit"].get(source, {}).get(kind, {}).items():
                if name or kind in _UNNAMED:
                    sums = found.setdefault(name or _UNNAMED[kind], [[0] * len(runs) for _ in _OF_KIND])
                    for column, what in zip(sums, ("documents", "kept", counted_in), strict=True):
                        column[number] += each[what]
    kinds = (Kind(name, tuple(all_of), tuple(kept), tuple(amounts)) for name, (all_of, kept, amounts) in found.items()
             if any(kept))  # fmt: skip
    return tuple(sorted(kinds, key=lambda each: (-sum(each.kept), each.name))[:LISTED])


def _lost(runs: Sequence[OpenedRun]) -> tuple[tuple[Cell, ...], ...]:
    """The share of its documents that each step of each run drops, in the order of steps."""
    shares: dict[str, list[float | None]] = {}
    for number, run in enumerate(runs):
        mine = outputs(run.stats["sources"])
        whole = sum(run.stats["sources"][name]["documents"] for name in mine) or 1
        for name in mine:
            fates = run.stats["audit"].get(name, {}).get("fates", {})
            for row in run.stats["sources"][name]["funnel"]:
                if row["step"] not in (*BEFORE_DOCUMENTS, ROLE):
                    column = shares.setdefault(row["step"], [None] * len(runs))
                    column[number] = (column[number] or 0.0) + fates.get(row["step"], {}).get("documents", 0) / whole
    return tuple((step, *column) for step, column in shares.items() if any(column))


def _one_recipe(runs: Sequence[OpenedRun]) -> bool:
    """Whether each run does to its input what the first does to its own."""
    differing = [key for run in runs[1:] for key, *_ in differing_settings(runs[0], run)]
    return all(key in ("name", "about") or _READS.match(str(key)) for key in differing)


_READS = re.compile(r"sources\.[^.]+\.read(\.|$)")
