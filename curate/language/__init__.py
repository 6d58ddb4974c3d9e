"""Language identification: the language of each text and how sure that is. Decides nothing about what to keep."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.language.identifier import UNDETERMINED, Identifier, compile_kernels, load, model_digest
from curate.language.paragraphs import identify_paragraphs, other_share
from curate.text.columns import as_column

__all__ = [
    "UNDETERMINED",
    "Identifier",
    "compile_kernels",
    "identify",
    "identify_paragraphs",
    "load",
    "model_digest",
    "other_share",
]


def identify(texts: Sequence[str] | pa.Array, model: str | None = None) -> tuple[list[str], NDArray[np.float32]]:
    """(language codes, calibrated confidences in [0, 1]) of texts: Python strings, or an Arrow (large_)string column.

    Codes are ISO 639-1 where there is one, else 639-3; `und` where nothing in a text speaks for any language, and `zxx`
    where it is no language at all. `model` is the path of a fastText model to use instead of the built-in one; its
    labels and probabilities are then given as they are. Raises ValueError on nulls.
    """
    codes, scores = load(model).identify(as_column(texts))
    return codes.to_pylist(), scores
