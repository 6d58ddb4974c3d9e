"""The reader and the map of the crawl: the run's sample, told as the ledger tells it, safe to pass around, and linked."""

from __future__ import annotations

import json
import random
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.audit.crawl_map import LEAST, SIZE, crawl_map
from curate.audit.finished_run import open_finished
from curate.audit.layout import nearest
from curate.audit.report import report_page, write_report
from curate.cli.main import main
from curate.pipeline.run import run
from tests.support.audited import audited_run
from tests.support.planted import GERMAN, WORDS, planted_run
from tests.support.reports import embedded, unpacked


def page() -> str:
    return (audited_run().folder / "report.html").read_text("utf-8")


def test_the_reader_tells_of_each_document_what_the_ledger_tells() -> None:
    rows = unpacked(page())
    ledger = pa.concat_tables([pq.read_table(path) for path in audited_run().ledger]).to_pylist()
    known = {row["id"].hex(): row for row in ledger}
    assert len(rows["id"]) == len(set(rows["id"])) == 2000
    for place, id in enumerate(rows["id"]):
        row = known[id]
        assert rows["fate"]["words"][rows["fate"]["of"][place]] == ("kept" if row["kept"] else row["dropped_at"])
        assert [rows["rules"][rule] for rule in rows["failed"][place]] == row["failed"]
        assert (rows["url"][place], rows["tokens"][place]) == (row["url"] or "", row["tokens"])
        for rule, value in rows["values"][place].items():
            step, _, name = rows["rules"][int(rule)].partition("/")
            if f"{step}.{name}" in row:
                assert value == pytest.approx(row[f"{step}.{name}"], rel=1e-3)


def test_a_dropped_documents_text_is_its_own_and_not_the_empty_place_it_left() -> None:
    """Files after the step that dropped it hold an empty text in its place."""
    rows = unpacked(page())
    at = [place for place, of in enumerate(rows["fate"]["of"]) if rows["fate"]["words"][of] == "gopher-quality"]
    assert at and all(rows["text"][place] and rows["text"][place][-1] for place in at)


def test_a_text_is_shown_before_and_after_what_the_run_changed() -> None:
    opened = planted_run(True)
    rows = unpacked((opened.folder / "report.html").read_text("utf-8"))
    leaks = [rows["text"][place] for place, url in enumerate(rows["url"]) if "leak.example" in url]
    assert len(leaks) == 2
    for before, after in leaks:
        assert before[:80] == after[:80] and before != after


def test_no_personal_data_is_shown_of_kept_or_dropped_documents() -> None:
    opened = planted_run(True)
    texts = [text for pair in unpacked((opened.folder / "report.html").read_text("utf-8"))["text"] for text in pair]
    assert not any("@mail" in text for text in texts)
    raw = [text for pair in unpacked(report_page(_with(opened, "raw")))["text"] for text in pair]
    assert sum("@mail" in text for text in raw) >= 60
    none = unpacked(report_page(_with(opened, "none")))
    assert not any(none["text"]) and "map" not in none


def _with(opened: Any, texts: Any) -> Any:
    import dataclasses

    return dataclasses.replace(opened, texts=texts)


def test_a_removed_document_is_neither_read_nor_mapped(tmp_path: Path) -> None:
    opened = open_finished(shutil.copytree(planted_run(False).folder, tmp_path / "run"))
    rows = unpacked((opened.folder / "report.html").read_text("utf-8"))
    place = rows["fate"]["of"].index(rows["fate"]["words"].index("kept"))
    (tmp_path / "ids.txt").write_text(rows["id"][place] + "\n")
    assert main(["remove", str(opened.folder), "--records", str(tmp_path / "ids.txt"), "--why", "asked"]) == 0
    after = unpacked((opened.folder / "report.html").read_text("utf-8"))
    again = after["id"].index(rows["id"][place])
    assert after["text"][again] == [] and after["url"][again] == ""
    shown = json.dumps(after)
    assert rows["text"][place][0][:60] not in shown and rows["url"][place] not in shown


def topics(documents: int) -> list[str]:
    draw = random.Random(3)
    kinds = (WORDS[:40], WORDS[40:80], GERMAN)
    return [" ".join(draw.choice(kinds[number % 3]) for _ in range(80)) for number in range(documents)]


def test_documents_of_like_words_lie_together_and_are_named_by_them() -> None:
    found = crawl_map(topics(300))
    assert found is not None
    places = np.stack([found.x, found.y], axis=1).astype(float)
    distance = np.sqrt(((places[:, None] - places[None]) ** 2).sum(axis=2))
    np.fill_diagonal(distance, np.inf)
    kind = np.arange(300) % 3
    assert (kind[distance.argmin(axis=1)] == kind).mean() > 0.98
    assert places.min() >= 0 and places.max() <= SIZE
    german = [words for _, _, _, words in found.clumps if set(words.split()) <= set(GERMAN)]
    assert german and len({word for *_, words in found.clumps for word in words.split()}) > len(found.clumps)


