"""Reading part of a source: its first records, or a seeded sample of all. The same records for any number of workers.

The first N are found part by part in rounds that double, so that a limit of a hundred opens no thousand parts. A sample is
the N records with the smallest draws from (seed, id): every file is gone through for its ids, and nothing that is not in the
sample is extracted. Knows reading's tasks and counts; reads nothing itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from curate.config.formats import format_named
from curate.config.models import Source
from curate.config.step_params import ReadParams
from curate.engine.mirror import here
from curate.engine.runner import Runner
from curate.engine.task import Committed, Task
from curate.pipeline.parts import Portion, settled
from curate.pipeline.tasks.draws import DrawParams, draw_part
from curate.records.batches import read_batches
from curate.records.counts import DrawCounts, ReadCounts

Reading = Callable[[Portion, ReadParams], Task[ReadParams, ReadCounts]]
"""The task that reads a portion."""


def read_first(
    task: Reading, params: ReadParams, given: Sequence[Portion], limit: int, runner: Runner
) -> list[tuple[Portion, Committed[ReadCounts]]]:
    """What was read of the first portions, together so many records, or all that there are."""
    results: list[Committed[ReadCounts]] = []
    left, round_size = limit, 1
    while left and len(results) < len(given):
        some = given[len(results) : len(results) + round_size]
        for portion, result in zip(
            some, runner.stage([task(portion, {**params, "first": left}) for portion in some]), strict=True
        ):
            records = result.counts["records"]
            if records > left:  # an earlier file of the round has taken some of what this one might give
                (result,) = runner.stage([task(portion, {**params, "first": left})], detail="last")
                records = left
            results.append(result)
            left -= records
            if not left:
                break
        round_size *= 2
    return list(zip(given, results, strict=False))


def sampled(
    name: str, source: Source, params: ReadParams, given: Sequence[Portion], seed: int, limit: int, runner: Runner
) -> tuple[ReadParams, list[Portion]]:
    """The parameters by which a source's portions are read so that together they give a sample of so many records; the
    portions, whose spans are then known."""
    drawing = DrawParams(
        source=name,
        format=source.read.format,
        columns=params["columns"],
        code=params["code"],
        seed=seed,
        least=limit,
    )

    def do(some: Sequence[Portion]) -> list[Committed[DrawCounts]]:
        return runner.stage(
            [
                Task("draws", draw_part, drawing, {"file": portion.given}, f"{name} {portion.label}", name)
                for portion in some
            ]
        )

    chained = format_named(source.read.format).cut_by == "frames"
    drawn = settled(list(zip(given, do(given), strict=True)), do, chained)
    smallest = np.empty(0, np.uint64)
    for _, result in drawn:
        for batch in read_batches(str(here(result.files["draws"].path))):
            smallest = np.sort(np.concatenate([smallest, batch.column("draw").to_numpy()]))[:limit]
    highest = int(smallest[-1]) if len(smallest) == limit else (1 << 64) - 1
    return {**params, "sample": {"seed": seed, "highest": highest}}, [portion for portion, _ in drawn]
