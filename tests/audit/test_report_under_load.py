"""A page of the most that a run may hold, all at once, and what whoever uses a keyboard or a screen reader is told of it."""

from __future__ import annotations

import functools
import json
import re
import tempfile
from pathlib import Path
from typing import Any

import pytest

from curate.audit.finished_run import OpenedRun
from curate.audit.report import report_page
from tests.audit.test_reader import ready
from tests.support.audited import audited_run
from tests.support.planted import planted_run

_MOST_BYTES = 1_500_000
_LARGER = 50_000
"""What the example's counts are multiplied by: two thousand documents become a hundred million."""


def _times(value: Any) -> Any:
    """Counts of a run that is so much larger; what is no count stays."""
    if isinstance(value, dict):
        return {key: each if key in ("low", "high", "nearest") else _times(each) for key, each in value.items()}
    return value * _LARGER if type(value) is int else value


@functools.cache
def loaded_page() -> Path:
    """The report of 50 sources, 300 rules, each dropping documents, 100,000 domains, 1,000 findings, 100 M documents."""
    run = audited_run()
    stats = json.loads(json.dumps(run.stats))
    web, audit = _times(stats["sources"]["web"]), _times(stats["audit"]["web"])
    rules = list(audit["rules"])
    for number in range(50):
        source, counts = json.loads(json.dumps([web, audit]))
        source["documents"] //= 50
        counts["documents"] //= 50
        name = {rule: f"step-{number % 10}/rule-{number // 10}-{place}" for place, rule in enumerate(rules[:30])}
        for part in ("rules", "nearest", "overlap", "only_failure"):
            kept = {rule: each for rule, each in counts[part].items() if rule in name}
            counts[part] = {name[rule]: each for rule, each in kept.items()}
        counts["overlap"] = {rule: dict.fromkeys(name.values(), 7) for rule in name.values()}
        counts["sets"] = {" ".join(list(name.values())[place : place + 5]): 1000 + place for place in range(25)}
        counts["domains"] = {
            f"site-{number}-{k}.example": {"documents": 90_000 - k, "kept": 40_000, "passed": 50_000, "tokens": 10**7}
            for k in range(2000)
        }
        counts["taken"] = {
            "domains": {domain: {rules[0]: 50_000} for domain in counts["domains"]},
            "languages": {"en": {rules[0]: 10**6}},
        }
        for step in source["funnel"]:
            step["rules"] = {name.get(rule, rule): each for rule, each in step["rules"].items()}
        stats["sources"][f"source-{number}"], stats["audit"][f"source-{number}"] = source, counts
    stats["findings"] = [
        {
            "kind": "domain-lost", "level": "look", "missed": False, "section": "domains", "cure": "curate sample RUN -n 5",
            "says": f"site-{number}.example keeps 1 % of its documents, its source 45 %", "subject": f"source-1.{number}",
            "numbers": {},
        }
        for number in range(1000)
    ]  # fmt: skip
    page = report_page(OpenedRun(run.folder, run.pipeline, run.record, stats, run.parts))
    path = Path(tempfile.mkdtemp(prefix="curate-loaded-")) / "report.html"
    path.write_text(page, "utf-8")
    return path


def test_the_most_of_everything_together_is_a_page_under_its_limit() -> None:
    page = loaded_page().read_text("utf-8")
    assert len(page.encode()) < _MOST_BYTES
    sections = page.count("<section id=")
    domains = re.search(r" of ([\d,]+) domains", page)
    assert sections >= 17 and "993 more findings" in page and "The 850 after these are in findings.json" in page
    assert domains and int(domains[1].replace(",", "")) >= 100_000


@pytest.mark.browser
@pytest.mark.parametrize("width", [320, 1280])
def test_the_most_of_everything_together_is_readable(browser: Any, width: int) -> None:
    """Nothing sticks out, nothing complains, and the first screen and the dials answer."""
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        ready(browser, loaded_page().as_uri())
        assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")
        shown = browser.execute_script(
            "return [document.querySelectorAll('#findings > ol > li').length, document.getElementById('yield').textContent]"
        )
        assert shown[0] == 7 and "documents pass every rule" in shown[1]
        browser.execute_script(
            "const dial = document.querySelector(`[data-slider]`); dial.value = dial.max;"
            "dial.dispatchEvent(new Event(`input`))"
        )
        assert "curate whatif" in browser.execute_script("return document.getElementById('command').textContent")
        assert browser.get_log("browser") == []
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


CHECK = (Path(__file__).parent / "accessibility.js").read_text("utf-8")


def audited_page() -> Path:
    return planted_run(True).folder / "report.html"


@pytest.mark.browser
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("made", [audited_page, loaded_page], ids=["planted", "loaded"])
def test_names_roles_order_and_contrast_hold_for_whoever_cannot_see_or_point(
    browser: Any, theme: str, made: Any
) -> None:
    """Checked in the browser on everything unfolded, a row open: names of what acts, roles that can be focused, references,
    ids, landmarks, headings, tables, scrolling by keys, and contrast of 4.5 to 1 (WCAG 2, AA) of every word."""
    media = {"features": [{"name": "prefers-color-scheme", "value": theme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    ready(browser, made().as_uri())
    browser.execute_script(
        "for (const each of document.querySelectorAll('details')) each.open = true;"
        "const row = document.querySelector('#reader-rows .open'); if (row) row.click();"
    )
    assert browser.execute_script(CHECK) == []


@pytest.mark.browser
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing(browser: Any, theme: str) -> None:
    """Every rule of axe-core, best practices included, on everything unfolded and a row open."""
    axe = Path(pytest.importorskip("axe_core_python").__file__).with_name("axe.min.js").read_text("utf-8")
    media = {"features": [{"name": "prefers-color-scheme", "value": theme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    ready(browser, audited_page().as_uri())
    browser.execute_cdp_cmd("Runtime.evaluate", {"expression": axe})
    browser.set_script_timeout(120)
    found = browser.execute_async_script(
        "for (const each of document.querySelectorAll('details')) each.open = true;"
        "const row = document.querySelector('#reader-rows .open'); if (row) row.click();"
        "const done = arguments[arguments.length - 1];"
        "axe.run(document, {resultTypes: ['violations']}).then((told) => done(told.violations.map((each) =>"
        "[each.id, each.help, ...each.nodes.slice(0, 3).map((node) => node.html.slice(0, 200))])));"
    )
    assert found == []


@pytest.mark.browser
def test_focus_goes_down_the_page_in_its_order(browser: Any) -> None:
    """Tab after Tab, what is focused comes later in the page, and is seen."""
    from selenium.webdriver import ActionChains
    from selenium.webdriver.common.keys import Keys

    ready(browser, audited_page().as_uri())
    browser.execute_script("window.order = []; document.body.focus()")
    for _ in range(25):
        ActionChains(browser).send_keys(Keys.TAB).perform()
        browser.execute_script("window.order.push(document.activeElement)")
    before, seen = browser.execute_script(
        "const order = window.order, later = (a, b) => Boolean(a.compareDocumentPosition(b) & 4);"
        "return [order.every((each, place) => !place || later(order[place - 1], each)),"
        "order.every((each) => each !== document.body && each.getBoundingClientRect().width > 0)]"
    )
    assert before and seen
