"""Code of the user's own in a run: steps, metrics, blocks and engines named in a pipeline file, and never a stale result."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.support.running import curate

TEXTS = ["one two three four", "one two", "a b c d e f g h", "raise"]

STEP = """
import pyarrow as pa
import pyarrow.compute as pc

from counting import FACTOR

def wordy(batch, least=0):
    texts = batch.column("text").to_pylist()
    if any(text == "raise" for text in texts):
        raise KeyError("no such word")
    return {"words": [FACTOR * len(text.split()) for text in texts], "short": [len(text) < 8 for text in texts]}

def shout(batch):
    return {"text": pc.utf8_upper(batch.column("text"))}
"""

PIPELINE = """
name: own
sources:
  docs:
    read: {format: jsonl, paths: [docs.jsonl.gz]}
    steps:
      STEPS
shards: {tokens_per_shard: 1k, validation: 0}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with documents, and code beside them that is on no path of Python's."""
    with gzip.open(tmp_path / "docs.jsonl.gz", "wt") as file:
        file.writelines(json.dumps({"text": text}) + "\n" for text in TEXTS)
    (tmp_path / "mysteps.py").write_text(STEP)
    (tmp_path / "counting.py").write_text("FACTOR = 1\n")
    return tmp_path


def run(folder: Path, *steps: str, engine: str = "serial", **options: Any) -> Any:
    """The outcome of a run of the steps, from another folder, so that nothing is found by chance."""
    (folder / "own.yaml").write_text(PIPELINE.replace("STEPS", "\n      ".join(f"- {step}" for step in steps)))
    (folder / "elsewhere").mkdir(exist_ok=True)
    arguments = ("run", folder / "own.yaml", "--out", folder / "run", "--engine", engine)
    return curate(*arguments, cwd=folder / "elsewhere", **options)


