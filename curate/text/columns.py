"""Arrow text columns as the two NumPy arrays that kernels read, and back, without copying the text; rows replaced in one.

Knows Arrow's memory layout; knows nothing of what the text says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:  # the kernels' compiler is not needed to look at a column
    from curate.text.characters import Bytes, Offsets

_MOST_STRING_BYTES = 2**31 - 1  # int32 offsets of Arrow's `string`


def as_column(texts: Sequence[str] | pa.Array | pa.ChunkedArray) -> pa.Array:
    """Texts as one Arrow array of string or large_string.

    Lone surrogates, which UTF-8 cannot hold but Python strings can, each become U+FFFD.
    """
    if isinstance(texts, pa.ChunkedArray):
        return texts.combine_chunks() if texts.num_chunks != 1 else texts.chunk(0)
    if isinstance(texts, pa.Array):
        return texts
    try:
        return pa.array(texts, pa.large_string())
    except UnicodeEncodeError:
        clean = [text.encode("utf-16", "surrogatepass").decode("utf-16", "replace") for text in texts]
        return pa.array(clean, pa.large_string())


def text_buffers(texts: pa.Array) -> tuple[Bytes, Offsets]:
    """(bytes, offsets): document i is bytes[offsets[i]:offsets[i + 1]]. Raises ValueError on nulls or another type."""
    if not (pa.types.is_string(texts.type) or pa.types.is_large_string(texts.type)):
        raise ValueError(f"expected a column of string or large_string, found {texts.type}")
    if texts.null_count:
        raise ValueError(f"expected a text in every row, found {texts.null_count} nulls of {len(texts)} rows")
    width = np.dtype(np.int32 if pa.types.is_string(texts.type) else np.int64)
    _, offsets, data = texts.buffers()
    if offsets is None or not len(texts):
        return np.zeros(0, np.uint8), np.zeros(len(texts) + 1, np.int64)
    bounds = np.frombuffer(offsets, width, len(texts) + 1, texts.offset * width.itemsize).astype(np.int64)
    content = np.zeros(0, np.uint8) if data is None else np.frombuffer(data, np.uint8)
    return content, bounds


def text_column(data: Bytes, offsets: Offsets, kind: pa.DataType) -> pa.Array:
    """The Arrow column over bytes and offsets (from 0); large_string where `string` cannot hold that many bytes."""
    large = pa.types.is_large_string(kind) or int(offsets[-1]) > _MOST_STRING_BYTES
    bounds = offsets if large else offsets.astype(np.int32)
    return pa.Array.from_buffers(
        pa.large_string() if large else pa.string(),
        len(offsets) - 1,
        [None, pa.py_buffer(np.ascontiguousarray(bounds)), pa.py_buffer(data)],
    )


def replace_rows(column: pa.Array, changed: Mapping[int, str]) -> pa.Array:
    """The column with the text of each of these rows in place of its own."""
    if not changed:
        return column
    pieces, at = [], 0
    for row in sorted(changed):
        pieces += [column.slice(at, row - at), pa.array([changed[row]], column.type)]
        at = row + 1
    return pa.concat_arrays([*pieces, column.slice(at)])
