"""Explain, sample, query and diff: one record's whole way, records to read, SQL, and two runs beside each other."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from rich.console import Console

from curate.audit.diff import compare, diff
from curate.audit.explain import explain
from curate.audit.find import find
from curate.audit.finished_run import AuditError, open_finished
from curate.audit.ledger import connect, query
from curate.audit.rendering import Answer, Passage, Table, markdown, show
from curate.audit.report import write_report
from curate.audit.sample import condition, sample
from curate.audit.sweep import sweep
from curate.audit.whatif import what_if
from curate.pipeline.run import run
from curate.shards.reader import ShardReader
from curate.tokens import load
from tests.support.audited import audited_run, webtext_run
from tests.support.running import EXAMPLE, curate


def data(answer: Answer) -> dict[str, object]:
    """An answer's data, as a mapping."""
    assert isinstance(answer.data, dict)
    return answer.data


def test_a_record_is_found_by_every_name_it_has() -> None:
    """Id, record id, address, place in a shard, and any of its tokens' positions lead to the same record."""
    run = audited_run()
    row = (
        connect(run.ledger)
        .execute(
            "select id, record_id, url, shard, shard_row from ledger where shard = 1 and record_id is not null and url in "
            "(select url from ledger group by 1 having count(*) = 1) order by id limit 1"
        )
        .fetchone()
    )
    id, record_id, url, shard, shard_row = row
    view = ShardReader(run.folder).open(ShardReader(run.folder).entries[shard])
    first, last = int(view.offsets[shard_row]), int(view.offsets[shard_row + 1]) - 1
    names = [
        id,
        id.upper(),
        record_id,
        record_id.strip("<>"),
        url,
        f"{shard}:{shard_row}",
        f"train-{shard:05d}:{shard_row}",
    ]
    for name in [*names, f"{shard}@{first}", f"{shard}@{last}"]:
        assert [found.id.hex() for found in find(run, name)] == [id], name


def test_from_a_token_back_to_the_bytes_of_its_warc_record() -> None:
    """The tokens of a shard's row are those of the text shown, and the original bytes are the record's."""
    run = audited_run()
    (found,) = find(run, "0@0")
    answer = data(explain(run, found, original=True))
    texts = answer["texts"]
    assert isinstance(texts, dict)
    view = ShardReader(run.folder).open(ShardReader(run.folder).entries[0])
    tokens = view.tokens[: view.offsets[1] - 1].tolist()
    assert load("gpt2").decode(tokens) == list(texts.values())[-1]
    original = str(answer["original"])
    if found.part.source == "web":
        assert original.startswith("WARC/1.") and str(found.row["record_id"]) in original
    else:
        assert json.loads(original)["text"] == list(texts.values())[-1]


def test_every_rule_is_shown_beside_its_bound() -> None:
    """What fails by the numbers shown is what the ledger says failed."""
    run = audited_run()
    ids = [
        row[0]
        for row in connect(run.ledger)
        .execute(
            "select id from ledger where len(failed) > 1 and dropped_at not in ('read', 'extract') order by id limit 5"
        )
        .fetchall()
    ]
    for id in ids:
        (found,) = find(run, id)
        rules = data(explain(run, found))["rules"]
        assert isinstance(rules, list)
        assert {rule["name"] for rule in rules if rule["fails"]} == set(found.row["failed"])
        for rule in rules:
            if rule["bounds"].startswith(">= "):
                assert rule["fails"] == (rule["value"] < float(rule["bounds"][3:].replace(",", "")))


def test_every_kind_of_rule_is_shown_with_what_it_looked_at() -> None:
    """Language, packs and the classifier's draw: what is shown to fail is what the ledger says failed."""
    run = webtext_run()
    sql = "select id from ledger where list_contains(failed, ?) and len(failed) < 3 order by id limit 1"
    for rule in ("quality/draw", "language/keep", "c4/min_sentences"):
        (id,) = connect(run.ledger).execute(sql, [rule]).fetchone()
        (found,) = find(run, id)
        rules = {each["name"]: each for each in data(explain(run, found))["rules"]}  # type: ignore[attr-defined]
        assert {name for name, each in rules.items() if each["fails"]} == set(found.row["failed"])
        draw = rules["quality/draw"]
        assert draw["fails"] == (draw["value"] <= float(draw["bounds"].split()[1]))


