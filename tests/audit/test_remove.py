"""Takedown: the rows become empty and nothing else moves; later runs and mixes honour the list."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from curate.audit.find import find_ids
from curate.audit.finished_run import OpenedRun, open_finished
from curate.audit.ledger import connect
from curate.audit.removals import LIST, key_of, matcher, read_lists
from curate.audit.remove import remove
from curate.audit.whatif import decide
from curate.config.mixture import Mixture
from curate.mixture.make import make_mix
from curate.pipeline.run import run as run_pipeline
from curate.shards.reader import ShardReader
from tests.support.audited import audited_run, pipeline_file

NOW = "2026-01-01T00:00:00+00:00"


@pytest.fixture
def copied(tmp_path: Path) -> OpenedRun:
    """A run of its own to take records out of."""
    folder = tmp_path / "run"
    shutil.copytree(audited_run().folder, folder)
    return open_finished(folder)


def victims(run: OpenedRun, number: int = 3) -> list[tuple[str, str, str]]:
    """(id, address, record id) of documents in shards, each address once."""
    rows: list[tuple[str, str, str]] = connect(run.ledger).execute(
        "select id, url, record_id from ledger where kept and record_id is not null and url in "
        "(select url from ledger group by 1 having count(*) = 1) order by id limit ?", [number]
    ).fetchall()  # fmt: skip
    return rows


def rows_of(run: OpenedRun) -> dict[str, list[int]]:
    """Every row of every shard: the document's tokens, by the place that never moves."""
    reader = ShardReader(run.folder)
    found = {}
    for number, entry in enumerate(reader.entries):
        view = reader.open(entry)
        for row, id in enumerate(view.batch.column("id").to_pylist()):
            found[f"{number}:{row}:{id.hex()}"] = view.tokens[view.offsets[row] : view.offsets[row + 1]].tolist()
    return found


@pytest.mark.parametrize("by", ["url", "record", "id", "domain", "text"])
def test_rows_become_empty_and_no_row_moves(copied: OpenedRun, by: str) -> None:
    """By address, record id, id, domain or text: only the shards that hold the records are new."""
    (id, url, record_id) = victims(copied, 1)[0]
    text = next(iter(find_text(copied, id)))
    value = {"url": url + "#part", "record": record_id, "id": id, "domain": url.split("/")[2], "text": text}[by]
    before, files = rows_of(copied), {entry.file: entry.sha256 for entry in ShardReader(copied.folder).entries}
    remove(copied, "record" if by == "id" else by, [value], NOW, "asked for")  # type: ignore[arg-type]
    gone = {
        row[0]
        for row in connect(copied.ledger).execute("select id from ledger where dropped_at = 'removed'").fetchall()
    }
    assert id in gone and (len(gone) == 1 or by in ("domain", "text"))
    after = rows_of(copied)
    assert {place: [] if place.split(":")[2] in gone else tokens for place, tokens in before.items()} == after
    new = {entry.file: entry.sha256 for entry in ShardReader(copied.folder).entries}
    assert set(new) - set(files) == {name for name in new if ".r1." in name} != set()
    assert {path.name for path in (copied.folder / "shards").iterdir()} == {*new, "manifest.json"}


def find_text(run: OpenedRun, id: str) -> list[str]:
    """A passage of a document's text."""
    from curate.audit.explain import explain
    from curate.audit.find import find

    answer = explain(run, find(run, id)[0]).data
    assert isinstance(answer, dict)
    return [next(iter(answer["texts"].values()))[:300].strip()]


def test_the_list_tells_what_was_removed_without_its_content(copied: OpenedRun) -> None:
    """Hashes, ids, when and why; and the ledger still has the rows."""
    (id, url, _) = victims(copied, 1)[0]
    remove(copied, "url", [url], NOW, "asked for by the owner")
    written = (copied.folder / LIST).read_text()
    assert url not in written and "asked for by the owner" in written
    (entry,) = read_lists([copied.folder / LIST])
    assert entry.records == (id,) and entry.key == key_of("url", url) and entry.at == NOW
    (found,) = find_ids(copied, [bytes.fromhex(id)])
    assert found.row["kept"] is False and found.row["tokens"] == 0 and found.row["failed"] == ["removed/listed"]


