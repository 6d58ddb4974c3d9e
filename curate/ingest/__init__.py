"""Input files to pages: WARC, WET, JSON Lines and Parquet in, record batches of the schema PAGES out.

Damage is tolerated and accounted for: every response, revisit, resource or conversion record, table row and damaged span
is a row. Memory does not follow file size, and batches are a function of the file alone. Knows nothing of extraction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import pyarrow as pa

from curate.config.formats import format_named
from curate.ingest.crawl_index import read_chosen
from curate.ingest.first_look import check_source, first_look
from curate.ingest.isolation import ReaderDied, read_apart, read_together_or_apart
from curate.ingest.reasons import UNREADABLE
from curate.ingest.rows import Rows
from curate.ingest.spans import WHOLE, Span
from curate.ingest.tables import Columns
from curate.steps import resolve
from curate.storage import SourceFile, open_binary

__all__ = [
    "Columns",
    "ReaderDied",
    "Span",
    "check_source",
    "first_look",
    "read",
    "read_apart",
    "read_files",
    "read_record",
    "read_together_or_apart",
]


def read(
    file: SourceFile, source: str, format: str, columns: Columns, counts: Counter[str], *, start: int = 0
) -> Iterator[pa.RecordBatch]:
    """The rows of one file, in its order, as batches of the schema PAGES of at most BATCH_ROWS rows.

    A batch is closed when its bodies and texts reach BATCH_BYTES. `counts` gets what has no row: record kinds
    (`records.request`), leniencies (`http.stored-decoded`), empty files, and the bytes of WARC files read and damaged.
    `columns` says where tables keep what. `start`, for WARC and WET, is the offset of a record to begin at.
    A file that may not be read is one row. Raises ConfigError for an unknown format, ValueError for a
    Parquet file without a column named in `columns`, and OSError where storage fails, since what comes and goes must not
    decide what is kept.
    """
    return read_files((file,), source, format, columns, counts, start=start)


def read_files(
    files: Sequence[SourceFile],
    source: str,
    format: str,
    columns: Columns,
    counts: Counter[str],
    *,
    start: int = 0,
    span: Span | None = None,
) -> Iterator[pa.RecordBatch]:
    """The rows of several files one after another, as `read` gives those of one; a batch may hold rows of many. With `span`,
    of one file those that begin in it; `counts` then gets what `curate.ingest.spans` says. Of a file with a range, the one
    record that begins it."""
    kind = format_named(format)
    reader = resolve(kind.span_reader if span is not None else kind.reader)
    rows = Rows(files[0], source)
    for file in files:
        rows.begin(file)
        if file.range is not None:
            read_chosen(file, file.range, resolve(kind.span_reader), rows, columns, counts)
            if rows.full:
                yield rows.close()
            continue
        try:
            handle = open_binary(file.path, file.size)
        except PermissionError:
            if span is not None:
                counts[WHOLE] = 1
            rows.add(0, file.size, reason=UNREADABLE)
            if rows.full:
                yield rows.close()
            continue
        with handle:
            if not handle.read(1):
                counts["files.empty"] += 1
                continue
            handle.seek(0)
            for _ in reader(handle, file, rows, columns, counts, start if span is None else span):
                if rows.full:
                    yield rows.close()
    if len(rows):
        yield rows.close()


def read_record(file: SourceFile, source: str, format: str, columns: Columns, offset: int, id: bytes) -> pa.RecordBatch:
    """The one row of schema PAGES with this offset and id, read again; of a WARC file only from `offset` on.

    Raises LookupError where the file no longer holds it.
    """
    start = offset if format_named(format).resumable else 0
    for batch in read(file, source, format, columns, Counter(), start=start):
        for row, (found, at) in enumerate(zip(batch["id"].to_pylist(), batch["offset"].to_pylist(), strict=True)):
            if found == id:
                return batch.slice(row, 1)
            if at > offset:
                raise LookupError(f"{file.path} holds no record {id.hex()} at {offset}: has the file changed?")
    raise LookupError(f"{file.path} holds no record {id.hex()} at {offset}: has the file changed?")