@pytest.mark.parametrize("dropped_at", ["c4", "quality", "deduplicate"])
def test_what_did_not_look_at_a_dropped_record_is_not_said_to_have_changed_it(dropped_at: str) -> None:
    run = dataclasses.replace(webtext_run(), texts="raw")
    sql = "select id from ledger where dropped_at = ? and chars > 500 order by id limit 3"
    for (id,) in connect(run.ledger).execute(sql, [dropped_at]).fetchall():
        (found,) = find(run, id)
        texts = data(explain(run, found))["texts"]
        assert isinstance(texts, dict) and texts["read"]
        assert not texts.keys() & {"scrub", "decontaminate"}  # an edit may leave nothing, later steps did not look


def test_a_copy_is_compared_with_its_survivor_as_both_were_read() -> None:
    run = dataclasses.replace(webtext_run(), texts="raw")
    sql = "select id from ledger where duplicate_kind = 'minhash' order by id limit 3"
    for (id,) in connect(run.ledger).execute(sql).fetchall():
        (found,) = find(run, id)
        answer = explain(run, found)
        (change,) = [block.text for block in answer.blocks if getattr(block, "title", "").startswith("From this text")]
        own = [line for line in change.splitlines()[1:] if line[:1] in (" ", "-") and line[1:].strip()]
        assert own, "a copy has words of its own, which the comparison shows"


def test_personal_data_and_contamination_are_shown_where_they_were() -> None:
    """Each span counted in the ledger is pointed at in the text before scrubbing; each item found, with what both hold."""
    run = dataclasses.replace(webtext_run(), texts="raw")
    ids = connect(run.ledger).execute("select id from ledger where cardinality(pii) > 0 order by id limit 4").fetchall()
    for (id,) in ids:
        (found,) = find(run, id)
        answer = data(explain(run, found))
        texts = answer["texts"]
        assert isinstance(texts, dict)
        *_, before, after = texts.values()
        spans = answer["pii_spans"]
        assert isinstance(spans, list) and sum(dict(found.row["pii"]).values()) == len(spans) > 0
        for span in spans:
            assert before[span["start"] : span["end"]] not in after and f"[{span['type']}]" in after
    sql = "select id from ledger where len(contamination) > 1 order by id limit 1"
    (found,) = find(run, connect(run.ledger).execute(sql).fetchone()[0])
    answer = data(explain(run, found))
    shared, texts = answer["contamination_texts"], answer["texts"]
    assert isinstance(shared, dict) and isinstance(texts, dict)
    assert list(shared) == found.row["contamination"]
    assert all(text.split(" […] ")[0] in "".join(texts.values()) for text in shared.values())


def test_records_of_files_that_are_alike_keep_their_own_texts(tmp_path: Path) -> None:
    """Where two files give the same numbers, and so share the tasks that read only numbers, each shows its own text."""
    for name in ("first", "second"):
        lines = [json.dumps({"text": f"Text {number} of the {name} file."}) + "\n" for number in range(3)]
        (tmp_path / f"{name}.jsonl").write_text("".join(lines))
    pipeline = tmp_path / "alike.yaml"
    pipeline.write_text(
        f"name: alike\nsources:\n  it:\n    read: {{format: jsonl, paths: ['{tmp_path}/*.jsonl']}}\n    steps: []\n"
    )
    run(pipeline, (), tmp_path / "run", engine="serial")
    opened = open_finished(tmp_path / "run")
    for part in opened.parts:
        sql = f"select id, \"offset\" from ledger where file = '{part.file}'"
        for id, row in connect(opened.ledger).execute(sql).fetchall():
            (found,) = find(opened, id)
            answer = data(explain(opened, found, original=True))
            own = f"Text {row} of the {part.file.removesuffix('.jsonl')} file."
            assert set(answer["texts"].values()) == {own}  # type: ignore[attr-defined]
            assert json.loads(str(answer["original"]))["text"] == own


