"""Takedown is complete: no byte below the run directory holds a removed passage, and all numbers agree on what is left."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from curate.audit.finished_run import OpenedRun, open_finished
from curate.audit.ledger import connect
from curate.audit.places import PLACES
from curate.audit.recount import recounted
from curate.audit.remove import remove
from curate.audit.report import write_report
from curate.config.formats import exporters
from curate.config.mixture import Mixture
from curate.engine.lock import hold
from curate.mixture.make import make_mix
from curate.pipeline.run import run
from curate.shards import ShardReader
from curate.shards.export import export
from curate.shards.export.made import exports_of
from tests.support.audited import webtext_run
from tests.support.running import curate
from tests.support.words_below import texts_below

NOW = "2026-01-01T00:00:00+00:00"
PASSAGE = "The lighthouse keeper of Orrinsay counted seventeen herons on the morning that the bridge was opened. "
ONCE = "Nobody but Thistlewick remembered how the ferry had sunk beside the quay. "
PIPELINE = """
name: taken
seed: 3
sources:
  web:
    read: {{format: jsonl, paths: [{folder}/web.jsonl], metadata: [title]}}
    steps: [{{python: {{function: "quoting:quotes"}}}}, {{language: {{keep: all, minimum: 0.0}}}}, {{filter: c4}}, {{filter: gopher-quality}}, {{quality: {{classifier: gpt3, positives: [good], alpha: 0.01}}}}]
  good:
    read: {{format: jsonl, paths: [{folder}/good.jsonl]}}
combine:
  - deduplicate: {{exact: true, minhash: {{ngram: 5, bands: 14, rows: 8, verify: 0.7}}}}
  - decontaminate: {{against: [{folder}/eval.jsonl], ngram: 13}}
  - scrub: {{types: [EMAIL]}}
mixture: {{sources: {{web: {{epochs: 2}}, good: {{epochs: 1}}}}}}
shards: {{tokens_per_shard: 8k, validation: 0.1}}
keep: [verdicts, deduplicate, scrub]
"""  # noqa: E501
QUOTING = """
import pyarrow.compute as pc

def quotes(batch):
    text = batch.column("text")
    return {"whole": text, "words": pc.count_substring_regex(text, r"\\S+")}
"""
URL = "https://web.example/7"
COPY = "https://copy.example/1"
"""Dropped as a copy of it."""


def prose(name: str, number: int, lines: int = 14) -> str:
    """A document that passes rules and is like no other: sentences of common words around invented ones."""
    made = random.Random(f"{name} {number}")
    words = iter(["".join(made.choices("aeioulnrst", k=6)) for _ in range(6 * lines)])
    return "\n".join(
        f"The {next(words)} of {next(words)} had {next(words)} with the {next(words)} and that {next(words)} would be "
        f"{next(words)} to have."
        for _ in range(lines)
    )


def write_inputs(folder: Path) -> None:
    rows = [{"text": prose("harbour", n), "url": f"https://web.example/{n}"} for n in range(60)]
    lines = [PASSAGE, *rows[7]["text"].split("\n"), ONCE]  # decontamination cuts some way around the passage
    rows[7]["text"] = "\n".join(lines)
    rows[7]["title"] = ONCE
    rows.append({"text": "\n".join([*lines[:5], *lines[6:]]), "url": COPY})
    (folder / "quoting.py").write_text(QUOTING)
    good = [{"text": prose("museum", n), "url": f"https://good.example/{n}"} for n in range(40)]
    for name, lines in (("web", rows), ("good", good), ("eval", [{"text": PASSAGE}])):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / "taken.yaml").write_text(PIPELINE.format(folder=folder))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with everything that holds words: kept documents, mixes, contamination, a classifier's samples."""
    folder = tmp_path_factory.mktemp("whole")
    write_inputs(folder)
    out = run(folder / "taken.yaml", out=folder / "run", engine="serial").path
    mixture = Mixture.model_validate({"sources": {"web": {"epochs": 1}, "good": {"epochs": 2}}})
    make_mix(out, "index", mixture)
    make_mix(out, "made", mixture, materialise=True)
    return folder


@pytest.fixture
def taken(whole: Path, tmp_path: Path) -> OpenedRun:
    """A copy of the run to take something out of."""
    return open_finished(shutil.copytree(whole / "run", tmp_path / "run"))


def take(opened: OpenedRun, by: str = "url", value: str = URL) -> Any:
    with hold(opened.folder):
        return remove(open_finished(opened.folder), by, [value], NOW, "asked for")  # type: ignore[arg-type]


def holding(folder: Path, words: str) -> set[str]:
    """The files below a folder that hold these words."""
    return {name for name, text in texts_below(folder) if words in text}


def hashes(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "timings" not in path.parts and path.name != ".lock"
    }


def test_no_byte_below_the_run_directory_holds_a_removed_passage(taken: OpenedRun) -> None:
    """Before, its words are in many places; after, in none, nor when the report is written again."""
    before = {name.split("/")[0] for name in holding(taken.folder, ONCE.strip())}
    assert before >= {"ledger", "tokens", "shards", "mixes", "documents", ".work"}
    assert holding(taken.folder, PASSAGE.strip()) & {"contamination.json"}
    answer = take(taken)
    for words in (ONCE, PASSAGE):
        assert holding(taken.folder, words.strip()) == set()
    write_report(taken.folder, "raw")
    assert holding(taken.folder, "Thistlewick") == set()
    assert "Thistlewick" not in json.dumps(answer.data)


