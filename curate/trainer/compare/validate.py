"""Trains a proxy per mix and seed, measures all on the same items, and gives a verdict. `curate validate`.

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
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from curate.config.reading import read_settings
from curate.errors import CurateError
from curate.shards import ShardReader
from curate.storage import digest_file, is_remote, resolve, write_atomically
from curate.tokens import load_recorded
from curate.trainer.compare.comparison import Verdict, judge
from curate.trainer.compare.comparison_html import to_html
from curate.trainer.compare.comparison_markdown import to_markdown
from curate.trainer.compare.proxy import JOB, RESULT, Job, run_proxy
from curate.trainer.compare.settings import Validation
from curate.trainer.evaluate.evaluate import find_in_training
from curate.trainer.evaluate.tasks import find_task, read_items
from curate.trainer.evaluate.validation_set import Domain, choose_texts
from curate.trainer.train.train import total_steps

VERDICT = "verdict.json"


class ProxyError(CurateError, RuntimeError):
    """Proxies that failed as often as they may; the same command goes on with them."""


def read_validation(path: str | Path, sets: Sequence[str] = ()) -> Validation:
    """A validation file, its paths taken from its folder. Raises ConfigError, FileNotFoundError."""
    settings = read_settings(path, Validation, sets, "a validation file", "seeds=5")
    folder = Path(path).resolve().parent
    evaluation = settings.evaluation
    texts = {name: resolve(text, folder) for name, text in evaluation.texts.items()}
    tasks = resolve(evaluation.folder, folder) if evaluation.folder else ""
    return settings.model_copy(
        update={
            "mixes": {name: resolve(mix, folder) for name, mix in settings.mixes.items()},
            "evaluation": evaluation.model_copy(update={"texts": texts, "folder": tasks}),
        }
    )


def validate(settings: Validation, say: Callable[[str], None] = print) -> Verdict:
    """Train, measure, judge. Writes verdict.json, verdict.md and verdict.html.

    Raises ProxyError where proxies fail, ValueError where a validation set is too small, OSError.
    """
    out = output_folder(settings)
    evaluation = settings.evaluation
    domains = choose_texts(evaluation.texts, settings.mixes, evaluation.overlap, evaluation.limit)
    folders = _write_jobs(settings, domains, out)
    _run(list(folders.values()), settings, say)
    results = {
        mix: [json.loads((folders[mix, seed] / RESULT).read_bytes()) for seed in _seeds(settings)]
        for mix in settings.mixes
    }
    verdict = judge(
        settings.name,
        results,
        _notes(settings, domains),
        _contamination(settings),
        settings.confidence,
        settings.baseline,
        settings.matters,
    )
    write_atomically(out / VERDICT, verdict.to_json().encode())
    write_atomically(out / "verdict.md", to_markdown(verdict).encode())
    write_atomically(out / "verdict.html", to_html(verdict).encode())
    return verdict


def output_folder(settings: Validation) -> Path:
    """Where proxies and verdict go."""
    return Path(settings.out or f"validations/{settings.name}")


def _seeds(settings: Validation) -> range:
    return range(settings.first_seed, settings.first_seed + settings.seeds)


def _write_jobs(settings: Validation, domains: Sequence[Domain], out: Path) -> dict[tuple[str, int], Path]:
    """A folder with a job per mix and seed. A folder of another job, such as of a mix since changed, is emptied."""
    evaluation = settings.evaluation
    digests = {domain.name: digest_file(domain.path) if not is_remote(domain.path) else "" for domain in domains}
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
                tasks=evaluation.tasks,
                shots=evaluation.shots,
                folder=evaluation.folder,
                limit=evaluation.limit,
                points=evaluation.points,
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


def _contamination(settings: Validation) -> dict[str, dict[str, float]]:
    """Per task and mix, the share of its items of which the mix holds a run of 13 tokens."""
    evaluation = settings.evaluation
    shares: dict[str, dict[str, float]] = {}
    for name in evaluation.tasks:
        items = [item.text for item in read_items(find_task(name), evaluation.folder, evaluation.limit)]
        shares[name] = {
            mix: find_in_training(load_recorded(ShardReader(path).tokenizer), items, path).share_of_texts
            for mix, path in settings.mixes.items()
        }
    return shares


def _notes(settings: Validation, domains: Sequence[Domain]) -> list[str]:
    """What a reader must know to believe the numbers."""
    notes = []
    for domain in domains:
        inside = ", ".join(f"{count} in {mix}" for mix, count in domain.in_mixes.items())
        notes.append(f"{domain.name}: {len(domain.items)} texts; left out: {domain.copies} copies, {inside}.")
    steps = total_steps(settings.proxy)
    if steps is None:
        return [*notes, "The budget is time: proxies may have seen different numbers of tokens."]
    tokens = steps * settings.proxy.batch.tokens
    for mix, path in settings.mixes.items():
        there = train_tokens(ShardReader(path))
        if tokens * settings.seeds > there:
            notes.append(
                f"{mix} has {there:,} tokens, fewer than {settings.seeds} seeds x {tokens:,}: its proxies share data, so "
                "the intervals hold for this very data and not for other data of its kind."
            )
    return notes
