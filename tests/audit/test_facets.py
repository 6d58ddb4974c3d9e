"""What the page finds documents by: carried columns, sets of rules, a line drawn around dots, domains, areas. Each held
against the ledger."""

from __future__ import annotations

import json
import random
import re
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.audit.aggregates import merge
from curate.audit.failing import SETS, TAKERS
from curate.audit.finished_run import OpenedRun, open_finished
from curate.audit.report import report_page
from curate.audit.report.treemap import Box, squarified
from curate.cli.main import main
from curate.pipeline.run import run
from tests.audit.test_reader import choose, ready, text_of
from tests.support.audited import audited_run
from tests.support.planted import WORDS, planted_run
from tests.support.reports import unpacked


def ledger(opened: OpenedRun) -> list[dict[str, Any]]:
    columns = ["id", "source", "url", "chars", "language", "failed", "kept", "dropped_at"]
    rows = pa.concat_tables([pq.read_table(path, columns=columns) for path in opened.ledger]).to_pylist()
    return [row for row in rows if row["dropped_at"] not in ("read", "url", "extract")]


def test_sets_of_rules_are_those_that_documents_fail_together() -> None:
    opened = audited_run()
    judged = {step.name for step in opened.verdict_steps("web")}
    counted: Counter[frozenset[str]] = Counter(
        frozenset(rule for rule in row["failed"] or () if rule.split("/")[0] in judged)
        for row in ledger(opened)
        if row["source"] == "web"
    )
    del counted[frozenset()]
    told = {frozenset(each.split(" ")): number for each, number in opened.stats["audit"]["web"]["sets"].items()}
    assert told == (dict(counted) if len(counted) <= SETS else dict(counted.most_common(SETS)))
    html = (opened.folder / "report.html").read_text("utf-8")
    most, number = counted.most_common(1)[0]
    part = html.partition('id="overlap"')[2]
    assert part.index("fails exactly") < part.index("overlap-cells"), "sets first, the matrix behind"
    assert f'<td class="n">{number:,}</td>' in part and all(rule.split("/")[1] in part for rule in list(most)[:3])


def test_what_took_most_of_a_domain_is_what_its_documents_fail_first() -> None:
    opened = audited_run()
    counted: dict[str, Counter[str]] = {}
    for row in ledger(opened):
        if row["source"] == "web" and not row["kept"]:
            host = re.sub(r"^www\.", "", re.match(r"\w+://([^/:]+)", row["url"])[1].lower())
            counted.setdefault(host, Counter())[(row["failed"] or [row["dropped_at"]])[0]] += 1
    told = opened.stats["audit"]["web"]["taken"]["domains"]
    assert set(told) == set(counted)
    for host, rules in counted.items():
        assert sorted(told[host].values(), reverse=True) == sorted(rules.values(), reverse=True)[:TAKERS]
        assert all(rules[rule] == number for rule, number in told[host].items())


def test_merged_counts_stay_bounded_whatever_the_number_of_parts() -> None:
    """Domains, sets and takers of a source are cut to the most frequent, also where the counts of parts are joined."""
    part = audited_run().stats["audit"]["web"]
    parts = []
    for number in range(3):
        domains = {
            f"{k}.{number}.example": {"documents": k + 1, "passed": 0, "kept": 0, "tokens": 0} for k in range(1500)
        }
        taken = {"domains": {name: {f"a/{k}": 1 for k in range(6)} for name in domains}, "languages": {}}
        parts.append(
            {"web": {**part, "domains": domains, "taken": taken, "sets": {f"a/{number} a/{k}": 1 for k in range(300)}}}
        )
    whole = merge(parts)["web"]
    assert len(whole["domains"]) == 2000 and len(whole["sets"]) == SETS and len(whole["taken"]["domains"]) == 2000
    assert min(each["documents"] for each in whole["domains"].values()) > 800, "the most frequent stay"


