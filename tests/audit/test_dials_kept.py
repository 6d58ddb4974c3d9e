"""Where thresholds were moved to is kept: in the page's address, and as a pipeline that a run takes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from curate.audit.report.performance import PRICE
from curate.audit.timings import stage_times, wall_clock
from curate.config.reading import read_pipeline
from tests.audit.test_reader import ready, text_of
from tests.support.planted import planted_run


def test_stages_lie_on_the_wall_clock_one_after_another_where_one_worker_did_them() -> None:
    folder = planted_run(True).folder / "timings"
    clock = wall_clock(folder)
    assert set(clock) == {each["stage"] for each in stage_times(folder)} | set(clock)
    ends = sorted(clock.values())
    assert ends[0][0] == 0 and all(start <= end for start, end in ends)
    assert not wall_clock(folder / "nothing")


@pytest.mark.browser
def test_moved_thresholds_are_in_the_address_and_in_a_pipeline_file(browser: Any, tmp_path: Path) -> None:
    run = planted_run(True)
    address = (run.folder / "report.html").as_uri()
    ready(browser, address)
    assert browser.execute_script("return document.getElementById('pipeline').hidden")
    value = browser.execute_script(
        """const data = JSON.parse(document.getElementById('data').textContent);
        const slider = data.sliders.find((each) => each.rule === 'own/few');
        const input = document.querySelector(`[data-slider="${slider.name}"]`);
        input.value = slider.values.findIndex((each) => each >= 80);
        input.dispatchEvent(new Event('input'));
        return slider.values[input.value];"""
    )
    shown, there = text_of(browser, "yield"), browser.execute_script("return location.href")
    assert "#dials=own-few.min:" in there and "documents pass every rule" in shown
    text = text_of(browser, "pipeline-text")
    (tmp_path / "changed.yaml").write_text(text)
    read = read_pipeline(tmp_path / "changed.yaml", []).pipeline
    assert read == run.changed([f"filters.own.few.min={value}"])
    ready(browser, there)
    assert text_of(browser, "yield") == shown, "the address leads to the same state"
    browser.execute_script("document.getElementById('reset').click()")
    assert "#dials" not in browser.execute_script("return location.href")
    browser.execute_script(
        "const each = document.getElementById('price'); each.value = arguments[0] * 10;"
        "each.dispatchEvent(new Event('input'))",
        PRICE,
    )
    hours, money = browser.execute_script(
        "const each = document.querySelector('[data-hours]'); return [each.dataset.hours, each.textContent]"
    )
    assert float(money) == pytest.approx(10 * PRICE * float(hours), rel=0.06)
    assert browser.get_log("browser") == []


def test_the_pipeline_that_the_page_writes_is_the_runs_own() -> None:
    from tests.support.reports import embedded

    run = planted_run(True)
    data = embedded((run.folder / "report.html").read_text("utf-8"))
    assert json.loads(json.dumps(data["pipeline"]))["name"] == "planted" and data["outputs"] == ["web", "books"]