def test_the_same_texts_give_the_same_map_and_another_seed_another() -> None:
    texts = topics(200)
    assert crawl_map(texts) == crawl_map(texts)
    assert crawl_map(texts, seed=1) != crawl_map(texts)


def test_too_few_documents_and_texts_without_common_words_have_no_map() -> None:
    assert crawl_map(topics(LEAST - 1)) is None
    assert crawl_map(["", *(f"only{number}" for number in range(100))]) is None


def test_scripts_without_spaces_have_clumps_named_by_pairs_of_characters() -> None:
    draw = random.Random(5)
    kinds = ("北京大学研究生院", "春眠不覚暁処処聞啼鳥", "เมืองหลวงของประเทศไทย")
    texts = ["".join(draw.choice(kinds[number % 3]) for _ in range(60)) for number in range(300)]
    found = crawl_map(texts)
    assert found is not None and len(found.clumps) > 2
    pairs = {text[at : at + 2] for text in texts for at in range(len(text) - 1)}
    assert {word for *_, words in found.clumps for word in words.split()} <= pairs


@given(st.integers(1, 40), st.integers(1, 5), st.integers(1, 50), st.integers(0, 2**32 - 1))
def test_the_nearest_are_those_of_a_full_sort_of_all_distances(
    count: int, dimensions: int, most: int, seed: int
) -> None:
    points = np.random.default_rng(seed).integers(0, 4, (count, dimensions)).astype(np.float64)  # with many equals
    rows, distances = nearest(points, most)
    for row in range(count):
        far = sorted(
            (float(((points[row] - points[other]) ** 2).sum()), other) for other in range(count) if other != row
        )
        assert list(zip(distances[row].tolist(), rows[row].tolist(), strict=True)) == far[:most]


def test_two_reports_of_one_run_have_the_same_rows_and_map(tmp_path: Path) -> None:
    folder = shutil.copytree(audited_run().folder, tmp_path / "run")
    assert unpacked(write_report(folder).read_text("utf-8")) == unpacked(page())


def test_the_map_is_left_out_by_a_setting_and_by_an_option(tmp_path: Path) -> None:
    opened = open_finished(shutil.copytree(planted_run(False).folder, tmp_path / "run"))
    made = run(planted_run(False).folder.parent / "planted.yaml", ["report.map=false"], opened.folder, engine="serial")
    html = (made.path / "report.html").read_text("utf-8")
    assert not embedded(html)["reader"]["map"] and "map-canvas" not in html.partition("<script>")[0]
    run(planted_run(False).folder.parent / "planted.yaml", out=opened.folder, engine="serial")
    assert embedded((opened.folder / "report.html").read_text("utf-8"))["reader"]["map"]
    assert main(["report", str(opened.folder), "--no-map"]) == 0
    assert not embedded((opened.folder / "report.html").read_text("utf-8"))["reader"]["map"]


def ready(browser: Any, address: str) -> None:
    """Open a page anew and wait until its sample is unpacked."""
    browser.get("about:blank")
    browser.get(address)
    for _ in range(100):
        if browser.execute_script("return document.documentElement.dataset.reader") == "ready":
            return
        time.sleep(0.1)
    raise AssertionError("the reader was never ready")


def text_of(browser: Any, id: str) -> str:
    return str(browser.execute_script("return document.getElementById(arguments[0]).textContent", id))


def choose(browser: Any, id: str, value: str) -> None:
    browser.execute_script(
        "const each = document.getElementById(arguments[0]); each.value = arguments[1];"
        "each.dispatchEvent(new Event('input', {bubbles: true})); each.dispatchEvent(new Event('change', {bubbles: true}))",
        id,
        value,
    )


@pytest.mark.browser
def test_facets_and_words_choose_rows(browser: Any) -> None:
    rows = unpacked(page())
    ready(browser, (audited_run().folder / "report.html").as_uri())
    assert text_of(browser, "reader-said").startswith("2,000 documents, 1 to 20")
    rule = rows["rules"][0]
    failing = sum(0 in failed for failed in rows["failed"])
    choose(browser, "reader-rule", rule)
    assert text_of(browser, "reader-said").startswith(f"{failing:,} documents")
    choose(browser, "reader-fate", "kept")
    assert text_of(browser, "reader-said") == "No document is like that."
    choose(browser, "reader-rule", "")
    choose(browser, "reader-search", rows["id"][7][:12])
    choose(browser, "reader-fate", "")
    assert text_of(browser, "reader-said").startswith("1 document,")
    assert browser.get_log("browser") == []


