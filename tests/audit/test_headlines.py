"""What the report says above its pictures: true of the run's own ledger, in two digits, and of every part of the page."""

from __future__ import annotations

import copy
import random
import re
from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.audit.finished_run import OpenedRun
from curate.audit.report.headlines import headlines, map_headline
from curate.audit.report.numbers import report_numbers
from curate.audit.report.ranking import rule_losses
from curate.audit.timings import stage_times
from curate.text.html import rounded, share_of
from tests.support.audited import audited_run
from tests.support.planted import planted_run, scored_run


def says(run: OpenedRun) -> dict[str, str]:
    return headlines(run.pipeline, run.stats, stage_times(run.folder / "timings"))


def rows(run: OpenedRun, *columns: str) -> list[dict[str, object]]:
    listed = pa.concat_tables([pq.read_table(path, columns=list(columns)) for path in run.ledger])
    return [row for row in listed.to_pylist() if row["chars"] is not None]


def test_what_a_rule_costs_alone_is_what_the_ledger_says() -> None:
    run = audited_run()
    steps = {row["step"] for source in run.stats["sources"].values() for row in source["funnel"]} - {"read", "extract"}
    failed: Counter[str] = Counter()
    alone: Counter[str] = Counter()
    chars: Counter[str] = Counter()
    for row in rows(run, "failed", "chars"):
        rules = [rule for rule in row["failed"] or () if rule.split("/")[0] in steps]  # type: ignore[attr-defined]
        failed.update(rules)
        if len(rules) == 1:
            alone[rules[0]] += 1
            chars[rules[0]] += row["chars"]  # type: ignore[operator]
    losses = [each for each in rule_losses(run.stats) if each.chars_alone is not None]
    found = {each.rule: (each.failed, each.alone, each.chars_alone) for each in losses}
    assert found == {rule: (failed[rule], alone[rule], chars[rule]) for rule in failed}
    assert [each.amount_alone for each in losses] == sorted((each.amount_alone for each in losses), reverse=True)
    assert says(run)["rules"].startswith(losses[0].rule)


def test_rules_of_several_sources_are_summed_and_named_once() -> None:
    run = planted_run(True)
    stats = copy.deepcopy(run.stats)
    one = {each.rule: each for each in rule_losses(stats)}
    for part in ("sources", "audit"):
        stats[part]["again"] = copy.deepcopy(stats[part]["web"])  # type: ignore[literal-required]
    two = {each.rule: each for each in rule_losses(stats)}
    assert two.keys() == one.keys()
    assert all(two[rule].failed == 2 * one[rule].failed for rule in one)
    assert two["own/few"].sources == ("web", "again") and two["own/few"].partner == "own/fewer"


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ("languages", "none is kept of 1 language, most in de (120)"),
        ("domains", "short.example most: 0 % of 60"),
        ("duplicates", "of what passes the rules are copies; the largest cluster has 600 documents"),
        ("contamination", "1 of 1 evaluation item stood in 2 documents; the passages were cut out"),
        ("personal", "100 % of type EMAIL"),
        ("product", "web was to have 10 % and has 69 %"),
        ("overlap", "All 60 documents that fail own/few fail own/fewer too"),
        ("thresholds", "The closest call is own/few: 1 % more or less decides about 12 % of web's documents"),
        ("damage", "Nothing was damaged"),
    ],
)
def test_a_headline_says_what_was_planted(section: str, words: str) -> None:
    assert words in says(planted_run(True))[section]


def test_a_score_that_decides_is_told_from_a_coin() -> None:
    assert says(scored_run(True))["quality"].endswith(": the score decides")
    assert says(scored_run(False))["quality"].endswith(": the score hardly decides")


def test_page_and_tables_carry_every_headline_and_none_has_long_numbers() -> None:
    for run in (audited_run(), planted_run(True), planted_run(False), scored_run(False)):
        page = (run.folder / "report.html").read_text("utf-8")
        found = says(run)
        assert report_numbers(run).data["headlines"] == found  # type: ignore[call-overload]
        for section, sentence in found.items():
            shown = re.search(rf'<section id="{section}"><p class="kicker">[^<]*</p><h2>([^<]*)</h2>', page)
            if section != "engines":
                assert shown, section
            assert not re.search(r"\d{5}|\d\.\d{3}", sentence), sentence


def test_a_run_of_nothing_has_headlines_too() -> None:
    run = planted_run(False)
    stats = copy.deepcopy(run.stats)
    for source in stats["sources"].values():
        source.update(documents=0, kept=0, tokens=0, funnel=[], bytes=0)
    stats["audit"], stats["mixture"], stats["contamination"] = {}, None, None
    found = headlines(run.pipeline, stats, [])
    assert found["flow"] == "No document was found" and found["product"] == "Nothing came out"


def test_the_map_tells_drops_that_lie_together_from_drops_that_lie_anywhere() -> None:
    draw = random.Random(4)
    x = [draw.randrange(1000) for _ in range(900)]
    y = [draw.randrange(1000) for _ in range(900)]
    fates = ["language" if a < 200 and b < 400 else draw.choice(["kept", "coin"]) for a, b in zip(x, y, strict=True)]
    said = map_headline(fates, ["web"] * 900, x, y)
    assert said == "What language drops lies together; what coin drops is spread almost evenly"
    assert map_headline(["kept"] * 900, ["web"] * 900, x, y) == ""
    assert map_headline(["kept"] * 3, ["web"] * 3, x[:3], y[:3]) == ""


@given(st.integers(0, 10**12), st.integers(1, 10**12))
def test_only_nothing_is_0_percent_and_only_all_is_100(part: int, whole: int) -> None:
    part = min(part, whole)
    said = share_of(part, whole)
    assert (said == "0 %") == (part == 0) and (said == "100 %") == (part == whole)
    assert len(re.sub(r"\D", "", said).lstrip("0")) <= 3


@given(st.integers(0, 10**15))
def test_a_large_number_is_said_with_two_digits_and_is_near(number: int) -> None:
    said = rounded(number)
    value, _, unit = said.partition(" ")
    near = float(value.replace(",", "")) * {"": 1, "M": 1e6, "G": 1e9, "T": 1e12}[unit]
    assert near == pytest.approx(number, rel=0.051)
    assert number < 100_000 or len(value.replace(".", "").strip("0")) <= 2
