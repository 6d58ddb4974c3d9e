"""Sources whose records an index names: the tasks that choose them, and the parts that they make.

A part is so many of the chosen records of one file of the index, whatever the number of workers; ids are those that the
records have where their files are read whole. A record that several files of the index name is the first one's. Knows places
and draws; reads no record.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from curate.config.models import Source
from curate.engine.exchange import regroup
from curate.engine.mirror import here
from curate.engine.runner import Runner
from curate.engine.task import Committed, File, Task
from curate.errors import ConfigError
from curate.pipeline.parts import Portion
from curate.pipeline.tasks.select import SelectParams, select_records
from curate.pipeline.tasks.select_once import (
    AgainParams,
    KeysParams,
    OnceParams,
    even_spans,
    find_again,
    key_places,
    leave_out,
)
from curate.records.batches import read_batches
from curate.records.counts import DocumentCounts, SelectCounts
from curate.storage import SourceFile

RECORDS: Final = 2000
"""Records of a part: some 50 MB of pages, a minute of requests one after another."""
KEYS_OF_A_TASK: Final = 4_000_000
"""Places whose keys are sorted, or compared, by one task: some 300 MB."""
_EVERY: Final = (1 << 64) - 1


def chosen_portions(
    name: str, source: Source, files: Sequence[SourceFile], seed: int, runner: Runner
) -> tuple[list[Portion], dict[str, int]]:
    """The parts of a source, in the order of its index; how many rows the index has, and how many of them name no place.

    Raises ConfigError where no record is chosen.
    """
    read = source.read
    seed = seed if read.seed is None else read.seed
    params = SelectParams(source=name, where=read.where, seed=seed, least=read.take)
    tasks = [
        Task("select", select_records, params, {"file": whole.given}, f"{name} {whole.label}", name)
        for whole in (Portion((file,)) for file in files)
    ]
    asked = runner.stage(tasks)
    rows = sum(result.counts["rows"] for result in asked)
    refused = sum(result.counts["refused"] for result in asked)
    selected, again = _once(name, asked, runner)
    highest = _EVERY if read.take is None else _highest(selected, read.take)
    found: list[Portion] = []
    for file, result in zip(files, selected, strict=True):
        for first, last, length in _cuts(result, highest if read.take is not None else None):
            places = result.file("places")
            given = File(file.relative, places.path, places.digest, length, (first, last, highest))
            found.append(Portion((file,), records=given))
    if not found:
        raise ConfigError(f"{name}: `where` is true for none of the {rows:,} rows of the index: nothing can be read")
    told = {"index.rows": rows, "index.no-place": refused, "index.named-again": again}
    return found, {what: count for what, count in told.items() if count or what == "index.rows"}


def _once(
    name: str, selected: Sequence[Committed[SelectCounts]], runner: Runner
) -> tuple[Sequence[Committed[SelectCounts]], int]:
    """What was chosen of each file, without records that a file before it names; how many those are. No task looks at more
    than so many keys, nor opens more files than a regrouping does."""
    if len(selected) < 2:
        return selected, 0
    keyed: list[Task[KeysParams, DocumentCounts]] = []
    for number, result in enumerate(selected):
        for first in range(0, result.counts["documents"], KEYS_OF_A_TASK):
            params = KeysParams(source=name, number=number, first=first, last=first + KEYS_OF_A_TASK)
            given = {"places": result.file("places")}
            keyed.append(Task("select-keys", key_places, params, given, f"{name} {number}", name))
    files = [result.file("keys") for result in runner.stage(keyed)]
    total = sum(result.counts["documents"] for result in selected)
    ranges = even_spans(max(1, -(-total // KEYS_OF_A_TASK)))
    twice = runner.stage(
        [
            Task("select-again", find_again, AgainParams(low=low, high=high), {"keys": held}, name, name)
            for (low, high), held in zip(ranges, regroup(runner, "select-keys", files, "key", ranges), strict=True)
        ]
    )
    again = sum(result.counts["documents"] for result in twice)
    if not again:
        return selected, 0
    found = [result.file("again") for result in twice if result.counts["documents"]]
    numbers = [(number, number + 1) for number in range(len(selected))]
    once = [
        Task(
            "select-once",
            leave_out,
            OnceParams(number=number),
            {"places": result.file("places"), "again": held},
            name,
            name,
        )
        for number, result, held in zip(
            range(len(selected)), selected, regroup(runner, "select-again", found, "number", numbers), strict=True
        )
    ]
    return runner.stage(once), again


def _highest(selected: Sequence[Committed[SelectCounts]], take: int) -> int:
    """The largest of so many smallest draws."""
    smallest = np.empty(0, np.uint64)
    for result in selected:
        for batch in read_batches(str(here(result.files["places"].path))):
            smallest = np.concatenate([smallest, batch.column("draw").to_numpy()])
        smallest = np.sort(smallest)[:take]
    return int(smallest[-1]) if len(smallest) == take else _EVERY


def _cuts(result: Committed[SelectCounts], highest: int | None) -> list[tuple[int, int, int]]:
    """(first, last, bytes) of places that make a part each: RECORDS of them, with draws up to the highest."""
    count = result.counts["documents"]
    if highest is None:
        each = result.counts["bytes"] // max(count, 1)
        return [
            (first, min(first + RECORDS, count), each * (min(first + RECORDS, count) - first))
            for first in range(0, count, RECORDS)
        ]
    draws: list[np.ndarray] = []
    lengths: list[np.ndarray] = []
    for batch in read_batches(str(here(result.files["places"].path))):
        draws.append(batch.column("draw").to_numpy())
        lengths.append(batch.column("length").to_numpy())
    taken = np.flatnonzero(np.concatenate([np.empty(0, np.uint64), *draws]) <= highest)
    stored = np.concatenate([np.empty(0, np.int64), *lengths])[taken]
    found = []
    for begin in range(0, len(taken), RECORDS):
        places = taken[begin : begin + RECORDS]
        found.append((int(places[0]), int(places[-1]) + 1, int(stored[begin : begin + RECORDS].sum())))
    return found
