"""The ledger: one row per record, kept or dropped. Knows types and names only."""

from collections.abc import Sequence

import pyarrow as pa

from curate.records.edits import EDITS
from curate.records.pages import ID, ORIGIN
from curate.records.topics import TOPICS
from curate.records.verdicts import FAILED

ROW_GROUP = 1 << 16
"""Rows of a row group: fixed, so that files never follow the batches they came in."""

_BEFORE_METRICS = [*ORIGIN, ("chars", pa.int64()), ("language", pa.string()), ("language_score", pa.float32())]

_AFTER_METRICS = [
    ("edits", EDITS),
    *TOPICS,
    ("quality_score", pa.float32()),
    ("quality_draw", pa.float32()),
    ("quality_bucket", pa.int8()),
    ("failed", FAILED),
    ("duplicate_of", ID),
    ("duplicate_kind", pa.string()),
    ("jaccard", pa.float32()),
    ("cluster_size", pa.int32()),
    ("contamination", pa.list_(pa.string())),
    ("pii", pa.map_(pa.string(), pa.int32())),
    ("kept", pa.bool_()),
    ("dropped_at", pa.string()),
]

_OF_TOKENIZER = [("tokens", pa.int64()), ("shard", pa.int32()), ("shard_row", pa.int64())]


def of_tokenizer(column: str, tokenizer: str | None) -> str:
    """The ledger's column for one tokenizer of several; None stands for the first, whose columns have no suffix.

    >>> of_tokenizer("tokens", "llama3"), of_tokenizer("shard", None)
    ('tokens@llama3', 'shard')
    """
    return column if tokenizer is None else f"{column}@{tokenizer}"


def ledger_schema(metrics: list[list[str]], tokenizers: Sequence[str] = ()) -> pa.Schema:
    """The ledger's schema, given [name, Arrow type's name] of the pipeline's metric columns, each `step.metric`, and the
    names of the tokenizers beside the first."""
    measured = ((name, pa.type_for_alias(kind)) for name, kind in metrics)
    of_each = ((of_tokenizer(name, each), kind) for each in (None, *tokenizers) for name, kind in _OF_TOKENIZER)
    return pa.schema([*_BEFORE_METRICS, *measured, *_AFTER_METRICS, *of_each])