def test_a_record_that_never_became_a_document_is_explained_too() -> None:
    """A damaged span, a redirect, a revisit: where it lies and why it went no further."""
    run = audited_run()
    sql = "select id from ledger where list_contains(failed, ?) limit 1"
    for rule in ("read/status", "read/damaged", "extract/no-text"):
        (id,) = connect(run.ledger).execute(sql, [rule]).fetchone()
        (found,) = find(run, id)
        answer = explain(run, found, original=True)
        assert data(answer)["failed"] == [rule] and data(answer)["texts"] == {}


def test_names_that_lead_nowhere_are_errors_that_say_what_would_be_right() -> None:
    """An unknown address, a shard that is not there, a row beyond the last."""
    run = audited_run()
    for name, words in (
        ("http://nowhere.example/", "no record"),
        ("99:0", "no shard 99"),
        ("0:999999", "rows"),
        ("0@999999999", "tokens"),
    ):
        with pytest.raises(AuditError, match=words):
            find(run, name)
    with pytest.raises(FileNotFoundError, match="no finished run"):
        open_finished("/nonexistent")


def test_a_sample_is_of_what_was_asked_and_the_same_each_time() -> None:
    """By rule, by step, by any condition; another seed draws others."""
    run = audited_run()
    first = data(sample(run, condition(run, "c4/min_sentences", None, None), 5, seed=0))
    again = data(sample(run, condition(run, "c4/min_sentences", None, None), 5, seed=0))
    other = data(sample(run, condition(run, "c4/min_sentences", None, None), 5, seed=1))
    assert first == again != other
    records = first["records"]
    assert isinstance(records, list) and len(records) == 5
    assert all(any(why.startswith("c4/min_sentences: sentences is") for why in record["failed"]) for record in records)
    assert (
        data(sample(run, condition(run, "c4", False, "chars > 500"), 3, seed=0))["total"]
        == query(
            run.ledger,
            "select id from ledger where list_has_any(failed, ['c4/min_sentences', 'c4/lorem_ipsum', "
            "'c4/curly_bracket']) and not kept and chars > 500",
            10_000,
        ).data.__len__()
    )
    with pytest.raises(AuditError, match="did you mean 'c4/min_sentences'"):
        condition(run, "c4/sentences", None, None)
    with pytest.raises(AuditError, match="failed"):
        sample(run, "no_such_column > 1", 1, 0)
    with pytest.raises(AuditError, match="1 to 10,000"):
        sample(run, "true", 0, 0)


def test_sql_sees_the_whole_ledger() -> None:
    """Every row and column of every part, ids in hexadecimal."""
    run = audited_run()
    rows = sum(pq.read_metadata(path).num_rows for path in run.ledger)
    assert query(run.ledger, "select count(*) as n from ledger", 10).data == [{"n": rows}]
    (block,) = query(run.ledger, "select * from ledger", 3).blocks
    assert isinstance(block, Table) and len(block.rows) == 3 and "first 3 rows" in block.note
    with pytest.raises(AuditError, match="query failed"):
        query(run.ledger, "select nothing from nowhere", 1)


def test_a_difference_is_told_with_whom_it_befell() -> None:
    """Settings, rules, fates and tokens that differ between two runs, and nothing that does not."""
    first, second = audited_run(), audited_run("filters.c4.min_sentences.min=10")
    answer = data(diff(first, second, examples=2))
    assert answer["settings"] == [{"key": "filters.c4.min_sentences.min", "first": 3.0, "second": 10.0}]
    dropped = sum(s["kept"] for s in first.stats["sources"].values()) - sum(
        s["kept"] for s in second.stats["sources"].values()
    )
    assert {"first": "kept", "second": "c4", "records": dropped} in answer["fates"] and dropped > 0  # type: ignore[operator]
    (rule,) = answer["rules"]  # type: ignore[misc]
    assert rule["rule"] == "c4/min_sentences" and rule["first"] == 0 and rule["second"] >= dropped
    same = data(diff(first, first, examples=1))
    assert same["fates"] == same["rules"] == same["settings"] == same["stages"] == same["inputs"] == []


