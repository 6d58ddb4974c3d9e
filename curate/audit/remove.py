"""Takes records out of a finished run: a pure function of the run and the list of what is removed, published as one commit.

Row numbers never move, so what points at other rows stays right. The list in the run directory says what was removed,
without its content; later runs honour it. What was removed before is removed again if anything of it is there, so that a
removal that was cut short is ended by the next. Knows a run directory's files.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curate.audit.findings import findings
from curate.audit.finished_run import AuditError, OpenedRun, open_finished, opened
from curate.audit.ledger import connect
from curate.audit.lineage import extracted_texts
from curate.audit.places import Change, empty_published, empty_work, purge_work
from curate.audit.plan import aggregate_ledger
from curate.audit.recount import recounted, recounted_tokenizers
from curate.audit.removals import LIST, By, Removal, as_line, key_of, read_lists
from curate.audit.rendering import Answer, Table
from curate.audit.report import report_page
from curate.code.fingerprint import fingerprint
from curate.engine.commit import Commit
from curate.engine.mirror import here
from curate.engine.seal import as_json, sealed
from curate.mixture.remains import Lost, lost_documents, statement_of_rest
from curate.records.batches import read_batches
from curate.records.pages import ID
from curate.records.statistics import ContaminationNumbers, EvaluationSetNumbers, RunNumbers, SplitNumbers
from curate.shards.entry import MANIFEST, ShardEntry, parse_manifest
from curate.shards.export.made import exports_of
from curate.text.addresses import domain_name

_HOST = "host_of(url)"
"""SQL for what curate.text.addresses calls the host."""
_CONDITIONS: dict[By, str] = {
    "url": "split_part(trim(url), '#', 1) = split_part(trim(?), '#', 1)",
    "domain": f"({_HOST} = $1 or ends_with({_HOST}, '.' || $1))",
    "record": "(lower(trim(record_id, '<>')) = lower(trim(?, '<>')))",
    "text": "",
}

_ID_DIGITS = 32  # hexadecimal digits of a record's id
_SHOWN = 20
"""Copies and exports that the answer lists."""


def remove(
    run: OpenedRun,
    by: By,
    values: Sequence[str],
    at: str,
    why: str,
    *,
    purge: bool = False,
    commit: Commit | None = None,
) -> Answer:
    """Remove what these names lead to, and put them on the run's list. `at` is when that was asked for. `purge` removes
    `.work` whole. The caller holds the run; `commit` is what it is published by, of a run in a bucket.

    Copies that deduplication dropped for a record go on the list with it, so that no later run lets them in. Raises
    AuditError where a name is empty. A name that leads nowhere is listed all the same, for later runs.
    """
    before = read_lists([here(run.folder / LIST)])
    asked = [removal_of(run, by, value, at, why) for value in values]
    listed = _joined(before, asked)
    ids = pa.array(sorted({bytes.fromhex(id) for removal in listed for id in removal.records}), ID)
    commit = Commit(run.folder) if commit is None else commit
    lost = _lost(run, ids)
    changes = empty_published(commit, ids)
    if listed != before:
        commit.write(LIST, "".join(as_line(removal) + "\n" for removal in listed).encode())
    if changes:
        _make_again(run, commit, lost)
    commit.finish()
    if purge:
        purge_work(run.folder)
    swept = empty_work(run.folder, ids, listed)
    return _answer(open_finished(commit.folder), by, values, asked, changes, swept)


def _joined(before: Sequence[Removal], asked: Sequence[Removal]) -> list[Removal]:
    """The list with what is asked for. What is on it already keeps its place and words, and gains records and hashes."""
    joined = {(removal.by, removal.key): removal for removal in before}
    for removal in asked:
        there = joined.get((removal.by, removal.key), replace(removal, records=(), texts=()))
        records = tuple(sorted({*there.records, *removal.records}))
        joined[removal.by, removal.key] = replace(
            there, records=records, texts=tuple(sorted({*there.texts, *removal.texts}))
        )
    return list(joined.values())


def removal_of(run: OpenedRun, by: By, value: str, at: str, why: str) -> Removal:
    """The entry of the list for a name: the records that it leads to, with their copies. Raises AuditError for no name."""
    if not value.strip():
        raise AuditError(f"an empty {by} would remove nothing that can be named; leave the line out")
    if by == "text":
        ids, keys = _holding(run, value)
        return Removal(by, key_of(by, value), at, why, _with_copies(run, ids), tuple(sorted(set(keys))))
    connection = connect(run.ledger)
    given = key_value(by, value)
    condition = "id = from_hex(?)" if by == "record" and len(given) == _ID_DIGITS else _CONDITIONS[by]
    rows = connection.execute(f"select lower(hex(id)) from records where {condition} order by id", [given]).fetchall()
    return Removal(by, key_of(by, value), at, why, _with_copies(run, [row[0] for row in rows]))


def _with_copies(run: OpenedRun, ids: Sequence[str]) -> tuple[str, ...]:
    """The records, and those that deduplication dropped because they are copies of one of them."""
    if not ids:
        return ()
    wanted = pa.table({"id": pa.array([bytes.fromhex(id) for id in ids], pa.binary())})
    connection = connect(run.ledger)
    connection.register("wanted", wanted)
    sql = "select lower(hex(id)) from records where duplicate_of in (select id from wanted)"
    return tuple(sorted({*ids, *(row[0] for row in connection.execute(sql).fetchall())}))


def key_value(by: By, value: str) -> str:
    """A name as SQL compares it."""
    return domain_name(value) if by == "domain" else value.strip()


def _holding(run: OpenedRun, passage: str) -> tuple[list[str], list[str]]:
    """(ids, keys of the whole texts) of the documents whose extracted text holds a passage."""
    ids: list[str] = []
    keys: list[str] = []
    for part in run.parts:
        for batch in read_batches(str(extracted_texts(part))):
            found = batch.filter(pc.match_substring(batch.column("text"), passage.strip()))
            ids += [id.hex() for id in found.column("id").to_pylist()]
            keys += [key_of("text", text) for text in found.column("text").to_pylist()]
    return ids, keys


def _lost(run: OpenedRun, ids: pa.Array) -> list[Lost]:
    """What of the token store is going: read before it is emptied."""
    found: list[Lost] = []
    for part in run.parts:
        name = f"tokens/{part.name}.arrow"
        if len(ids) and name in run.published.files:
            found += lost_documents(run.file(name), run.file(f"ledger/{part.name}.parquet"), ids)
    return found


def _make_again(run: OpenedRun, commit: Commit, lost: Sequence[Lost]) -> None:
    """Manifests' mixtures, numbers and report, of what is left."""
    ledger = [commit.current(f"ledger/{part.name}.parquet") for part in run.parts]
    digests = [commit.files[f"ledger/{part.name}.parquet"].sha256 for part in run.parts]
    stats: RunNumbers = {**run.stats, "sources": recounted(run.stats["sources"], ledger)}
    _count_texts(run, commit, stats)
    shards: dict[str, str] = {}
    of_tokenizers: dict[str, dict[str, SplitNumbers]] = {}
    for name in sorted(name for name in commit.files if name.endswith(f"/{MANIFEST}")):
        manifest, entries = parse_manifest(commit.current(name).read_bytes(), name)
        if manifest.get("mixture") and lost:
            seed = manifest.get("seed", run.pipeline.seed)
            manifest["mixture"] = statement_of_rest(manifest["mixture"], lost, seed, run.pipeline.shards.validation)
            commit.write(name, sealed(manifest))
        if name == f"shards/{MANIFEST}":
            stats["shards"] = _splits(entries, stats["shards"])
            stats["mixture"] = _without_by(manifest["mixture"])
            shards |= {entry.file: entry.sha256 for entry in entries}
        elif name.startswith("shards/"):
            further = name.split("/")[1]
            of_tokenizers[further] = _splits(entries, stats["tokenizers"][further]["shards"])
            shards |= {f"{further}/{entry.file}": entry.sha256 for entry in entries}
    if "tokenizers" in stats:
        stats["tokenizers"] = recounted_tokenizers(stats["tokenizers"], ledger, of_tokenizers)
    if stats["contamination"] is not None and "contamination.json" in commit.files:
        stats["contamination"] = _contamination(stats["contamination"], commit.current("contamination.json"))
    counted = aggregate_ledger(run, ledger, digests)
    stats["audit"] = json.loads(Path(counted.files["aggregate"].path).read_bytes()) if counted else {}
    stats["findings"] = findings(run.pipeline, stats)
    record = {
        **run.record,
        "fingerprint": fingerprint(stats, shards),
        "aggregate": counted.stem if counted else None,
    }
    commit.write("stats.json", as_json(stats))
    commit.write("findings.json", as_json(stats["findings"]))
    commit.write("run.json", as_json(record))
    commit.write("report.html", report_page(opened(run.folder, record, stats, run.published)).encode())


