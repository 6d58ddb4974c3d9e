"""One proxy: a model trained on one mix with one seed, and what it measures. A pure function of its job and its inputs.

Runs in this process, or alone as `python -m curate.trainer.compare.proxy FOLDER`, where FOLDER holds job.json.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from curate.settings import Model
from curate.storage import write_atomically
from curate.tokens import Tokenizer, load_recorded
from curate.trainer.evaluate.evaluate import Measure, bits_per_byte, measure_task
from curate.trainer.evaluate.instruct import probe
from curate.trainer.evaluate.rows import read_texts
from curate.trainer.evaluate.task_formats import Style
from curate.trainer.model.model import GPT
from curate.trainer.train import checkpoint as checkpoints
from curate.trainer.train.settings import Instruct, Training
from curate.trainer.train.train import train

JOB, RESULT, CURVE = "job.json", "result.json", "curve"
_CHECKPOINTS = "checkpoints"


class Job(Model):
    """What a proxy does; `inputs` names the content it reads, so that a changed mix is another job."""

    training: Training
    texts: dict[str, str]
    items: dict[str, tuple[int, ...]]
    """Per domain the lines of its file that are the validation set."""
    tasks: dict[str, str]
    """By task, the folder of its file."""
    shots: tuple[int, ...]
    limit: int | None
    style: Style
    measures: tuple[str, ...]
    points: int
    instruct: Instruct | None
    inputs: dict[str, str]


def run_proxy(folder: Path, device: str) -> None:
    """Train as FOLDER/job.json says, from where it stopped, measuring on the way, and write FOLDER/result.json."""
    job = Job.model_validate_json((folder / JOB).read_bytes())
    training = job.training.model_copy(update={"device": device, "out": str(folder / _CHECKPOINTS), "keep": 1})
    name = f"{folder.parent.name}/{folder.name}"

    def say(line: str) -> None:
        print(f"{name}  {line}", file=sys.stderr, flush=True)

    def measure() -> None:
        _measure(job, folder, device)

    for path in _after(folder):
        path.unlink()  # of an attempt whose checkpoint is lost
    measure()  # the checkpoint of an attempt that ended before it was
    done = train(training, say, points=job.points, saved=measure)
    curve = [json.loads(path.read_bytes()) for path in sorted((folder / CURVE).glob("*.json"))]
    for point in curve[:-1]:
        point["measures"] = [{key: each[key] for key in ("name", "unit", "mean")} for each in point["measures"]]
    curve[-1]["measures"] += [*_tasks(job, folder, device), *_taught(job, folder, device, say)]
    result = {"tokens": done.tokens, "seconds": done.last.get("seconds"), "curve": curve}
    write_atomically(folder / RESULT, json.dumps(result).encode())


def _after(folder: Path) -> list[Path]:
    """Measurements of steps later than the newest checkpoint."""
    there = checkpoints.found(folder / _CHECKPOINTS)
    newest = there[-1].name if there else ""
    return [path for path in (folder / CURVE).glob("*.json") if path.stem > newest]


def _measure(job: Job, folder: Path, device: str) -> None:
    """FOLDER/curve/STEP.json: the newest checkpoint's model on every domain, per text. Done once."""
    there = checkpoints.found(folder / _CHECKPOINTS)
    if not there or (folder / CURVE / f"{there[-1].name}.json").exists():
        return
    checkpoint, model, tokenizer = _opened(folder, device)
    measures = []
    with _as_trained(job, model):
        for domain, file in job.texts.items():
            lines = read_texts(file)
            texts = [lines[item] for item in job.items[domain]]
            measures.append(_told(bits_per_byte(model, tokenizer, domain, texts)))
    point = {"tokens": checkpoint.about["tokens"], "measures": measures}
    write_atomically(folder / CURVE / f"{checkpoint.path.name}.json", json.dumps(point).encode())


def _tasks(job: Job, folder: Path, device: str) -> list[dict[str, Any]]:
    """The last model on every task."""
    if not job.tasks:
        return []
    _, model, tokenizer = _opened(folder, device)
    with _as_trained(job, model):
        return [
            _told(each)
            for task, where in job.tasks.items()
            for each in measure_task(
                model, tokenizer, task, where, job.shots, limit=job.limit, style=job.style, wanted=job.measures
            )
        ]


def _as_trained(job: Job, model: GPT) -> torch.autocast:
    """Matrix products in the precision of the training: on a GPU those of float32 are many times slower than bfloat16's."""
    precise = job.training.precision == "float32"
    return torch.autocast(model.embedding.weight.device.type, dtype=torch.bfloat16, enabled=not precise)


def _taught(job: Job, folder: Path, device: str, say: Callable[[str], None]) -> list[dict[str, Any]]:
    """The last model once more, tuned on conversations."""
    if job.instruct is None:
        return []
    _, model, tokenizer = _opened(folder, device)
    return [_told(probe(model, tokenizer, job.instruct, say))]


def _opened(folder: Path, device: str) -> tuple[checkpoints.Checkpoint, GPT, Tokenizer]:
    from curate.trainer.train.parallel import pick_device

    checkpoint = checkpoints.open_checkpoint(folder / _CHECKPOINTS)
    model = checkpoints.load_model(checkpoint, pick_device(device))
    return checkpoint, model, load_recorded(checkpoint.about["tokenizer"])


def _told(measure: Measure) -> dict[str, Any]:
    values = {"values": measure.values.tolist(), "weights": measure.weights.tolist()}
    return {"name": measure.name, "unit": measure.unit, "mean": measure.mean} | values


if __name__ == "__main__":
    run_proxy(Path(sys.argv[1]), sys.argv[2])
