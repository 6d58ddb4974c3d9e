"""Quality scores, and the sample that a classifier learns from. Knows types and names only."""

import pyarrow as pa

from curate.records.documents import DOCUMENTS

QUALITY = pa.schema([("quality_score", pa.float32()), ("quality_draw", pa.float32())])
"""The ledger's columns of the quality step. `quality_draw` is uniform in [0, 1)."""

SAMPLE = pa.schema([("draw", pa.uint64()), *DOCUMENTS])
"""Documents and the draws that chose them."""
