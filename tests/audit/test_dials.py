"""The dials of the page against the decisions of the rules themselves: what is said to be counted is, to the document; what
is estimated lies in its interval; of near-copies, what a run with another similarity keeps."""

from __future__ import annotations

import functools
import json
import random
import re
import shlex
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from curate.audit.dials import DrawDial
from curate.audit.finished_run import OpenedRun, open_finished
from curate.audit.redecide import changed_steps
from curate.audit.report.presets import Preset, with_presets
from curate.audit.report.thresholds import sliders
from curate.audit.sums import add_up
from curate.audit.whatif import decide
from curate.pipeline.run import run
from curate.verdicts.draws import keeps
from curate.verdicts.rules import DrawRule
from tests.audit.test_reader import ready, text_of
from tests.support.audited import audited_run
from tests.support.planted import GERMAN, WORDS, planted_run, scored_run
from tests.support.reports import embedded

MOVE = """
const data = JSON.parse(document.getElementById('data').textContent), told = [];
for (const moves of arguments[0]) {
  document.getElementById('reset').click();
  for (const [name, to] of moves) {
    const input = document.querySelector(`[data-slider="${name}"]`);
    if (input) {
      const slider = data.sliders.find((each) => each.name === name);
      input.value = Math.round(to * input.max);
      input.dispatchEvent(new Event('input'));
    } else for (const box of document.querySelectorAll(`[data-choice="${name}"]`)) if (to.includes(box.value)) box.click();
  }
  told.push(['yield', 'yield-note', 'command'].map((id) => document.getElementById(id).textContent));
}
return told;
"""

Moves = Sequence[Sequence[tuple[str, Any]]]


def sets_of(command: str) -> list[str]:
    """The changes that a command of the page makes, as a shell reads it."""
    words = shlex.split(command)
    return [words[place + 1] for place, word in enumerate(words) if word == "--set"]


def whole(text: str) -> int:
    found = re.search(r"[\d,]+", text)
    assert found, text
    return int(found[0].replace(",", ""))


def decided(opened: OpenedRun, changes: Sequence[Sequence[str]]) -> list[int]:
    """How many documents pass every rule under each change, decided by the rules on the whole ledger."""
    variants = [changed_steps(opened, opened.changed(each)) for each in changes]
    outputs = [name for name, source in opened.pipeline.sources.items() if source.role == "training"]
    return [sums.total("passes", outputs) for sums in add_up(opened, variants, 0)]


@functools.cache
def shared_run(documents: int) -> OpenedRun:
    """A finished run that keeps the best scored half of what passes a rule and two of three languages' documents."""
    folder = Path(tempfile.mkdtemp(prefix="curate-shared-"))
    draw = random.Random(documents)
    kinds = (WORDS[:60], WORDS[60:], GERMAN)
    web = [" ".join(draw.choice(kinds[n % 7 % 3]) for _ in range(draw.randrange(20, 120))) for n in range(documents)]
    books = [" ".join(draw.choice(WORDS[:70]) for _ in range(100)) for _ in range(200)]
    for name, texts in (("web", web), ("books", books)):
        rows = ({"text": text, "url": f"https://{name}-{n % 50}.example/{n}"} for n, text in enumerate(texts))
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    steps = [
        {"language": {"keep": ["en"], "minimum": 0.3}},
        {"filter": "gopher-quality"},
        {"quality": {"classifier": "gpt3", "positives": ["books"], "keep_share": 0.5}},
    ]
    tree = {
        "name": "shared",
        "sources": {
            "web": {"read": {"format": "jsonl", "paths": ["web.jsonl"]}, "steps": steps},
            "books": {"read": {"format": "jsonl", "paths": ["books.jsonl"]}, "role": "reference", "steps": []},
        },
    }
    (folder / "shared.yaml").write_text(yaml.safe_dump(tree))
    run(folder / "shared.yaml", out=folder / "run", engine="serial")
    return open_finished(folder / "run")


def dials_of(opened: OpenedRun) -> dict[str, Any]:
    return embedded((opened.folder / "report.html").read_text("utf-8"))


def moved(browser: Any, opened: OpenedRun, moves: Moves) -> list[tuple[int, str, list[str]]]:
    """(documents shown, what is said of the number, the command's changes) of each setting of the dials."""
    ready(browser, (opened.folder / "report.html").as_uri())
    told = browser.execute_script(MOVE, [list(map(list, each)) for each in moves])
    assert browser.get_log("browser") == []
    return [(whole(shown), note, sets_of(command)) for shown, note, command in told]


