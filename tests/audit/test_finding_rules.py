"""Every rule of `findings.yaml` finds what it is for, in a run where that was planted, and nothing in one without."""

from __future__ import annotations

import copy
import html
import json
import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import yaml

from curate.audit import aggregates
from curate.audit.failing import Failures
from curate.audit.finding_facts import SCOPES
from curate.audit.findings import command, finding_rules, findings, findings_of_time, verdict
from curate.audit.finished_run import open_finished
from curate.audit.source_facts import score_facts
from curate.cli.funnel import print_findings
from curate.cli.main import main
from curate.errors import ConfigError
from curate.pipeline.run import run
from curate.settings import parse_range
from tests.support.planted import planted_run, scored_run

IN_THE_RUN = {
    "language-lost", "domain-lost", "many-copies", "large-cluster", "leaked", "idle-rules",
    "shadowed-rule", "threshold-in-the-bulk", "many-epochs", "share-missed", "tokens-missing", "empty-validation",
    "personal-data-unlike", "unlike-types",
}  # fmt: skip
ELSEWHERE = {"nothing-kept", "lost-to-one-error", "expectation", "scores-only", "mostly-sample",
             "seen-by-its-model", "straggler", "random-quality", "topic-lost"}  # fmt: skip
"""Rules that other tests of this folder, of tests/quality, tests/quality, or below, make real runs for."""


def kinds(found: Any) -> set[str]:
    return {each["kind"] for each in found}


def test_a_run_full_of_planted_faults_says_each_of_them_and_a_clean_one_nothing() -> None:
    planted, clean = planted_run(True).stats["findings"], planted_run(False).stats["findings"]
    assert kinds(planted) >= IN_THE_RUN
    assert not clean


@pytest.mark.parametrize(
    ("kind", "subject", "words"),
    [
        ("language-lost", "web.de", "are de, and none of those 120 is kept: language.keep is [en]"),
        ("domain-lost", "web.short.example", "of short.example 0% of 60 documents are kept"),
        ("large-cluster", "web", "one text is there 600 times"),
        (
            "leaked",
            "items",
            "1 of 1 items of the evaluation set 'items' stand in 2 documents; the passages were cut out",
        ),
        (
            "threshold-in-the-bulk",
            "web.own/few.min",
            "moving its minimum from 30 by 1 % decides otherwise about some 2",
        ),
        ("shadowed-rule", "web.own/fewer", "all 60 documents that fail it fail another rule too, 100% of them own/few"),
        ("idle-rules", "web", "fail nothing: own/never"),
        ("many-epochs", "books", "the mixture repeats 'books' 9.0 times"),
        ("unlike-types", "web.rank", "1,522 of 1,642 values of the column rank are of another type"),
    ],
)
def test_a_finding_tells_the_number_that_was_planted(kind: str, subject: str, words: str) -> None:
    (finding,) = (
        each for each in planted_run(True).stats["findings"] if (each["kind"], each["subject"]) == (kind, subject)
    )
    assert words in finding["says"]


def source_with(**numbers: Any) -> Callable[[Any], None]:
    def change(stats: Any) -> None:
        web = stats["sources"]["web"]
        for key, value in numbers.items():
            web[key] = {**web[key], **value} if isinstance(value, dict) else value

    return change


def thin(stats: Any) -> None:
    stats["shards"] = {
        "train": {"shards": 1, "documents": 9000, "tokens": 5_000_000},
        "validation": {"shards": 1, "documents": 9, "tokens": 5_000},
    }


def step(name: str, entering: int, dropped: int) -> Callable[[Any], None]:
    def change(stats: Any) -> None:
        rules = {f"{name}/rule": {"failed": dropped, "alone": dropped}}
        row = {"step": name, "in": entering, "dropped": dropped, "kept": entering - dropped, "rules": rules}
        stats["sources"]["web"]["funnel"] += [row]

    return change


PLANTED: dict[str, tuple[Callable[[Any], None], Callable[[Any], None]]] = {
    "damaged": (
        source_with(bytes=1000, other_records={"bytes.damaged": 20}),
        source_with(bytes=1000, other_records={"bytes.damaged": 5}),
    ),
    "failing-step": (source_with(steps={"mine": {"errors": 30}}), source_with(steps={"mine": {"errors": 1}})),
    "blind-classifier": (
        source_with(quality={"model": {"held_out": {"roc_auc": 0.52}}}),
        source_with(quality={"model": {"held_out": {"roc_auc": 0.9}}}),
    ),
    "style-classifier": (
        source_with(quality={"model": {"held_out": {"baselines": {"roc_auc": {"register": 0.99}}}}}),
        source_with(quality={"model": {"held_out": {"baselines": {"roc_auc": {"register": 0.7}}}}}),
    ),
    "scores-moved": (
        source_with(documents=500, quality={"drift": {"psi": 0.6, "chance": 0.1, "ks": 0.4}}),
        source_with(documents=500, quality={"drift": {"psi": 0.6, "chance": 0.7, "ks": 0.4}}),
    ),
    "no-record": (source_with(records=0, documents=0, kept=0), source_with(records=5, documents=0, kept=0)),
    "few-kept": (source_with(kept=12), source_with(kept=700)),
    "step-takes-most": (step("hard", 1000, 600), step("hard", 1000, 400)),
    "step-takes-nothing": (step("soft", 5000, 2), step("soft", 5000, 50)),
    "thin-validation": (thin, lambda stats: None),
}
"""Numbers in which a rule finds something, and numbers like them in which it does not."""