def ledger(folder: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(folder / "run" / "ledger").to_pylist()
    return rows


WORDY = 'python: {function: "mysteps:wordy", rules: {enough: {metric: words, min: 3, why: "too short"}}}'


@pytest.mark.parametrize("engine", ["serial", "ray"])
def test_an_own_step_is_in_the_ledger_with_its_columns_and_rules(folder: Path, engine: str) -> None:
    run(folder, WORDY, engine=engine)
    rows = ledger(folder)
    assert [row["wordy.words"] for row in rows] == [4, 2, 8, None]
    assert [row["wordy.short"] for row in rows] == [False, True, False, None]
    assert [row["failed"] for row in rows] == [[], ["wordy/enough"], [], ["wordy/enough", "wordy/error"]]
    stats = json.loads((folder / "run" / "stats.json").read_text())
    assert stats["sources"]["docs"]["steps"] == {"wordy": {"KeyError": 1}}


def test_what_if_and_explain_know_an_own_steps_rules(folder: Path) -> None:
    run(folder, WORDY)
    answer = curate(
        "whatif", folder / "run", "--set", "filters.wordy.enough.min=2", "--format", "json", cwd=folder / "elsewhere"
    )
    passed = json.loads(answer.stdout)["passed"]
    assert (passed["passed"], passed["passes"]) == (2, 3)
    id = ledger(folder)[1]["id"].hex()
    told = json.loads(curate("explain", folder / "run", id, "--format", "json").stdout)
    assert {rule["name"]: rule["value"] for rule in told["rules"] if rule["fails"]} == {"wordy/enough": 2.0}


def test_an_own_step_may_edit_text(folder: Path) -> None:
    run(folder, 'python: {function: "mysteps:shout", as: loud}')
    assert ledger(folder)[0]["edits"] == []  # no character was removed
    curate("run", folder / "own.yaml", "--out", folder / "texts", "--engine", "serial", "--until", "loud")
    (texts,) = (folder / "texts" / "documents" / "loud").iterdir()
    assert pq.read_table(texts).column("text").to_pylist() == [text.upper() for text in TEXTS]


def test_changed_code_is_run_again_and_what_it_imports_too(folder: Path) -> None:
    run(folder, WORDY)
    (folder / "mysteps.py").write_text(STEP.replace("FACTOR * len", "10 * FACTOR * len"))
    run(folder, WORDY)
    assert [row["wordy.words"] for row in ledger(folder)] == [40, 20, 80, None]
    (folder / "counting.py").write_text("FACTOR = 2\n")
    run(folder, WORDY)
    assert [row["wordy.words"] for row in ledger(folder)] == [80, 40, 160, None]
    commented = (folder / "counting.py").read_text() + "# twice\n"
    (folder / "counting.py").write_text(commented)
    before = sorted(path.name for path in (folder / "run" / ".work").iterdir())
    run(folder, WORDY)
    assert sorted(path.name for path in (folder / "run" / ".work").iterdir()) == before


BLOCK = """
from datatrove.pipeline.filters.base_filter import BaseFilter

class Longer(BaseFilter):
    name = "longer"

    def filter(self, doc):
        return len(doc.text.split()) > LIMIT
"""


def test_a_changed_block_of_datatrove_is_run_again(folder: Path) -> None:
    block = 'datatrove: {block: "blocks.Longer"}'
    (folder / "blocks.py").write_text(BLOCK.replace("LIMIT", "3"))
    run(folder, block)
    assert sum(row["kept"] for row in ledger(folder)) == 2
    (folder / "blocks.py").write_text(BLOCK.replace("LIMIT", "5"))
    run(folder, block)
    assert sum(row["kept"] for row in ledger(folder)) == 1


def test_a_changed_extraction_engine_is_run_again(folder: Path) -> None:
    page = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<p>A page."
    head = "WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: http://e.example/\r\nWARC-Record-ID: <urn:uuid:1>\r\n"
    head += "WARC-Date: 2024-01-01T00:00:00Z\r\nContent-Type: application/http; msgtype=response\r\n\r\n"
    (folder / "one.warc").write_bytes(head.encode() + page + b"\r\n\r\n")
    (folder / "engines.py").write_text("def text(html): return 'first version'\n")
    pipeline = PIPELINE.replace("{format: jsonl, paths: [docs.jsonl.gz]}", "{format: warc, paths: [one.warc]}")
    (folder / "warc.yaml").write_text(pipeline.replace("STEPS", '- extract: {engine: "engines:text"}'))
    arguments = ("run", folder / "warc.yaml", "--out", folder / "run", "--engine", "serial")
    curate(*arguments, cwd=folder)
    assert ledger(folder)[0]["chars"] == len("first version")
    (folder / "engines.py").write_text("def text(html): return 'second'\n")
    curate(*arguments, cwd=folder)
    assert ledger(folder)[0]["chars"] == len("second")


READER = """
from curate.config.formats import Format

PARAGRAPHS = Format("paragraphs", "reading:read_paragraphs")


def read_paragraphs(handle, file, rows, columns, counts, start):
    offset = 0
    for paragraph in handle.read().split(b"\\n\\n"):
        rows.add(offset, len(paragraph), text=paragraph.strip())
        offset += len(paragraph) + 2
        yield
"""


def test_a_format_of_ones_own_is_read_like_ours_and_named_by_its_source(folder: Path) -> None:
    (folder / "reading.py").write_text(READER)
    (folder / "notes.txt").write_text("First paragraph.\n\nSecond one.\n")
    pipeline = PIPELINE.replace(
        "{format: jsonl, paths: [docs.jsonl.gz]}", '{format: "reading:PARAGRAPHS", paths: [notes.txt]}'
    )
    (folder / "notes.yaml").write_text(pipeline.replace("    steps:\n      STEPS\n", ""))
    arguments = ("run", folder / "notes.yaml", "--out", folder / "run", "--engine", "serial")
    done = curate(*arguments, cwd=folder)
    assert "Running your own code: reading:read_paragraphs" in done.stderr
    assert [row["chars"] for row in ledger(folder)] == [16, 11]
    (folder / "reading.py").write_text(READER.replace("paragraph.strip()", "paragraph.strip()[:5]"))
    curate(*arguments, cwd=folder)
    assert [row["chars"] for row in ledger(folder)] == [5, 5]


EXPORTER = """
from curate.shards.export.formats import ExportFile


def counts(source):
    documents = sum(entry.rows for entry in source.reader.entries)
    return [ExportFile("counts.txt", lambda path: path.write_text(str(documents)))]
"""


def test_an_exporter_of_ones_own_writes_like_ours(folder: Path) -> None:
    run(folder, WORDY)
    (folder / "writing.py").write_text(EXPORTER)
    environment = os.environ | {"PYTHONPATH": str(folder)}
    out = folder / "counted"
    curate("export", folder / "run", "--to", "writing:counts", "--out", out, environment=environment)
    assert (out / "counts.txt").read_text() == "2"
    wrong = curate("export", folder / "run", "--to", "parket", "--out", folder / "other", check=False)
    assert wrong.returncode == 2 and "did you mean 'parquet'" in wrong.stderr


def test_check_names_the_code_that_a_run_would_execute(folder: Path) -> None:
    (folder / "own.yaml").write_text(PIPELINE.replace("STEPS", f"- {WORDY}"))
    assert "your own code, which a run executes: mysteps:wordy" in curate("check", folder / "own.yaml").stdout


def test_a_pack_may_take_metrics_from_outside(folder: Path) -> None:
    (folder / "ease.py").write_text(
        "import pyarrow.compute as pc\n\ndef letters(texts):\n    return pc.utf8_length(texts)\n"
    )
    (folder / "mine.yaml").write_text(
        'name: mine\nmetrics: ["ease:letters"]\nrules:\n  long: {metric: letters / 2, min: 4}\n'
    )
    run(folder, "filter: mine.yaml")
    rows = ledger(folder)
    assert [row["mine.letters"] for row in rows] == [len(text) for text in TEXTS]
    assert [row["kept"] for row in rows] == [True, False, True, False]
    (folder / "ease.py").write_text(
        "import pyarrow.compute as pc\n\ndef letters(texts):\n    return pc.multiply(2, pc.utf8_length(texts))\n"
    )
    run(folder, "filter: mine.yaml")
    assert ledger(folder)[1]["mine.letters"] == 2 * len(TEXTS[1])


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ('python: {function: "mysteps:nothing"}', "has no attribute 'nothing'"),
        ('python: {function: "nowhere:f"}', "No module named 'nowhere'"),
        ("python: {function: mysteps.wordy}", "write module:function, as in mysteps:readability"),
        ('python: {function: "mysteps:wordy", rules: {few: {metric: word, min: 3}}}', "the function gives words, short"),
        ('python: {function: "mysteps:wordy", rules: {few: {metric: words}}}', "a rule needs min or max"),
        ('python: {function: "mysteps:STEP"}', "has no attribute 'STEP'"),
    ],
)  # fmt: skip
def test_a_step_that_cannot_work_is_refused_at_its_line(folder: Path, step: str, said: str) -> None:
    done = run(folder, step, check=False)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr and f"{folder / 'own.yaml'}:7" in done.stderr


