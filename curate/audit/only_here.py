"""Documents that one of several runs keeps and every other drops, to be read: what they are, and what took them elsewhere.

Knows a comparison's ids and the runs' ledgers; compares nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from curate.audit.compare import Comparison
from curate.audit.explain import document_number
from curate.audit.find import MOST_FOUND, Found, find_ids
from curate.audit.finished_run import AuditError, OpenedRun
from curate.audit.shown import snippet


class OnlyHere(NamedTuple):
    """A document that the run of this number keeps alone."""

    run: int
    id: str
    url: str
    tokens: int
    taken: tuple[tuple[str, int], ...]
    """(what took it, in how many of the other runs): the rule that it failed first, or the step that dropped it."""
    text: str


def only_here(runs: Sequence[OpenedRun], found: Comparison) -> list[OnlyHere]:
    """Some documents of each run that it alone keeps, as the runs show texts; of the run that keeps most alone first."""
    wanted = [id for ids in found.alone.values() for id in ids]
    if not wanted:
        return []
    rows = [{row.id: row for row in _rows(run, wanted)} for run in runs]
    listed = []
    order = sorted(found.alone, key=lambda number: (-found.kept_by[(number,)], number))
    for number, ids in ((number, found.alone[number]) for number in order):
        for id in ids:
            mine = rows[number].get(id)
            if mine is None:
                continue
            taken: dict[str, int] = {}
            for other, there in enumerate(rows):
                if other != number and id in there:
                    row = there[id].row
                    why = (row["failed"] or [row["dropped_at"] or "no output"])[0]
                    taken[why] = taken.get(why, 0) + 1
            try:
                place = document_number(mine)
                text = "" if place is None else snippet(runs[number], mine.part.name, place)
            except AuditError as error:
                text = f"(no text: {error})"
            takers = tuple(sorted(taken.items(), key=lambda item: (-item[1], item[0])))
            listed.append(OnlyHere(number, id.hex(), mine.row["url"] or "", mine.row["tokens"] or 0, takers, text))
    return listed


def _rows(run: OpenedRun, ids: Sequence[bytes]) -> list[Found]:
    starts = range(0, len(ids), MOST_FOUND)
    return [row for start in starts for row in find_ids(run, list(ids[start : start + MOST_FOUND]))]
