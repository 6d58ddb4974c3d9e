"""The token store: every kept document once. Knows types and names only."""

import pyarrow as pa

from curate.records.pages import ID


def token_store(tokens: pa.DataType) -> pa.Schema:
    """Every kept document once. `group` decides the split; `tokens` ends with end-of-text; `tokens` is uint16 or uint32."""
    return pa.schema([("id", ID), ("source", pa.string()), ("group", ID), ("tokens", pa.list_(tokens))])


def token_counts(column: str = "tokens") -> pa.Schema:
    """Tokens per document, end-of-text not counted; null where the document was dropped."""
    return pa.schema([(column, pa.int64())])
