"""How long questions to a large ledger take, and in how much memory: synthetic runs of so many rows, real code throughout.

    python tests/benchmarks/bench_audit.py --rows 100M --folder /big/disk

Two runs are made, the second with another threshold, for `diff`. Their parts are made by the judge's and the aggregate's
own code on random metrics; only texts are left out. With --folder the runs stay there, and are used again.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from rich.console import Console

from curate.audit.plan import aggregate
from curate.config.reading import read_pipeline
from curate.config.step_params import evaluation_steps, verdict_steps
from curate.engine.executors import SerialEngine
from curate.engine.progress import ProgressDisplay
from curate.engine.runner import Runner
from curate.engine.task import Committed, File, Task
from curate.flow import Flow, Part
from curate.pipeline.tasks.judge import judge_part
from curate.pipeline.tasks.ledger import ROW_GROUP, write_part
from curate.records.ledger import ledger_schema
from curate.settings import parse_count
from curate.storage import SourceFile
from curate.verdicts.decide import verdict_columns

PART_ROWS = 1 << 20
PIPELINE = """
name: large
sources:
  web:
    read: {format: jsonl, paths: [large.jsonl]}
    steps: [{language: {keep: [en], minimum: 0.5}}, {filter: c4}, {filter: gopher-quality}]
"""
CHANGED = "filters: {gopher-quality: {min_words: {min: 80}}}\n"
LANGUAGES = ["en", "de", "fr", "es", "ru", "ja", "zh", "it", "nl", "pt"]


def ledger_part(number: int, rows: int, steps: list[dict[str, Any]], schema: pa.Schema) -> pa.Table:
    """Random rows, judged by the rules."""
    rng = np.random.default_rng(number)
    columns: dict[str, pa.Array] = {name: pa.nulls(rows, schema.field(name).type) for name in schema.names}
    ids = rng.bytes(16 * rows)
    columns["id"] = pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), rows, [None, pa.py_buffer(ids)])
    columns["source"] = pa.array(["web"]).take(pa.array(np.zeros(rows, np.int64)))
    columns["file"] = pa.array([f"part-{number}.jsonl"]).take(pa.array(np.zeros(rows, np.int64)))
    columns["offset"] = pa.array(np.arange(rows))
    columns["length"] = pa.array(np.ones(rows, np.int64))
    domain = np.minimum(rng.zipf(1.3, rows), 200_000)
    pages = rng.integers(0, 1 << 40, rows)
    columns["url"] = pa.array([f"https://site-{d}.example/page/{p:x}" for d, p in zip(domain, pages, strict=True)])
    chars = rng.lognormal(7, 1.2, rows).astype(np.int64)
    columns["chars"] = pa.array(chars)
    columns["language"] = pa.array(LANGUAGES).take(pa.array(np.minimum(rng.zipf(2.0, rows), 10) - 1))
    columns["language_score"] = pa.array(rng.beta(9, 1, rows).astype(np.float32))
    for field in schema:
        if "." in field.name:
            high = 50 if pa.types.is_integer(field.type) else 1
            values = rng.beta(0.6, 4, rows) * high
            if field.name.endswith((".words", ".sentences")):
                values = chars / (6 if field.name.endswith("words") else 90)
            if field.name.endswith("mean_word_length"):
                values = rng.normal(5, 1, rows)
            if field.name.endswith("_alphabetic"):
                values = rng.beta(20, 1, rows)
            if field.name.endswith(("ipsum_lines", "bracket_lines")):
                values = rng.random(rows) < 0.03
            columns[field.name] = pa.array(values.astype(field.type.to_pandas_dtype()))
    failures = {}
    for step in steps:
        failures |= step.fails(columns)
    columns |= verdict_columns(failures, rows)
    tokens = np.where(np.asarray(columns["kept"], bool), chars // 4, 0)
    columns["tokens"] = pa.array(tokens, mask=~np.asarray(columns["kept"], bool))
    columns["edits"] = pa.array([[]] * rows, schema.field("edits").type)
    return pa.Table.from_arrays([columns[name].cast(schema.field(name).type) for name in schema.names], schema=schema)


def renamed(table: pa.Table, number: int) -> pa.Table:
    """The same rows under other ids and addresses."""
    ids = np.random.default_rng(number + 1).bytes(16 * table.num_rows)
    column = pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), table.num_rows, [None, pa.py_buffer(ids)])
    addresses = pc.replace_substring(table.column("url"), "/page/", f"/{number}/")
    for name, values in (("id", column), ("url", addresses)):
        table = table.set_column(table.schema.get_field_index(name), table.schema.field(name), values)
    return table


def committed(work: Path, task: Task[Any, Any], files: dict[str, Path], counts: dict[str, Any]) -> Committed[Any]:
    """A manifest as a task would have left it, its files linked in."""
    (work / task.folder).mkdir(parents=True, exist_ok=True)
    entries = {}
    for name, path in files.items():
        target = work / task.folder / f"{task.key}.{name}"
        path.rename(target)
        entries[name] = File(name, str(target), f"{task.key}-{name}", target.stat().st_size)
    manifest = {
        "stage": task.stage, "source": task.source, "function": task.reference, "params": dict(task.params),
        "counts": counts,
        "inputs": {name: [vars(file) for file in files] for name, files in task.inputs.files.items()},
        "files": {name: {"bytes": file.bytes, "sha256": file.digest} for name, file in entries.items()},
    }  # fmt: skip
    (work / task.folder / f"{task.key}.json").write_text(json.dumps(manifest))
    return Committed(task, entries, counts)


def make_run(folder: Path, rows: int, settings: str = "") -> None:
    """A run directory with a ledger of so many rows, its counts made by the run's own stages."""
    folder.mkdir(parents=True)
    (folder / "large.jsonl").touch()
    (folder / "large.yaml").write_text(PIPELINE + settings)
    pipeline = read_pipeline(folder / "large.yaml").pipeline
    metrics = [column for step in evaluation_steps(pipeline.sources["web"]) for column in step["columns"]]
    steps = verdict_steps(pipeline, "web")
    schema, work = ledger_schema(metrics), folder / ".work"
    parts, ledgers = [], []
    (folder / "ledger").mkdir()
    base = ledger_part(0, min(PART_ROWS, rows), steps, schema)
    for number in range(-(-rows // PART_ROWS)):
        size = min(PART_ROWS, rows - number * PART_ROWS)
        temporary = folder / f"part-{number}.parquet"
        table = renamed(base.slice(0, size), number)
        pq.write_table(table, temporary, compression="zstd", row_group_size=ROW_GROUP)
        given = File(f"part-{number}.jsonl", "", str(number), 0)
        judging = Task(
            "verdicts", judge_part, {"steps": [step.to_json() for step in steps]}, {"columns": given}, "", "web"
        )
        verdict = committed(work, judging, {}, {})
        named = File("verdicts", str(work / verdict.task.folder / f"{verdict.task.key}.verdicts"), str(number), 0)
        task = Task("ledger", write_part, {"number": number}, {"verdicts": named}, f"part {number}")
        ledger = committed(work, task, {"ledger": temporary}, {"records": size})
        part = Part("web", number, SourceFile("", f"part-{number}.jsonl", 0, ""), verdict, named, decided=(verdict,))
        (folder / "ledger" / f"{part.name}.parquet").hardlink_to(ledger.files["ledger"].path)
        parts.append(part)
        ledgers.append(ledger)
    display = ProgressDisplay(Console(quiet=True), folder / "timings" / "progress.json")
    counted = aggregate(
        Flow(tuple(parts), ledger=tuple(ledgers)), Runner(work, folder / "timings", lambda: SerialEngine(), display)
    )
    assert counted is not None
    audit = json.loads(Path(counted.files["aggregate"].path).read_bytes())
    failed = {rule: {"failed": both[rule], "alone": 0} for rule, both in audit["web"]["overlap"].items()}
    passed = audit["web"]["passed"]
    funnel = {"step": "verdicts", "in": rows, "dropped": rows - passed, "kept": passed, "rules": failed}
    web = {
        "role": "training", "files": len(parts), "bytes": 0, "records": rows, "other_records": {}, "documents": rows,
        "chars": 0, "funnel": [funnel], "kept": audit["web"]["passed"], "tokens": 0,
        "edited_chars": {}, "datatrove": {}, "quality": {},
    }  # fmt: skip
    stats = {
        "name": "large",
        "sources": {"web": web},
        "shards": {},
        "mixture": None,
        "contamination": None,
        "audit": audit,
    }
    (folder / "stats.json").write_text(json.dumps(stats))
    record = {
        "name": "large", "fingerprint": "0" * 16, "pipeline": pipeline.model_dump(mode="json", by_alias=True),
        "inputs": {"web": []}, "verdict_steps": {"web": steps}, "aggregate": counted.stem,
        "parts": [
            {
                "name": part.name, "source": "web", "file": part.file.relative, "path": "",
                "way": [part.read.stem, ledger.stem],
            }
            for part, ledger in zip(parts, ledgers, strict=True)
        ],
    }  # fmt: skip
    (folder / "run.json").write_text(json.dumps(record))


def measured(*arguments: str) -> tuple[float, float]:
    """(seconds, peak megabytes) of a `curate` command in a process of its own."""
    code = (
        "import sys; from curate.cli.main import main; status = main(sys.argv[1:]);"
        "high = next(line for line in open('/proc/self/status') if line.startswith('VmHWM'));"
        "print('peak', high.split()[1], file=sys.stderr); sys.exit(status)"
    )
    started = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return time.perf_counter() - started, int(done.stderr.rsplit("peak", 1)[1]) / 1024


def main() -> None:
    """Make the run, ask each question, print seconds and memory."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=parse_count, default=1_000_000)
    parser.add_argument("--folder", type=Path, default=None)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        run, other = (Path(options.folder or temporary) / name for name in ("run", "other"))
        started = time.perf_counter()
        for folder, settings in ((run, ""), (other, CHANGED)):
            if not (folder / "run.json").exists():
                shutil.rmtree(folder, ignore_errors=True)
                make_run(folder, options.rows, settings)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        ledger = sorted((run / "ledger").iterdir())
        size = sum(path.stat().st_size for path in ledger)
        print(
            f"{options.rows:,} rows, {size / 1e9:.2f} GB; made in {time.perf_counter() - started:.0f} s, {peak:.0f} MB"
        )
        wanted = pq.ParquetFile(ledger[-1]).read_row_group(0, ["id", "url"]).slice(7, 1).to_pylist()[0]
        questions = {
            "explain by id": ("explain", str(run), wanted["id"].hex()),
            "explain by url": ("explain", str(run), wanted["url"]),
            "whatif": ("whatif", str(run), "--set", "filters.gopher-quality.min_words.min=80", "--samples", "0"),
            "sample": ("sample", str(run), "--failed", "c4/lorem_ipsum", "-n", "20"),
            "report": ("report", str(run)),
            "diff": ("diff", str(run), str(other)),
        }
        for name, arguments in questions.items():
            seconds, memory = measured(*arguments)
            print(f"{name:<16} {seconds:7.1f} s {memory:7.0f} MB", flush=True)
        print(f"report.html      {(run / 'report.html').stat().st_size / 1e6:7.2f} MB")


if __name__ == "__main__":
    main()
