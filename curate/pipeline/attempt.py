"""A pipeline tried out: a few records through every step, what each did to them, and nothing left behind.

The run lies in a temporary folder that is removed. It makes no tokens. Knows runs and their ledger; knows no step.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curate.audit.finished_run import OpenedRun, open_finished
from curate.audit.shown import shown
from curate.config.models import Shards
from curate.config.reading import read_pipeline
from curate.pipeline.made import Run
from curate.pipeline.run import run_file
from curate.pipeline.until import limited
from curate.records.statistics import RunNumbers

RECORDS = 100
"""Records of each source unless asked otherwise."""
_SHOWN = 160
"""Characters shown of a text."""
_READ = 4000
"""Characters of a text that personal data is replaced in before it is cut: what begins in what is shown may end there."""


@dataclass(frozen=True)
class Example:
    """A record that failed a rule: its address or id, and the beginning of its text."""

    rule: str
    record: str
    text: str


@dataclass(frozen=True)
class Attempt:
    """What every step did: the run's numbers, and examples of each rule's failures in the order of steps."""

    stats: RunNumbers
    examples: tuple[Example, ...]


def attempt(
    path: str | Path,
    set: Sequence[str] = (),
    limit: int = RECORDS,
    *,
    sampled: bool = False,
    examples: int = 2,
) -> Attempt:
    """Run `limit` records of each source, the first or a seeded sample, through every step.

    Raises what `curate.pipeline.run.run` raises.
    """
    with tempfile.TemporaryDirectory(prefix="curate-try-") as folder:
        made = run_few(path, set, limit, sampled, Path(folder) / "run")
        return Attempt(made.stats, tuple(_examples(made, examples)))


def run_few(path: str | Path, set: Sequence[str], limit: int, sampled: bool, folder: Path) -> Run:
    """A few records of each source through every step, in a folder; what is done there and unchanged is not done again."""
    file = limited(read_pipeline(path, set), None if sampled else limit, limit if sampled else None)
    text_out: Mapping[str, Any] = {"tokens": None, "mixture": None, "shards": Shards(), "keep": ()}
    file = dataclasses.replace(file, pipeline=file.pipeline.model_copy(update=text_out))
    return run_file(file, folder, engine="serial", replace=True)


def _examples(made: Run, number: int) -> list[Example]:
    found = []
    opened = open_finished(made.path)
    rules = [rule for source in made.stats["sources"].values() for step in source["funnel"] for rule in step["rules"]]
    for rule in dict.fromkeys(rules):
        for row in made.sample(failed=rule, n=number).to_pylist():
            found.append(Example(rule, row["url"] or row["id"], beginning(opened, row["text"])))
    return found


def beginning(opened: OpenedRun, text: str | None) -> str:
    """What is shown of a text: its first characters on one line, personal data replaced."""
    (told,) = shown(opened, [(text or "")[:_READ]])
    told = " ".join(told.split())
    return told[:_SHOWN] + ("..." if len(told) > _SHOWN else "")
