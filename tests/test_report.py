"""The report: whole, small, safe against hostile pages, and right when a threshold is dragged. Looked at in a browser."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from curate.audit.aggregates import merge
from curate.audit.edges import bins, edges
from curate.audit.numbers import report_numbers
from curate.audit.opened import OpenedRun
from curate.audit.report import report_page, write_report
from curate.audit.report.html import clean, tag
from curate.audit.report.spans import spans
from curate.audit.whatif import decide
from tests.audited import audited_run

_MOST_BYTES = 3_000_000

HOSTILE = (
    "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\"> \u202egnp.exe \x00\x1b]0; "
    "</script>"
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Headless Chromium, or a skip that says what is missing."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    driver = shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("no Chromium with chromedriver: install Debian's chromium and chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1280,1000"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    opened = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield opened
    opened.quit()


def page(run: OpenedRun) -> str:
    """The address of a run's report."""
    return (run.folder / "report.html").resolve().as_uri()


def drag(browser: Any, slider: str, value: float) -> None:
    """Move a slider to the place of a value, as a hand would."""
    browser.execute_script(
        """const data = JSON.parse(document.getElementById('data').textContent);
        const slider = data.sliders.find((each) => each.name === arguments[0]);
        const input = document.querySelector(`[data-slider="${arguments[0]}"]`);
        const place = slider.values.indexOf(arguments[1]);
        if (place < 0) throw new Error('no such place');
        input.value = place; input.dispatchEvent(new Event('input'));""",
        slider,
        value,
    )


def test_a_run_writes_its_report_and_every_number_in_it() -> None:
    """report.html is there after a run, under 3 MB; its numbers are in stats.json, and as tables."""
    run = audited_run()
    html = (run.folder / "report.html").read_text("utf-8")
    assert len(html.encode()) < _MOST_BYTES
    totals = {
        name: sum(s[name] for s in run.stats["sources"].values()) for name in ("records", "documents", "kept", "tokens")
    }
    assert all(f"{number:,}" in html for number in totals.values())
    assert report_numbers(run).data["stats"] == run.stats  # type: ignore[call-overload]


def test_the_page_may_load_nothing() -> None:
    """No address is loaded from, no code but the page's own may run, and no attribute holds any."""
    html = (audited_run().folder / "report.html").read_text("utf-8")
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html)
    assert policy and "default-src &#x27;none&#x27;" in policy[1] and "unsafe" not in policy[1]
    assert not re.search(r"<(?:img|iframe|link|object|embed)\b", html)
    assert not re.search(
        r"\s(?:on\w+|style|src)=", re.sub(r"<script.*?</script>|<style.*?</style>", "", html, flags=re.S)
    )
    assert html.count("<script") == 2


def test_counts_of_parts_add_up() -> None:
    """Merging is a sum: in any grouping, the same."""
    counted = audited_run().stats["audit"]
    web = {"web": counted["web"]}
    reference = {"reference": counted["reference"]}
    assert merge([web, reference]) == merge([reference, web]) == counted
    twice = merge([web, web])["web"]
    assert twice["documents"] == 2 * counted["web"]["documents"]


def test_a_value_on_a_bound_is_counted_as_on_it() -> None:
    """Each edge is a bin of its own, and bounds are edges."""
    at = edges([0.123, 7.0])
    assert {0.1, 0.123, 0.67, 3.0, 50.0, 7.0, 100_000.0} <= set(at.tolist())
    place = at.tolist().index(0.123)

    assert bins(np.array([0.1229, 0.123, 0.1231, 1e12]), at).tolist() == [
        2 * place,
        2 * place + 1,
        2 * place + 2,
        2 * len(at),
    ]


def test_what_a_rule_counts_is_marked() -> None:
    """Repeated lines and n-grams, brackets, stop words, ellipses: the passage itself."""
    text = "the cat sat\nthe cat sat\nand {left}... so"

    def marked(metric: str) -> list[str]:
        return [text[a:b] for a, b in spans(metric, text)]

    assert marked("fraction_duplicate_lines") == ["the cat sat"]
    assert marked("curly_bracket_lines") == ["{", "}"]
    assert marked("stop_words") == ["the", "the", "and"]
    assert marked("ellipses_per_word") == ["..."]
    assert marked("fraction_characters_top_2gram") == ["the cat", "the cat"]
    assert marked("no_such_metric") == []


def test_hostile_text_is_text() -> None:
    """Markup is escaped, what cannot be shown is replaced, a lone surrogate does no harm."""
    element = tag("p", HOSTILE + "\ud800")
    assert "<script>" not in element and "<img" not in element
    assert "\u202e" not in element and "\x1b" not in element and "\x00" not in element
    assert clean("a\tb\nc é 漢") == "a\tb\nc é 漢"


