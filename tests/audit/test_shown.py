"""What people are shown of texts holds no personal data unless they ask for it: of kept and of dropped documents alike."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from curate.pipeline.run import run
from tests.support.crashes import _prose
from tests.support.running import curate

PLANTED = {
    "EMAIL": "jane.harbour@mail-orrinsay.org", "PHONE": "+1 415-555-2671", "IP_ADDRESS": "81.2.69.142",
    "CREDIT_CARD": "4111 1111 1111 1111", "IBAN": "DE89 3704 0044 0532 0130 00",
}  # fmt: skip
PIPELINE = """
name: shown
sources:
  web:
    read: {{format: jsonl, paths: [{folder}/web.jsonl], metadata: [author]}}
    steps: [{{python: {{function: "quoting:quotes"}}}}, {{filter: c4}}]
{combine}
tokens: {{tokenizer: gpt2}}
"""
QUOTING = """
def quotes(batch):
    return {"whole": batch.column("text")}
"""


def write_run(folder: Path, combine: str) -> Path:
    """A run whose every document is at a threshold, kept or dropped, and holds every kind of personal data."""
    contact = "; ".join(f"{kind.lower().replace('_', ' ')} {value}" for kind, value in PLANTED.items())
    rows = []
    for number in range(6):
        lines = _prose("a", number).split(". ")[: 1 + 2 * number]  # c4 wants five sentences
        rows.append(
            {
                "text": f"Write to {contact} to be heard. " + ". ".join(lines) + ".",
                "url": f"https://a.example/{number}",
                "author": f"to be heard: {contact}",
            }
        )
    (folder / "quoting.py").write_text(QUOTING)
    (folder / "web.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "shown.yaml").write_text(PIPELINE.format(folder=folder, combine=combine))
    return run(folder / "shown.yaml", out=folder / "run", engine="serial").path


@pytest.fixture(scope="module", params=["combine: [{scrub: {}}]", "combine: []"], ids=["scrubbed", "never scrubbed"])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("shown"), request.param)


def leaks(text: str) -> set[str]:
    return {kind for kind, value in PLANTED.items() if value in text or value in text.replace("\n", " ")}


QUESTIONS = [
    ("sample", "-n", "6"), ("sample", "-n", "6", "--dropped", "--format", "json"), 
    ("whatif", "--set", "filters.c4.min_sentences.min=7"),
    ("explain", "https://a.example/0"), ("explain", "https://a.example/5", "--format", "json", "--full"),
    ("explain", "https://a.example/5", "--original"),
    ("query", "select * from ledger"), ("query", "select \"quotes.whole\" from ledger", "--format", "json"),
    ("query", "select upper(\"meta.author\"), count(*) from ledger group by all"),
]  # fmt: skip


@pytest.mark.parametrize("question", QUESTIONS, ids=" ".join)
def test_answers_hold_no_personal_data(made: Path, question: tuple[str, ...]) -> None:
    command, *rest = question
    shown = curate(command, made, *rest).stdout
    assert leaks(shown) == set() and "[EMAIL]" in shown
    assert leaks(curate(command, made, *rest, "--raw-texts").stdout) != set()
    assert "to be heard" not in curate(command, made, *rest, "--no-texts").stdout


def test_the_report_holds_none_until_it_is_asked_for(made: Path) -> None:
    page = made / "report.html"
    assert leaks(page.read_text()) == set() and "[EMAIL]" in page.read_text()
    curate("report", made, "--raw-texts")
    assert leaks(page.read_text()) != set()
    curate("report", made, "--no-texts")
    assert "to be heard" not in page.read_text()
    curate("report", made)
    assert leaks(page.read_text()) == set()


def test_what_a_trial_shows_holds_none_either(made: Path) -> None:
    told = curate("try", made.parent / "shown.yaml").stdout
    assert leaks(told) == set() and "[EMAIL]" in told


def test_clusters_of_copies_are_shown_as_every_other_text(tmp_path: Path) -> None:
    words = [f"word{number}" for number in range(80)]
    contact = " ".join(f"{kind.lower().replace('_', ' ')} {value};" for kind, value in PLANTED.items())
    copies = [" ".join([contact, *words, end]) for end in ("to be heard.", "to be heard, still.")]
    (tmp_path / "web.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in copies))
    source = f"{{read: {{format: jsonl, paths: [{tmp_path}/web.jsonl]}}}}"
    (tmp_path / "copies.yaml").write_text(
        f"name: copies\nsources: {{web: {source}}}\ncombine: [{{deduplicate: {{minhash: {{}}}}}}]\n"
    )
    out = run(tmp_path / "copies.yaml", out=tmp_path / "run", engine="serial", until="deduplicate").path
    shown = curate("duplicates", out).stdout
    assert leaks(shown) == set() and "[EMAIL]" in shown and "+" in shown
    assert leaks(curate("duplicates", out, "--raw-texts").stdout) == set(PLANTED)
    without = curate("duplicates", out, "--no-texts").stdout
    assert "word7" not in without and "heard" not in without and "Cluster 1" in without
