"""Tables, row by row: which columns hold what, and the row of PAGES that each table row becomes.

`offset` is the row's number from 0 (for JSON Lines the line's, empty lines included) and `length` 1; a damaged span begins
at the first row that was lost, and its length is the number of rows lost where that is known, else 1.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from curate.ingest.carried import ALL
from curate.ingest.reasons import EMPTY, NO_TEXT, TOO_LARGE
from curate.ingest.rows import Rows
from curate.ingest.values import MAX_TEXT, utf8


@dataclass(frozen=True)
class Columns:
    """Which columns of a table hold what; None where none does. A `url` column that is absent is no error."""

    text: str = "text"
    id: str | None = None
    url: str | None = "url"
    date: str | None = None
    metadata: Sequence[str] | str = ()
    """Columns carried along, or `all` that have no other use."""

    def used(self) -> list[str]:
        """The columns with a use of their own, the text's first."""
        return [name for name in (self.text, self.id, self.url, self.date) if name]

    def named(self) -> list[str]:
        """Every column named, the text's first."""
        carried = () if self.metadata == ALL else self.metadata
        return list(dict.fromkeys([*self.used(), *carried]))


def add_row(
    rows: Rows,
    number: int,
    text: str | bytes | None,
    counts: Counter[str],
    *,
    record: str | None = None,
    url: str | None = None,
    date: int | None = None,
    metadata: str | None = None,
) -> None:
    """Append the row of one table row; `text` is None where it is missing, null or no text."""
    data = None if text is None or len(text) > MAX_TEXT else utf8(text, counts)
    reason = None
    if text is None:
        reason = NO_TEXT
    elif data is None or len(data) > MAX_TEXT:
        reason = TOO_LARGE
    elif not data.strip():
        reason = EMPTY
    rows.add(
        number, 1, record=record, url=url, date=date, reason=reason, text=None if reason else data, metadata=metadata
    )  # fmt: skip
