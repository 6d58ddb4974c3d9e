"""The report: whole, small, safe against hostile pages, and right when a threshold is dragged. Looked at in a browser."""

from __future__ import annotations

import copy
import itertools
import json
import re
import shutil
from collections import Counter
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curate.audit.aggregates import bins, edges, merge
from curate.audit.finished_run import OpenedRun, open_finished
from curate.audit.ledger import connect
from curate.audit.rates import NO_ADDRESS, below, rates
from curate.audit.rendering import Table, shown
from curate.audit.report import facts, report_page, write_report
from curate.audit.report.losses import losses
from curate.audit.report.numbers import report_numbers
from curate.audit.report.spans import spans
from curate.audit.whatif import decide
from curate.pipeline.run import run
from curate.text.html import clean, percent, tag
from tests.support.audited import audited_run, webtext_run
from tests.support.running import EXAMPLE

_MOST_BYTES = 1_500_000

HOSTILE = (
    "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\"> \u202egnp.exe \x00\x1b]0; "
    "</script>"
)


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


def numbers_of(section: str, html: str) -> list[str]:
    """The numbers in the tables of a section of the page."""
    found = re.search(rf'<section id="{section}">.*?</section>', html, re.S)
    assert found
    return re.findall(r'<td class="n">([\d,]+)</td>', found[0])


@pytest.mark.parametrize(
    "section",
    [
        "product",
        "rules",
        "overlap",
        "languages",
        "domains",
        "duplicates",
        "contamination",
        "personal",
        "damage",
        "time",
    ],
)
def test_terminal_and_markdown_hold_the_numbers_of_the_page(section: str) -> None:
    """Each whole number of each table on the page is in the tables for a terminal and for Markdown, which are the same."""
    run = audited_run()
    tables = [block for block in report_numbers(run).blocks if isinstance(block, Table)]
    known = {shown(cell) for block in tables for row in block.rows for cell in row}
    rounded = {f"{cell:,.0f}" for block in tables for row in block.rows for cell in row if isinstance(cell, float)}
    html = (run.folder / "report.html").read_text("utf-8")
    assert [number for number in numbers_of(section, html) if number not in known | rounded] == []


def test_tables_tell_of_every_part_of_the_page() -> None:
    """Funnel, product, rules alone and together, thresholds, languages, domains, duplicates, lengths, damage, time."""
    titles = " ".join(block.title for block in report_numbers(audited_run()).blocks)
    for title in ("web: 2,422 records", "Shards", "Shares", "Rules", "edits", "agree", "Thresholds", "Languages", "domains",
                  "Tokens per document", "Damage", "Time"):  # fmt: skip
        assert title in titles


def test_a_domain_is_held_against_its_own_source() -> None:
    """Counted again from the ledger: each domain's documents, those kept, and whether its source keeps more."""
    run = audited_run()
    ledger = pa.concat_tables([pq.read_table(path, columns=["source", "url", "chars", "kept"]) for path in run.ledger])
    rows = [row for row in ledger.to_pylist() if row["chars"] is not None]
    every: Counter[Any] = Counter()
    kept: Counter[Any] = Counter()
    for row in rows:
        host = re.sub(r"^www\.", "", re.match(r"\w+://([^/:]+)", row["url"])[1].lower()) if row["url"] else NO_ADDRESS
        for key in ((row["source"], host), row["source"]):
            every[key] += 1
            kept[key] += row["kept"]
    found = rates(run.stats, "domains", NO_ADDRESS)
    assert {(rate.source, rate.name): (rate.documents, rate.kept) for rate in found} == {
        key: (every[key], kept[key]) for key in every if isinstance(key, tuple)
    }
    assert all(rate.expected == kept[rate.source] / every[rate.source] for rate in found)
    low = below(found)
    assert low and all(rate.kept / rate.documents < rate.expected and rate.source == "web" for rate in low)
    html = (run.folder / "report.html").read_text("utf-8")
    first = clean(low[0].name).replace("-", "-<wbr>").replace(".", ".<wbr>")
    assert html.index("Removed more than the rest") < html.index(first) < html.index("The most frequent")