@pytest.mark.parametrize("kind", PLANTED)
def test_numbers_beyond_a_rules_range_are_found_and_numbers_within_are_not(kind: str) -> None:
    opened = scored_run(True)
    for change, there in zip(PLANTED[kind], (True, False), strict=True):
        stats = copy.deepcopy(opened.stats)
        change(stats)
        assert (kind in kinds(findings(opened.pipeline, stats))) is there


def test_no_rule_is_without_a_planted_case() -> None:
    assert set(finding_rules()) == IN_THE_RUN | ELSEWHERE | set(PLANTED)


def test_every_rule_names_facts_that_its_scope_gives_and_sections_that_the_report_has() -> None:
    opened = planted_run(True)
    page = (opened.folder / "report.html").read_text("utf-8")
    known = {
        scope: {fact for each in facts(opened.pipeline, opened.stats) for fact in each}
        for scope, facts in SCOPES.items()
    }
    for kind, rule in finding_rules().items():
        assert f'<section id="{rule.section}">' in page, kind
        if rule.scope in known and kind in IN_THE_RUN:
            used = {re.split(r"[!:]", field)[0] for field in re.findall(r"{([^}]*)}", rule.says + rule.cure)}
            assert {*rule.when, *used} <= known[rule.scope] | {"missing_share"}, kind


def test_the_worst_is_said_first() -> None:
    found = planted_run(True).stats["findings"]
    levels = [("stop", "look", "note").index(each["level"]) for each in found]
    assert levels == sorted(levels) and len(set(levels)) > 1
    assert verdict(found) == "look" and verdict([]) == "ok"


def test_a_quality_step_that_is_a_coin_is_found_and_one_that_tells_is_not() -> None:
    coin, telling = scored_run(False), scored_run(True)
    first = coin.stats["findings"][0]
    assert first["kind"] == "random-quality" and first["number"] is not None and abs(first["number"]) <= 0.1
    assert "documents almost at random: of the best scored quarter it keeps" in first["says"]
    assert verdict(coin.stats["findings"]) == "stop"
    assert "random-quality" not in kinds(telling.stats["findings"])
    assert score_facts(telling.stats["audit"]["web"]["quality"])["score_lift"] > 0.25


def test_a_threshold_is_no_coin_however_little_it_keeps_and_however_near_the_scores_lie() -> None:
    """Of 1,000 scores from 0.50 to 0.54 the best 10 in a hundred are kept, or the best 1 in a hundred."""
    scores = pa.array(np.linspace(0.5, 0.54, 1000), pa.float32())
    for kept in (100, 10):
        fails = np.arange(1000) < 1000 - kept
        failures = Failures(
            pa.array([["quality/keep_share"] if each else [] for each in fails]), frozenset({"quality"})
        )
        found = score_facts(aggregates._quality(scores, ~fails, failures, frozenset({"quality"})))
        assert found["score_reached"] == 1000 and found["score_dropped"] == pytest.approx(1 - kept / 1000)
        assert found["kept_of_best"] == pytest.approx(kept / 250) and found["kept_of_worst"] == 0
        assert found["kept_alike"] == 0


def test_findings_json_holds_them_and_their_commands_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    opened = open_finished(shutil.copytree(planted_run(True).folder, tmp_path / "run"))
    found = json.loads((opened.folder / "findings.json").read_bytes())
    assert found == opened.stats["findings"]
    calls = {command(each, opened.folder) for each in found} - {""}
    assert len(calls) > 8
    for call in sorted(calls):
        words = shlex.split(call)
        assert words[0] == "curate" and "--help" not in words
        assert main(words[1:]) == 0, (call, capsys.readouterr().err)
    mixture = json.loads((opened.folder / "mixes" / "mended" / "manifest.json").read_bytes())["mixture"]
    asked = {name: group["asked_share"] for name, group in opened.stats["mixture"]["groups"].items()}
    for name, group in mixture["groups"].items():
        assert group["share"] == pytest.approx(asked[name], abs=0.01), "the share that was missed"
        assert group["epochs"] <= 4 and not mixture["missing_tokens"]


