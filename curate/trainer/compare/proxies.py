"""Trains and measures the proxies of a validation: one per mix and seed, each where it stopped. Judges nothing.

What is done already is kept: a proxy goes on from its checkpoint, a finished one is not trained again.
"""

from __future__ import annotations

import functools
import json
import os
import queue
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from curate.errors import CurateError
from curate.shards import ShardReader
from curate.storage import digest_file, is_remote, write_atomically
from curate.trainer.compare.comparison import Results, primary_by_seed
from curate.trainer.compare.proxy import JOB, RESULT, Job, run_proxy
from curate.trainer.compare.settings import Validation
from curate.trainer.compare.stopping import hopeless, levels
from curate.trainer.compare.suite import Suite
from curate.trainer.train.checkpoint import open_checkpoint


class ProxyError(CurateError, RuntimeError):
    """Proxies that failed as often as they may; the same command goes on with them."""


def output_folder(settings: Validation) -> Path:
    """Where proxies and verdict go."""
    return Path(settings.out or f"validations/{settings.name}")


def train_proxies(settings: Validation, suite: Suite, say: Callable[[str], None]) -> tuple[Results, tuple[str, ...]]:
    """What every proxy measured, per mix a result for each seed, and the mixes that were stopped early, which have fewer.

    Raises ProxyError where proxies fail, OSError.
    """
    folders = _write_jobs(settings, suite, output_folder(settings))
    seeds = _seeds(settings)
    looks = settings.stopping.looks if settings.stopping is not None else ()
    parts = levels(looks, settings.stopping.error) if settings.stopping is not None else []
    alive, trained, stopped = list(settings.mixes), dict.fromkeys(settings.mixes, 0), []
    for look, level in zip((*looks, len(seeds)), (*parts, 0.0), strict=True):
        _run([folders[mix, seed] for mix in alive for seed in seeds[:look]], settings, say)
        trained |= dict.fromkeys(alive, look)
        if not level:
            break
        so_far = {mix: _results(folders, mix, seeds[:look]) for mix in alive}
        worse = {alive[row] for row in hopeless(primary_by_seed(so_far), len(settings.mixes), level)}
        for mix in sorted(worse - {settings.baseline}):
            say(f"{mix} is stopped after {look} seeds: it is shown not to be the best")
            alive.remove(mix)
            stopped.append(mix)
        if len(alive) == 1:
            break
    return {mix: _results(folders, mix, seeds[:count]) for mix, count in trained.items()}, tuple(stopped)


def _results(folders: Mapping[tuple[str, int], Path], mix: str, seeds: Sequence[int]) -> list[dict[str, Any]]:
    return [json.loads((folders[mix, seed] / RESULT).read_bytes()) for seed in seeds]


def _seeds(settings: Validation) -> range:
    return range(settings.first_seed, settings.first_seed + settings.seeds)


def _write_jobs(settings: Validation, suite: Suite, out: Path) -> dict[tuple[str, int], Path]:
    """A folder with a job per mix and seed. A folder of another job, such as of a mix since changed, is emptied."""
    evaluation = settings.evaluation
    domains = suite.domains
    digests = {domain.name: digest_file(domain.path) if not is_remote(domain.path) else "" for domain in domains}
    digests |= suite.digests()
    if settings.proxy.base:
        digests["base"] = digest_file(open_checkpoint(settings.proxy.base).path / "model.pt")
    taught = evaluation.instruct
    if taught is not None:
        digests |= {
            f"instruct.{name}": digest_file(path) for name, path in (("train", taught.train), ("test", taught.test))
        }
    folders = {}
    for mix, path in settings.mixes.items():
        reader = ShardReader(path)
        share = train_tokens(reader) // settings.seeds
        for number, seed in enumerate(_seeds(settings)):
            data = settings.proxy.data.model_copy(update={"path": path, "start": number * share})
            training = settings.proxy.model_copy(
                update={"name": f"{mix}-{seed}", "seed": seed, "data": data, "evaluate_tokens": 0, "device": "cpu"}
            )
            job = Job(
                training=training,
                texts={domain.name: domain.path for domain in domains},
                items={domain.name: domain.items for domain in domains},
                tasks=dict(suite.tasks),
                shots=evaluation.shots,
                limit=evaluation.limit,
                style=evaluation.style,
                measures=evaluation.measures,
                points=evaluation.points,
                instruct=taught,
                inputs={"mix": reader.fingerprint, **digests},
            )
            folder = out / "proxies" / mix / f"seed-{seed}"
            text = job.model_dump_json(indent=1).encode()
            if (folder / JOB).exists() and (folder / JOB).read_bytes() != text:
                shutil.rmtree(folder)
            write_atomically(folder / JOB, text)
            folders[mix, seed] = folder
    return folders


