"""Records chosen by a crawl's columnar index and read by ranges of bytes: the records that whole files give."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from curate.config.reading import read_pipeline
from curate.errors import ConfigError
from curate.pipeline.check import check_inputs
from curate.pipeline.inputs import find_inputs
from curate.storage import read_range
from curate.text.chance import draw
from tests.runs.test_storage import pipeline
from tests.support.crawl_copy import CRAWL, crawl_copy, index_copy
from tests.support.faulty_server import Behaviour, serve
from tests.support.object_store import object_store
from tests.support.running import EXAMPLE, curate, product

KEPT = ("id", "file", "offset", "length", "record_id", "url", "date", "chars", "tokens", "kept")
WHERE = "url_host_name like '%a%' and fetch_status = 200"


def ledger(run: Path) -> pa.Table:
    """The ledger's rows of a run, ordered by place."""
    table = pa.concat_tables(pq.read_table(path) for path in sorted((run / "ledger").iterdir()))
    return table.sort_by([("file", "ascending"), ("offset", "ascending")])


def rows(table: pa.Table, names: Sequence[str] = KEPT) -> list[dict[str, Any]]:
    return table.select(list(names)).to_pylist()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A copy of a crawl with its index, and a run on all of its files."""
    folder = tmp_path_factory.mktemp("index")
    crawl_copy(folder / "copy", sorted((EXAMPLE / "web").glob("*.warc.gz")))
    file = pipeline(folder, f"{{format: warc, crawl: {CRAWL}, base: '{folder / 'copy'}'}}", "whole")
    curate("run", file, "--out", folder / "whole", "--engine", "serial")
    index_copy(folder / "copy", ledger(folder / "whole"))
    return folder / "copy", folder / "whole"


def read(copy: Path, where: str = WHERE, more: str = "", base: str = "") -> str:
    return f"{{format: warc, crawl: {CRAWL}, where: \"{where}\", base: '{base or copy}'{more}}}"


def run(folder: Path, settings: str, name: str = "chosen", *options: str, **environment: str) -> Path:
    file = pipeline(folder, settings, name)
    curate(
        "run", file, "--out", folder / name, "--engine", "serial", *options, environment={**os.environ, **environment}
    )
    return folder / name


def test_the_records_of_an_index_are_those_of_the_whole_files_with_the_same_ids_texts_and_tokens(
    tmp_path: Path, whole: tuple[Path, Path]
) -> None:
    copy, all_of_it = whole
    chosen, full = ledger(run(tmp_path, read(copy))), ledger(all_of_it)
    hosts = pc.extract_regex(full["url"], r"^https?://(?P<host>[^/:]+)").combine_chunks().field("host")
    statuses = pc.invert(pc.is_in(full["dropped_at"], value_set=pa.array(["read"])))
    expected = full.filter(pc.and_(pc.match_substring(hosts, "a"), statuses))
    assert 10 < len(chosen) < len(full)
    assert rows(chosen) == rows(expected)
    assert Counter(chosen["failed"].combine_chunks().flatten().to_pylist()) == Counter(
        expected["failed"].combine_chunks().flatten().to_pylist()
    )


def test_over_a_server_with_faults_they_are_the_same_bytes(tmp_path: Path, whole: tuple[Path, Path]) -> None:
    copy, _ = whole
    disk = product(run(tmp_path, read(copy, more=", take: 40"), "disk"))
    behaviour = Behaviour(0.3, seed=5)
    with serve(copy, behaviour) as base:
        web = run(tmp_path, read(copy, more=", take: 40", base=base), "web", CURATE_STORAGE_WAIT="0.01",
                  CURATE_STORAGE_STALL="0.5")  # fmt: skip
    assert product(web) == disk
    assert sum(count for kind, count in behaviour.done.items() if kind != "whole") >= 5


def test_a_range_of_an_object_ends_with_the_object() -> None:
    with object_store() as environment:
        store = pytest.MonkeyPatch()
        for name, value in environment.items():
            store.setenv(name, value)
        try:
            from curate.storage.objects import put_bytes

            put_bytes("s3://curate-test/ten", b"0123456789")
            assert read_range("s3://curate-test/ten", 2, 5) == b"234"
            assert read_range("s3://curate-test/ten", 8, 50) == b"89"
            assert read_range("s3://curate-test/ten", 20, 50) == b""
            with pytest.raises(FileNotFoundError):
                read_range("s3://curate-test/nothing", 0, 5)
        finally:
            store.undo()


def test_so_many_are_taken_by_the_seed_and_their_ids(tmp_path: Path, whole: tuple[Path, Path]) -> None:
    copy, all_of_it = whole
    taken = ledger(run(tmp_path, read(copy, "true", ", take: 25, seed: 9")))
    full = ledger(all_of_it)
    draws = draw(full["id"].combine_chunks(), 9, "take")
    smallest = full.take(pa.array(np.sort(np.argsort(draws, kind="stable")[:25])))
    assert rows(taken) == rows(smallest)


def test_what_an_index_says_wrongly_costs_that_record(tmp_path: Path, whole: tuple[Path, Path]) -> None:
    copy, _ = whole
    (index,) = sorted(copy.rglob("part-*0.parquet"))[:1]
    table = pq.read_table(index)
    good = table.slice(0, 3).to_pylist()
    wrong = [
        {**good[0], "warc_filename": "../../../etc/passwd"},
        {**good[0], "warc_filename": "/etc/passwd"},
        {**good[0], "warc_record_length": -1},
        {**good[0], "warc_filename": "crawl-data/none.warc.gz"},
        {**good[1], "warc_record_offset": good[1]["warc_record_offset"] + 3},
        {**good[1], "warc_record_offset": 2_000_000_000},
        {**good[2], "warc_record_length": 2_000_000_000},
        good[0],
        good[0],
    ]
    pq.write_table(pa.Table.from_pylist(wrong, table.schema), tmp_path / "index.parquet")
    file, made = (
        pipeline(tmp_path, f"{{format: warc, index: [{tmp_path}/index.parquet], base: '{copy}'}}"),
        tmp_path / "made",
    )
    done = curate("run", file, "--out", made, "--engine", "serial", check=False)
    assert done.returncode in (0, 3), done.stderr  # 3 where the three records are no pages
    found = ledger(made)
    reasons = Counter((failed or ["none"])[0] for failed in found["failed"].to_pylist())
    assert len(found) == 5  # three name no place, one stands there twice
    assert reasons["read/unreadable"] == 1
    assert reasons["read/damaged"] == 2
    assert reasons["read/too-large"] == 1
    others = json.loads((made / "stats.json").read_bytes())["sources"]["web"]["other_records"]
    assert (others["index.rows"], others["index.no-place"]) == (len(wrong), 3)


@pytest.mark.parametrize("take", ["", ", take: 30"])
def test_a_record_that_two_files_of_an_index_name_is_read_once_and_counted(
    take: str, tmp_path: Path, whole: tuple[Path, Path]
) -> None:
    copy, _ = whole
    first, second = (pq.read_table(path) for path in sorted(copy.rglob("part-*.parquet"))[:2])
    pq.write_table(first, tmp_path / "a.parquet")
    pq.write_table(pa.concat_tables([second, first.slice(5, 20)]), tmp_path / "b.parquet")
    settings = (
        f"{{format: warc, index: ['{tmp_path}/[ab].parquet'], where: 'fetch_status = 200', base: '{copy}'{take}}}"
    )
    made = run(tmp_path, settings, "named-twice")
    plain = run(tmp_path, read(copy, "fetch_status = 200", take), "plain")
    assert rows(ledger(made)) == rows(ledger(plain))
    again = sum(status == 200 for status in first["fetch_status"].slice(5, 20).to_pylist())
    others = json.loads((made / "stats.json").read_bytes())["sources"]["web"]["other_records"]
    assert 0 < others["index.named-again"] <= again if take else others["index.named-again"] == again
    plain_others = json.loads((plain / "stats.json").read_bytes())["sources"]["web"]["other_records"]
    assert "index.named-again" not in plain_others


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("fetch_statu = 200", "did you mean 'fetch_status'"),
        ("random() < 0.1", "random in a condition gives another answer each time"),
        ("fetch_time > now()", "now in a condition gives another answer"),
        ("url in (select 1 from read_csv('/etc/passwd'))", "the condition cannot be asked of the index"),
        ("fetch_status = ", "the condition cannot be asked of the index"),
    ],
)
def test_a_condition_that_is_none_is_refused_before_anything_is_read(
    where: str, message: str, tmp_path: Path, whole: tuple[Path, Path]
) -> None:
    file = read_pipeline(pipeline(tmp_path, read(whole[0], where)))
    with pytest.raises(ConfigError, match=r"chosen\.yaml|crawl\.yaml:6.*") as raised:
        check_inputs(file, find_inputs(file))
    assert message in str(raised.value)


def test_a_column_that_older_crawls_lack_is_null(tmp_path: Path, whole: tuple[Path, Path]) -> None:
    copy, _ = whole
    (index,) = sorted(copy.rglob("part-*0.parquet"))[:1]
    older = pq.read_table(index).drop_columns(["content_languages"]).slice(0, 4)
    pq.write_table(older, tmp_path / "older.parquet")
    settings = (
        f"{{format: warc, index: [{tmp_path}/older.parquet], where: \"content_languages is null\", base: '{copy}'}}"
    )
    assert len(ledger(run(tmp_path, settings))) == 4


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("{format: warc, paths: [a.gz], where: x}", "where goes with an index, or with a crawl"),
        ("{format: wet, crawl: CC-MAIN-2026-12, where: x}", "records of WARC files, not of wet"),
        ("{format: warc, index: [a.parquet], paths: [a.gz]}", "give paths, or the name of a crawl, or an index"),
        ("{format: warc, index: [a.parquet], limit: {sample: 5}}", "draw records by take"),
        ("{format: warc, crawl: CC-MAIN-2026-12, where: x, segments: ['1']}", "choose segments by where"),
    ],
)
def test_what_does_not_go_together_is_said(tmp_path: Path, settings: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_pipeline(pipeline(tmp_path, settings))


def test_none_chosen_is_said_and_an_index_that_is_none(tmp_path: Path, whole: tuple[Path, Path]) -> None:
    copy, _ = whole
    file = pipeline(tmp_path, read(copy, "fetch_status = 999"), "none")
    done = curate("run", file, "--out", tmp_path / "none", "--engine", "serial", check=False)
    assert done.returncode == 2
    assert "true for none of the" in " ".join(done.stderr.split())
    pq.write_table(pa.table({"a": [1]}), tmp_path / "other.parquet")
    file = pipeline(tmp_path, f"{{format: warc, index: [{tmp_path}/other.parquet]}}", "other")
    done = curate("check", file, check=False)
    assert done.returncode == 2
    assert "no column 'warc_filename'" in " ".join(done.stderr.split())


def test_what_an_index_will_give_is_foreseen_from_a_sample_of_it(tmp_path: Path, whole: tuple[Path, Path]) -> None:
    """The copy's index is so small that the sample is all of it: the records are then known, and the rest is not far off."""
    copy, _ = whole
    file = pipeline(tmp_path, read(copy), "foreseen")
    expected = json.loads(curate("plan", file, "--format", "json").stdout)
    stats = json.loads((run(tmp_path, read(copy), "made") / "stats.json").read_bytes())["sources"]["web"]
    assert expected["records"] == pytest.approx(stats["records"], rel=0.1)
    assert expected["input_bytes"] == pytest.approx(stats["bytes"], rel=0.1)
    assert expected["network_bytes"] == 0
    assert expected["kept"] == pytest.approx(stats["kept"], rel=0.5)
    assert {"select", "read"} <= {each["stage"] for each in expected["stages"]}
    file = pipeline(tmp_path, read(copy, "fetch_status = 999"), "none")
    done = curate("plan", file, check=False)
    assert done.returncode == 2
    assert "is true for none of" in " ".join(done.stderr.split())


def test_a_record_is_explained_from_its_range_and_a_limit_holds(tmp_path: Path, whole: tuple[Path, Path]) -> None:
    copy, _ = whole
    made = run(tmp_path, read(copy, more=", limit: 12"))
    found = ledger(made)
    assert len(found) == 12
    one = found["id"][0].as_py().hex()
    told = curate("explain", made, one, "--original", "--raw-texts").stdout
    assert "WARC-Type: response" in told