def test_a_mixture_of_epochs_or_of_many_groups_is_mended_too() -> None:
    opened = planted_run(True)
    stats = copy.deepcopy(opened.stats)
    groups = stats["mixture"]["groups"]
    for group in groups.values():
        group["asked_share"] = None

    def cure() -> str:
        return next(each["cure"] for each in findings(opened.pipeline, stats) if each["kind"] == "many-epochs")

    assert cure() == "curate mix make RUN --name mended --epochs books=4,web=4"
    groups |= {f"a, b {number}": copy.deepcopy(groups["books"]) for number in range(20)}
    assert cure() == "curate mix make RUN --name mended --unimax 4"


def test_the_report_begins_with_them_each_with_its_evidence_and_command() -> None:
    opened = planted_run(True)
    page = html.unescape((opened.folder / "report.html").read_text("utf-8"))
    head = page[: page.index("<nav")]
    for each in opened.stats["findings"]:
        assert each["says"] in head
        assert f'href="#{each["section"]}"' in head
        assert command(each, opened.folder) in head


def test_the_card_of_an_export_tells_them(tmp_path: Path) -> None:
    opened = planted_run(True)
    assert main(["export", str(opened.folder), "--to", "parquet", "--out", str(tmp_path / "out")]) == 0
    card = (tmp_path / "out" / "README.md").read_text()
    assert "## Findings" in card and f"- look: {opened.stats['findings'][0]['says']}" in card
    head = yaml.safe_load(card.split("---")[1])
    assert head["language"] == ["en"] and head["tags"] == ["pretraining"]
    (config,) = head["configs"]
    for each in config["data_files"]:
        files = sorted(path.name for path in (tmp_path / "out").glob(each["path"]))
        assert files and all(name.startswith(each["split"]) for name in files)
    kept = opened.stats["audit"]["web"]["languages"]["en"]["kept"]
    assert f"| en | {kept:,} |" in card and "| items | 1 | 1 | 2 |" in card and "## Limits" in card


def test_a_name_of_a_pages_own_making_ends_in_no_command(tmp_path: Path) -> None:
    opened = planted_run(True)
    stats = copy.deepcopy(opened.stats)
    domains = stats["audit"]["web"]["domains"]
    domains["a'; rm -rf ~;'"] = domains.pop("short.example")
    (finding,) = (each for each in findings(opened.pipeline, stats) if each["kind"] == "domain-lost")
    words = shlex.split(command(finding, "a run"))
    assert words[:5] == ["curate", "sample", "a run", "--dropped", "--where"] and len(words) == 6
    assert words[5] == "url like '%a''; rm -rf ~;''/%'"


def test_expect_makes_findings_binding(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    opened = planted_run(True)
    file, out = opened.folder.parent / "planted.yaml", str(opened.folder)
    before = len(opened.stats["findings"])
    command_line = ["run", str(file), "--engine", "serial", "--out", out]
    assert main(command_line) == 0, "findings alone are no failure"
    assert main([*command_line, "--set", "expect.findings.leaked=0"]) == 3
    assert "error expected findings.leaked 0, and there is 1" in capsys.readouterr().err
    assert main([*command_line, "--set", "expect.findings=..2"]) == 3
    assert main([*command_line, "--set", "expect.findings.leaked=..1", "--set", "expect.findings=..99"]) == 0
    assert main(command_line) == 0 and len(json.loads((opened.folder / "findings.json").read_bytes())) == before
    with pytest.raises(ConfigError, match="no finding 'leak'; did you mean 'leaked'"):
        run(file, ["expect.findings.leak=0"], tmp_path / "run", engine="serial")


def test_a_straggler_is_found_in_the_timings(tmp_path: Path) -> None:
    def write(slowest: float) -> None:
        tasks = [
            {"stage": "read", "source": "web", "label": f"part-{n}", "seconds": slowest if n == 3 else 8.0, "cpu": 1.0}
            for n in range(6)
        ]
        (tmp_path / "read.jsonl").write_text("".join(json.dumps(task) + "\n" for task in tasks))

    write(9.0)
    assert not findings_of_time(tmp_path)
    write(80.0)
    (finding,) = findings_of_time(tmp_path)
    assert finding["says"] == "read: its slowest task took 80 s, 10 times the median of 6: the run waits for part-3"


def test_a_rule_is_said_to_drop_nothing_by_itself_only_where_it_drops_nothing() -> None:
    """The sentence says nothing and all, so the range may hold no other number."""
    assert parse_range(finding_rules()["shadowed-rule"].when["alone_share"]) == (0, 0)
    assert parse_range(finding_rules()["language-lost"].when["kept"]) == (0, 0)
    assert parse_range(finding_rules()["nothing-kept"].when["kept"]) == (0, 0)


def test_the_terminal_says_of_each_finding_how_bad_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    opened = planted_run(True)
    found = [each for each in opened.stats["findings"] if not each["missed"]]
    print_findings(opened.folder, found[:7])
    told = [line.split(" ", 1)[0] for line in capsys.readouterr().err.splitlines() if not line.startswith(" ")]
    assert told == [each["level"] for each in found[:7]] and "look" in told
