"""Hugging Face `tokenizer.json` files, behind the same methods as tiktoken's encodings. Knows that library; no documents."""

from __future__ import annotations

import functools
import hashlib
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curate.storage import open_binary

SUFFIX = ".json"
_END_NAMES = ("<|endoftext|>", "<|end_of_text|>", "</s>", "<eos>", "[SEP]")  # of GPT-2, LLaMA 3, LLaMA 1, Gemma, BERT


class HuggingFaceEncoding:
    """A `tokenizer.json`. Special tokens' names in a text are text. Raises ValueError where no end-of-text is known."""

    def __init__(self, path: str) -> None:
        from tokenizers import Tokenizer

        with open_binary(path) as file:
            content = file.read()
        self.name = path
        self.digest = hashlib.sha256(content).hexdigest()
        self._tokenizer = Tokenizer.from_str(content.decode())
        self._tokenizer.encode_special_tokens = True
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        ids = [self._tokenizer.token_to_id(name) for name in _END_NAMES]
        known = [each for each in ids if each is not None]
        if not known:
            raise ValueError(f"{path} has none of the tokens that end a text: {', '.join(_END_NAMES)}")
        self.eot_token: int = known[0]

    @property
    def n_vocab(self) -> int:
        """One more than the largest id."""
        return max(self._tokenizer.get_vocab(with_added_tokens=True).values()) + 1

    def encode_batch(self, texts: pa.Array, dtype: npt.DTypeLike) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
        """(ids of all texts end to end, ids of each text)."""
        encoded = self._tokenizer.encode_batch_fast(texts.to_pylist(), add_special_tokens=False)
        rows = [np.array(each.ids, dtype=dtype) for each in encoded]
        lengths = np.array([len(ids) for ids in rows], dtype=np.int64)
        return np.concatenate([np.empty(0, dtype), *rows]), lengths

    def decode(self, ids: list[int]) -> str:
        """The text of ids."""
        text: str = self._tokenizer.decode(ids, skip_special_tokens=False)
        return text


@functools.cache
def read_tokenizer(path: str) -> HuggingFaceEncoding:
    """The file, read once."""
    return HuggingFaceEncoding(path)