def test_damage_is_told_from_pages_that_hold_nothing() -> None:
    """Damaged spans and pages over a limit are apart from other statuses and revisits, and bytes are not records."""
    sources = copy.deepcopy(audited_run().stats["sources"])
    (extract,) = (step for step in sources["web"]["funnel"] if step["step"] == "extract")
    extract["rules"]["extract/too-deep"] = extract["rules"]["extract/no-text"]  # the example has none too deep to read
    kinds = {(loss.what, loss.unit): loss.kind for loss in losses(sources)}
    assert kinds["truncated-file", "records"] == "damaged" and kinds["too-deep", "records"] == "quarantined"
    assert kinds["status", "records"] == kinds["revisit", "records"] == "no page"
    assert kinds["bytes in damaged spans", "bytes"] == "damaged"


def test_a_small_share_is_not_nothing() -> None:
    """Only nothing is 0 %, and only all of it 100 %."""
    assert [percent(part, 100_000) for part in (0, 1, 99_999, 100_000)] == ["0.0 %", "< 0.1 %", "99.9 %", "100.0 %"]


def test_the_page_stays_small_whatever_the_run() -> None:
    """Hundreds of sources, thousands of rules, languages and domains with long names, a hundred thousand input paths."""
    run = audited_run()
    stats = json.loads(json.dumps(run.stats))
    web, audit = stats["sources"]["web"], stats["audit"]["web"]
    audit["languages"] = {f"q{number}": {"documents": 3, "kept": 1, "tokens": 9} for number in range(5000)}
    audit["contamination"] = {f"evaluation set {number} {'x' * 500}": number for number in range(5000)}
    for number in range(300):
        source, counts = json.loads(json.dumps([web, audit]))
        domains = {
            f"{number}-{k}.{'x' * 2000}.example": {"documents": 9, "kept": 0, "passed": 0, "tokens": 0}
            for k in range(9)
        }
        counts["domains"] = domains
        for step in source["funnel"]:
            step["rules"] = {f"{rule}-{number}": each for rule, each in step["rules"].items()}
        for part in ("rules", "nearest", "overlap"):
            counts[part] = {f"{rule}-{number}": each for rule, each in counts[part].items()}
        counts["overlap"] = {rule: {rule: 9} for rule in counts["overlap"]}
        stats["sources"][f"source-{number}"], stats["audit"][f"source-{number}"] = source, counts
    pipeline = {**run.record["pipeline"], "paths": [f"s3://bucket/crawl/{k:06d}.warc.gz" for k in range(100_000)]}
    inputs = {"web": [{"file": f"{k:06d}.warc.gz", "bytes": 1} for k in range(100_000)]}
    record = {**run.record, "pipeline": pipeline, "inputs": inputs}
    page = report_page(OpenedRun(run.folder, run.pipeline, record, stats, run.parts))
    assert len(page.encode()) < _MOST_BYTES


def test_the_page_may_load_nothing() -> None:
    """No address is loaded from, no code but the page's own may run, and no attribute holds any."""
    html = (audited_run().folder / "report.html").read_text("utf-8")
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html)
    assert policy and "default-src &#x27;none&#x27;" in policy[1] and "unsafe" not in policy[1]
    assert not re.search(r"<(?:img|iframe|link|object|embed)\b", html)
    assert not re.search(
        r"\s(?:on\w+|style|src)=", re.sub(r"<script.*?</script>|<style.*?</style>", "", html, flags=re.S)
    )
    allowed = unescape(policy[1]).partition("script-src")[2].partition(";")[0].count("sha256-")
    assert allowed and html.count("<script") == allowed + 1, "and the page's data, which is no code"


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
    long_and_short = "I go on and deliberately"
    assert [long_and_short[a:b] for a, b in spans("mean_word_length", long_and_short, "min")] == ["I", "go", "on"]
    assert [long_and_short[a:b] for a, b in spans("mean_word_length", long_and_short, "max")] == ["deliberately"]


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
        assert browser.execute_script("return document.querySelectorAll('main > section').length") == 17
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