def carrying(folder: Path) -> OpenedRun:
    """A finished run of pages that carry a licence, a number, an address and text of their own."""
    draw = random.Random(6)
    rows = []
    for number in range(300):
        rows.append(
            {
                "text": " ".join(draw.choice(WORDS) for _ in range(80)), "url": f"https://s{number % 9}.example/{number}",
                "licence": ["cc-by", "cc0", "none given"][number % 3], "stars": number % 4, "title": f"Title {number}",
                "owner": f"owner{number % 2}@mail.org",
            }
        )  # fmt: skip
    (folder / "pages.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "carrying.yaml").write_text(
        "name: carrying\nsources:\n  web:\n    read: {format: jsonl, paths: [pages.jsonl], metadata: all}\n"
        "    steps: [{filter: gopher-quality}]\ntokens: {tokenizer: gpt2}\n"
    )
    run(folder / "carrying.yaml", out=folder / "run", engine="serial")
    return open_finished(folder / "run")


@pytest.mark.browser
def test_carried_columns_of_few_values_are_facets(browser: Any, tmp_path: Path) -> None:
    """A licence and a number choose rows, a title that each page has of its own does not; e-mail addresses are replaced."""
    opened = carrying(tmp_path)
    page = opened.folder / "report.html"
    meta = unpacked(page.read_text("utf-8"))["meta"]
    assert set(meta) == {"licence", "stars", "owner"} and not any("@" in word for word in meta["owner"]["words"])
    ready(browser, page.as_uri())
    choose(browser, "reader-meta-licence", "cc0")
    assert text_of(browser, "reader-said").startswith("100 documents")
    choose(browser, "reader-meta-stars", "1")
    assert text_of(browser, "reader-said").startswith("25 documents")
    browser.execute_script("document.querySelector('#reader-rows .open').click()")
    assert "licence: cc0" in text_of(browser, "reader-rows")
    browser.execute_script("document.getElementById('reader-clear').click()")
    assert text_of(browser, "reader-said").startswith("300 documents")
    assert browser.get_log("browser") == []
    import dataclasses

    hidden = unpacked(report_page(dataclasses.replace(opened, texts="none")))["meta"]
    assert set(hidden) == {"stars"}, "no text where no texts are shown"


def test_a_removed_document_leaves_no_value_of_its_own(tmp_path: Path) -> None:
    opened = carrying(tmp_path)
    rows = unpacked((opened.folder / "report.html").read_text("utf-8"))
    (tmp_path / "ids.txt").write_text(rows["id"][5] + "\n")
    assert main(["remove", str(opened.folder), "--records", str(tmp_path / "ids.txt"), "--why", "asked"]) == 0
    after = unpacked((opened.folder / "report.html").read_text("utf-8"))
    at = after["id"].index(rows["id"][5])
    assert after["meta"]["licence"]["words"][after["meta"]["licence"]["of"][at]] == "none"


