"""What is chosen on the map or in the reader governs the charts below, and can be taken away as a list."""

from __future__ import annotations

import csv
import io
import re
import shlex
from collections import Counter
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curate.cli.main import main
from tests.audit.test_reader import choose, page, ready, text_of
from tests.support.audited import audited_run
from tests.support.reports import embedded, unpacked


def word(rows: dict[str, Any], column: str, row: int) -> str:
    return str(rows[column]["words"][rows[column]["of"][row]])


def told(browser: Any, section: str) -> dict[str, list[str]]:
    """The rows of a section's table of what is chosen: {name: its numbers}."""
    lines = browser.execute_script(
        """return [...document.querySelectorAll(`[data-narrowed=${arguments[0]}] tbody tr`)].map((line) =>
        [...line.querySelectorAll('th, td.n')].map((cell) => cell.textContent))""",
        section,
    )
    return {name: numbers for name, *numbers in lines}


@pytest.mark.browser
def test_every_chart_begins_with_what_is_chosen_beside_the_whole_sample(browser: Any) -> None:
    rows = unpacked(page())
    ready(browser, (audited_run().folder / "report.html").as_uri())
    places = browser.execute_script(
        "return [...document.querySelectorAll('[data-narrowed]')].map((e) => e.dataset.narrowed)"
    )
    hidden = "return [...document.querySelectorAll('[data-narrowed], #chosen')].every((e) => e.hidden)"
    assert len(places) == 10 and browser.execute_script(hidden)
    choose(browser, "reader-fate", "c4")
    choose(browser, "reader-language", "en")
    chosen = [row for row in range(2000) if word(rows, "fate", row) == "c4" and word(rows, "language", row) == "en"]
    assert (
        text_of(browser, "chosen-said")
        == f"{len(chosen):,} of the sample’s 2,000 documents chosen: fate c4; language en"
    )
    assert told(browser, "flow")["c4"][:2] == [f"{len(chosen):,}", "100 %"]
    rules = Counter(rows["rules"][rule] for row in chosen for rule in rows["failed"][row])
    assert {name: int(numbers[0].replace(",", "")) for name, numbers in told(browser, "rules").items()} == dict(rules)
    hosts = Counter(re.sub(r"^\w+://(www\.)?|[/:?#].*$", "", rows["url"][row]).lower() for row in chosen)
    assert {name: int(numbers[0]) for name, numbers in told(browser, "domains").items()} == dict(
        sorted(hosts.items(), key=lambda item: (-item[1], item[0]))[:12]
    )
    assert set(told(browser, "languages")) == {"en"} and told(browser, "languages")["en"][-1] == "0"
    assert f"0 of {len(chosen):,} passed every rule" in browser.execute_script(
        "return document.querySelector('[data-narrowed=thresholds]').textContent"
    )
    browser.execute_script("document.getElementById('chosen-clear').click()")
    assert browser.execute_script(hidden) and browser.get_log("browser") == []


@pytest.mark.browser
def test_chosen_documents_are_drawn_over_each_threshold_s_distribution_and_follow_the_dials(browser: Any) -> None:
    rows, data = unpacked(page()), embedded(page())
    ready(browser, (audited_run().folder / "report.html").as_uri())
    choose(browser, "reader-fate", "kept")
    drawn = browser.execute_script("return document.querySelectorAll('path.of-chosen').length")
    assert drawn == len([slider for slider in data["sliders"] if slider["rule"] in data["sample"]["rules"]]) > 0
    kept = sum(word(rows, "fate", row) == "kept" for row in range(2000))
    says = "return document.querySelector('[data-narrowed=thresholds]').textContent"
    assert f"{kept:,} of {kept:,} passed every rule in the run; {kept:,} pass" in browser.execute_script(says)
    browser.execute_script(
        """const input = document.querySelector('[data-slider="gopher-quality-min_words.min"]');
        input.value = input.max; input.dispatchEvent(new Event('input'));"""
    )
    without_rules = sum(
        word(rows, "fate", row) == "kept" and word(rows, "source", row) == "reference" for row in range(2000)
    )
    assert f"in the run; {without_rules:,} pass with the dials where they are" in browser.execute_script(says)
    browser.execute_script("document.getElementById('reader-clear').click()")
    assert browser.execute_script("return document.querySelectorAll('path.of-chosen').length") == 0


@pytest.mark.browser
def test_what_is_chosen_is_copied_as_ids_saved_as_csv_and_listed_for_the_whole_run(browser: Any, capsys: Any) -> None:
    rows, run = unpacked(page()), audited_run()
    ready(browser, (run.folder / "report.html").as_uri())
    choose(browser, "reader-rule", "gopher-quality/min_words")
    choose(browser, "reader-source", "web")
    rule = rows["rules"].index("gopher-quality/min_words")
    chosen = [row for row in range(2000) if rule in rows["failed"][row] and word(rows, "source", row) == "web"]
    ids = browser.execute_script("return document.getElementById('reader-ids').dataset.copy").split("\n")
    assert ids == [rows["id"][row] for row in chosen]
    saved = browser.execute_async_script(
        """const done = arguments[0];
        URL.createObjectURL = (blob) => { blob.text().then(done); return '#'; };
        document.getElementById('reader-csv').click();"""
    )
    lines = list(csv.DictReader(io.StringIO(saved, newline="")))
    assert [line["id"] for line in lines] == ids
    for line, row in zip(lines, chosen, strict=True):
        assert line["url"] == rows["url"][row] and line["fate"] == word(rows, "fate", row)
        assert line["failed"].split(" ") == [rows["rules"][each] for each in rows["failed"][row]]
    command = browser.execute_script("return document.querySelector('#reader-whole .copy').dataset.copy")
    assert main(shlex.split(command)[1:]) == 0
    listed = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    ledger = pa.concat_tables(
        [pq.read_table(path, columns=["id", "source", "failed"]) for path in run.ledger]
    ).to_pylist()
    failing = {
        row["id"].hex()
        for row in ledger
        if row["source"] == "web" and "gopher-quality/min_words" in (row["failed"] or ())
    }
    assert {line["id"] for line in listed} == failing
    choose(browser, "reader-search", "https")
    assert text_of(browser, "reader-whole") == ""
