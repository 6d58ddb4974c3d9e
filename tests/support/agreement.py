"""Whether everything that tells of a run says what its ledger says, the ledger asked by SQL and nothing else.

Every function takes a run and a connection, and raises AssertionError where a number is another.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import duckdb

from curate.audit.explain import explain
from curate.audit.find import find
from curate.audit.finished_run import OpenedRun
from curate.audit.recount import recounted
from curate.audit.report.numbers import report_numbers
from curate.audit.whatif import decide
from curate.shards.export.run import export

_EARLY = "('read', 'url', 'extract')"
_DOCUMENT = f"(dropped_at is null or dropped_at not in {_EARLY})"


def connect(run: OpenedRun) -> Any:
    """The ledger as the table `ledger`, as any reader of Parquet sees it."""
    connection = duckdb.connect()
    connection.execute(f"create table ledger as select * from read_parquet({[str(path) for path in run.ledger]})")
    return connection


def _one(ledger: Any, sql: str, *values: Any) -> Any:
    (row,) = ledger.execute(sql, list(values)).fetchall()
    return row[0] if len(row) == 1 else row


def _counts(ledger: Any, sql: str, *values: Any) -> dict[Any, Any]:
    return {row[0]: row[1] if len(row) == 2 else tuple(row[1:]) for row in ledger.execute(sql, list(values)).fetchall()}


def check_balance(run: OpenedRun, ledger: Any) -> None:
    """Every record is kept or dropped, at one step, for a rule of that step; what is kept has tokens, and nothing else."""
    wrong = _one(
        ledger,
        "select count(*) from ledger where kept <> (dropped_at is null) or kept <> (len(failed) = 0) "
        "or kept is null or (not kept and not list_contains([split_part(r, '/', 1) for r in failed], dropped_at))",
    )
    assert not wrong, "kept, dropped_at and failed say different things"
    assert not _one(ledger, "select count(*) from ledger where kept <> (tokens is not null)")
    assert _one(ledger, "select count(*) = count(distinct id) from ledger")


def check_stats(run: OpenedRun, ledger: Any) -> None:
    """stats.json: sources, funnel, rules, shards."""
    for name, source in run.stats["sources"].items():
        where = "from ledger where source = ?"
        assert source["records"] == _one(ledger, f"select count(*) {where}", name)
        documents, chars = _one(ledger, f"select count(*), coalesce(sum(chars), 0) {where} and {_DOCUMENT}", name)
        assert (source["documents"], source["chars"]) == (documents, chars), name
        kept = _one(ledger, f"select count(*), coalesce(sum(tokens), 0) {where} and kept", name)
        assert (source["kept"], source["tokens"]) == kept, name
        dropped = _counts(ledger, f"select dropped_at, count(*) {where} and dropped_at is not null group by 1", name)
        failed = _counts(
            ledger,
            f"select rule, count(*), count(*) filter (n = 1) from (select unnest(failed) as rule, len(failed) as n {where}) "
            "group by 1",
            name,
        )
        entering = source["records"]
        for row in source["funnel"]:
            assert row["in"] == entering and row["dropped"] == dropped.pop(row["step"], 0), (name, row["step"])
            assert row["kept"] == row["in"] - row["dropped"]
            entering = row["kept"]
            for rule, numbers in row["rules"].items():
                found = failed.pop(rule, (0, 0))
                assert numbers["failed"] == found[0], (name, rule)
                assert numbers["alone"] == (found[0] if row["step"] in _EARLY else found[1]), (name, rule)
        assert not dropped and not failed, f"{name}: in the ledger, and in no funnel: {dropped} {failed}"
        assert entering == source["kept"], name
    assert recounted(run.stats["sources"], run.ledger) == run.stats["sources"]


def check_audit(run: OpenedRun, ledger: Any) -> None:
    """The counts that reports are made of."""
    for name, audit in run.stats["audit"].items():
        where = f"from ledger where source = ? and {_DOCUMENT}"
        judged = [*(step.name for step in run.verdict_steps(name)), "removed"]
        passes = "len([1 for r in failed if list_contains(?, split_part(r, '/', 1))]) = 0"
        assert audit["documents"] == _one(ledger, f"select count(*) {where}", name)
        assert audit["passed"] == _one(ledger, f"select count(*) {where} and {passes}", name, judged)
        columns = "count(*), count(*) filter (kept), coalesce(sum(tokens) filter (kept), 0)"
        languages = _counts(ledger, f"select coalesce(language, ''), {columns} {where} group by 1", name)
        told = {key: (each["documents"], each["kept"], each["tokens"]) for key, each in audit["languages"].items()}
        assert told == languages, name
        assert sum(each["kept"] for each in audit["domains"].values()) == _one(
            ledger, f"select count(*) {where} and kept", name
        )
        kinds = _counts(
            ledger, f"select duplicate_kind, count(*) {where} and duplicate_kind is not null group by 1", name
        )
        assert audit["duplicates"]["kinds"] == kinds
        personal = _counts(
            ledger,
            f"select e.key, sum(e.value), count(*) from (select unnest(map_entries(pii)) as e {where}) group by 1",
            name,
        )
        assert {key: (each["found"], each["documents"]) for key, each in audit["pii"].items()} == personal
        matches = _counts(
            ledger,
            f"select split_part(m, ':', 1), count(*) from (select unnest(contamination) as m {where}) group by 1",
            name,
        )
        assert audit["contamination"] == matches
        assert sum(audit["lengths"].values()) == _one(ledger, f"select count(*) {where} and kept", name)
        both = _counts(
            ledger,
            f"select rule, count(*) from (select unnest(failed) as rule {where}) "
            "where list_contains(?, split_part(rule, '/', 1)) group by 1",
            name, judged,
        )  # fmt: skip
        assert {rule: row[rule] for rule, row in audit["overlap"].items()} == both


def check_shards(run: OpenedRun, ledger: Any) -> None:
    """The manifest of the shards, and the card of an export."""
    manifest = json.loads((run.folder / "shards" / "manifest.json").read_bytes())
    shards = manifest["shards"]
    assert manifest["documents"] == sum(shard["rows"] for shard in shards)
    assert manifest["tokens"] == sum(shard["tokens"] for shard in shards)
    for split, told in run.stats["shards"].items():
        mine = [shard for shard in shards if shard["split"] == split]
        numbers = len(mine), sum(shard["rows"] for shard in mine), sum(shard["tokens"] for shard in mine)
        assert (told["shards"], told["documents"], told["tokens"]) == numbers, split
    places = _one(ledger, "select count(*) filter (not kept), max(shard) from ledger where shard is not null")
    assert places[0] == 0 and (places[1] is None or places[1] < len(shards))
    if run.pipeline.mixture is None:
        documents, tokens = _one(ledger, "select count(*), coalesce(sum(tokens), 0) from ledger where kept")
        assert (manifest["documents"], manifest["tokens"]) == (documents, tokens + documents)  # an end-of-text each
        assert documents == _one(ledger, "select count(shard) from ledger")


def check_card(run: OpenedRun, ledger: Any, folder: Path) -> None:
    """The tables of an export's README."""
    if not _one(ledger, "select count(*) from ledger where kept"):
        return
    card = (export(run.folder, "text", folder / "export", workers=1) / "README.md").read_text()
    for name, source in run.stats["sources"].items():
        part = card.partition(f"### {name} (")[2].partition("###")[0].partition("\n## ")[0]
        rows = re.findall(r"^\| (\w[\w.-]*) \| ([\d,]+) \| ([\d,]+) \| ([\d,]+) \|$", part, re.M)
        told = [(step, *(int(number.replace(",", "")) for number in numbers)) for step, *numbers in rows]
        assert told == [(row["step"], row["in"], row["dropped"], row["kept"]) for row in source["funnel"]], name
        if source["role"] == "training" and source["documents"]:
            kept = _one(ledger, "select count(*) from ledger where source = ? and kept", name)
            assert f"Kept: {kept:,} of {source['documents']:,} documents" in part
    splits = {
        row[0]: int(row[1].replace(",", "")) for row in re.findall(r"^\| (train|validation) \| ([\d,]+) ", card, re.M)
    }
    assert {split: each["documents"] for split, each in run.stats["shards"].items() if each["shards"]} == {
        split: number for split, number in splits.items() if run.stats["shards"][split]["shards"]
    }


