"""What it costs that a source is many files, and whether one large file keeps all workers busy.

    python -m tests.benchmarks.bench_parts --files 10000
    python -m tests.benchmarks.bench_parts --large 256 --workers 2

Files: a run over so many files of one line and one over a tenth of them, in one process; the difference is the CPU time of
a file, whatever a run costs besides: all of a run, and reading alone. Large: one file of JSON Lines of so many megabytes,
cut into spans of a thirty-second of it; the share of the reading stage's time in which workers were at tasks, and what
becomes of the same file read as one part: the same ids, in the same order.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import resource
import tempfile
import time
from pathlib import Path

import pyarrow.parquet as pq
import yaml

import curate

_SPANS = 32


def cpu_seconds() -> float:
    """CPU time of this process and its children that ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def sentence(chance: random.Random) -> str:
    """Some words that no other line has."""
    return " ".join(f"word{chance.randrange(50_000)}" for _ in range(12))


def pipeline(folder: Path, name: str, read: dict[str, object]) -> Path:
    """A pipeline file over JSON Lines, without steps."""
    content = {"name": name, "sources": {"notes": {"read": {"format": "jsonl"} | read, "steps": []}}}
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def measure_files(count: int, folder: Path) -> None:
    """Print the CPU milliseconds of a file of one line."""
    chance = random.Random(0)
    for number in range(count):
        path = folder / f"{number % 100:02d}" / f"{number:07d}.jsonl"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({"text": sentence(chance), "url": f"https://example.org/{number}"}) + "\n")
    spent: dict[tuple[str, int], float] = {}
    patterns = {1: "[0-9][0-9]", 10: "0[0-9]"}  # all folders, and a tenth of them
    for until in ("read", None):
        for share in (10, 10, 1):  # the first compiles what is compiled
            name = f"files-{share}-{until}"
            file = pipeline(folder, name, {"paths": [str(folder / patterns[share] / "*.jsonl")]})
            started = cpu_seconds()
            with tempfile.TemporaryDirectory() as out:
                made = curate.run(file, out=Path(out) / "run", engine="serial", until=until)
                assert made.stats["sources"]["notes"]["records"] == count // share
            spent[str(until), share] = cpu_seconds() - started
        each = (spent[str(until), 1] - spent[str(until), 10]) / (count - count // 10) * 1e3
        what = "a whole run" if until is None else "reading alone"
        print(f"{what}: {each:.2f} ms of CPU a file of one line ({count:,} files and a tenth of them)", flush=True)


def measure_large(megabytes: int, workers: int, folder: Path) -> None:
    """Print how busy one large file keeps the workers."""
    chance = random.Random(1)
    lines = [json.dumps({"text": sentence(chance)}) + "\n" for _ in range(20_000)]
    size = megabytes * 1_000_000
    written = 0
    with open(folder / "large.jsonl", "w", encoding="utf-8") as file:
        while written < size:
            file.writelines(lines)
            written += sum(map(len, lines))
    found = {}
    for name, split, count in (("cut", size // _SPANS, workers), ("whole", None, 1)):
        path = pipeline(folder, name, {"paths": [str(folder / "large.jsonl")], "split": split})
        started, clock = cpu_seconds(), time.perf_counter()
        made = curate.run(path, out=folder / name, engine="ray", workers=count, until="read")
        spent, wall = cpu_seconds() - started, time.perf_counter() - clock
        stages = json.loads((folder / name / "timings" / "progress.json").read_bytes())["stages"]
        (reading,) = (stage for stage in stages if stage["name"] == "read")
        tasks = [json.loads(line) for line in (folder / name / "timings" / "read.jsonl").read_text().splitlines()]
        busy = sum(task["seconds"] for task in tasks) / (count * reading["seconds"])
        digest = hashlib.sha256()
        for ledger in sorted((folder / name / "ledger").glob("*.parquet")):
            for id in pq.read_table(ledger, columns=["id"]).column(0).to_pylist():
                digest.update(id)
        found[name] = digest.hexdigest()
        told = f"{len(tasks)} parts, {count} workers: busy {busy:.0%} of {reading['seconds']:.0f} s of reading"
        peak = max(task["peak"] or 0 for task in tasks) / 1e6
        print(f"{name}: {told}; {sum(task['cpu'] for task in tasks):.0f} s of CPU, at most {peak:.0f} MB a process; "
              f"the run {wall:.0f} s, the driver {spent:.0f} s of CPU", flush=True)  # fmt: skip
        assert made.stats["sources"]["notes"]["records"] > 0
    assert found["cut"] == found["whole"], "spans changed ids or their order"


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, help="files of one line; a multiple of 1000")
    parser.add_argument("--large", type=int, help="megabytes of the large file")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    for number, measured in ((options.files, measure_files), (options.large, None)):
        if number is not None:
            with tempfile.TemporaryDirectory() as folder:
                if measured is not None:
                    measured(number, Path(folder))
                else:
                    measure_large(number, options.workers, Path(folder))


if __name__ == "__main__":
    main()
