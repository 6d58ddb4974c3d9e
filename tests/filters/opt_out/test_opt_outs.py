"""Opt-outs in runs: robots.txt records and lists as evidence, by agent and date; counted, never fatal."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import curate
from curate.config.reading import ConfigError
from curate.filters.opt_out.lists import statements_of_list
from curate.filters.opt_out.statements import Statements, as_statements, sort_statements
from tests.support.archives import record, response

PAGES = {
    "https://www.closed.example/a": "2024-05-01",
    "https://closed.example/open/b": "2024-05-01",
    "https://later.example/a": "2024-05-01",
    "https://earlier.example/a": "2024-05-01",
    "https://sub.listed.example/a": "2024-05-01",
    "https://notlisted.example/a": "2024-05-01",
    "https://pages.example/one": "2024-05-01",
    "https://pages.example/two#part": "2024-05-01",
    "https://everybody.example/a": "2024-05-01",
    "https://broken.example/a": "2024-05-01",
    "no address": "2024-05-01",
}
ROBOTS = [
    ("https://closed.example/robots.txt", "2024-04-01", "User-agent: GPTBot\nDisallow: /\nAllow: /open/", "200 OK"),
    ("https://later.example/robots.txt", "2024-04-01", "User-agent: *\nAllow: /", "200 OK"),
    ("https://later.example/robots.txt", "2024-06-01", "User-agent: CCBot\nDisallow: /", "200 OK"),
    ("https://earlier.example/robots.txt", "2024-04-01", "User-agent: CCBot\nDisallow: /", "200 OK"),
    ("https://earlier.example/robots.txt", "2024-06-01", "User-agent: CCBot\nAllow: /", "200 OK"),
    ("https://everybody.example/robots.txt", "2024-04-01", "User-agent: *\nDisallow: /", "200 OK"),
    ("https://broken.example/robots.txt", "2024-04-01", "User-agent: *\nDisallow: /", "503 Service Unavailable"),
    ("https://broken.example/robots.txt", "2024-04-02", "\x00\x01 not: one", "200 OK"),
]


def robots_file(path: Path, damage: bytes = b"") -> None:
    content = b"".join(
        record(
            response(body.encode(), status=status, type="text/plain"),
            WARC_Target_URI=url,
            WARC_Date=f"{day}T00:00:00Z",
        )
        for url, day, body, status in ROBOTS
    )
    content += record(response(b"<p>a page</p>"), WARC_Target_URI="https://closed.example/page")
    path.write_bytes(content + damage)


def pipeline(folder: Path, setting: dict[str, Any]) -> Path:
    with gzip.open(folder / "web.jsonl.gz", "wt", encoding="utf-8") as file:
        rows = ({"text": f"Page {url}", "url": url, "date": day} for url, day in PAGES.items())
        file.writelines(json.dumps(row) + "\n" for row in rows)
    robots_file(folder / "robots.warc", damage=b"WARC/1.0\r\nbroken")
    columns = {
        "domain": ["listed.example", "*.other.example", None, "later.example"],
        "user_agents": [["CCBot"], ["CCBot"], ["CCBot"], ["Googlebot"]],
        "date": ["2024-07-01", None, None, None],
    }
    pq.write_table(pa.table(columns), folder / "domains.parquet")
    (folder / "pages.csv").write_text("url,user_agent\nhttps://pages.example/two,\n")
    read = {"format": "jsonl", "paths": ["web.jsonl.gz"], "url": "url", "date": "date"}
    path = folder / "pipeline.yaml"
    path.write_text(json.dumps({"name": "wishes", "sources": {"web": {"read": read, "steps": [{"opt_out": setting}]}}}))
    return path


def found(run: curate.Run) -> dict[str, dict[str, Any]]:
    return {row["url"]: row for row in ds.dataset(run.path / "ledger").to_table().to_pylist()}


SETTING = {"robots": ["robots.warc"], "lists": ["domains.parquet", "pages.csv"], "agents": ["GPTBot", "CCBot"]}


def test_what_anybody_refused_is_dropped_and_says_who_and_since_when(tmp_path: Path) -> None:
    run = curate.run(pipeline(tmp_path, SETTING), out=tmp_path / "run", engine="serial", until="opt_out")
    rows = found(run)
    refused = {url: (row["opt_out.agents"], row["opt_out.date"]) for url, row in rows.items() if row["opt_out.refused"]}
    assert refused == {
        "https://www.closed.example/a": ("gptbot", "2024-04-01"),
        "https://later.example/a": ("ccbot", "2024-06-01"),
        "https://sub.listed.example/a": ("ccbot", "2024-07-01"),
        "https://pages.example/two#part": ("gptbot, ccbot", None),
        "https://everybody.example/a": ("gptbot, ccbot", "2024-04-01"),
    }
    assert {url for url, row in rows.items() if not row["kept"]} == {*refused}
    assert all(row["failed"] == ["opt_out/refused"] for row in rows.values() if not row["kept"])
    numbers = run.stats["sources"]["web"]["steps"]["opt_out"]
    assert numbers["robots"] == 7 and numbers["unreadable"] == 2, "an answer of 503, a row of a list without a domain"
    assert numbers["damaged"] == 1 and numbers["files"] == 3 and numbers["entries"] == 5
    assert numbers["documents refused"] == 5 and numbers["refused ccbot"] == 4 and numbers["refused gptbot"] == 3


def test_as_of_fetch_asks_what_held_when_the_page_was_fetched(tmp_path: Path) -> None:
    path = pipeline(tmp_path, SETTING | {"as_of": "fetch"})
    rows = found(curate.run(path, out=tmp_path / "run", engine="serial", until="opt_out"))
    assert {url for url, row in rows.items() if row["opt_out.refused"]} == {
        "https://www.closed.example/a",
        "https://earlier.example/a",
        "https://pages.example/two#part",
        "https://everybody.example/a",
    }


def test_what_would_go_is_told_before_it_does_and_dropping_looks_up_nothing_again(tmp_path: Path) -> None:
    path = pipeline(tmp_path, SETTING | {"drop": False})
    run = curate.run(path, out=tmp_path / "run", engine="serial", until="opt_out")
    assert all(row["kept"] for row in found(run).values())
    answer = run.whatif({"sources.web.steps.opt_out.drop": True})
    assert answer["passed"]["removed"] == 5
    sets = {"sources.web.steps.opt_out.drop": True}
    again = curate.run(path, sets, out=tmp_path / "run", engine="serial", until="opt_out")
    assert not {"opt-outs", "opt-out-files"} & again.executed.keys()
    assert sum(row["kept"] for row in found(again).values()) == len(PAGES) - 5


def test_statements_do_not_depend_on_the_files_they_come_in() -> None:
    told = [(f"robots host{n % 7}.example", n % 3 or None, json.dumps({"a": n % 2})) for n in range(60)]
    whole = sort_statements([as_statements(told)])
    pieces = [as_statements(rows) for rows in (told[40:], [], told[:40], told[10:20])]
    parts = sort_statements(pieces)
    assert all(one.equals(other) for one, other in zip(whole, parts, strict=True))
    assert len(whole[0]) == len({*told}) and whole[1].column("rules").to_pylist() == ['{"a": 0}', '{"a": 1}']


def test_a_document_without_an_address_or_a_date_is_asked_all_the_same() -> None:
    rules = json.dumps({"a": [[False, "/"]]})
    told = [("robots x.example", 10, rules), ("robots x.example", 20, json.dumps({"a": [[True, "/"]]}))]
    asked = Statements(*sort_statements([as_statements(told)]), ["a"], "fetch")
    assert asked.ask("http://x.example", None).agents == (), "the newest, where nobody knows when it was fetched"
    assert asked.ask("http://x.example", 5).agents == ("a",), "the first there is"
    assert asked.ask(None, 5).agents == asked.ask("http://[broken", 5).agents == asked.ask("", None).agents == ()


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ({}, "give robots, WARC files with robots.txt records, or lists"),
        ({"lists": ["nowhere.parquet"]}, "nowhere.parquet"),
        ({"lists": ["wrong.csv"]}, "has a column domain, host or url; it has name"),
        ({"lists": ["wrong.parquet"]}, "no Parquet, CSV or JSON Lines file"),
        ({"robots": ["robots.warc"], "as_of": "now"}, "as_of"),
    ],
)
def test_settings_and_files_that_cannot_work_are_refused(setting: dict[str, Any], says: str, tmp_path: Path) -> None:
    path = pipeline(tmp_path, setting)
    (tmp_path / "wrong.csv").write_text("name\nexample.org\n")
    (tmp_path / "wrong.parquet").write_text("no table")
    with pytest.raises(ConfigError, match=says):
        curate.run(path, out=tmp_path / "run", engine="serial", until="opt_out")


@pytest.mark.parametrize("ending", ["parquet", "csv", "jsonl"])
def test_a_list_says_the_same_in_every_format(ending: str, tmp_path: Path) -> None:
    """Hosts in other case and with `www.`, versions of agents, dates in usual forms, rows that name no agent or no host."""
    rows = [
        {"Host": " WWW.One.example. ", "User_Agents": "ccbot/2.0, GPTBot", "since": "2024-05-18"},
        {"Host": "*.two.example", "User_Agents": "", "since": "2024-05-18T00:00:00Z"},
        {"Host": "three.example", "User_Agents": "Googlebot", "since": "Sat, 18 May 2024 00:00:00 GMT"},
        {"Host": "four.example", "User_Agents": "*", "since": "not yet"},
        {"Host": "", "User_Agents": "*", "since": ""},
    ]
    path = tmp_path / f"list.{ending}"
    if ending == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif ending == "csv":
        lines = [",".join(f'"{cell}"' for cell in row.values()) for row in rows]
        path.write_text("\n".join([",".join(rows[0]), *lines]))
    else:
        path.write_text("\n".join(map(json.dumps, rows)))
    counts: Counter[str] = Counter()
    asked = Statements(
        *sort_statements(statements_of_list(str(path), ["ccbot", "gptbot"], counts)), ["ccbot", "gptbot"], "latest"
    )
    pages = ["http://one.example/a", "http://sub.two.example", "http://three.example", "http://www.four.example:80/x"]
    answers = asked.ask_all(pa.array([*pages, None, "http://five.example"]), [None] * 6)
    both = ("ccbot", "gptbot")
    assert answers[:2] == [(both, "2024-05-18"), (both, "2024-05-18")]
    assert answers[2:] == [((), None), (both, None), ((), None), ((), None)]
    assert counts == {"entries": 5, "unreadable": 1}


@given(st.data())
def test_many_documents_are_answered_as_each_statement_says(data: st.DataObject) -> None:
    """Statements asked at once, beside a walk over all of them for every document."""
    hosts = ["a.example", "b.a.example", "example", "c.example"]
    days = st.sampled_from([None, 10, 20, 30])
    closed = json.dumps({"x": [[False, "/"]]})
    told = data.draw(st.lists(st.tuples(st.sampled_from([f"domain {each}" for each in hosts]), days, st.just(closed))))
    told += [
        (f"url http://{of}/p", day, closed) for of, day in data.draw(st.lists(st.tuples(st.sampled_from(hosts), days)))
    ]
    pages = data.draw(
        st.lists(st.tuples(st.sampled_from(hosts), st.sampled_from(["/p", "/p#q", "/r"]), days), min_size=1)
    )
    as_of = data.draw(st.sampled_from(["latest", "fetch"]))
    asked = Statements(*sort_statements([as_statements(told)]), ["x"], as_of)
    urls = [f"http://{of}{path}" for of, path, _ in pages]
    answers = asked.ask_all(pa.array(urls), [day for *_, day in pages])
    for (of, path, day), answer in zip(pages, answers, strict=True):
        names = {f"domain {of[place:]}" for place in range(len(of)) if not place or of[place - 1] == "."}
        names.add(f"url http://{of}{path.partition('#')[0]}")
        holding = [
            date
            for name, date, _ in told
            if name in names and (as_of == "latest" or None in (date, day) or date <= day)
        ]
        dated = [date for date in holding if date is not None]
        assert answer.agents == (("x",) if holding else ())
        assert answer.date == ("1970-01-01" if dated else None)
