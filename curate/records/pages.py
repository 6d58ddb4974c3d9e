"""What reading yields: where a record came from, and what it holds.

A record is one WARC response, revisit, resource or conversion record, one row of a table, or one damaged span of a
file. Knows types and names only.
"""

import pyarrow as pa

ID = pa.binary(16)
"""128-bit record id: blake2b of (source, file relative to the source's root, offset or row)."""

ORIGIN = pa.schema(
    [
        ("id", ID),
        ("source", pa.string()),
        ("file", pa.string()),
        ("offset", pa.int64()),
        ("length", pa.int64()),
        ("record_id", pa.string()),
        ("url", pa.string()),
        ("date", pa.timestamp("s", tz="UTC")),
    ]
)
"""Where a record came from. `offset` and `length`: bytes in the stored file; for tables, row and 1."""

PAGES = pa.schema(
    [
        *ORIGIN,
        ("reason", pa.string()),
        ("content_type", pa.string()),
        ("robots", pa.string()),
        ("body", pa.large_binary()),
        ("text", pa.large_string()),
        ("metadata", pa.large_string()),
    ]
)
"""What ingest yields. `robots` is what a response's header says to robots, see curate.extract.robots. `metadata` is a JSON
object of the columns carried along, see curate.records.metadata. `reason` is null where the record goes on; then exactly
one of `body` (HTML bytes as served, transfer and content encodings undone) and `text` (already text: WET, JSONL, Parquet)
is set."""

BATCH_ROWS = 512
"""Most rows of a batch that ingest yields."""

BATCH_BYTES = 16 << 20
"""A batch is closed when its bodies and texts reach this many bytes, so memory does not follow file size."""
