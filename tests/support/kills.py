"""Kills runs at random moments and starts them again: the product must be the same, and no finished task repeated.

As a program, `python -m tests.support.kills --kills 200` does it for as long as asked.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from tests.support.running import command, curate, manifests, product, small_pipeline

_LEAST_SECONDS, _MOST_SECONDS = 0.6, 5.0


def kill_driver(folder: Path, expected: dict[str, str], kills: int, rng: random.Random, *engine: object) -> int:
    """Kill the driver and its process group `kills` times; returns how often the run was brought to its end between."""
    pipeline, run = small_pipeline(folder), folder / "run"
    killed = finished = 0
    while killed < kills:
        before = manifests(run)
        process = subprocess.Popen(
            command("run", pipeline, "--out", run, *engine),
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(rng.uniform(_LEAST_SECONDS, _MOST_SECONDS))
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            killed += 1
        process.wait()
        assert_not_repeated(before, manifests(run))
        if process.returncode == 0:
            assert product(run) == expected
            finished += 1
            shutil.rmtree(run)
    before = manifests(run)
    curate("run", pipeline, "--out", run, *engine)
    assert_not_repeated(before, manifests(run))
    assert product(run) == expected
    return finished


def kill_workers(folder: Path, expected: dict[str, str], kills: int, rng: random.Random) -> int:
    """Kill Ray workers of a run while it goes on; the run itself must succeed. Returns how many were killed."""
    pipeline, killed = small_pipeline(folder), 0
    while killed < kills:
        run = folder / f"run-{killed}"
        process = subprocess.Popen(
            command("run", pipeline, "--out", run, "--workers", 2),
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        died = 0
        while process.poll() is None:
            time.sleep(rng.uniform(0.05, 0.3))
            busy = busy_workers(process.pid)
            if busy and died < 2:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(rng.choice(busy), signal.SIGKILL)
                    died += 1
        assert process.stderr is not None
        errors = process.stderr.read().decode()
        process.stderr.close()
        assert process.returncode == 0, errors
        assert product(run) == expected
        killed += died
    return killed


def busy_workers(driver: int) -> list[int]:
    """Process ids of Ray workers of this driver that are running a task."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if (entry / "cmdline").read_bytes().startswith(b"ray::_call") and driver in ancestors(int(entry.name)):
                    found.append(int(entry.name))
    return sorted(found)


def descendants(process: int) -> list[int]:
    """The processes that a process started, and those that they started."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and process in ancestors(int(entry.name)):
                found.append(int(entry.name))
    return found


def ancestors(process: int) -> list[int]:
    """A process's parent, its parent's, and so on."""
    chain = []
    while process > 1:
        status = Path(f"/proc/{process}/stat").read_text()
        process = int(status.rpartition(")")[2].split()[1])
        chain.append(process)
    return chain


def assert_not_repeated(before: dict[str, int], after: dict[str, int]) -> None:
    """Every task committed before is as it was: its manifest was not written again."""
    assert {name: after.get(name) for name in before} == before


def main() -> None:
    """Kill as often as asked, and say what was seen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        curate("run", small_pipeline(folder), "--out", folder / "whole", "--engine", "serial")
        expected = product(folder / "whole")
        shares = {
            "serial": options.kills // 2,
            "ray": options.kills // 4,
            "workers": options.kills - options.kills * 3 // 4,
        }
        for kind in shares:
            (folder / kind).mkdir()
        finished = kill_driver(folder / "serial", expected, shares["serial"], rng, "--engine", "serial")
        finished += kill_driver(folder / "ray", expected, shares["ray"], rng, "--workers", 2)
        workers = kill_workers(folder / "workers", expected, shares["workers"], rng)
    drivers = shares["serial"] + shares["ray"]
    print(f"{drivers} kills of the driver ({finished} runs finished between), {workers} of workers: same bytes")


if __name__ == "__main__":
    main()
