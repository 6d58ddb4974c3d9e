"""What Ray costs against serial execution, what a second worker gains, and how much memory a worker takes.

    python tests/benchmarks/bench_engine.py FOLDER [--files N] [--workers N]

Runs extraction, C4's rules and tokens on the WARC files of a folder: serially, on Ray with one worker, on Ray with more,
and serially on one file that holds them all. Every engine is warm: it has run the pipeline on the beginnings of the files.
Prints wall time, CPU time of all processes together, which a busy machine disturbs less, and the most memory that a
worker and its extraction child held at once.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from curate.config.reading import read_pipeline
from curate.engine.executors import Engine, start_engine
from curate.engine.progress import ProgressDisplay
from curate.engine.runner import Runner
from curate.pipeline.inputs import find_inputs
from curate.pipeline.run import execute

PIPELINE = """
name: bench
sources:
  web:
    read: {{format: warc, paths: [{files}]}}
    steps:
      - extract: {{engine: resiliparse}}
      - filter: c4
tokens: {{tokenizer: gpt2}}
"""
WARM_BYTES = 1 << 20
"""Of each file, for the run before the measured one."""
SAMPLE_SECONDS = 0.2
"""Between looks at memory."""
MIB = 1 << 20


@dataclass(frozen=True)
class Process:
    """What /proc says of a process."""

    parent: int
    cpu: float
    resident: int
    extracts: bool


def processes() -> dict[int, Process]:
    """This process and all that descend from it."""
    tick, page = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            extracts = b"curate.extract.child" in (folder / "cmdline").read_bytes()
        except OSError:
            continue  # ended meanwhile
        cpu = (int(fields[11]) + int(fields[12])) / tick
        found[int(folder.name)] = Process(int(fields[1]), cpu, int(fields[21]) * page, extracts)
    family = {os.getpid()}
    while more := {pid for pid, process in found.items() if process.parent in family} - family:
        family |= more
    return {pid: found[pid] for pid in family if pid in found}


def cpu_seconds() -> float:
    """CPU time of all of them, and of the children of this process that ended."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return sum(process.cpu for process in processes().values()) + ended.ru_utime + ended.ru_stime


@contextmanager
def peak_memory() -> Iterator[list[int]]:
    """A list whose last item becomes the most bytes that any worker and its extraction child held at once."""
    peak, over = [0], threading.Event()

    def watch() -> None:
        while not over.wait(SAMPLE_SECONDS):
            now = processes()
            for child in now.values():
                if child.extracts and child.parent in now:
                    peak.append(max(peak[-1], child.resident + now[child.parent].resident))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield peak
    finally:
        over.set()
        thread.join()


def run(files: Path, out: Path, engine: Engine) -> int:
    """Run the pipeline on a folder's files; the number of documents kept."""
    out.mkdir(parents=True)
    recipe = out / "bench.yaml"
    recipe.write_text(PIPELINE.format(files=files / "*.warc.gz"))
    file = read_pipeline(recipe, [])
    display = ProgressDisplay(Console(quiet=True), out / "progress.json")
    stats = execute(file, find_inputs(file), Runner(out / ".work", out / "timings", lambda: engine, display), out, None)
    display.end("done")
    return int(stats["sources"]["web"]["kept"])


def measured(name: str, kind: str, workers: int, files: Path, warm: Path, out: Path) -> tuple[float, float]:
    """Run on an engine that is warm, print a line, and return wall and CPU seconds."""
    with start_engine(kind, workers, None) as engine:
        run(warm, out / f"{name}-warm", engine)
        with peak_memory() as peak:
            wall, cpu = time.perf_counter(), cpu_seconds()
            kept = run(files, out / name, engine)
            wall, cpu = time.perf_counter() - wall, cpu_seconds() - cpu
    shutil.rmtree(out / name)
    print(
        f"{name:<16} {wall:8.1f} s wall {cpu:8.1f} s CPU {peak[-1] / MIB:8.0f} MiB a worker   {kept:,} kept", flush=True
    )
    return wall, cpu


def main() -> None:
    """Print a line for each way to run, and the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--files", type=int, help="only the first N files")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    chosen = sorted(options.folder.resolve().glob("*.warc.gz"))[: options.files]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        files, warm, one = (folder / name for name in ("files", "warm", "one"))
        for each in (files, warm, one):
            each.mkdir()
        with open(one / "all.warc.gz", "wb") as whole:
            for path in chosen:
                (files / path.name).symlink_to(path)
                with open(path, "rb") as file:
                    (warm / path.name).write_bytes(file.read(WARM_BYTES))
                    file.seek(0)
                    shutil.copyfileobj(file, whole)
        size = sum(path.stat().st_size for path in chosen)
        print(
            f"{len(chosen)} files, {size / MIB:.0f} MiB, load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} CPUs"
        )
        many = f"ray, {options.workers} workers"
        serial = measured("serial", "serial", 1, files, warm, folder / "out")
        single = measured("ray, 1 worker", "ray", 1, files, warm, folder / "out")
        several = measured(many, "ray", options.workers, files, warm, folder / "out")
        measured("serial, one file", "serial", 1, one, warm, folder / "out")
    print(
        f"ray against serial, one worker: {single[0] / serial[0]:.2f} of wall time, {single[1] / serial[1]:.2f} of CPU time"
    )
    print(
        f"{options.workers} workers against 1: {single[0] / several[0]:.2f} times as fast, "
        f"{several[1] / single[1]:.2f} of CPU time"
    )


if __name__ == "__main__":
    main()