def _count_texts(run: OpenedRun, commit: Commit, stats: RunNumbers) -> None:
    """The characters that are left of a run that makes text."""
    for name, source in stats["sources"].items():
        if "kept_chars" in source:
            files = (
                f"documents/{run.pipeline.last_step}/{part.name}.parquet" for part in run.parts if part.source == name
            )
            texts = (pq.read_table(commit.current(file), columns=["text"]) for file in files if file in commit.files)
            source["kept_chars"] = sum(pc.sum(pc.utf8_length(text.column(0))).as_py() or 0 for text in texts)


def _splits(entries: Sequence[ShardEntry], before: Mapping[str, SplitNumbers]) -> dict[str, SplitNumbers]:
    """`shards` of stats.json: of each split its shards, documents that still have tokens, tokens."""
    return {
        split: {
            "shards": sum(entry.split == split for entry in entries),
            "documents": sum(entry.rows - entry.emptied for entry in entries if entry.split == split),
            "tokens": sum(entry.tokens for entry in entries if entry.split == split),
        }
        for split in before
    }


def _without_by(mixture: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if mixture is None else {key: value for key, value in mixture.items() if key != "by"}


def _contamination(before: ContaminationNumbers, path: Path) -> ContaminationNumbers:
    sets = json.loads(path.read_bytes())["sets"]
    counted: dict[str, EvaluationSetNumbers] = {
        name: {**counts, "found": sets[name]["found"], "documents": sets[name]["documents"]}
        for name, counts in before["sets"].items()
    }
    return {**before, "sets": counted}


def _answer(
    run: OpenedRun, by: By, values: Sequence[str], asked: Sequence[Removal], changes: Sequence[Change], emptied: int
) -> Answer:
    named = tuple((value, len(removal.records)) for value, removal in zip(values, asked, strict=True))
    files = tuple((change.name, change.rows, change.tokens) for change in changes)
    note = "" if files else "nothing of it was there (any more)"
    blocks = [
        Table("On the list", (by, "records"), named, f"{run.place}/{LIST} holds their hashes"),
        Table("Files written again", ("file", "rows emptied", "tokens removed"), files, note),
    ]
    survivors = _survivors(run, asked)
    if survivors:
        note = (
            "they were kept in place of a record named here, and hold much of its words: name them too to remove them"
        )
        blocks.append(Table("Kept copies", ("id", "url"), tuple(survivors[:_SHOWN]), note))
    exports = [made for made in exports_of(run.folder) if made.state != "current"] if files else []
    if exports:
        rows = tuple((made.path, made.format, made.state) for made in exports[:_SHOWN])
        blocks.append(Table("Exports made before", ("folder", "format", ""), rows, "make them again, or remove them"))
    data = {
        "list": [dict(zip(("name", "records"), row, strict=True)) for row in named],
        "files": [list(row) for row in files],
        "work_files": emptied,
        "kept_copies": [row[0] for row in survivors],
        "stale_exports": [made.path for made in exports],
    }
    return Answer(tuple(blocks), data)


def _survivors(run: OpenedRun, asked: Sequence[Removal]) -> list[tuple[str, str | None]]:
    """(id, address) of kept records in whose place a removed one was dropped as a copy."""
    ids = sorted({id for removal in asked for id in removal.records})
    if not ids:
        return []
    connection = connect(run.ledger)
    connection.register("gone", pa.table({"id": pa.array([bytes.fromhex(id) for id in ids], pa.binary())}))
    sql = (
        "select distinct lower(hex(kept.id)), kept.url from records kept join records copy on copy.duplicate_of = kept.id "
        "where kept.kept and copy.id in (select id from gone) and kept.id not in (select id from gone) order by 1"
    )
    rows: list[tuple[str, str | None]] = connection.execute(sql).fetchall()
    return rows
