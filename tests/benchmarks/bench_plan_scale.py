"""What the plan of a run costs as parts grow: the real stages and the real runner, over tasks that are simulated.

    python -m tests.benchmarks.bench_plan_scale --parts 1000 10000

A part is 30,000 documents of 1,024 tokens, of which a quarter share a key with another; so many as a snapshot of 100,000
files holds. The stages of `curate run` (read, verdicts, deduplication by MinHash, tokens, shards, ledger, counts) make
their tasks and name them as ever; each task is then answered with the counts that it would have had, and no file is written
but those that the driver reads. Prints, for each number of parts in a process of its own: the driver's CPU time (less the
simulation's) and its most memory, tasks, the bytes of all manifests, the files that tasks open as inputs, the most that one
task opens; and how each grew from one number of parts to the next against the parts' own growth.

Not measured: what tasks compute, and publishing, which links each file once.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import yaml
from rich.console import Console

from curate.config.reading import read_pipeline
from curate.engine.progress import ProgressDisplay
from curate.engine.runner import Runner
from curate.engine.task import Committed, File, Task, Timing
from curate.flow import Flow
from curate.pipeline.run import _order
from curate.shards.order import bucket_bits
from curate.shards.shuffle import INDEX
from curate.storage import SourceFile

DOCUMENTS = 30_000
"""Of a part: 3 billion in 100,000 parts."""
TOKENS = 1024
"""Of a document, end-of-text with them."""
LINKED = DOCUMENTS // 4
"""Documents of a part that share a key with another: 0.8 billion of 3."""
BATCH = 1 << 17
"""Linked documents that one task decides on."""
PER_SHARD = 1 << 26
_TEXT, _SIGNATURES = 60 << 20, 32 << 20  # bytes of a part's files
_SAMPLED = 20  # manifests of a stage that are written out to know their size

PIPELINE = {
    "name": "scale",
    "sources": {"web": {"read": {"format": "jsonl", "paths": ["input.jsonl"]}}},
    "combine": [{"deduplicate": {"minhash": {"bands": 14, "rows": 8}}}],
    "tokens": {"tokenizer": "gpt2"},
    "shards": {"tokens_per_shard": PER_SHARD, "validation": 0},
}


@dataclass
class Meter:
    """What was asked of the simulated engine."""

    seconds: float = 0.0
    tasks: Counter[str] = field(default_factory=Counter)
    opens: Counter[str] = field(default_factory=Counter)
    most: Counter[str] = field(default_factory=Counter)
    manifests: Counter[str] = field(default_factory=Counter)
    sampled: Counter[str] = field(default_factory=Counter)
    weighed: Counter[str] = field(default_factory=Counter)


@dataclass
class Simulated:
    """An engine that answers for tasks instead of running them."""

    parts: int
    folder: Path
    meter: Meter = field(default_factory=Meter)
    made: dict[Any, str] = field(default_factory=dict)

    def map(
        self, function: Callable[..., Any], items: Sequence[tuple[Task[Any, Any], str]], memory: int = 0
    ) -> Iterator[tuple[int, Any]]:
        """See Engine.map."""
        for index, (task, _) in enumerate(items):
            started = time.process_time()
            answer = self._answer(task, index, len(items))
            self._note(task, answer)
            self.meter.seconds += time.process_time() - started
            yield index, (answer, Timing(task.stage, task.source, task.label, 60.0, 60.0, 0, 0))

    def on_each_node(self, function: Callable[..., Any], item: Any) -> list[tuple[str, Any]]:
        """See Engine.on_each_node."""
        return []

    def _note(self, task: Task[Any, Any], answer: Committed[Any]) -> None:
        """Count what the task opens, and weigh its manifest: the first ones whole, the rest by their number of files."""
        name, meter = task.function.__name__, self.meter
        opened = sum(len(files) for files in task.inputs.files.values())
        meter.tasks[name] += 1
        meter.opens[name] += opened
        meter.most[name] = max(meter.most[name], opened)
        files = opened + len(answer.files) + 1
        if meter.tasks[name] <= _SAMPLED:
            manifest = {
                "params": dict(task.params),
                "inputs": {key: [asdict(file) for file in given] for key, given in task.inputs.files.items()},
                "files": {key: {"bytes": file.bytes, "sha256": file.digest} for key, file in answer.files.items()},
                "counts": answer.counts,
            }
            meter.weighed[name] += len(json.dumps(manifest, indent=1))
            meter.sampled[name] += files
        meter.manifests[name] += files

    def bytes_of_manifests(self) -> float:
        """Of all tasks, from the weight of a file's entry in those that were written out."""
        meter = self.meter
        return sum(meter.weighed[name] / meter.sampled[name] * files for name, files in meter.manifests.items())

    def _answer(self, task: Task[Any, Any], index: int, tasks: int) -> Committed[Any]:
        documents = DOCUMENTS
        decided = {"documents": documents, "kept": documents, "dropped": {}, "failed": {}, "alone": {}}
        sizes: dict[str, int] = {}
        counts: dict[str, Any]
        match task.function.__name__:
            case "read_part":
                counts = {"records": documents, "documents": documents, "chars": 4 * TOKENS * documents}
                counts |= {"bytes": _TEXT, "others": {}, "failed": {}, "dropped": {}, "metadata": {}}
                sizes = {"records": _TEXT // 8, "documents": _TEXT}
            case "evaluate_part":
                counts = {"documents": documents, "edited_chars": {}, "statistics": {}}
                sizes = {"columns": 1 << 10}
            case "judge_part":
                counts, sizes = decided, {"verdicts": 1 << 16}
            case "sign_part":
                counts, sizes = {"documents": documents}, {"signatures": _SIGNATURES}
            case "sort_keys":
                counts = {"keys": 15 * documents * len(task.params["parts"]), "linked": 1000}
                sizes = {"keys": 16 * counts["keys"], "forest": 16 << 10}
            case "link_bucket":
                counts, sizes = {"linked": LINKED * self.parts // tasks}, {"forest": 1 << 20}
            case "join_forests":
                counts, sizes = {"linked": LINKED * self.parts}, {"forest": 1 << 20}
            case "cut_components":
                linked = LINKED * self.parts
                counts = {"documents": linked, "components": linked // 3, "largest": 100}
                counts |= {"batches": math.ceil(linked / BATCH)}
                sizes = {"assignments": 20 * linked}
            case "gather_linked":
                counts, sizes = {"linked": LINKED * len(task.params["parts"])}, {"linked": LINKED << 10}
            case "decide_components":
                counts, sizes = {"linked": BATCH, "removed": 0, "clusters": {"1": 1}}, {"decisions": 60 * BATCH}
            case "apply_decisions":
                counts, sizes = decided, {"verdicts": 1 << 16, "columns": 1 << 18, "groups": 1 << 18}
            case "tokenize_part":
                counts = {"documents": documents, "tokens": documents * (TOKENS - 1), "proved": 0}
                sizes = {"tokens": 2 * TOKENS * documents, "counts": 1 << 17}
            case "sort_group":
                held = documents * len(task.params["parts"])
                counts, sizes = {"train": held, "validation": 0}, {"train": 2 * TOKENS * held, "validation": 1 << 10}
            case "add_buckets" | "regroup_files":
                counts = {"rows": 0}
                if task.function.__name__ == "regroup_files":
                    sizes = {f"range-{number}": 1 << 20 for number in range(len(task.params["ranges"]))}
            case "merge_shard":
                held = (
                    (task.params["last"] - task.params["first"]) // TOKENS if task.params["section"] == "train" else 0
                )
                counts = {"documents": held, "tokens": TOKENS * held}
                sizes = {"shard": 2 * TOKENS * held, "places": 24 * held}
            case "number_places":
                counts, sizes = {"documents": documents}, {"places": 24 * documents}
            case "write_part":
                counts, sizes = {"records": documents, "kept": documents}, {"ledger": 1 << 20}
            case "aggregate_part" | "merge_parts":
                counts, sizes = {"documents": documents}, {"aggregate": 1 << 16, "sample": 1 << 16}
            case other:
                raise ValueError(f"the simulation knows no task {other}")
        stem = f"{self.folder}/.work/{task.stage}.{index % 16:016x}/{index:016x}"
        files = {name: File(name, f"{stem}.{name}", f"{index:064x}", size) for name, size in sizes.items()}
        if task.function.__name__ in ("sort_group", "add_buckets"):
            held = documents * (self.parts if task.function.__name__ == "add_buckets" else len(task.params["parts"]))
            files["index"] = File("index", self._index(held), f"{index:064x}", 1 << 20)
        return Committed(task, files, counts)

    def _index(self, documents: int) -> str:
        """The index of a sorted group: its documents spread evenly over the buckets. One file for all that are alike."""
        if documents not in self.made:
            path = str(self.folder / f"index-{documents}.arrow")
            total = DOCUMENTS * self.parts * TOKENS
            buckets = 1 << bucket_bits(total, PER_SHARD)
            edges = (np.arange(buckets + 1) * documents) // buckets
            held = np.diff(edges)
            there = np.flatnonzero(held)
            columns = {
                "section": np.zeros(len(there), np.int32),
                "bucket": there,
                "documents": held[there],
                "tokens": held[there] * TOKENS,
            }
            table = pa.table({name: pa.array(values, INDEX.field(name).type) for name, values in columns.items()})
            with pa.ipc.new_file(path, INDEX) as writer:
                writer.write_table(table)
            self.made[documents] = path
        return self.made[documents]


def measure(parts: int) -> dict[str, Any]:
    """Plan a run of so many parts; what it took."""
    from curate.audit.plan import aggregate

    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "scale.yaml").write_text(yaml.safe_dump(PIPELINE))
        file = read_pipeline(folder / "scale.yaml", [])
        inputs = {"web": [SourceFile(f"/input/{n:06d}", f"{n:06d}", _TEXT, f"{n:032x}") for n in range(parts)]}
        engine = Simulated(parts, folder)
        display = ProgressDisplay(Console(quiet=True), folder / "progress.json")
        runner = Runner(folder / ".work", folder / "timings", lambda: engine, display)
        before, started = time.process_time(), time.perf_counter()
        flow = Flow(())
        stages: dict[str, float] = {}
        for name, stage in _order(file, inputs, runner, folder, None):
            begun = time.process_time() - engine.meter.seconds
            flow = stage(flow)
            stages[name] = time.process_time() - engine.meter.seconds - begun
        aggregate(flow, runner)
        cpu = time.process_time() - before - engine.meter.seconds
        meter = engine.meter
        return {
            "parts": parts,
            "cpu": cpu,
            "wall": time.perf_counter() - started,
            "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            "tasks": meter.tasks.total(),
            "manifests": engine.bytes_of_manifests(),
            "opens": meter.opens.total(),
            "most": max(meter.most.values()),
            "opens by task": dict(meter.opens.most_common(8)),
            "most by task": dict(meter.most.most_common(8)),
            "cpu by stage": {name: round(value, 2) for name, value in sorted(stages.items(), key=lambda x: -x[1])[:6]},
        }


def main() -> None:
    """Measure each number of parts in a process of its own, and print a line for it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options.one)))
        return
    print("parts     driver CPU s  memory MB     tasks  manifests MB   file opens  most of one task")
    earlier: dict[str, Any] | None = None
    for parts in options.parts:
        command = [sys.executable, "-m", "tests.benchmarks.bench_plan_scale", "--one", str(parts)]
        found = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
        print(
            f"{parts:<9,} {found['cpu']:12.1f} {found['memory'] / 1e6:10.0f} {found['tasks']:9,} "
            f"{found['manifests'] / 1e6:13.1f} {found['opens']:12,} {found['most']:17,}"
        )
        for name in ("opens by task", "most by task", "cpu by stage"):
            print(f"    {name}: " + ", ".join(f"{key} {value:,}" for key, value in found[name].items()))
        if earlier is not None:
            times = parts / earlier["parts"]
            grown = {name: found[name] / earlier[name] / times for name in ("cpu", "tasks", "manifests", "opens")}
            print("    growth against the parts': " + ", ".join(f"{key} {value:.2f}" for key, value in grown.items()))
        earlier = found


if __name__ == "__main__":
    main()
