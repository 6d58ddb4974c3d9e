"""A decision per document, and the rules it failed. Knows types and names only."""

import pyarrow as pa

FAILED = pa.list_(pa.string())
"""Every rule a record failed, each `step/rule`, in the order of the steps."""

VERDICTS = pa.schema([("kept", pa.bool_()), ("failed", FAILED), ("dropped_at", pa.string())])
"""A decision per document. `dropped_at` is the first step with a failed rule."""