def test_the_line_of_a_threshold_is_dragged_with_the_pointer(browser: Any) -> None:
    """Pressed on the picture and moved, the line and its knob follow, and the number of documents with them."""
    from selenium.webdriver import ActionChains
    from selenium.webdriver.common.by import By

    run = audited_run()
    browser.get(page(run))
    slider = browser.find_element(By.CSS_SELECTOR, '[data-slider="c4-min_sentences.min"]')
    picture = browser.find_element(By.CSS_SELECTOR, "#rule-c4-min_sentences\\.min .picture")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", picture)
    ActionChains(browser).move_to_element(picture).click_and_hold().move_by_offset(40, 0).release().perform()
    said = browser.find_element(By.ID, "command").text
    value = re.search(r"filters\.c4\.min_sentences\.min=(\d+)$", said)
    assert value and int(value[1]) > 3
    outcome = decide(run, run.changed([f"filters.c4.min_sentences.min={value[1]}"]))
    assert browser.find_element(By.ID, "yield").text.startswith(f"{outcome.sums.total('passes', outcome.outputs):,} ")
    knob, line = browser.execute_script(
        """const [input, picture] = arguments, box = input.getBoundingClientRect(), whole = picture.getBoundingClientRect();
        const share = input.value / input.max, at = picture.querySelector('.bound').getAttribute('x1') / 640;
        return [box.left + 11 + share * (box.width - 22), whole.left + at * whole.width];""",
        slider,
        picture,
    )
    assert abs(knob - line) < 2


def test_a_cell_of_the_overlaps_says_its_numbers(browser: Any) -> None:
    """With arrow keys: how many fail one rule, and how many of them another, as the ledger has it."""
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    run = audited_run()
    browser.get(page(run))
    browser.find_element(By.ID, "overlap-cells").send_keys(Keys.ARROW_RIGHT)
    said = browser.find_element(By.ID, "overlap-said").text
    told = re.fullmatch(r"Of ([\d,]+) documents that fail (\S+), ([\d,]+) \([\d.]+ %\) also fail (\S+)\.", said)
    assert told
    failed = [
        set(row or ()) for path in run.ledger for row in pq.read_table(path, columns=["failed"])["failed"].to_pylist()
    ]
    assert int(told[1].replace(",", "")) == len([None for each in failed if told[2] in each])
    assert int(told[3].replace(",", "")) == len([None for each in failed if {told[2], told[4]} <= each])


def test_everything_can_be_read_on_a_phone(browser: Any) -> None:
    """At a phone's width every cell of every table is there, and nothing is wider than the page or runs into the next."""
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 390, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    )
    browser.get(page(audited_run()))
    browser.execute_script("document.querySelectorAll('main details').forEach((each) => { each.open = true; })")
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 390
    lost = browser.execute_script(
        """return Array.from(document.querySelectorAll('td, th')).filter((cell) => cell.textContent
          && getComputedStyle(cell).display !== 'none'
          && (cell.clientWidth < 10 || cell.scrollWidth > cell.clientWidth + 1)).map((cell) => cell.textContent);"""
    )
    assert lost == []