def train_tokens(reader: ShardReader) -> int:
    """Tokens of the train split."""
    return sum(entry.tokens for entry in reader.split("train"))


def _run(folders: Sequence[Path], settings: Validation, say: Callable[[str], None]) -> None:
    """Every job without a result, one at a time on each device."""
    waiting = [folder for folder in folders if not (folder / RESULT).exists()]
    say(f"{len(folders)} proxies, {len(folders) - len(waiting)} done already")
    devices = settings.devices or _devices()
    free: queue.Queue[str] = queue.Queue()
    for device in devices:
        free.put(device)
    alone = tuple(devices) == ("cpu",)  # a fault on a GPU ends what its process can do there
    run = _here if alone else functools.partial(_apart, devices=len(devices))
    start = functools.partial(_attempt, run=run, free=free, attempts=settings.attempts, say=say)
    if len(devices) == 1:
        done = [start(folder) for folder in waiting]
    else:
        with ThreadPoolExecutor(len(devices)) as pool:
            done = list(pool.map(start, waiting))
    failed = [str(folder) for folder, well in zip(waiting, done, strict=True) if not well]
    if failed:
        raise ProxyError(
            f"{len(failed)} of {len(folders)} proxies failed {settings.attempts} times; the same command goes on with "
            f"them: {', '.join(failed)}"
        )


def _devices() -> tuple[str, ...]:
    import torch

    return tuple(f"cuda:{index}" for index in range(torch.cuda.device_count())) or ("cpu",)


def _attempt(
    folder: Path,
    *,
    run: Callable[[Path, str], str | None],
    free: queue.Queue[str],
    attempts: int,
    say: Callable[[str], None],
) -> bool:
    """A proxy on a free device, begun again where it stopped as often as it may be. Returns whether it was done."""
    device = free.get()
    name = f"{folder.parent.name}/{folder.name}"
    try:
        for attempt in range(1, attempts + 1):
            why = run(folder, device)
            if why is None:
                say(f"{name} done on {device}")
                return True
            say(f"{name} failed on {device}, attempt {attempt} of {attempts}: {why}")
        return False
    finally:
        free.put(device)


def _here(folder: Path, device: str) -> str | None:
    """A proxy in this process. Returns why it failed."""
    try:
        run_proxy(folder, device)
    except ValueError:
        raise  # a setting that is wrong now is wrong again
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None


def _apart(folder: Path, device: str, *, devices: int) -> str | None:
    """A proxy in a process of its own, with its share of the CPU. Returns why it failed."""
    threads = os.environ.get("OMP_NUM_THREADS") or str(max(1, (os.cpu_count() or 1) // devices))
    with open(folder / "log.txt", "ab") as log:
        command = [sys.executable, "-m", "curate.trainer.compare.proxy", str(folder), device]
        environment = {**os.environ, "OMP_NUM_THREADS": threads}
        code = subprocess.run(command, env=environment, stdout=log, stderr=log, check=False).returncode
    return f"status {code}; {folder / 'log.txt'} says more" if code else None
