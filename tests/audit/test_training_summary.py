"""The summary of training content: what a run knows is counted from its ledger, what it does not is left to be filled in."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.dataset as ds
import pytest

from curate.audit.finished_run import OpenedRun, open_finished
from curate.audit.rendering import Table
from curate.audit.training_summary import summarise
from curate.cli.main import main
from curate.pipeline.run import run
from curate.text.addresses import host
from tests.support.archives import record, response
from tests.support.audited import PIPELINE


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> OpenedRun:
    folder = tmp_path_factory.mktemp("summary")
    robots = response(b"User-agent: *\nDisallow: /", type="text/plain")
    (folder / "robots.warc").write_bytes(record(robots, WARC_Target_URI="https://harbor.example/robots.txt"))
    path = folder / "audited.yaml"
    path.write_text(
        PIPELINE.replace("- language:", f"- opt_out: {{robots: [{folder}/robots.warc]}}\n      - language:")
    )
    run(path, out=folder / "run", engine="serial", until="tokens")
    return open_finished(folder / "run")


def kept_rows(made: OpenedRun, source: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = ds.dataset(made.folder / "ledger").to_table().to_pylist()
    return [row for row in rows if row["kept"] and row["source"] == source]


def sections(made: OpenedRun) -> dict[str, list[dict[str, Any]]]:
    data: Any = summarise(made).data
    return {each["title"]: each["rows"] for each in data["sections"]}


def test_amounts_periods_and_shares_are_those_of_what_was_kept(made: OpenedRun) -> None:
    data: Any = summarise(made).data
    for source in ("web", "reference"):
        rows = kept_rows(made, source)
        mine = data["sources"][source]
        assert mine["documents"] == len(rows) and mine["amount"] == sum(row["tokens"] for row in rows)
        days = sorted(row["date"].date().isoformat() for row in rows if row["date"])
        assert (mine.get("first"), mine.get("last")) == ((days[0], days[-1]) if days else (None, None))
    assert data["amount"] == sum(each["tokens"] for each in made.stats["sources"].values())
    listed = sections(made)["2. Sources in this run"]
    assert sum(row["share"] for row in listed) == pytest.approx(1)


@pytest.mark.parametrize(("top", "most", "number"), [(0.1, None, None), (1.0, None, None), (1.0, 3, 3)])
def test_the_domains_with_most_content_of_the_crawl_are_listed(
    made: OpenedRun, top: float, most: int | None, number: int | None
) -> None:
    amounts: Counter[str] = Counter()
    for row in kept_rows(made, "web"):
        amounts[host(row["url"]) or ""] += row["tokens"]
    data: Any = summarise(made, top, most).data
    listed = [(each["domain"], each["tokens"]) for each in data["top_domains"]]
    wanted = number or -(-len(amounts) // round(1 / top))
    assert listed == sorted(amounts.items(), key=lambda each: (-each[1], each[0]))[:wanted]


def test_reservations_say_who_was_asked_and_how_much_was_left_out(made: OpenedRun) -> None:
    refused = sum(
        "opt_out/refused" in (row["failed"] or ()) for row in ds.dataset(made.folder / "ledger").to_table().to_pylist()
    )
    (row,) = sections(made)["3.1 Reservations of rights"]
    assert (
        row["what was honoured"] == "robots.txt" and "gptbot" in row["of what"] and row["documents left out"] == refused
    )
    assert all(row["answer"] == "to be filled in" for row in sections(made)["1.1 and 1.2 Provider and model"])


def test_the_command_prints_the_sections_in_the_template_s_order(
    made: OpenedRun, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["summary", str(made.folder), "--form", "eu", "--format", "markdown"]) == 0
    printed = capsys.readouterr().out
    places = [
        printed.index(part) for part in ("1. General", "1.3 Languages", "2. Data", "2.3 The domains", "3.1", "3.2")
    ]
    assert places == sorted(places)
    assert main(["summary", str(made.folder), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["form"] == "eu"
    assert main(["summary", str(made.folder), "--top", "0"]) == 2


def test_a_run_that_makes_text_is_summed_in_characters(tmp_path: Path) -> None:
    path = tmp_path / "audited.yaml"
    path.write_text(PIPELINE.replace("tokens: {tokenizer: gpt2}", "tokens: null").partition("shards:")[0])
    run(path, out=tmp_path / "run", engine="serial")
    answer = summarise(open_finished(tmp_path / "run"))
    data: Any = answer.data
    assert data["unit"] == "chars" and data["amount"] > 0
    assert any("characters" in str(row) for block in answer.blocks if isinstance(block, Table) for row in block.rows)
