"""What a run says of itself when it ends: losses with their likely cause, and expectations that it missed."""

from __future__ import annotations

import html
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

import curate
from curate.audit.findings import findings
from curate.audit.finished_run import open_finished
from curate.cli.main import main

GOOD = {"text": "A page of some words, and a second sentence that says no more."}


def pipeline(folder: Path, lines: list[str], **keys: Any) -> Path:
    """A pipeline over one file of these lines."""
    (folder / "web.jsonl").write_text("\n".join(lines) + "\n")
    read = {"format": "jsonl", "paths": ["web.jsonl"]} | keys.pop("read", {})
    tree = {"name": "found", "sources": {"web": {"read": read}}, "tokens": {"tokenizer": "gpt2"}, **keys}
    path = folder / "pipeline.yaml"
    path.write_text(yaml.safe_dump(tree))
    return path


def ended(path: Path, out: Path, *more: str) -> tuple[int, dict[str, Any]]:
    """(exit status, stats.json) of a run."""
    status = main(["run", str(path), "--engine", "serial", "--out", str(out), *more])
    stats: dict[str, Any] = json.loads((out / "stats.json").read_text())
    return status, stats


@pytest.mark.parametrize(
    ("bad", "rule", "cause"),
    [
        ("no json {number}", "read/bad-json", "is `read.format: jsonl` the format of these files?"),
        ('{{"body": "{number}"}}', "read/no-text", "does `read.text: text` name the column of the text"),
        ('{{"text": "  "}}', "read/empty", "the texts are blank: does `read.text: text` name the column of the text?"),
    ],
)
def test_a_source_that_loses_most_to_one_error_ends_with_status_3_and_its_cause(
    bad: str, rule: str, cause: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [json.dumps(GOOD | {"n": number}) for number in range(4)] + [bad.format(number=n) for n in range(6)]
    path, out = pipeline(tmp_path, lines), tmp_path / "run"
    status, stats = ended(path, out)
    said = capsys.readouterr().err
    assert status == 3
    assert f"error 'web' lost 6 of 10 records, 60%, to {rule}; read.max_lost_share is 0.5: {cause}" in said
    (finding,) = stats["findings"]
    assert (finding["kind"], finding["number"], finding["missed"]) == ("lost-to-one-error", 0.6, True)
    assert finding["says"] in html.unescape((out / "report.html").read_text())

    status, stats = ended(path, out, "--set", "sources.web.read.max_lost_share=0.6")
    assert status == 0 and not stats["findings"], "a loss at the bound is within it"
    assert stats["sources"]["web"]["kept"] == 4


def test_what_every_crawl_holds_beside_pages_is_no_damage(tmp_path: Path) -> None:
    """Images, redirects and revisits may be most of a crawl."""
    answers = []
    for number in range(10):
        kind, body = ("image/png", "\x89PNG") if number else ("text/html", f"<p>{GOOD['text']}</p>")
        http = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\n\r\n{body}".encode()
        head = (
            f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Record-ID: <urn:uuid:{number}>\r\n"
            f"WARC-Target-URI: http://site.example/{number}\r\nWARC-Date: 2024-01-01T00:00:00Z\r\n"
            f"Content-Type: application/http; msgtype=response\r\nContent-Length: {len(http)}\r\n\r\n"
        )
        answers.append(head.encode() + http + b"\r\n\r\n")
    (tmp_path / "web.warc").write_bytes(b"".join(answers))
    path = pipeline(tmp_path, ["{}"], read={"format": "warc", "paths": ["web.warc"]})
    tree = yaml.safe_load(path.read_text())
    tree["sources"]["web"]["steps"] = [{"extract": {}}]
    path.write_text(yaml.safe_dump(tree))
    status, stats = ended(path, tmp_path / "run", "--until", "extract")
    assert stats["sources"]["web"]["funnel"][0]["dropped"] == 9
    assert status == 0 and not stats["findings"]


EXPECTED = {
    "web.kept": "0.2..0.8",
    "web.records": 10,
    "web.read": "..1",
    "web.tokens": "1..1k",
    "web.documents": "4..4",
}


def test_a_run_that_meets_its_expectations_is_done(tmp_path: Path) -> None:
    lines = [json.dumps(GOOD | {"n": number}) for number in range(5)] + ["no json"] * 5
    status, stats = ended(pipeline(tmp_path, lines, expect=EXPECTED | {"web.documents": 5}), tmp_path / "run")
    assert status == 0 and not stats["findings"]


def test_a_run_that_misses_an_expectation_ends_with_status_3_and_the_number(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [json.dumps(GOOD | {"n": number}) for number in range(5)] + ["no json"] * 5
    path, out = pipeline(tmp_path, lines, expect=EXPECTED), tmp_path / "run"
    status, stats = ended(path, out)
    assert status == 3
    assert "error expected web.documents 4..4, and it is 5" in capsys.readouterr().err
    assert [(each["subject"], each["number"]) for each in stats["findings"]] == [("web.documents", 5)]
    assert ended(path, out, "--set", "expect.web.documents=5")[0] == 0
    assert ended(path, out, "--set", "expect.web.documents=5", "--set", "expect.web.kept=..0.4")[0] == 3
    assert "error expected web.kept ..0.4, and it is 0.5" in capsys.readouterr().err


def test_a_step_can_be_expected_to_keep_a_share_of_what_reaches_it(tmp_path: Path) -> None:
    lines = [json.dumps({"text": f"{GOOD['text']} {number % 3}"}) for number in range(9)]
    path = pipeline(tmp_path, lines, combine=[{"deduplicate": {"exact": True, "max_removed_share": 1.0}}])
    wide, narrow = ("--set", "expect.web.deduplicate=0.3..0.4"), ("--set", "expect.web.deduplicate=0.9..")
    assert ended(path, tmp_path / "run", *wide)[0] == 0
    status, stats = ended(path, tmp_path / "run", *narrow)
    assert status == 3 and stats["findings"][0]["number"] == pytest.approx(1 / 3)
    assert ended(path, tmp_path / "short", *narrow, "--until", "read")[0] == 0, (
        "nothing is expected of what is not done"
    )


def test_findings_follow_from_the_numbers_in_stats(tmp_path: Path) -> None:
    """Whoever makes the numbers again, as a removal does, makes the findings again."""
    lines = [json.dumps({"text": f"{GOOD['text']} {number}"}) for number in range(10)]
    path, out = pipeline(tmp_path, lines, expect={"web.kept": "0.95.."}), tmp_path / "run"
    assert ended(path, out)[0] == 0
    opened = open_finished(out)
    assert opened.stats["findings"] == findings(opened.pipeline, opened.stats) == []
    first = curate.open_run(out).ledger().to_table(columns=["id"]).column("id")[0].as_py().hex()
    (tmp_path / "ids.txt").write_text(first + "\n")
    assert main(["remove", str(out), "--records", str(tmp_path / "ids.txt"), "--why", "asked"]) == 0
    opened = open_finished(out)
    assert [(each["subject"], each["number"]) for each in opened.stats["findings"]] == [("web.kept", 0.9)]
    assert opened.stats["findings"] == findings(opened.pipeline, opened.stats)