def check_page(run: OpenedRun, ledger: Any) -> None:
    """The data of report.html: totals, and thresholds at the places they can be put; the tables are those of the page."""
    html = (run.folder / "report.html").read_text()
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.S)
    assert found
    data = json.loads(found[1])
    outputs = [name for name, source in run.stats["sources"].items() if source["role"] == "training"]
    where = f"from ledger where list_contains(?, source) and {_DOCUMENT}"
    records, documents = (
        _one(ledger, "select count(*) from ledger where list_contains(?, source)", outputs),
        _one(ledger, f"select count(*) {where}", outputs),
    )
    kept, tokens = _one(ledger, "select count(*), coalesce(sum(tokens), 0) from ledger where kept")
    figures = [int(text.replace(",", "")) for text in re.findall(r"<dd><b>([\d,]+)</b>", html)][:4]
    assert figures == [records, documents, kept, tokens]
    audits = [run.stats["audit"][name] for name in outputs if name in run.stats["audit"]]
    assert data["documents"] == documents and data["passed"] == sum(each["passed"] for each in audits)
    for slider in data["sliders"]:
        _check_slider(run, ledger, data, slider, outputs)
    assert report_numbers(run).data["stats"] == run.stats  # type: ignore[call-overload]


def _check_slider(run: OpenedRun, ledger: Any, data: Any, slider: Any, outputs: list[str]) -> None:
    own = slider["values"].index(slider["bound"])
    for place in {0, own, len(slider["values"]) - 1}:
        change = slider["keeps"][place] - slider["keeps"][own]
        sources = [outputs[number] for number in slider["sources"]]
        if len(sources) != len(outputs):
            continue  # a key sets the bound of every source at once; here they differ
        value = slider["values"][place]
        if value == slider["bound"]:
            assert change == 0
            continue
        pipeline = run.changed([f"{slider['key']}={value:.9g}"])
        if pipeline == run.pipeline:
            continue
        outcome = decide(run, pipeline)
        passes = outcome.sums.total("passes", outcome.outputs)
        assert passes == data["passed"] + change, (slider["name"], value, passes, data["passed"], change)


def check_explained(run: OpenedRun, ledger: Any, many: int = 3) -> None:
    """What is told of single records: their row, and rules that fail just where the row says so."""
    for (id,) in ledger.execute("select lower(hex(id)) from ledger order by id limit ?", [many]).fetchall():
        (told,) = (explain(run, record).data for record in find(run, id))
        assert isinstance(told, dict)
        names = ("source", "kept", "dropped_at", "failed", "tokens", "shard", "chars", "language")
        row = _one(ledger, f"select {', '.join(names)} from ledger where lower(hex(id)) = ?", id)
        assert tuple(told[name] for name in names) == row, id
        judged = {step.name for step in run.verdict_steps(told["source"])}
        failing = {rule["name"] for rule in told["rules"] if rule["fails"]}
        if told["dropped_at"] not in ("read", "url", "extract"):
            assert failing == {rule for rule in told["failed"] if rule.split("/")[0] in judged}, id


def check_all(run: OpenedRun, folder: Path) -> None:
    """Everything."""
    ledger = connect(run)
    check_balance(run, ledger)
    check_stats(run, ledger)
    check_audit(run, ledger)
    check_shards(run, ledger)
    check_page(run, ledger)
    check_explained(run, ledger)
    check_card(run, ledger, folder)
