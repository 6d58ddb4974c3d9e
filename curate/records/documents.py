"""The records of a part after reading, and the documents that go on with their text. Knows types and names only."""

import pyarrow as pa

from curate.records.pages import ID, ORIGIN
from curate.records.verdicts import FAILED

RECORDS = pa.schema([*ORIGIN, ("chars", pa.int64()), ("failed", FAILED), ("dropped_at", pa.string())])
"""Every row of a part, after reading and extracting."""

DOCUMENTS = pa.schema([("id", ID), ("url", pa.string()), ("text", pa.large_string())])
"""The rows that go on, with their text."""

DOCUMENT_FILE = pa.schema([("id", ID), ("source", pa.string()), ("url", pa.string()), ("text", pa.large_string())])
"""documents/STEP/*.parquet."""
