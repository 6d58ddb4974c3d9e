"""The pages made from the code say what it says now, and leave nothing out: held against what runs, files and names are."""

from __future__ import annotations

import fnmatch
import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml

import curate
from curate.audit.findings import finding_rules
from curate.audit.places import PLACES
from curate.filters.metrics import METRICS
from curate.filters.pack_files import available
from curate.ingest import reasons
from curate.pipeline.publish import claim
from curate.pipeline.run import run
from curate.steps import combining_steps, source_steps
from curate.storage import OutputError
from tests.project.commands import DOCS, PAGES
from tests.project.reference.data import FILES
from tests.project.reference.messages import kinds, messages
from tests.support.small_runs import copy_of_small_run

NAMES = {"PART", "STEP", "STAGE", "FINGERPRINT", "KEY", "NAME", "SOURCE", "SPLIT", "NUMBER"}

AUDITED = """
name: all
sources:
  a:
    read: {{format: jsonl, paths: [{folder}/a.jsonl], metadata: all}}
    steps:
      - quality: {{classifier: gpt3, positives: [b], keep_share: 0.5}}
  b: {{read: {{format: jsonl, paths: [{folder}/b.jsonl]}}}}
combine:
  - decontaminate: {{against: [{folder}/b.jsonl], ngram: 3}}
tokens: {{tokenizer: gpt2}}
keep: [decontaminate]
"""


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name == "messages.md" else name for name in PAGES]
)
def test_a_page_made_from_the_code_is_what_it_says_now(name: str) -> None:
    assert (DOCS / name).read_text() == PAGES[name](), "python -m tests.project.commands writes it again"


def test_every_page_made_from_the_code_is_in_the_index() -> None:
    index = (DOCS / "reference.md").read_text()
    assert [name for name in PAGES if name.endswith(".md") and f"]({name})" not in index] == []


def words(name: str) -> set[str]:
    """What stands as code on a page."""
    return set(re.findall(r"`([^`\n]+)`", (DOCS / name).read_text()))


def test_no_step_pack_rule_or_metric_is_missing() -> None:
    headings = {name: set(re.findall(r"^## (\S+)$", (DOCS / name).read_text(), re.MULTILINE)) for name in PAGES}
    assert headings["steps.md"] == {*source_steps(), *combining_steps()}
    assert headings["packs.md"] == {name for name, _ in available()}
    assert set(METRICS) <= words("metrics.md")
    for name, path in available():
        written = yaml.safe_load(path.read_text())
        rules = {*written.get("rules", ()), *written.get("urls", ())}
        assert rules and rules <= words("packs.md"), name


def test_every_reason_finding_and_kind_of_error_is_told() -> None:
    told = words("messages.md")
    named = [value for name, value in vars(reasons).items() if name.isupper()]
    assert named and [each for each in named if f"read/{each}" not in told] == []
    assert set(finding_rules()) <= told
    headings = set(re.findall(r"^### (\w+)$", (DOCS / "messages.md").read_text(), re.MULTILINE))
    assert headings == {each.kind for each in messages()} and headings <= set(kinds())


def test_a_sentence_is_on_the_page_as_it_is_raised(tmp_path: Path) -> None:
    """An error that happens, its names put in the braces, is one of the page's."""
    (tmp_path / "kept.txt").write_text("x")
    with pytest.raises(OutputError) as raised:
        claim(tmp_path, "x", False)
    told = str(raised.value).replace(str(tmp_path), "{folder}").replace("kept.txt", "{first}...")
    assert f"- {told}\n" in (DOCS / "messages.md").read_text()


def test_every_public_name_and_its_own_are_told() -> None:
    page = (DOCS / "python-names.md").read_text()
    for name in curate.__all__:
        for inner in getattr(getattr(curate, name), "__all__", ()):
            assert f"\n### curate.{name}.{inner}\n" in page
    assert f"\n## curate.{curate.__all__[0]}\n" in page
    assert " at 0x" not in page


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A run of each kind of file: with a mix, and with a quality model, decontamination and documents kept."""
    folder = tmp_path_factory.mktemp("runs")
    words_of = [" ".join(f"word{(number * step) % 97}" for step in range(1, 60)) for number in range(1, 90)]
    for name, texts in (("a", words_of[:60]), ("b", words_of[60:])):
        lines = [f'{{"text": "{text}", "stars": {len(text)}, "id": "{place}"}}' for place, text in enumerate(texts)]
        (folder / f"{name}.jsonl").write_text("\n".join(lines))
    (folder / "all.yaml").write_text(AUDITED.format(folder=folder))
    return [copy_of_small_run(folder), run(folder / "all.yaml", out=folder / "all", engine="serial").path]


def test_every_file_of_a_run_directory_is_told(runs: list[Path]) -> None:
    patterns = {name: re.sub("|".join(sorted(NAMES)), "*", name) for name in FILES}
    found = set()
    for folder in runs:
        for path in folder.rglob("*"):
            if path.is_file():
                name = path.relative_to(folder).as_posix()
                fitting = [told for told, pattern in patterns.items() if fnmatch.fnmatchcase(name, pattern)]
                assert fitting, name
                found |= set(fitting)
    assert set(FILES) - found == {
        "removals.jsonl",
        "exports.jsonl",
        "shards/NAME/SPLIT-NUMBER.arrow",
        "topics/SOURCE.arrow",
    }


def test_the_places_of_documents_words_know_every_file_of_a_run_directory() -> None:
    """A published file that is none of them stops a removal."""
    known = re.compile("|".join(pattern for pattern, _ in PLACES))
    unpublished = (".", "timings/", "exports.jsonl")
    assert [name for name in FILES if not name.startswith(unpublished) and not known.fullmatch(name)] == []


def test_every_column_of_a_ledger_and_of_documents_is_told(runs: list[Path]) -> None:
    told = words("ledger.md")
    for folder in runs:
        for path in (folder / "ledger").glob("*.parquet"):
            for column in pq.read_schema(path).names:
                family = "meta.NAME" if column.startswith("meta.") else "STEP.METRIC" if "." in column else column
                assert family in told, column
        for path in folder.glob("documents/*/*.parquet"):
            assert {name for name in pq.read_schema(path).names if "." not in name} <= words("run-files.md")


def test_every_number_of_stats_is_told(runs: list[Path]) -> None:
    """Down to where keys are names of the run's own."""
    told = {word.removesuffix("?") for word in words("run-files.md")}
    for folder in runs:
        stats = curate.open_run(folder).stats
        assert {*stats} <= told
        for source in stats["sources"].values():
            assert {f"sources.NAME.{key}" for key in source} <= told
            assert {f"sources.NAME.funnel[].{key}" for row in source["funnel"] for key in row} <= told