def test_removing_by_a_passage_takes_its_copies_too(taken: OpenedRun) -> None:
    take(taken, "text", ONCE)
    assert holding(taken.folder, "Thistlewick") == set()
    sql = "select url from ledger where dropped_at = 'removed' order by url"
    gone = connect(open_finished(taken.folder).ledger).execute(sql).fetchall()
    assert [url for (url,) in gone] == [COPY, URL]


def test_who_removes_a_dropped_copy_is_told_what_was_kept_in_its_place(taken: OpenedRun) -> None:
    """Another's page with the same words is not removed without being named."""
    answer = take(taken, "url", COPY)
    sql = f"select id from ledger where url = '{URL}' and kept"
    assert [(id,) for id in answer.data["kept_copies"]] == connect(open_finished(taken.folder).ledger).execute(
        sql
    ).fetchall()


def test_numbers_agree_after_a_removal(taken: OpenedRun) -> None:
    """stats.json, manifests and statements of mixtures against the ledger and the shards."""
    take(taken)
    now = open_finished(taken.folder)
    assert recounted(now.stats["sources"], now.ledger) == now.stats["sources"]
    assert [step["dropped"] for step in now.stats["sources"]["web"]["funnel"] if step["step"] == "removed"] == [2]
    for folder in ("shards", "mixes/index", "mixes/made"):
        reader = ShardReader(taken.folder / folder)
        rows = [(entry, reader.open(entry)) for entry in reader.entries]
        filled = {entry.file: int((view.offsets[1:] > view.offsets[:-1]).sum()) for entry, view in rows}
        assert sum(filled.values()) == reader.manifest["documents"]
        assert all(filled[entry.file] == entry.rows - entry.emptied for entry, _ in rows)
        assert sum(len(view.tokens) for _, view in rows) == reader.manifest["tokens"]
        train = sum(entry.tokens for entry, _ in rows if entry.split == "train")
        assert reader.manifest["mixture"]["tokens"] == train
        assert sum(group["tokens"] for group in reader.manifest["mixture"]["groups"].values()) == train
    shards = ShardReader(taken.folder / "shards")
    assert sum(each["documents"] for each in now.stats["shards"].values()) == shards.manifest["documents"]
    assert {"by": "source"} | now.stats["mixture"] == shards.manifest["mixture"]
    listed = json.loads((taken.folder / "contamination.json").read_text())["sets"]
    assert all(listed[name]["found"] == each["found"] == 0 for name, each in now.stats["contamination"]["sets"].items())


def test_the_numbers_of_a_run_are_those_that_its_ledger_counts() -> None:
    """What a removal counts anew is what the run counted, where nothing was removed."""
    opened = webtext_run()
    assert recounted(opened.stats["sources"], opened.ledger) == opened.stats["sources"]


@pytest.mark.parametrize(("by", "value"), [("url", URL), ("text", ONCE), ("domain", "web.example")])
def test_removing_twice_is_removing_once(taken: OpenedRun, by: str, value: str) -> None:
    """Names of shards, fingerprints, the list: every byte."""
    take(taken, by, value)
    once = hashes(taken.folder)
    assert take(taken, by, value).data["files"] == []
    assert hashes(taken.folder) == once


def test_a_later_run_lets_nothing_of_it_in(taken: OpenedRun, whole: Path) -> None:
    """Neither the document, nor the copy that was dropped for it; nothing read anew is left behind either."""
    take(taken)
    run(whole / "taken.yaml", ["filters.c4.min_sentences.min=4"], taken.folder, engine="serial")
    assert holding(taken.folder, "Thistlewick") == set()
    shutil.rmtree(taken.folder / ".work")
    run(whole / "taken.yaml", (), taken.folder, engine="serial")
    assert holding(taken.folder, "Thistlewick") == set()


def test_what_is_taken_off_the_list_comes_back_by_a_run(taken: OpenedRun, whole: Path) -> None:
    """Emptied results are no results for a run that may use the document."""
    take(taken)
    (taken.folder / "removals.jsonl").unlink()
    run(whole / "taken.yaml", (), taken.folder, engine="serial")
    product = {name for name in holding(taken.folder, "Thistlewick") if name.startswith("shards/")}
    assert product and hashes(taken.folder / "shards") == hashes(whole / "run" / "shards")


@pytest.mark.parametrize("to", exporters())
def test_exports_know_that_they_are_stale_and_leave_removed_documents_out(
    taken: OpenedRun, to: str, tmp_path: Path
) -> None:
    out = export(taken.folder, to, tmp_path / "out", sequence_length=64)
    assert [made.state for made in exports_of(taken.folder)] == ["current"]
    answer = take(taken)
    assert answer.data["stale_exports"] == [str(out)]
    stale = curate("export", taken.folder, "--check", check=False)
    assert stale.returncode == 3 and "stale" in stale.stdout
    export(taken.folder, to, out, sequence_length=64)
    assert [made.state for made in exports_of(taken.folder)] == ["current"]
    assert holding(out, "Thistlewick") == set()
    documents = ShardReader(taken.folder).manifest["documents"]
    if to == "parquet":
        found = [text for path in out.glob("*.parquet") for text in pq.read_table(path).column("text").to_pylist()]
        assert len(found) == documents and all(found)
    if to == "megatron":
        counts = [int.from_bytes((out / f"{name}.idx").read_bytes()[18:26], "little") for name in ("train", "valid")]
        assert sum(counts) == documents


def test_every_published_file_has_its_place(taken: OpenedRun) -> None:
    """A file of no known place stops a removal before anything is changed."""
    import re

    names = open_finished(taken.folder).published.files
    assert all(any(re.fullmatch(pattern, name) for pattern, _ in PLACES) for name in names)