@pytest.mark.browser
def test_dots_drawn_around_are_those_that_the_reader_keeps(browser: Any) -> None:
    rows = unpacked((audited_run().folder / "report.html").read_text("utf-8"))
    ready(browser, (audited_run().folder / "report.html").as_uri())
    around = browser.execute_script(
        """const canvas = document.getElementById('map-canvas');
        canvas.scrollIntoView({block: 'center', behavior: 'instant'});
        const box = canvas.getBoundingClientRect(), at = (of, size) => 26 + (size - 52) * of / 1000;
        const send = (kind, x, y, buttons) => canvas.dispatchEvent(new PointerEvent(kind, {buttons, button: 0, pointerId: 1,
          clientX: box.left + at(x, box.width), clientY: box.top + at(y, box.height), bubbles: true}));
        canvas.setPointerCapture = null;
        const corners = [[100, 100], [600, 100], [600, 700], [100, 700]];
        send('pointerdown', 100, 100, 1);
        for (let side = 0; side < 4; side += 1) for (let step = 1; step <= 20; step += 1) {
          const [a, b] = [corners[side], corners[(side + 1) % 4]];
          send('pointermove', a[0] + (b[0] - a[0]) * step / 20, a[1] + (b[1] - a[1]) * step / 20, 1);
        }
        send('pointerup', 100, 100, 0); send('click', 100, 100, 0);
        return document.getElementById('reader-said').textContent;"""
    )
    inside = sum(100 < x < 600 and 100 < y < 700 for x, y in zip(rows["map"]["x"], rows["map"]["y"], strict=True))
    shown = re.match(r"([\d,]+) documents of those drawn around", around)
    assert shown and 0 < inside < 2000 and abs(int(shown[1].replace(",", "")) - inside) <= 0.01 * inside + 2
    assert text_of(browser, "chosen-said").startswith(
        f"{shown[1]} of the sample’s 2,000 documents chosen: {shown[1]} drawn"
    )
    fates = browser.execute_script(
        "return [...document.querySelectorAll('[data-narrowed=flow] td:nth-child(2)')].map((e) => e.textContent)"
    )
    assert sum(int(each.replace(",", "")) for each in fates) == int(shown[1].replace(",", ""))
    browser.execute_script("document.getElementById('chosen-clear').click()")
    assert text_of(browser, "reader-said").startswith("2,000 documents")
    choose(browser, "map-colour", "clump")
    names = {words for *_, words in rows["map"]["clumps"]}
    legend = browser.execute_script(
        "return [...document.querySelectorAll('#map-legend button')].map((e) => e.textContent)"
    )
    assert legend and {re.sub(r" [\d,]+$", "", each) for each in legend} <= names
    assert browser.get_log("browser") == []


@pytest.mark.browser
def test_a_domain_is_found_by_a_part_of_its_name_and_leads_to_its_documents(browser: Any) -> None:
    opened = audited_run()
    rows = unpacked((opened.folder / "report.html").read_text("utf-8"))
    domains = rows["domains"]
    assert len(domains["name"]) > 40
    ready(browser, (opened.folder / "report.html").as_uri())
    wanted = next(name for name in reversed(domains["name"]) if sum(name in url for url in rows["url"]) > 1)
    place = domains["name"].index(wanted)
    choose(browser, "domain-search", wanted)
    line = browser.execute_script(
        "const name = arguments[0]; return [...document.querySelectorAll('#domain-rows tbody tr')]"
        ".map((row) => [...row.cells].map((cell) => cell.textContent)).find((cells) => cells[0] === name)",
        wanted,
    )
    documents, kept = domains["documents"][place], domains["kept"][place]
    assert line[2:4] == [f"{documents:,}", f"{kept:,}"]
    browser.execute_script("document.querySelector('#domain-rows .name').click()")
    assert not text_of(browser, "reader-said").startswith("No document")
    assert browser.execute_script("return document.getElementById('reader-search').value") in domains["name"]
    choose(browser, "domain-search", "no such domain anywhere")
    assert text_of(browser, "domain-said") == "No domain is called like that."
    area = browser.execute_script(
        "const each = document.querySelector('#domains .area[data-facet]'); each.dispatchEvent(new MouseEvent('click'));"
        "return each.dataset.value"
    )
    assert browser.execute_script("return document.getElementById('reader-search').value") == area
    assert browser.get_log("browser") == []


@given(st.lists(st.floats(1e-3, 1e6), min_size=1, max_size=40))
def test_areas_fill_their_box_in_proportion(amounts: list[float]) -> None:
    amounts = sorted(amounts, reverse=True)
    boxes = squarified(amounts, Box(0, 0, 1000, 340))
    assert len(boxes) == len(amounts)
    for amount, box in zip(amounts, boxes, strict=True):
        assert box.wide * box.high == pytest.approx(1000 * 340 * amount / sum(amounts), rel=1e-6, abs=1e-3)
        assert box.x >= -1e-6 and box.x + box.wide <= 1000 + 1e-6 and box.y >= -1e-6 and box.y + box.high <= 340 + 1e-6


def test_a_page_without_a_sample_still_finds_domains(tmp_path: Path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(planted_run(True).folder, copy, ignore=shutil.ignore_patterns(".work"))
    page = report_page(open_finished(copy))
    assert "sample is gone" in page and len(unpacked(page)["domains"]["name"]) > 40
