"""One proxy: a model trained on one mix with one seed, and what it measures. A pure function of its job and its inputs.

Runs in this process, or alone as `python -m curate.trainer.compare.proxy FOLDER`, where FOLDER holds job.json.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from curate.settings import Model
from curate.storage import write_atomically
from curate.tokens import load_recorded
from curate.trainer.evaluate.evaluate import Measure, bits_per_byte, measure_task
from curate.trainer.evaluate.tasks import read_lines
from curate.trainer.train import checkpoint as checkpoints
from curate.trainer.train.settings import Training
from curate.trainer.train.train import train

JOB, RESULT = "job.json", "result.json"


class Job(Model):
    """What a proxy does; `inputs` names the content it reads, so that a changed mix is another job."""

    training: Training
    texts: dict[str, str]
    items: dict[str, tuple[int, ...]]
    """Per domain the lines of its file that are the validation set."""
    tasks: tuple[str, ...]
    shots: tuple[int, ...]
    folder: str
    limit: int | None
    points: int
    inputs: dict[str, str]


def run_proxy(folder: Path, device: str) -> None:
    """Train as FOLDER/job.json says, from where it stopped, and write FOLDER/result.json."""
    job = Job.model_validate_json((folder / JOB).read_bytes())
    training = job.training.model_copy(
        update={"device": device, "out": str(folder / "checkpoints"), "keep": job.points + 1}
    )
    name = f"{folder.parent.name}/{folder.name}"
    done = train(training, say=lambda line: print(f"{name}  {line}", file=sys.stderr, flush=True), points=job.points)
    there = checkpoints.found(done.folder)
    curve = [_measure(job, path, device, last=path == there[-1]) for path in there]
    result = {"tokens": done.tokens, "seconds": done.last.get("seconds"), "curve": curve}
    write_atomically(folder / RESULT, json.dumps(result).encode())


def _measure(job: Job, path: Path, device: str, *, last: bool) -> dict[str, Any]:
    """The model of one checkpoint on every domain; the last one per item, and on the tasks too."""
    from curate.trainer.train.parallel import pick_device

    checkpoint = checkpoints.open_checkpoint(path)
    model = checkpoints.load_model(checkpoint, pick_device(device))
    tokenizer = load_recorded(checkpoint.about["tokenizer"])
    measures: list[Measure] = []
    for domain, file in job.texts.items():
        lines = [row["text"] for row in read_lines(file)]
        measures.append(bits_per_byte(model, tokenizer, domain, [lines[item] for item in job.items[domain]]))
    if last:
        for task in job.tasks:
            measures += measure_task(model, tokenizer, task, job.folder, job.shots, limit=job.limit)
    return {
        "tokens": checkpoint.about["tokens"],
        "measures": [
            {"name": each.name, "unit": each.unit, "mean": each.mean}
            | ({"values": each.values.tolist(), "weights": each.weights.tolist()} if last else {})
            for each in measures
        ],
    }


if __name__ == "__main__":
    run_proxy(Path(sys.argv[1]), sys.argv[2])