@pytest.mark.browser
def test_a_row_opens_by_keyboard_with_text_reasons_and_command(browser: Any) -> None:
    from selenium.webdriver.common.keys import Keys

    rows = unpacked(page())
    place = max(range(2000), key=lambda each: len(rows["failed"][each]))
    ready(browser, (audited_run().folder / "report.html").as_uri())
    choose(browser, "reader-search", rows["id"][place])
    button = browser.find_element("css selector", "#reader-rows .open")
    button.send_keys(Keys.ENTER)
    detail = browser.find_element("css selector", "#reader-rows .detail").text
    assert all(rows["rules"][rule] in detail for rule in rows["failed"][place])
    assert f"curate explain {audited_run().folder} {rows['id'][place]}" in detail
    assert browser.execute_script("return document.activeElement.getAttribute('aria-expanded')") == "true"


@pytest.mark.browser
def test_a_link_opens_its_row(browser: Any) -> None:
    rows = unpacked(page())
    ready(browser, (audited_run().folder / "report.html").as_uri() + f"#row={rows['id'][1234]}")
    opened = browser.find_element("css selector", "#reader-rows .row:has(.detail)")
    assert opened.get_attribute("data-row") == rows["id"][1234]
    box = browser.execute_script("return arguments[0].getBoundingClientRect().top", opened)
    assert -50 < box < 1000


@pytest.mark.browser
def test_random_documents_are_one_click_away(browser: Any) -> None:
    ready(browser, (audited_run().folder / "report.html").as_uri())
    for kind in ("kept", "dropped"):
        browser.execute_script(f"document.querySelector('[data-random={kind}]').click()")
        fates = browser.execute_script(
            "return [...document.querySelectorAll('#reader-rows .chip')].map(e => e.textContent)"
        )
        assert len(fates) == 10 and all((fate == "kept") is (kind == "kept") for fate in fates)


@pytest.mark.browser
def test_the_legend_filters_map_and_reader_and_a_dot_opens_its_row(browser: Any) -> None:
    rows = unpacked(page())
    ready(browser, (audited_run().folder / "report.html").as_uri())
    kept = rows["fate"]["of"].count(rows["fate"]["words"].index("kept"))
    browser.execute_script(
        "[...document.querySelectorAll('#map-legend button')].find(e => e.textContent.startsWith('kept')).click()"
    )
    assert text_of(browser, "reader-said").startswith(f"{2000 - kept:,} documents")
    browser.execute_script("document.getElementById('reader-clear').click()")
    browser.execute_script(
        """const canvas = document.getElementById('map-canvas'), box = canvas.getBoundingClientRect();
        const at = (of, size) => 26 + (size - 52) * of / 1000;
        const x = box.left + at(arguments[0], box.width), y = box.top + at(arguments[1], box.height);
        for (const kind of ['pointermove', 'click'])
          canvas.dispatchEvent(new PointerEvent(kind, {clientX: x, clientY: y, bubbles: true}));""",
        rows["map"]["x"][3],
        rows["map"]["y"][3],
    )  # fmt: skip
    id = browser.find_element("css selector", "#reader-rows .row:has(.detail)").get_attribute("data-row")
    row = rows["id"].index(id)
    near = abs(rows["map"]["x"][row] - rows["map"]["x"][3]) + abs(rows["map"]["y"][row] - rows["map"]["y"][3])
    assert near < 15 and text_of(browser, "map-said")
    assert browser.get_log("browser") == []


@pytest.mark.browser
def test_moved_dials_recolour_the_map(browser: Any) -> None:
    ready(browser, (audited_run().folder / "report.html").as_uri())
    choose(browser, "map-colour", "dials")
    before = text_of(browser, "map-legend")
    assert "would" not in before and "passes, as before" in before
    browser.execute_script(
        """const input = document.querySelector('[data-slider="gopher-quality-min_words.min"]');
        input.value = input.max; input.dispatchEvent(new Event('input'));"""
    )
    assert "would fail now" in text_of(browser, "map-legend")


@pytest.mark.browser
@pytest.mark.parametrize("width", [320, 390, 1280, 1920])
def test_first_screen_map_and_reader_fit_every_width(browser: Any, width: int) -> None:
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500},
    )
    try:
        ready(browser, (planted_run(True).folder / "report.html").as_uri())
        browser.execute_script("document.querySelector('#reader-rows .open').click()")
        assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