def test_mixes_made_afterwards_hold_nothing_of_it(copied: OpenedRun) -> None:
    """As an index over the token store, and as shards; mixes made before are emptied too."""
    mixture = Mixture.model_validate({"sources": {"web": {"epochs": 2}, "reference": {"epochs": 1}}})
    early = make_mix(copied.folder, "early", mixture, materialise=True)
    index = make_mix(copied.folder, "index", mixture)
    ids = [bytes.fromhex(id) for id, _, _ in victims(copied)]
    remove(copied, "record", [id.hex() for id in ids], NOW, "")
    late = make_mix(copied.folder, "late", mixture, materialise=True)
    for folder in (early, index, late):
        reader = ShardReader(folder)
        assert sum(entry.tokens for entry in reader.entries) == reader.manifest["tokens"]
        for entry in reader.entries:
            view = reader.open(entry)
            lengths = np.diff(view.offsets)
            held = [
                length for id, length in zip(view.batch.column("id").to_pylist(), lengths, strict=True) if id in ids
            ]
            assert not any(held)


def test_later_runs_honour_the_list(copied: OpenedRun, tmp_path: Path) -> None:
    """In the same directory by itself; in another where the pipeline names the list. Everything else is the same."""
    chosen = victims(copied)
    remove(copied, "url", [url for _, url, _ in chosen], NOW, "")
    again = tmp_path / "again"
    shutil.copytree(copied.folder / ".work", again / ".work")
    run_pipeline(pipeline_file(), [], copied.folder, engine="serial")
    run_pipeline(pipeline_file(), [f"removals={copied.folder / LIST}"], again, engine="serial")
    gone = {id for id, _, _ in chosen}
    before = audited_run()
    for folder in (copied.folder, again):
        run = open_finished(folder)
        rows = (
            connect(run.ledger)
            .execute("select id from ledger where list_contains(failed, 'removed/listed')")
            .fetchall()
        )
        assert {row[0] for row in rows} == gone
        step = next(step for step in run.stats["sources"]["web"]["funnel"] if step["step"] == "removed")
        assert step["dropped"] == len(gone)
        assert sum(s["kept"] for s in run.stats["sources"].values()) == sum(
            s["kept"] for s in before.stats["sources"].values()
        ) - len(gone)
        assert not gone & {place.split(":")[2] for place in rows_of(run)}
    run = open_finished(again)
    outcome = decide(run, run.changed(["filters.c4.min_sentences.min=10"]))
    assert outcome.sums.total("passes", outcome.outputs) < run.stats["sources"]["web"]["kept"] + 400


def test_a_name_that_leads_nowhere_is_listed_for_later(copied: OpenedRun) -> None:
    """Nothing is written again, and the next run knows it; the other files keep their bytes."""
    manifest = (copied.folder / "shards" / "manifest.json").read_bytes()
    remove(copied, "domain", ["nowhere.example"], NOW, "")
    assert (copied.folder / "shards" / "manifest.json").read_bytes() == manifest
    find = matcher(read_lists([copied.folder / LIST]))
    urls = ["https://www.nowhere.example/a", "https://sub.nowhere.example", "https://elsewhere.example", None]
    assert find.matches([bytes(16)] * 4, urls, [None] * 4, []).tolist() == [True, True, False, False]


def test_a_damaged_list_stops_a_run_with_its_place(tmp_path: Path) -> None:
    """A line that is no entry is named."""
    path = tmp_path / LIST
    path.write_text(json.dumps({"by": "smell"}) + "\n")
    with pytest.raises(ValueError, match=f"{LIST}:1"):
        read_lists([path])


def test_the_ledger_keeps_every_row(copied: OpenedRun) -> None:
    """Rows, their order and every other column stay as they were."""
    before = [pq.read_table(path) for path in copied.ledger]
    remove(copied, "url", [url for _, url, _ in victims(copied)], NOW, "")
    for path, old in zip(copied.ledger, before, strict=True):
        new = pq.read_table(path)
        assert new.schema == old.schema
        untouched = [name for name in old.column_names if name not in ("failed", "kept", "dropped_at", "tokens")]
        assert new.select(untouched).equals(old.select(untouched))


def test_what_if_after_a_removal_counts_the_same_documents_and_lets_none_of_the_removed_in(copied: OpenedRun) -> None:
    """Records that never were documents stay none; a removed document stays out, whatever a looser rule would do."""
    sets = ["filters.c4.lorem_ipsum.max=1000", "filters.c4.curly_bracket.max=1000"]
    before = decide(copied, copied.changed(sets)).sums
    flips = before.sample("admitted")
    sql = "select id from ledger where dropped_at = 'read' order by id limit 3"
    never = [row[0] for row in connect(copied.ledger).execute(sql).fetchall()]
    remove(copied, "record", [*never, flips[0].id.hex()], NOW, "asked for")
    after = decide(copied, copied.changed(sets)).sums
    assert after.total("documents") == before.total("documents")
    assert after.total("passed") == before.total("passed")
    assert after.sample("admitted") == flips[1:]
