"""The cost of deduplicating N synthetic signatures: keys, links, components, survivors, as tasks over Ray.

A third of the documents are copies, in clusters whose sizes follow a power law up to a thousandth of N; a copy agrees
with its original in a share of the signature's values drawn from .55 to 1, so that some bands match and some pairs fail
verification; one copy in ten has its original's text. Prints seconds, core-seconds and bytes by stage, the peak memory of
all processes, and checks the outcome.

    python -m tests.benchmarks.bench_dedup_scale --documents 1M --workers 2

Crawls have worse in them: `--shape template` makes half of the documents near copies of one; `one-key` gives all documents,
which have nothing else in common, one band's key; `mega` has a document of 73 MB, of which every other has one band's key,
so that all are chained by it. `--workers 0` works in this process.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from curate.config.models import Pipeline
from curate.dedup.plan import _apply, _decide, banding
from curate.dedup.prior_runs import Indexed
from curate.dedup.records import NO_DATE, Rows, signature_columns, signature_schema
from curate.dedup.shingles import Shingles
from curate.dedup.step import Deduplicate, MinHash
from curate.engine.executors import start_engine
from curate.engine.runner import Runner
from curate.engine.task import Committed, Inputs, Output, Task, Timing
from curate.flow import Part
from curate.records.batches import BatchWriter, read_batches
from curate.records.verdicts import VERDICTS
from curate.settings import parse_count
from curate.storage import SourceFile

_PART = 250_000  # documents of a part
_BATCH = 1 << 14
_COPIES = 1 / 3
_TAIL = 1.8  # exponent of the cluster sizes' power law
_SAME_TEXT = 0.1  # of the copies
_MEGA = 73_000_000  # characters of the document that chains all others
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def cluster_sizes(documents: int, rng: np.random.Generator) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Copies per original: together a third of the documents."""
    sizes: list[int] = []
    left = int(documents * _COPIES)
    while left > 0:
        drawn = np.minimum(rng.zipf(_TAIL, 1 << 16), max(10, documents // 1_000))
        for size in drawn.tolist():
            sizes.append(min(size, left))
            left -= size
            if left <= 0:
                break
    return np.array(sizes)


def mixed(numbers: np.ndarray[Any, np.dtype[np.uint64]]) -> np.ndarray[Any, np.dtype[np.uint64]]:
    """SplitMix64's output for each number as state (Steele, Lea and Flood 2014)."""
    state = (numbers + np.uint64(1)) * _GOLDEN
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))


