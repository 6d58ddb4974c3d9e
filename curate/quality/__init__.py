"""Quality: features, training, scoring, the keep rule."""

import numpy as np
import pyarrow as pa

from curate.quality.features import BUCKETS, extract, margins
from curate.quality.logistic import fit
from curate.quality.seen import text_codes


def compile_kernels() -> None:
    """Compile what this room runs, once, before many workers need it."""
    texts = pa.array(["two words", "more words"], pa.large_string())
    text_codes(texts)
    margins(texts, np.zeros(BUCKETS, np.float32), 0.0)
    fit(extract(texts), np.array([True, False]), np.ones(2), 1.0)