def test_runs_on_different_files_are_compared_by_record(tmp_path: Path) -> None:
    """Records of a file that only one run has are counted as its own, those of the others matched by id."""
    first = audited_run()
    second = audited_run(f"sources.web.read.paths={EXAMPLE}/web/web-0000[02].warc.gz")
    flips = compare(first, second, examples=0)
    assert flips.only["second"] == 0
    assert flips.only["first"] == pq.read_metadata(first.ledger[1]).num_rows
    assert all(before == after for before, after in flips.fates)


def test_what_the_ledger_tells_is_told_without_the_work_folder(tmp_path: Path) -> None:
    """All but texts, and tokens of documents let in: rules beside their bounds, samples, what-if, its sweep, the report."""
    whole = audited_run()
    folder = tmp_path / "run"
    shutil.copytree(whole.folder, folder, ignore=shutil.ignore_patterns(".work"), copy_function=os.link)
    bare = open_finished(folder)
    loose = [f"filters.gopher-quality.{rule}.min=null" for rule in ("stop_words", "min_words", "alphabetic_words")]
    sets = [*loose, "filters.gopher-quality.min_mean_word_length.min=null", "filters.c4.min_sentences.min=null"]
    with_texts, without = (data(what_if(run, sets, samples=1)) for run in (whole, bare))
    for name in ("changes", "passed", "kept", "admitted_by", "removed_by"):
        assert with_texts[name] == without[name]
    assert with_texts["tokens"]["complete"] and not without["tokens"]["complete"]  # type: ignore[index]
    (table,) = sweep(bare, sets[:-1], "filters.c4.min_sentences.min=1..3").blocks
    assert isinstance(table, Table) and "left out" in table.note
    drawn = data(sample(bare, condition(bare, "c4", None, None), 2, seed=0))["records"]
    assert isinstance(drawn, list) and all("gone" in record["text"] and record["failed"] for record in drawn)
    (found,) = find(bare, drawn[0]["id"])
    answer = data(explain(bare, found))
    assert answer["texts"] == {} and answer["rules"] == data(explain(whole, find(whole, drawn[0]["id"])[0]))["rules"]
    assert "c4/min_sentences" in write_report(folder).read_text()


@pytest.mark.parametrize("form", ["table", "markdown", "json"])
def test_hostile_text_cannot_escape_its_place(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Control characters, what turns text around, fences and cell ends in page text stay text."""
    turning = "".join(map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C, 0x85, 0x9B)))
    hostile = f"\x1b[2J~~~\n```\n| a | <script>alert(1)</script>\x00 {turning}潮 \ud800"
    table, passage = Table("t", ("a", "b"), ((hostile, 1),)), Passage("p", hostile)
    console = Console(file=io.StringIO())
    show(Answer((table, passage), {"text": hostile}), form, console)  # type: ignore[arg-type]
    printed = capsys.readouterr().out + console.file.getvalue()  # type: ignore[attr-defined]
    assert [char for char in printed if not char.isprintable() and char != "\n"] == []
    assert "潮" in printed
    assert form != "json" or json.loads(printed) == {"text": hostile}
    assert markdown(table).count("\n") == 4


def test_a_table_without_a_title_has_none_in_markdown_either() -> None:
    assert markdown(Table("", ("one",), ((1,),))) == "| one |\n|--:|\n| 1 |"


def test_the_command_line_asks_the_same(tmp_path: Path) -> None:
    """Each command prints, in every format, and errors are one line."""
    run = audited_run().folder
    assert "c4/min_sentences" in curate("whatif", run, "--set", "filters.c4.min_sentences.min=9").stdout
    assert json.loads(curate("sample", run, "--failed", "c4", "-n", 1, "--format", "json").stdout)["total"] > 0
    assert curate("query", run, "select 1 as one", "--format", "markdown").stdout == "| one |\n|--:|\n| 1 |\n"
    failed = curate("explain", run, "nothing", check=False)
    assert failed.returncode == 1 and failed.stderr.startswith("error no record") and "Traceback" not in failed.stderr