def write_part(params: Mapping[str, Any], inputs: Inputs, output: Output) -> dict[str, Any]:
    """Writes `signatures` and `verdicts` of one part. A document is a function of the seed and its number alone."""
    documents, width, first, count = (params[name] for name in ("documents", "width", "first", "count"))
    rng, shape, band = np.random.default_rng(0), params["shape"], params["band"]
    sizes = {"crawl": cluster_sizes, "template": lambda documents, rng: np.array([documents // 2])}.get(
        shape, lambda documents, rng: np.empty(0, np.int64)
    )(documents, rng)
    shared = (mixed(np.arange(width, dtype=np.uint64) + np.uint64(1 << 60)) >> np.uint64(32)).astype(np.uint32)
    originals = documents - int(sizes.sum())
    family = np.concatenate([np.arange(originals), np.repeat(np.arange(len(sizes)), sizes)])
    place = rng.permutation(documents)[first : first + count]
    with (
        BatchWriter(output.path("signatures"), signature_schema(width), compressed=False) as writer,
        BatchWriter(output.path("verdicts"), VERDICTS) as verdicts,
    ):
        for start in range(0, count, _BATCH):
            mine = place[start : start + _BATCH]
            copies = mine >= originals
            noise = np.random.default_rng([2, first + start])
            same = copies & (noise.random(len(mine)) < _SAME_TEXT)
            changed = noise.random((len(mine), width)) >= noise.uniform(0.55, 1.0, len(mine))[:, None]
            values = mixed(
                family[mine].astype(np.uint64)[:, None] * np.uint64(width) + np.arange(width, dtype=np.uint64)
            )
            values = (values >> np.uint64(32)).astype(np.uint32)
            other = noise.integers(0, 1 << 32, values.shape, np.uint32)
            values = np.where(changed & (copies & ~same)[:, None], other, values)
            if shape == "one-key":
                values[:, :band] = shared[:band]
            if shape == "mega":
                of_band = np.arange(width)[None, :] // band == (mine % (params["bands"]))[:, None]
                values = np.where(of_band | (mine == 0)[:, None], shared[None, :], values)
            lengths = np.where((mine == 0) & (shape == "mega"), _MEGA, noise.integers(200, 50_000, len(mine)))
            ids = np.stack([mixed(mine.astype(np.uint64)), mine.astype(np.uint64)], axis=1)
            texts = np.where(same, family[mine], mine).astype(np.uint64)
            rows = Rows(
                ids,
                np.stack([mixed(texts), texts + np.uint64(1)], axis=1),
                np.zeros_like(ids),
                np.zeros(len(mine), np.uint64),
                lengths,
                np.full(len(mine), NO_DATE),
                np.full(len(mine), 500, np.int32),
                values,
            )
            writer.write(signature_columns(rows, Shingles(np.empty(0, np.uint32), np.zeros(len(mine) + 1, np.int64))))
            nothing = pa.array([[]] * len(mine), pa.list_(pa.string()))
            names = pa.nulls(len(mine), pa.string())
            verdicts.write({"kept": pa.array(np.ones(len(mine), bool)), "failed": nothing, "dropped_at": names})
    return {"documents": count, "kept": count}


class Meter:
    """Keeps the tasks' timings and watches the memory of all processes of this run: their proportional set sizes."""

    def __init__(self) -> None:
        self.timings: list[Timing] = []
        self.peak = 0
        self._stop = threading.Event()
        threading.Thread(target=self._watch, daemon=True).start()

    def step(self, name: str, number: int, of: int) -> None:
        """A step begins."""

    def stage(self, name: str, tasks: int, done: int, bytes: int = 0, read: int = 0) -> None:
        """A stage begins."""

    def note(self, text: str) -> None:
        """Print it."""
        print(text)

    def finished(self, result: Committed[Any], timing: Timing, bytes: int = 0) -> None:
        """Keep the timing."""
        self.timings.append(timing)

    def _watch(self) -> None:
        while not self._stop.wait(0.5):
            self.peak = max(self.peak, sum(_memory(process) for process in _family(os.getpid())))


def _family(process: int) -> list[int]:
    """A process and all its descendants."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            parents.setdefault(parent, []).append(int(entry.name))
    family = [process]
    for member in family:
        family += parents.get(member, [])
    return family


def _memory(process: int) -> int:
    """Resident bytes of a process, pages that it shares with others in part; pages of mapped files among them."""
    try:
        for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def main() -> None:
    """Make the signatures, deduplicate them, print what it took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=parse_count, default=1_000_000)
    parser.add_argument("--permutations", type=int, default=256)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--shape", choices=("crawl", "template", "one-key", "mega"), default="crawl")
    parser.add_argument("--folder", help="where to work (default: a temporary folder)")
    options = parser.parse_args()
    folder = Path(options.folder or tempfile.mkdtemp(prefix="dedup-scale-"))
    setting = Deduplicate(minhash=MinHash(bands=14, rows=8, permutations=options.permutations))
    read = {"read": {"format": "jsonl", "paths": ["none"]}}
    pipeline = Pipeline.model_validate({"name": "scale", "sources": {"web": read}})
    cut = banding(setting.minhash)
    meter = Meter()
    with ExitStack() as stack:
        kind = "ray" if options.workers else "serial"
        engine = stack.enter_context(start_engine(kind, options.workers or None, None))
        runner = Runner(folder / ".work", folder / "timings", lambda: engine, meter)
        shares = [(first, min(_PART, options.documents - first)) for first in range(0, options.documents, _PART)]
        params = {"documents": options.documents, "width": cut.permutations, "shape": options.shape}
        params |= {"band": setting.minhash.rows, "bands": setting.minhash.bands}
        made = [Task("synthetic", write_part, params | {"first": f, "count": n}, {}, str(f)) for f, n in shares]
        signed = runner.stage(made)
        print(f"{options.documents:,} signatures of {cut.permutations} made", flush=True)
        for file in (file for result in signed for file in result.files.values()):
            with open(file.path, "rb") as opened:
                os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        meter.timings.clear()
        meter.peak = 0
        parts = [
            Part(
                "web",
                number,
                SourceFile("", "", 0, ""),
                result,
                result.file("signatures"),
                result.file("verdicts"),
                decided=(result,),
            )
            for number, result in enumerate(signed)
        ]
        started = time.perf_counter()
        decisions = _decide(pipeline, setting, cut, Indexed(None), parts, signed, runner)
        applied = _apply(parts, 0, signed, decisions, runner)
        seconds = time.perf_counter() - started
    _print(options.documents, seconds, meter, folder)
    _check(decisions, applied)
    if not options.folder:
        shutil.rmtree(folder)


def _print(documents: int, seconds: float, meter: Meter, folder: Path) -> None:
    for stage in dict.fromkeys(timing.stage for timing in meter.timings):
        mine = [timing for timing in meter.timings if timing.stage == stage]
        size = sum(file.stat().st_size for file in folder.glob(f".work/{stage}.*/*"))
        wall, cores = sum(timing.seconds for timing in mine), sum(timing.cpu for timing in mine)
        print(f"{stage:12} {len(mine):4} tasks {wall:7.1f} s {cores:7.1f} core-s {size / 1e6:9.1f} MB written")
    cores = sum(timing.cpu for timing in meter.timings)
    print(
        f"all          {seconds:.1f} s, {cores:.1f} core-seconds, {cores / documents * 1e6:.2f} microseconds a document"
    )
    print(f"memory of all processes at its highest {meter.peak / 1e9:.2f} GB")


def _check(decisions: Sequence[Committed[Any]], applied: Sequence[Committed[Any]]) -> None:
    """What was removed has a survivor that stays, above the bound."""
    removed = sum(sum(result.counts["dropped"].values()) for result in applied)
    linked = sum(result.counts["linked"] for result in decisions)
    largest = max((int(size) for result in decisions for size in result.counts["clusters"]), default=0)
    survivors, gone = set(), set()
    for result in decisions:
        for batch in read_batches(result.files["decisions"].path):
            survivors.update(batch.column("duplicate_of").drop_null().to_pylist())
            gone.update(batch.column("number").filter(batch.column("duplicate_of").is_valid()).to_pylist())
            similar = batch.column("jaccard").drop_null().to_numpy()
            assert not len(similar) or similar.min() >= np.float32(0.7)
    assert len(gone) == removed
    print(f"linked {linked:,}, removed {removed:,}, survivors {len(survivors):,}, largest cluster {largest:,}")


if __name__ == "__main__":
    from tests.benchmarks.bench_dedup_scale import main as named  # a task's module has to have a name

    named()