@pytest.mark.browser
@pytest.mark.parametrize(
    "made", [audited_run, lambda: scored_run(True), lambda: shared_run(2600)], ids=["web", "draw", "share"]
)
def test_one_dial_moved_is_counted_to_the_document(browser: Any, made: Any) -> None:
    """Every dial, at places over its whole range: the number on the page is that of the rules, and said to be exact; where a
    share is found again it is an estimate, and said to be one."""
    opened = made()
    data = dials_of(opened)
    moves: list[list[tuple[str, Any]]] = [
        [(slider["name"], place)] for slider in data["sliders"] for place in (0, 0.2, 0.45, 0.7, 0.9, 1)
    ]
    for choice in data["choices"]:
        others = sorted(each for each in choice["counts"] if each not in choice["keeps"])[:6]
        moves += [[(choice["name"], others[: size + 1])] for size in range(len(others))]
    found = [each for each in moved(browser, opened, moves) if each[2]]
    assert len(found) > (60 if made is audited_run else 5)
    exact = [(shown, sets) for shown, note, sets in found if note.startswith("exact")]
    assert [shown for shown, _ in exact] == decided(opened, [sets for _, sets in exact])
    rest = [(shown, note, sets) for shown, note, sets in found if not note.startswith("exact")]
    assert bool(rest) is ("share" in str(opened.folder))
    truth = decided(opened, [sets for *_, sets in rest]) if rest else []
    assert all("estimated on a sample of" in note for _, note, _ in rest)
    assert sum(_inside(note, number) for (_, note, _), number in zip(rest, truth, strict=True)) >= 0.95 * len(rest)


def _inside(note: str, number: int) -> bool:
    low, high = (int(each.replace(",", "")) for each in re.findall(r"[\d,]+(?= and| \()", note)[:2])
    return low <= number <= high


@pytest.mark.browser
def test_the_dials_of_alpha_share_and_languages_are_there_and_say_what_a_run_would_be_told(browser: Any) -> None:
    ((shown, _, sets),) = moved(browser, scored_run(True), [[("quality-draw.min", 0.8)]])
    (key,) = sets
    assert key.startswith("quality.alpha=") and decided(scored_run(True), [[key]]) == [shown]
    opened = shared_run(2600)
    found = moved(browser, opened, [[("quality-keep_share.min", 0.1)], [("language-keep-web", ["de"])]])
    assert re.fullmatch(r"quality\.keep_share=0\.\d+", found[0][2][0]) and found[0][1].startswith("exact")
    assert found[1][2] == ["language.keep=[en, de]"] and "estimated" in found[1][1]
    said = text_of(browser, "rule-language-keep-web")
    assert "keeps en, de: " in said


@pytest.mark.browser
@pytest.mark.parametrize("documents", [1800, 2600])
def test_pairs_of_dials_are_estimated_within_their_interval_and_counted_where_the_sample_is_all(
    browser: Any, documents: int
) -> None:
    opened = shared_run(documents)
    data = dials_of(opened)
    names = [each["name"] for each in data["sliders"]]
    draw = random.Random(4)
    moves: list[list[tuple[str, Any]]] = []
    for _ in range(50):
        first, second = draw.sample(names, 2)
        moves.append([(first, draw.random()), (second, draw.random())])
    moves += [[("language-keep-web", ["de"]), ("quality-keep_share.min", place)] for place in (0.1, 0.5, 0.9)]
    found = [each for each in moved(browser, opened, moves) if len(each[2]) == 2]
    assert len(found) > 40
    truth = decided(opened, [sets for *_, sets in found])
    if documents < 2000:
        assert all(note == "counted on every document" for _, note, _ in found)
        assert [shown for shown, *_ in found] == truth
    else:
        inside = [_inside(note, number) for (_, note, _), number in zip(found, truth, strict=True)]
        assert sum(inside) >= 0.94 * len(inside)


@pytest.mark.browser
def test_languages_and_shares_are_in_the_address_and_in_the_pipeline_that_is_saved(
    browser: Any, tmp_path: Path
) -> None:
    from curate.config.reading import read_pipeline

    opened = shared_run(1800)
    moves = [[("language-keep-web", ["de"]), ("quality-keep_share.min", 0.4)]]
    ((shown, _, sets),) = moved(browser, opened, moves)
    (tmp_path / "changed.yaml").write_text(text_of(browser, "pipeline-text"))
    read = read_pipeline(tmp_path / "changed.yaml", []).pipeline
    assert read == opened.changed(sets)
    there = browser.execute_script("return location.href")
    ready(browser, there)
    assert whole(text_of(browser, "yield")) == shown
    ticked = "return [...document.querySelectorAll('[data-choice]:checked')].map((each) => each.value)"
    assert sorted(browser.execute_script(ticked)) == ["de", "en"]
    browser.execute_script("for (const box of document.querySelectorAll('[data-choice]:checked')) box.click()")
    assert len(browser.execute_script(ticked)) == 1, "one language stays"