def test_a_printed_page_has_what_is_folded_on_the_screen(browser: Any) -> None:
    """Folded tables and pictures are opened for paper, texts and settings are not, and after it all is as before."""
    browser.get(page(audited_run()))
    folded = "return document.querySelectorAll('main details:not([open])').length"
    before = browser.execute_script(folded)
    browser.execute_script("dispatchEvent(new Event('beforeprint'))")
    left = "return document.querySelectorAll('main details:not([open]):not(.card *, #settings *)').length"
    assert browser.execute_script(left) == 0
    browser.execute_script("dispatchEvent(new Event('afterprint'))")
    assert browser.execute_script(folded) == before


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_words_stand_out_from_their_paper(browser: Any, theme: str) -> None:
    """Contrast of at least 4.5 to 1 (WCAG 2, AA) for every colour of words on every ground, in both themes."""
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": theme}]}
    )
    browser.get(page(audited_run()))

    def luminance(name: str) -> float:
        value = browser.execute_script(
            f"return getComputedStyle(document.documentElement).getPropertyValue('--{name}')"
        )
        full = value.strip().lstrip("#")
        full = "".join(digit * 2 for digit in full) if len(full) == 3 else full
        parts = [int(full[at : at + 2], 16) / 255 for at in (0, 2, 4)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    for ink, grounds in {
        "ink": ("paper", "card", "field", "mark"),
        "soft-ink": ("paper", "card", "field"),
        "gone": ("paper",),
    }.items():
        for ground in grounds:
            low, high = sorted((luminance(ink), luminance(ground)))
            assert (high + 0.05) / (low + 0.05) >= 4.5, (ink, ground)


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


def test_two_tighter_thresholds_never_show_more_than_one(browser: Any) -> None:
    """Nor a looser one less: whichever are moved, and in whatever order; the interval holds the number shown."""
    browser.get(page(audited_run()))

    def shown() -> tuple[int, list[int]]:
        told, note = browser.execute_script(
            "return [document.getElementById('yield').textContent, document.getElementById('yield-note').textContent]"
        )
        (number,) = re.findall(r"[\d,]+", told)
        return int(number.replace(",", "")), [int(n.replace(",", "")) for n in re.findall(r"[\d,]+(?= and| \()", note)]

    def step(slider: str, places: int) -> None:
        browser.execute_script(
            "const dial = document.querySelector(`[data-slider='${arguments[0]}']`);"
            "dial.value = Number(dial.value) + arguments[1]; dial.dispatchEvent(new Event('input'));",
            slider,
            places,
        )

    dials = ("c4-min_sentences.min", "gopher-quality-min_words.min", "language-minimum.min")
    for places in (1, 12, -1, -12):
        for order in itertools.permutations(dials):
            browser.execute_script("document.getElementById('reset').click()")
            before, _ = shown()
            for slider in order:
                step(slider, places)
                now, interval = shown()
                assert now <= before if places > 0 else now >= before, (order, slider)
                assert not interval or interval[0] <= now <= interval[1]
                before = now


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


def test_a_run_on_hostile_pages_has_a_report_that_does_nothing(browser: Any, tmp_path: Path) -> None:
    """Read from files and filtered like any other: scripts in text and address, broken Unicode, a megabyte of one letter."""
    words = "the quick brown fox and the lazy dog have to be with that of ours. " * 12
    texts = [
        HOSTILE + words,
        words + HOSTILE + "{" + HOSTILE,
        "x" * 1_000_000,
        "\ud800\udfff \u0000" + words,
        "<" * 5000,
    ]
    rows = [
        {"text": f"{text}\n{number}", "url": f"https://<script>document.title='owned'</script>.example/{number}"}
        for number, text in enumerate(texts * 3)
    ]
    (tmp_path / "pages.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    pipeline = tmp_path / "hostile.yaml"
    pipeline.write_text(
        "name: hostile\n"
        "sources:\n"
        "  web:\n"
        "    read: {format: jsonl, paths: [pages.jsonl]}\n"
        "    steps: [{filter: c4}, {filter: gopher-quality}, {filter: gopher-repetition}]\n"
        "tokens: {tokenizer: gpt2}\n"
    )
    run(pipeline, [], tmp_path / "run", engine="serial")
    report = tmp_path / "run" / "report.html"
    assert report.stat().st_size < _MOST_BYTES
    browser.get(report.as_uri())
    browser.execute_script("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    assert browser.title.startswith("hostile")
    assert "<script>" in browser.execute_script("return document.querySelector('#thresholds').textContent")
    assert browser.execute_script("return document.querySelectorAll('img, main script').length") == 0
    assert browser.execute_script("return document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert browser.get_log("browser") == []


def test_a_report_can_be_written_again_without_the_run(tmp_path: Path) -> None:
    """The same bytes from the same run directory; where .work was removed, a page without texts and samples."""
    run = audited_run()
    first = write_report(run.folder).read_bytes()
    assert write_report(run.folder).read_bytes() == first
    copy = tmp_path / "run"
    shutil.copytree(run.folder, copy, ignore=shutil.ignore_patterns(".work"))
    assert b"no text" in write_report(copy).read_bytes()


def test_quality_scores_are_counted_however_close_to_an_end_they_crowd() -> None:
    """Bars stand for doublings of the odds, and hold the documents of the ledger whose scores lie there."""
    run = webtext_run()
    bins = run.stats["audit"]["web"]["quality"]
    rows = (
        connect(run.ledger)
        .execute(
            "select floor(log2(quality_score::double) - log2(1 - quality_score::double))::int + 20 as bin, count(*), "
            "count(*) filter (kept) from ledger where source = 'web' and quality_score is not null group by 1"
        )
        .fetchall()
    )
    assert bins["all"] == {str(place): number for place, number, _ in sorted(rows)}
    assert bins["kept"] == {str(place): kept for place, _, kept in sorted(rows) if kept}
    listed = facts.scores(bins)
    assert len(listed) > 5 and sum(number for _, number, _ in listed) == sum(number for _, number, _ in rows)
    assert all(len(label) < 18 for label, _, _ in listed)


def test_contamination_is_told_by_evaluation_set() -> None:
    """How many items a set has, how many were found, in how many documents: what contamination.json lists one by one."""
    run = webtext_run()
    listed = json.loads((run.folder / "contamination.json").read_text())["sets"]
    for name, items, short, found, documents, matches in facts.contaminated(run.stats):
        assert (items, short, found, documents) == tuple(
            listed[name][key] for key in ("items", "too_short", "found", "documents")
        )
        assert found == len(listed[name]["overlaps"]) > 0
        assert matches == sum(len(overlap["documents"]) for overlap in listed[name]["overlaps"])


def test_sources_that_bound_a_rule_differently_are_each_judged_by_their_own(tmp_path: Path) -> None:
    """Several thresholds together: a slider counts only for documents of the sources whose bound it is."""
    pipeline = tmp_path / "two.yaml"
    sources = "".join(
        f"  {name}:\n    read: {{format: warc, paths: ['{EXAMPLE}/web/web-0000{number}.warc.gz']}}\n"
        f"    steps: [{{extract: {{}}}}, {{language: {{keep: all, minimum: {minimum}}}}}, {{filter: c4}}]\n"
        for number, name, minimum in ((0, "loose", 0.3), (2, "strict", 0.99999))
    )
    pipeline.write_text(f"name: two\nsources:\n{sources}")
    run(pipeline, (), tmp_path / "run", engine="serial")
    opened = open_finished(tmp_path / "run")
    page = (opened.folder / "report.html").read_text()
    found = json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)[1])  # type: ignore[index]
    sample, sliders = found["sample"], found["sliders"]
    assert len([slider for slider in sliders if slider["rule"] == "language/minimum"]) == 2
    passing = 0
    for row, (source, fixed) in enumerate(zip(sample["source"], sample["fixed"], strict=True)):
        values = [(sample["rules"][slider["rule"]][row], slider) for slider in sliders if source in slider["sources"]]
        passing += not fixed and all(
            value is None or (value >= slider["bound"] if slider["side"] == "min" else value <= slider["bound"])
            for value, slider in values
        )
    assert passing == found["passed"] and len(sample["fixed"]) == found["documents"]
