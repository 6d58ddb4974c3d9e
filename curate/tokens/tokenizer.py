"""A tokenizer by name or file: encodes Arrow columns of text, all of it as text. Knows encodings; knows no documents."""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import tiktoken
from tiktoken_ext.openai_public import r50k_pat_str  # type: ignore[import-untyped]

from curate.storage import open_binary
from curate.text.columns import as_column
from curate.tokens.encoder import BatchEncoder
from curate.tokens.huggingface import SUFFIX, HuggingFaceEncoding, read_tokenizer
from curate.tokens.vocabulary import FILES, tiktoken_cache

END_OF_TEXT = "<|endoftext|>"
FILE_SUFFIX = ".tiktoken"
_UINT16_IDS = 1 << 16


@dataclass(frozen=True)
class Tokenizer:
    """An encoding and what a reader of its ids must know."""

    name: str
    encoding: tiktoken.Encoding | HuggingFaceEncoding

    @property
    def end_of_text(self) -> int:
        """The id that ends a document."""
        return self.encoding.eot_token

    @property
    def vocabulary_size(self) -> int:
        """One more than the largest id, special tokens included."""
        return self.encoding.n_vocab

    @property
    def dtype(self) -> npt.DTypeLike:
        """uint16 where every id fits, else uint32."""
        return np.uint16 if self.vocabulary_size <= _UINT16_IDS else np.uint32

    @property
    def arrow_type(self) -> pa.DataType:
        """The Arrow type of an id."""
        return pa.from_numpy_dtype(self.dtype)

    @functools.cached_property
    def vocabulary_hash(self) -> str:
        """SHA-256 over every token's bytes in order of rank, the pattern and the special tokens; or of `tokenizer.json`."""
        if isinstance(self.encoding, HuggingFaceEncoding):
            return self.encoding.digest
        digest = hashlib.sha256(self.encoding._pat_str.encode())
        for token, rank in sorted(self.encoding._mergeable_ranks.items(), key=lambda item: item[1]):
            digest.update(b"%d %d " % (rank, len(token)) + token)
        digest.update(repr(sorted(self.encoding._special_tokens.items())).encode())
        return digest.hexdigest()

    @functools.cached_property
    def _encoder(self) -> BatchEncoder | None:
        """The compiled encoder, where it gives exactly tiktoken's ids."""
        if isinstance(self.encoding, HuggingFaceEncoding):
            return None
        try:
            return BatchEncoder(self.encoding, self.dtype)
        except ValueError:
            return None

    def encode(self, texts: Sequence[str] | pa.Array) -> pa.ListArray:
        """Token ids per text (Python strings, or a column of string or large_string without nulls), without end-of-text;
        special tokens' names are text.

        Equals tiktoken's `encode_ordinary` of each text, or the encoding of Hugging Face's library without special tokens.
        """
        texts = as_column(texts)
        if isinstance(self.encoding, HuggingFaceEncoding):
            return list_array(*self.encoding.encode_batch(texts, self.dtype))
        if self._encoder is not None:
            return list_array(*self._encoder(texts))
        encoded = [np.array(self.encoding.encode_ordinary(text), dtype=self.dtype) for text in texts.to_pylist()]
        lengths = np.array([len(ids) for ids in encoded], dtype=np.int64)
        return list_array(np.concatenate([np.empty(0, self.dtype), *encoded]), lengths)

    def decode(self, ids: npt.ArrayLike) -> str:
        """The text of token ids."""
        return self.encoding.decode(np.asarray(ids).tolist())


def list_array(values: npt.NDArray[Any], lengths: npt.NDArray[np.int64]) -> pa.ListArray:
    """A list column from its flat values and the length of each row. Raises OverflowError past 2^31 - 1 values."""
    offsets = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=offsets[1:])
    if offsets[-1] > np.iinfo(np.int32).max:
        raise OverflowError(f"{offsets[-1]} tokens in one batch; a list column holds at most 2^31 - 1")
    return pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), pa.array(values))


def append_to_rows(rows: pa.ListArray, value: int) -> pa.ListArray:
    """Each row with one value more at its end."""
    offsets = rows.offsets.to_numpy().astype(np.int64)
    values = rows.values.to_numpy(zero_copy_only=False)[offsets[0] : offsets[-1]]
    return list_array(np.insert(values, offsets[1:] - offsets[0], value), np.diff(offsets) + 1)


@functools.cache
def load(name: str) -> Tokenizer:
    """The tokenizer of this name, of a `tokenizer.json`, or of a `.tiktoken` file: GPT-2's pattern, end-of-text after the
    file's last token.

    Raises ValueError for a name nobody knows, VocabularyError where its files are missing, OSError for a file that is.
    """
    if name.endswith(FILE_SUFFIX):
        return Tokenizer(name, _read_file(name))
    if name.endswith(SUFFIX):
        return Tokenizer(name, read_tokenizer(name))
    if name not in FILES:
        raise ValueError(f"unknown tokenizer {name!r}; known: {', '.join(sorted(FILES))}")
    with tiktoken_cache(name):
        return Tokenizer(name, tiktoken.get_encoding(name))


def _read_file(path: str) -> tiktoken.Encoding:
    """An encoding from lines of a token in base64 and its rank."""
    with open_binary(path) as file:
        pairs = [line.split() for line in file.read().splitlines() if line]
    ranks = {base64.b64decode(token): int(rank) for token, rank in pairs}
    special = {END_OF_TEXT: max(ranks.values()) + 1}
    return tiktoken.Encoding(path, pat_str=r50k_pat_str, mergeable_ranks=ranks, special_tokens=special)
