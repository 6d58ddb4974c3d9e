"""One picture of where every document of every source went, as the ledger has it, and on into the mixture."""

from __future__ import annotations

import copy
import re
from collections import Counter
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curate.audit.report.flow import flow_of, picture
from tests.audit.test_reader import ready, text_of
from tests.support.planted import planted_run


def test_bands_are_the_documents_of_the_ledger_and_the_tokens_of_what_is_kept() -> None:
    run = planted_run(True)
    ledger = pa.concat_tables(
        [pq.read_table(path, columns=["source", "kept", "dropped_at", "tokens"]) for path in run.ledger]
    ).to_pylist()
    counted = Counter((row["source"], "kept" if row["kept"] else row["dropped_at"]) for row in ledger)
    flow, text = flow_of(run.stats, "documents"), flow_of(run.stats, "text")
    assert flow.amounts == counted and flow.by_source
    for source in ("web", "books"):
        tokens = sum(row["tokens"] for row in ledger if row["source"] == source and row["kept"])
        assert text.amounts[source, "kept"] == pytest.approx(tokens)
    assert {name: (taken, epochs) for name, _, taken, epochs in text.groups} == {
        name: (group["tokens"], group["epochs"]) for name, group in run.stats["mixture"]["groups"].items()
    }


def many_sources(number: int) -> Any:
    stats = copy.deepcopy(planted_run(True).stats)
    for place in range(number):
        for part in ("sources", "audit"):
            stats[part][f"source-{place}"] = copy.deepcopy(stats[part]["web"])  # type: ignore[literal-required]
    return stats


@pytest.mark.parametrize("sources", [0, 6, 48])
def test_nothing_is_lost_between_columns_however_many_sources(sources: int) -> None:
    stats = many_sources(sources)
    flow = flow_of(stats, "documents")
    assert sum(flow.amounts.values()) == sum(source["documents"] for source in stats["sources"].values())
    assert len(flow.sources) <= 10 and ("other sources" in flow.sources) is (sources == 48)
    drawn = picture(stats)
    assert drawn is not None and len(drawn) < 60_000
    heights = [float(height) for height in re.findall(r'height="([0-9.]+)" preserveAspectRatio', drawn)]
    assert len(heights) == 2 and all(height < 800 for height in heights), "eight sources on one screen"


def test_a_run_of_nothing_has_no_picture() -> None:
    stats = copy.deepcopy(planted_run(False).stats)
    for source in stats["sources"].values():
        source["documents"] = 0
    assert picture(stats) is None


@pytest.mark.browser
def test_the_flow_is_seen_in_documents_or_tokens_and_leads_to_its_documents(browser: Any) -> None:
    ready(browser, (planted_run(True).folder / "report.html").as_uri())
    shown = "return [...document.querySelectorAll('[id^=flow-].sankey')].filter(e => e.offsetHeight).map(e => e.id)"
    assert browser.execute_script(shown) == ["flow-documents"]
    browser.execute_script("document.querySelector('[data-flow=text]').click()")
    assert browser.execute_script(shown) == ["flow-text"]
    browser.find_element("css selector", "#flow-text a[data-fate=language]").send_keys("\ue007")
    assert browser.execute_script("return document.getElementById('reader-fate').value") == "language"
    language = planted_run(True).stats["audit"]["web"]["fates"]["language"]["documents"]
    assert text_of(browser, "reader-said").startswith(f"{language} documents")
    browser.execute_script(
        "document.querySelector('#flow-text path[data-source=books][data-fate=kept]')"
        ".dispatchEvent(new MouseEvent('click', {bubbles: true}))"
    )
    assert text_of(browser, "reader-said").startswith("150 documents")
    browser.find_element("css selector", "#rules td a").send_keys("\ue007")
    target = "return document.getElementById(location.hash.slice(1)).getBoundingClientRect().height > 0"
    assert browser.execute_script(target), "a small picture leads to its threshold, unfolded"
    assert browser.get_log("browser") == []