def test_no_console_error_and_every_section_is_there(browser: Any) -> None:
    """The page opens from disk without a complaint, wide and narrow, in both themes, and nothing sticks out."""
    run = audited_run()
    for width, theme in ((1280, "light"), (390, "dark")):
        browser.execute_cdp_cmd(
            "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": theme}]}
        )
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        browser.get(page(run))
        assert browser.get_log("browser") == []
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width
        assert browser.execute_script("return document.querySelectorAll('main > section').length") == 15
        paper = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
        assert (paper == "rgb(251, 250, 247)") == (theme == "light")
    browser.execute_script("document.getElementById('theme').click()")
    assert browser.execute_script("return getComputedStyle(document.body).backgroundColor") == "rgb(251, 250, 247)"


@pytest.mark.parametrize(
    ("slider", "key", "value"),
    [
        ("c4-min_sentences.min", "filters.c4.min_sentences.min", 10),
        ("gopher-quality-min_words.min", "filters.gopher-quality.min_words.min", 120),
        ("gopher-quality-bullet_lines.max", "filters.gopher-quality.bullet_lines.max", 0.1),
        ("c4-lorem_ipsum.max", "filters.c4.lorem_ipsum.max", 1),
    ],
)
def test_a_dragged_threshold_shows_what_whatif_says(browser: Any, slider: str, key: str, value: float) -> None:
    """One threshold moved on the page is the answer of the command that the page names."""
    run = audited_run()
    browser.get(page(run))
    drag(browser, slider, value)
    outcome = decide(run, run.changed([f"{key}={value}"]))
    shown = browser.execute_script("return document.getElementById('yield').textContent")
    assert shown == f"{outcome.sums.total('passes', outcome.outputs):,} documents pass every rule"
    assert "exact" in browser.execute_script("return document.getElementById('yield-note').textContent")
    command = browser.execute_script("return document.getElementById('command').textContent")
    assert command == f"curate whatif {run.folder} --set {key}={value}"


def test_several_thresholds_are_estimated_within_their_interval(browser: Any) -> None:
    """Two moved together are counted on the sample, and labelled with its interval."""
    run = audited_run()
    browser.get(page(run))
    drag(browser, "c4-min_sentences.min", 10)
    drag(browser, "gopher-quality-min_words.min", 120)
    outcome = decide(run, run.changed(["filters.c4.min_sentences.min=10", "filters.gopher-quality.min_words.min=120"]))
    note = browser.execute_script("return document.getElementById('yield-note').textContent")
    low, high = (int(number.replace(",", "")) for number in re.findall(r"[\d,]+(?= and| \()", note))
    assert low <= outcome.sums.total("passes", outcome.outputs) <= high and "95 %" in note
    browser.execute_script("document.getElementById('reset').click()")
    assert browser.execute_script("return document.getElementById('yield-note').textContent") == "as the run decided"


def test_a_table_is_sorted_and_a_slider_moved_from_the_keyboard(browser: Any) -> None:
    """Everything that a mouse can do, keys can."""
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    browser.get(page(audited_run()))
    browser.find_element(By.CSS_SELECTOR, "#languages thead button").send_keys(Keys.ENTER)
    assert browser.find_element(By.CSS_SELECTOR, "#languages thead th").get_attribute("aria-sort") == "descending"
    slider = browser.find_element(By.CSS_SELECTOR, '[data-slider="c4-min_sentences.min"]')
    slider.send_keys(Keys.ARROW_RIGHT)
    assert "exact" in browser.find_element(By.ID, "yield-note").text


def test_hostile_pages_do_nothing_in_the_browser(browser: Any, tmp_path: Path) -> None:
    """Scripts in texts, names and addresses, and a megabyte of one character, are shown as they are and run nowhere."""
    run = audited_run()
    stats = json.loads(json.dumps(run.stats))
    domains = stats["audit"]["web"]["domains"]
    domains[HOSTILE] = {"documents": 10**6, "kept": 1, "passed": 1, "tokens": 1}
    domains["x" * 1_000_000] = {"documents": 10**6, "kept": 1, "passed": 1, "tokens": 1}
    stats["name"] = HOSTILE
    record = {**run.record, "pipeline": {**run.record["pipeline"], "about": HOSTILE}}
    hostile = OpenedRun(run.folder, run.pipeline.model_copy(update={"about": HOSTILE}), record, stats, run.parts)
    path = tmp_path / "hostile.html"
    path.write_text(report_page(hostile), "utf-8")
    browser.get(path.as_uri())
    assert "owned" not in browser.title.replace(clean(HOSTILE), "")
    assert browser.execute_script("return document.querySelectorAll('img, main script').length") == 0
    assert browser.get_log("browser") == []
    assert path.stat().st_size < _MOST_BYTES


def test_a_report_can_be_written_again_without_the_run(tmp_path: Path) -> None:
    """The same bytes from the same run directory; where .work was removed, a page without texts and samples."""
    run = audited_run()
    first = write_report(run.folder).read_bytes()
    assert write_report(run.folder).read_bytes() == first
    copy = tmp_path / "run"
    shutil.copytree(run.folder, copy, ignore=shutil.ignore_patterns(".work"))
    assert b"no text" in write_report(copy).read_bytes()
