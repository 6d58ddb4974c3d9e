"""A pipeline tried out again and again while its file and its packs are edited, and which records every edit flips.

The records stay those of the first try, and the run's folder too, so that only what an edit decides is done again. Knows
runs and their ledgers; knows no step, and shows nothing.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pyarrow.dataset as ds

from curate.audit.finished_run import open_finished
from curate.errors import CurateError
from curate.pipeline.attempt import RECORDS, beginning, run_few
from curate.pipeline.made import Run
from curate.records.statistics import RunNumbers

POLL = 0.3
"""Seconds between two looks at the files."""
_EDITED = ("*.yaml", "*.yml", "*.jsonl", "*.txt")
"""Files beside a pipeline and its packs that an edit may change: packs, their languages and lists."""

Stamps = Mapping[str, tuple[int, int]]
"""By file, when it was changed and how large it is."""


@dataclass(frozen=True)
class Flipped:
    """A record that is decided otherwise than before the edit: its address or id, whether it is kept now, the rules that it
    failed before and not now, those that it fails now and did not before, where it is or was dropped, and the beginning
    of its text."""

    record: str
    kept: bool
    passed: tuple[str, ...]
    failed: tuple[str, ...]
    dropped_at: str
    text: str


@dataclass(frozen=True)
class Tried:
    """A try: the run's numbers, and after the first which records flipped; or the error that a wrong edit came to."""

    changed: tuple[str, ...]
    stats: RunNumbers | None
    flipped: tuple[Flipped, ...] = ()
    error: str = ""


class Decision(NamedTuple):
    """A record's address or id, whether it is kept, the rules that it fails, and where it is dropped."""

    record: str
    kept: bool
    failed: frozenset[str]
    dropped_at: str


Decisions = Mapping[str, Decision]
"""By id."""


def watch(
    path: str | Path, set: Sequence[str] = (), limit: int = RECORDS, *, sampled: bool = False, poll: float = POLL
) -> Iterator[Tried]:
    """Try the pipeline, then again after each edit of a file in its folder or a pack's; never ends by itself.

    A wrong edit is told in `error`, and the next try is compared with the last that worked. Raises what `attempt` raises
    where the first try cannot be made. Changed Python code is not loaded again: begin anew.
    """
    with tempfile.TemporaryDirectory(prefix="curate-watch-") as place:
        folder = Path(place) / "run"
        seen = stamps(path)
        made = run_few(path, set, limit, sampled, folder)
        before = _decisions(made)
        yield Tried((), made.stats)
        while True:
            now = stamps(path)
            if now == seen:
                time.sleep(poll)
                continue
            changed = tuple(sorted(name for name in {*now, *seen} if now.get(name) != seen.get(name)))
            seen = now
            try:
                made = run_few(path, set, limit, sampled, folder)
            except (CurateError, OSError) as error:
                yield Tried(changed, None, error=str(error))
                continue
            after = _decisions(made)
            yield Tried(changed, made.stats, tuple(_flips(made, before, after)))
            before = after


def stamps(path: str | Path) -> Stamps:
    """The files that are watched: those beside the pipeline that are packs or lists, and the pipeline itself."""
    file = Path(path)
    found = {}
    for each in {file, *(one for pattern in _EDITED for one in file.parent.rglob(pattern))}:
        try:
            status = each.stat()
        except FileNotFoundError:
            continue
        found[str(each)] = (status.st_mtime_ns, status.st_size)
    return found


def _decisions(made: Run) -> Decisions:
    table = ds.dataset([str(path) for path in open_finished(made.path).ledger]).to_table(
        columns=["id", "url", "kept", "failed", "dropped_at"]
    )
    rows = [(row.pop("id").hex(), row) for row in table.to_pylist()]
    return {
        key: Decision(row["url"] or key, bool(row["kept"]), frozenset(row["failed"] or ()), row["dropped_at"] or "")
        for key, row in rows
    }


def _flips(made: Run, before: Decisions, after: Decisions) -> Iterator[Flipped]:
    """Records of both tries that are kept now and were not, then those that were kept and are not; each by its address."""
    flipped = [key for key in after if key in before and after[key].kept != before[key].kept]
    texts, opened = _texts(made, flipped), open_finished(made.path)
    for key in sorted(flipped, key=lambda each: (not after[each].kept, after[each].record)):
        now, then = after[key], before[key]
        yield Flipped(
            now.record,
            now.kept,
            passed=tuple(sorted(then.failed - now.failed)),
            failed=tuple(sorted(now.failed - then.failed)),
            dropped_at=now.dropped_at or then.dropped_at,
            text=beginning(opened, texts.get(key)),
        )


def _texts(made: Run, keys: Sequence[str]) -> dict[str, str]:
    """Texts of records by id, as far as there are any."""
    if not keys:
        return {}
    listed = ", ".join(f"'{key}'" for key in keys)
    found = made.sample(where=f"lower(hex(id)) in ({listed})", n=len(keys))
    return dict(zip(found.column("id").to_pylist(), found.column("text").to_pylist(), strict=True))