@given(
    st.lists(st.tuples(st.floats(0, 1, width=32), st.floats(0, 1, width=32, exclude_max=True)), min_size=1),
    st.floats(0.01, 40),
)
def test_a_draw_keeps_a_document_up_to_the_alpha_that_it_is_counted_at(
    rows: list[tuple[float, float]], alpha: float
) -> None:
    scores, draws = (np.array(column, np.float32) for column in zip(*rows, strict=True))
    columns = {"quality_score": pa.array(scores), "quality_draw": pa.array(draws)}
    values = DrawDial(DrawRule("quality", "draw", alpha)).values(columns)
    assert ((values > alpha) == keeps(scores, draws, alpha)).all()
    for other in (alpha / 2, alpha * 2):
        clear = np.abs(values - other) > 1e-9 * other
        assert ((values > other) == keeps(scores, draws, other))[clear].all()


def near_copies(folder: Path) -> Path:
    """A pipeline over 300 texts, and of a third of them a near-copy each, from 5 to 60 of 200 words replaced."""
    draw = random.Random(5)
    vocabulary = [f"word{number}" for number in range(5000)]
    texts = [[draw.choice(vocabulary) for _ in range(200)] for _ in range(300)]
    for number in range(100):
        words = list(texts[number])
        start = draw.randrange(0, 130)
        for place in range(start, start + 1 + number // 2):
            words[place] = draw.choice(vocabulary)
        texts.append(words)
    rows = ({"text": " ".join(words), "url": f"https://a.example/{n}"} for n, words in enumerate(texts))
    (folder / "copies.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    path = folder / "copies.yaml"
    path.write_text(
        "name: copies\nsources:\n  web:\n    read: {format: jsonl, paths: [copies.jsonl]}\n    steps: []\n"
        "combine:\n  - deduplicate: {exact: true, minhash: {ngram: 2, bands: 64, rows: 3, verify: 0.5}}\n"
    )
    return path


@pytest.mark.browser
def test_another_similarity_keeps_about_what_the_page_says(browser: Any, tmp_path: Path) -> None:
    """Each near-copy here is like one document alone, so the estimate is what a run keeps, to the document."""
    path = near_copies(tmp_path)
    run(path, out=tmp_path / "run", engine="serial")
    opened = open_finished(tmp_path / "run")
    ready(browser, (opened.folder / "report.html").as_uri())
    assert "as the run decided" in text_of(browser, "copies-said")
    kept = opened.stats["sources"]["web"]["kept"]
    for at in (70, 85):
        browser.execute_script(
            "const dial = document.getElementById('copies-dial'); dial.value = arguments[0];"
            "dial.dispatchEvent(new Event('input'))",
            at,
        )
        said = text_of(browser, "copies-said")
        stays = re.search(r"about ([\d,]+) of ([\d,]+) removed near-copies would stay", said)
        assert (
            stays
            and 0 < int(stays[1]) < int(stays[2]) == opened.stats["audit"]["web"]["duplicates"]["kinds"]["minhash"]
        )
        change = text_of(browser, "copies-call").removeprefix("--set ")
        run(path, [change], tmp_path / "run", engine="serial")
        again = open_finished(tmp_path / "run").stats["sources"]["web"]["kept"]
        assert again == kept + int(stays[1])
    assert browser.get_log("browser") == []


def test_a_sample_knows_what_no_dial_can_move() -> None:
    """Of the sample's documents of the web, those that something fixed drops: none where every rule has a dial."""
    opened = shared_run(2600)
    sample = dials_of(opened)["sample"]
    assert not any(sample["fixed"]) and 1500 < len(sample["fixed"]) == len(sample["language"]) < 2000
    languages = pa.concat_tables([pq.read_table(path, columns=["language"]) for path in opened.ledger])
    assert set(sample["language"]) <= set(languages.column("language").to_pylist())


@pytest.mark.browser
def test_a_published_pack_s_bounds_are_one_click_and_counted_as_whatif_counts_them(browser: Any) -> None:
    opened = planted_run(False)
    assert {each.pack: each.bounds["own-few.min"] for each in presets_of(opened) if each.pack.startswith("gopher")} == {
        "gopher-quality": 50
    }
    ready(browser, (opened.folder / "report.html").as_uri())
    browser.execute_script(
        """[...document.querySelectorAll('[data-preset]')].find((e) => e.textContent.startsWith('gopher-quality: 1 dial'))
        .click()"""
    )
    sets = sets_of(text_of(browser, "command"))
    assert sets == ["filters.own.few.min=50"]
    outcome = decide(opened, opened.changed(sets))
    assert text_of(browser, "yield") == f"{outcome.sums.total('passes', outcome.outputs):,} documents pass every rule"
    browser.execute_script("document.getElementById('reset').click()")
    assert text_of(browser, "command") == ""


def presets_of(opened: OpenedRun) -> list[Preset]:
    return with_presets(sliders(opened.stats["audit"], tuple(opened.pipeline.sources)))[1]
