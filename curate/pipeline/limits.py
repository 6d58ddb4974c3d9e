"""Reading part of a source: its first records, or a seeded sample of all. The same records for any number of workers.

The first N are found file by file in rounds that double, so that a limit of a hundred opens no thousand files. A sample is
the N records with the smallest draws from (seed, id): every file is gone through for its ids, and nothing that is not in the
sample is extracted. Knows reading's tasks and counts; reads nothing itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from curate.config.models import Source
from curate.config.step_params import ReadParams
from curate.engine.mirror import here
from curate.engine.runner import Runner
from curate.engine.task import Committed, File, Task
from curate.pipeline.tasks.draws import DrawParams, draw_part
from curate.records.batches import read_batches
from curate.records.counts import ReadCounts
from curate.storage import SourceFile

Reading = Callable[[int, ReadParams], Task[ReadParams, ReadCounts]]
"""The task that reads the file of a number."""


def read_first(
    task: Reading, params: ReadParams, files: int, limit: int, runner: Runner
) -> list[Committed[ReadCounts]]:
    """What was read of the first files, together so many records, or all that there are."""
    results: list[Committed[ReadCounts]] = []
    left, round_size = limit, 1
    while left and len(results) < files:
        numbers = range(len(results), min(len(results) + round_size, files))
        for number, result in zip(
            numbers, runner.stage([task(number, {**params, "first": left}) for number in numbers]), strict=True
        ):
            records = result.counts["records"]
            if records > left:  # an earlier file of the round has taken some of what this one might give
                (result,) = runner.stage([task(number, {**params, "first": left})], detail="last")
                records = left
            results.append(result)
            left -= records
            if not left:
                break
        round_size *= 2
    return results


def sampled(
    name: str, source: Source, params: ReadParams, files: Sequence[SourceFile], seed: int, limit: int, runner: Runner
) -> ReadParams:
    """The parameters by which a source's files are read so that together they give a sample of so many records."""
    given = [File(file.relative, file.path, file.stamp, file.size) for file in files]
    drawing = DrawParams(
        source=name,
        format=source.read.format,
        columns=params["columns"],
        code=params["code"],
        seed=seed,
        least=limit,
    )
    tasks: list[Task[Any, Any]] = [
        Task("draws", draw_part, drawing, {"file": file}, f"{name} {file.name}", name) for file in given
    ]
    smallest = np.empty(0, np.uint64)
    for result in runner.stage(tasks):
        for batch in read_batches(str(here(result.files["draws"].path))):
            smallest = np.sort(np.concatenate([smallest, batch.column("draw").to_numpy()]))[:limit]
    highest = int(smallest[-1]) if len(smallest) == limit else (1 << 64) - 1
    return {**params, "sample": {"seed": seed, "highest": highest}}