OUTSIDE = """
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from dataclasses import replace

from curate.records.batches import BatchWriter, read_batches
from curate.settings import Model
from curate.engine.task import Task
from curate.steps import Applied, CombiningStep, Evaluation, SourceStep
from curate.verdicts.bounds import BoundsRule


class Vowels(Model):
    minimum: float = 0.0


class Evaluator:
    changes_text = False
    statistics = {}

    def apply(self, view, batch):
        counted = pc.count_substring_regex(view.texts, "[aeiou]").cast(pa.int64())
        return Applied(view, {"vowels.count": counted})


def evaluator(name, params):
    return Evaluator()


VOWELS = SourceStep(
    "vowels",
    Vowels,
    evaluation=lambda name, setting: Evaluation("outside:evaluator", {}, (("vowels.count", "int64"),)),
    rules=lambda name, setting, changes, least: (
        BoundsRule(name, "minimum", "count", min=setting.minimum, setting="vowels.minimum"),
    ),
    thresholds=frozenset({"minimum"}),
)


class Stamp(Model):
    value: int = 1


def stamp_part(params, inputs, output):
    schema = pa.schema([("stamp.value", pa.int64())])
    with BatchWriter(output.path("columns"), schema) as writer:
        for batch in read_batches(inputs.path("documents")):
            writer.write({"stamp.value": pa.array(np.full(len(batch), params["value"]))})
    return {}


def stamp(pipeline, flow, runner):
    setting = pipeline.combined(Stamp)
    if setting is None:
        return flow
    tasks = [
        Task("stamp", stamp_part, {"value": setting.value}, {"documents": part.documents}, part.name)
        for part in flow.parts
    ]
    results = runner.stage(tasks)
    parts = [
        part.after(result, columns=(*part.columns, result.file("columns")))
        for part, result in zip(flow.parts, results, strict=True)
    ]
    return replace(flow, parts=tuple(parts))


STAMP = CombiningStep("stamp", Stamp, 25, "outside:stamp", columns=(("stamp.value", "int64"),))
"""


def test_a_source_step_and_a_combining_step_join_from_an_installed_distribution(folder: Path) -> None:
    site = folder / "site"
    (site / "outside-1.0.dist-info").mkdir(parents=True)
    (site / "outside.py").write_text(OUTSIDE)
    (site / "outside-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: outside\nVersion: 1.0\n")
    (site / "outside-1.0.dist-info" / "entry_points.txt").write_text(
        "[curate.source_steps]\nvowels = outside:VOWELS\n[curate.combining_steps]\nstamp = outside:STAMP\n"
    )
    (folder / "own.yaml").write_text(
        PIPELINE.replace("STEPS", "- vowels: {minimum: 3}") + "combine: [{stamp: {value: 7}}]\n"
    )
    environment = os.environ | {"PYTHONPATH": str(site)}
    curate("run", folder / "own.yaml", "--out", folder / "run", "--engine", "serial", environment=environment)
    rows = ledger(folder)
    assert [row["vowels.count"] for row in rows] == [7, 3, 2, 3]
    assert [row["failed"] for row in rows] == [[], [], ["vowels/minimum"], []]
    assert {row["stamp.value"] for row in rows} == {7}
    answer = curate("whatif", folder / "run", "--set", "vowels.minimum=2", "--format", "json", environment=environment)
    assert json.loads(answer.stdout)["passed"]["passes"] == 4
