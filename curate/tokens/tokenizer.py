"""A tokenizer by name: encodes Arrow columns of text, all of it as text. Knows encodings; knows no documents."""

from __future__ import annotations

import functools
import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curate.text.columns import as_column
from curate.tokens.definitions import Definition
from curate.tokens.engines import Engine, Library, proved
from curate.tokens.odd_texts import ODD_TEXTS
from curate.tokens.rows import list_array
from curate.tokens.sources import find

_UINT16_IDS = 1 << 16
_SPECIAL_TRIED = 64
_LOCK = threading.Lock()


@dataclass(frozen=True)
class Tokenizer:
    """A tokenizer and what a reader of its ids must know. `end_of_text` is the id that ends a document."""

    name: str
    definition: Definition
    end_of_text: int

    @property
    def vocabulary_size(self) -> int:
        """One more than the largest id, special tokens included."""
        return self.definition.vocabulary_size

    @property
    def begin_of_text(self) -> int | None:
        """The id that the tokenizer's files declare to begin a document."""
        return self.definition.start

    @property
    def dtype(self) -> npt.DTypeLike:
        """uint16 where every id fits, else uint32."""
        return np.uint16 if self.vocabulary_size <= _UINT16_IDS else np.uint32

    @property
    def arrow_type(self) -> pa.DataType:
        """The Arrow type of an id."""
        return pa.from_numpy_dtype(self.dtype)

    @property
    def vocabulary_hash(self) -> str:
        """SHA-256 over tiktoken's tokens in order of rank, the pattern and the special tokens; or of the file."""
        return self.definition.digest

    @functools.cached_property
    def _engine(self) -> Engine:
        library = Library(self.definition.library, self.definition.reference)
        with _LOCK:
            special = [f"a {name}{name} b" for name in list(self.definition.special)[:_SPECIAL_TRIED]]
            return proved(self.definition.fast, library, [*ODD_TEXTS, *special], self.definition.exceptions)

    @property
    def engine(self) -> str:
        """What encodes: gigatoken, or the reference library where that does not know the tokenizer."""
        return self._engine.name

    def encode(self, texts: Sequence[str] | pa.Array) -> pa.ListArray:
        """Token ids per text (Python strings, or a column of string or large_string without nulls), without end-of-text;
        special tokens' names are text.

        Equals tiktoken's `encode_ordinary` of each text, the encoding of Hugging Face's library without special tokens, or
        SentencePiece's. `load("gpt2").encode(pa.array(["Hello there"]))` is `[[15496, 612]]`.
        """
        ids, lengths = self._engine(as_column(texts))
        return list_array(ids.astype(self.dtype, copy=False), lengths)

    def reference(self, texts: list[str]) -> list[list[int]]:
        """The ids of each text by the library that says what is right."""
        return [list(ids) for ids in self.definition.reference(texts)]

    def decode(self, ids: npt.ArrayLike) -> str:
        """The text of token ids."""
        return self.definition.decode(np.asarray(ids).tolist())

    def files(self) -> dict[str, bytes]:
        """The tokenizer as files that `transformers`' AutoTokenizer reads from a folder, by name."""
        names = {id: name for name, id in self.definition.special.items()}
        declared = {"eos_token": self.end_of_text, "bos_token": self.begin_of_text}
        config = {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "clean_up_tokenization_spaces": False,
            **{key: names[id] for key, id in declared.items() if id in names},
        }
        return self.definition.files() | {"tokenizer_config.json": (json.dumps(config, indent=1) + "\n").encode()}

    def text(self, row: npt.NDArray[Any], entry: Mapping[str, Any]) -> str:
        """The text of a document in shards or the token store, whose manifest names the tokenizer in `entry`."""
        return self.decode(row[len(entry.get("prefix", ())) : len(row) - len(entry.get("suffix", ())) - 1])

    def token_lengths(self) -> npt.NDArray[np.int64]:
        """Bytes of text of each id; special tokens have none.

        Of files other than tiktoken's as decoded alone, a byte that is no character by itself as one.
        """
        lengths = np.zeros(self.vocabulary_size, dtype=np.int64)
        if self.definition.token_bytes is not None:
            for token, id in self.definition.token_bytes.items():
                lengths[id] = len(token)
            return lengths
        for id in set(range(self.vocabulary_size)) - set(self.definition.special.values()):
            lengths[id] = len(self.decode([id]).replace("\N{REPLACEMENT CHARACTER}", "?").encode())
        return lengths


@functools.cache
def load(name: str, end_of_text: str | int | None = None) -> Tokenizer:
    """The tokenizer of a name (curate.tokens.sources.FORMS).

    `end_of_text`: a special token's name, or an id, where the tokenizer declares none or another is wanted. Raises
    ValueError for a name nobody knows and where no end-of-text is declared, OSError where the files are missing.
    """
    definition = find(name)
    special = definition.special
    end = special.get(end_of_text) if isinstance(end_of_text, str) else end_of_text
    if end_of_text is None:
        end = definition.end
    known = ", ".join(list(special)[:8]) or "none"
    if end is None and end_of_text is None:
        raise ValueError(
            f"{name} declares no token that ends a text; name one by end_of_text. Its special tokens: {known}"
        )
    if end is None or not 0 <= end < definition.vocabulary_size:
        raise ValueError(
            f"end_of_text: {end_of_text!r} is no special token and no id of {name}; special tokens: {known}"
        )
    return Tokenizer(name, definition, end)


def load_recorded(entry: Mapping[str, Any]) -> Tokenizer:
    """The tokenizer of what manifests and checkpoints keep: `name` and `end_of_text` (the id). Raises as `load` does."""
    return load(str(entry["name"]), int(entry["end_of_text"]))


def surroundings(
    tokenizer: Tokenizer, add_bos: bool = False, prefix: Sequence[int] = (), suffix: Sequence[int] = ()
) -> tuple[list[int], list[int]]:
    """The ids before and after each document's own: begin-of-text and `prefix`; `suffix` and end-of-text.

    Raises ValueError where the tokenizer declares no begin-of-text, and for what is no id of it.
    """
    if add_bos and tokenizer.begin_of_text is None:
        raise ValueError(f"add_bos: {tokenizer.name} declares no token that begins a text; give its id in prefix")
    before = [*([tokenizer.begin_of_text] if add_bos and tokenizer.begin_of_text is not None else ()), *prefix]
    after = [*suffix, tokenizer.end_of_text]
    wrong = [id for id in (*before, *after) if not 0 <= id < tokenizer.vocabulary_size]
    if wrong:
        raise ValueError(
            f"prefix, suffix: {wrong} are no ids of {tokenizer.name}, which has {tokenizer.vocabulary_size:,}"
        )
    return before, after
