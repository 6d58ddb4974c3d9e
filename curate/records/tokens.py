"""The token store: every kept document once. Knows types and names only."""

import pyarrow as pa

from curate.records.pages import ID


def token_store(tokens: pa.DataType) -> pa.Schema:
    """Every kept document once. `group` decides the split; `tokens` ends with end-of-text; `tokens` is uint16 or uint32."""
    return pa.schema([("id", ID), ("source", pa.string()), ("group", ID), ("tokens", pa.list_(tokens))])


def token_counts(column: str = "tokens") -> pa.Schema:
    """Tokens per document, end-of-text not counted; null where the document was dropped."""
    return pa.schema([(column, pa.int64())])


def of_tokenizer(column: str, tokenizer: str | None) -> str:
    """The ledger's column for one tokenizer of several; None stands for the first, whose columns have no suffix.

    >>> of_tokenizer("tokens", "llama3"), of_tokenizer("shard", None)
    ('tokens@llama3', 'shard')
    """
    return column if tokenizer is None else f"{column}@{tokenizer}"
