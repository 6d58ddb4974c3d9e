"""The Arrow schema of every file the project writes.

A record is one WARC response, revisit, resource or conversion record, one row of a table, or one damaged span of a
file. Knows types and names only; imports nothing of the project.
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
        ("body", pa.large_binary()),
        ("text", pa.large_string()),
    ]
)
"""What ingest yields. `reason` is null where the record goes on; then exactly one of `body` (HTML bytes as served,
transfer and content encodings undone) and `text` (already text: WET, JSONL, Parquet) is set."""

BATCH_ROWS = 512
"""Most rows of a batch that ingest yields."""
BATCH_BYTES = 16 << 20
"""A batch is closed when its bodies and texts reach this many bytes, so memory does not follow file size."""

FAILED = pa.list_(pa.string())
"""Every rule a record failed, each `step/rule`, in the order of the steps."""

RECORDS = pa.schema([*ORIGIN, ("chars", pa.int64()), ("failed", FAILED), ("dropped_at", pa.string())])
"""Every row of a part, after reading and extracting."""

DOCUMENTS = pa.schema([("id", ID), ("url", pa.string()), ("text", pa.large_string())])
"""The rows that go on, with their text."""

EDIT = pa.struct([("step", pa.string()), ("kind", pa.string()), ("chars", pa.int64())])
"""An edit of a document: which step made it, of which kind, how many characters it removed."""

EDITS = pa.list_(EDIT)

VERDICTS = pa.schema([("kept", pa.bool_()), ("failed", FAILED), ("dropped_at", pa.string())])
"""A decision per document. `dropped_at` is the first step with a failed rule."""


def token_store(tokens: pa.DataType) -> pa.Schema:
    """Every kept document once. `group` decides the split; `tokens` ends with end-of-text; `tokens` is uint16 or uint32."""
    return pa.schema([("id", ID), ("source", pa.string()), ("group", ID), ("tokens", pa.list_(tokens))])


def shard(tokens: pa.DataType) -> pa.Schema:
    """A document a row, in the global order; the value buffer of `tokens` is the flat stream of tokens."""
    return pa.schema([("id", ID), ("source", pa.string()), ("tokens", pa.list_(tokens))])


TOKEN_COUNTS = pa.schema([("tokens", pa.int64())])
"""Tokens per document, end-of-text not counted; null where the document was dropped."""

PLACES = pa.schema([("part", pa.int32()), ("row", pa.int64()), ("shard_row", pa.int64())])
"""Where a shard's rows came from: the token store's part and the row in it, sorted by both."""

_BEFORE_METRICS = [*ORIGIN, ("chars", pa.int64()), ("language", pa.string()), ("language_score", pa.float32())]
_AFTER_METRICS = [
    ("edits", EDITS),
    ("quality_score", pa.float32()),
    ("quality_draw", pa.float32()),
    ("failed", FAILED),
    ("duplicate_of", ID),
    ("duplicate_kind", pa.string()),
    ("jaccard", pa.float32()),
    ("cluster_size", pa.int32()),
    ("contamination", pa.list_(pa.string())),
    ("pii", pa.map_(pa.string(), pa.int32())),
    ("kept", pa.bool_()),
    ("dropped_at", pa.string()),
    ("tokens", pa.int64()),
    ("shard", pa.int32()),
    ("shard_row", pa.int64()),
]


def ledger_schema(metrics: list[list[str]]) -> pa.Schema:
    """The ledger's schema, given [name, Arrow type's name] of the pipeline's metric columns, each `step.metric`."""
    return pa.schema([*_BEFORE_METRICS, *((name, pa.type_for_alias(kind)) for name, kind in metrics), *_AFTER_METRICS])


DOCUMENT_FILE = pa.schema([("id", ID), ("source", pa.string()), ("url", pa.string()), ("text", pa.large_string())])
"""documents/STEP/*.parquet."""
