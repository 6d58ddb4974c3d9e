"""Collects the rows of files and closes them into record batches of the schema PAGES.

Where a batch ends is a function of the rows alone: BATCH_ROWS rows or BATCH_BYTES bytes, whichever comes first.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from curate.ingest.identity import record_id
from curate.records.pages import BATCH_BYTES, BATCH_ROWS, PAGES
from curate.storage import SourceFile


class Rows:
    """The open batch of a source; the rows that are added are those of one file until the next is begun."""

    def __init__(self, file: SourceFile, source: str) -> None:
        self._source = source
        self.begin(file)
        self._clear()

    def _clear(self) -> None:
        self._columns: dict[str, list[Any]] = {name: [] for name in PAGES.names}
        self._bytes = 0

    def begin(self, file: SourceFile) -> None:
        """The rows that follow are another file's; of a range of it, their offsets are counted from where that begins."""
        self._file = file
        self._before = 0 if file.range is None else file.range[0]

    def add(
        self,
        offset: int,
        length: int,
        *,
        within: int = 0,
        record: str | None = None,
        url: str | None = None,
        date: int | None = None,
        reason: str | None = None,
        content_type: str | None = None,
        robots: str | None = None,
        body: bytes | None = None,
        text: bytes | None = None,
        metadata: str | None = None,
    ) -> None:
        """Append one row; `date` is seconds since 1970 UTC, `text` valid UTF-8, `metadata` a JSON object."""
        columns = self._columns
        offset += self._before
        columns["id"].append(record_id(self._source, self._file.relative, offset, within))
        columns["source"].append(self._source)
        columns["file"].append(self._file.relative)
        columns["offset"].append(offset)
        columns["length"].append(length)
        columns["record_id"].append(record)
        columns["url"].append(url)
        columns["date"].append(date)
        columns["reason"].append(reason)
        columns["content_type"].append(content_type)
        columns["robots"].append(robots)
        columns["body"].append(body)
        columns["text"].append(text)
        columns["metadata"].append(metadata)
        self._bytes += len(body or b"") + len(text or b"") + len(metadata or "")

    @property
    def full(self) -> bool:
        """Whether the batch is to be closed."""
        return len(self._columns["id"]) >= BATCH_ROWS or self._bytes >= BATCH_BYTES

    def close(self) -> pa.RecordBatch:
        """The batch of the rows added since the last call."""
        arrays = [pa.array(self._columns[field.name], field.type) for field in PAGES]
        self._clear()
        return pa.RecordBatch.from_arrays(arrays, schema=PAGES)

    def __len__(self) -> int:
        return len(self._columns["id"])
