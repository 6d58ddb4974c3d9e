"""What encodes: gigatoken where its ids are proved to be the reference's, otherwise the reference library itself.

Arrow buffers go in and flat ids come out. One thread, always the caller's: workers and forked processes may encode. Knows
text columns; knows no tokenizer's files.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from curate.text.columns import text_buffers
from curate.tokens.rows import list_array

Ids = npt.NDArray[np.uint32]
Lengths = npt.NDArray[np.int64]
Reference = Callable[[list[str]], Sequence[Sequence[int]]]
"""The library that says what is right: the ids of each text, special tokens' names taken as text."""

SLICE_BYTES = 4 << 20
"""Text that is encoded at once: what gigatoken keeps of it is looked at between two slices."""
KEPT_BYTES = 36 << 20
"""Memory that gigatoken's pretokens may grow by before they are forgotten. It keeps every one it has seen, and doubles its
table when that is full: 730 MB after 120 MB of random words where nothing is forgotten. Web text of 33 MB makes it grow by
30 MB. A process that encodes 1 GB of random words comes to 504 MB (cl100k), 493 (GPT-2) and 465 (o200k) with
40 << 20, and to 421 (cl100k) with this."""
UNMEASURED_BYTES = 8 << 20
"""Text after which they are forgotten where the process's memory cannot be read."""

NEWER_MARKS = (
    r"[\x{7FD}\x{897}-\x{89F}\x{8CA}-\x{8D3}\x{9FE}\x{C3C}\x{D3B}\x{D3C}\x{EBA}\x{1715}\x{1ABF}-\x{1AEB}\x{1DF6}-\x{1DFA}"
    r"\x{A82C}\x{10D24}-\x{10D6D}\x{10EAB}-\x{10EFF}\x{10F46}-\x{10F85}\x{11070}\x{1133B}\x{113CE}-\x{113D0}\x{1145E}"
    r"\x{11839}\x{1183A}\x{1193D}-\x{11943}\x{119E0}\x{11A34}\x{11A47}\x{11A99}\x{11D42}-\x{11D45}\x{11D97}\x{11F41}"
    r"\x{11F42}\x{1612F}\x{16FF0}\x{16FF1}\x{1E08F}-\x{1E6F5}]"
)
"""Marks that Unicode has had since version 10: gigatoken composes texts (NFC) by a newer version than Hugging Face's library
does. Found by composing every character between marks with both; a text with one of them is left to the library."""


class Backend(Protocol):
    """A tokenizer of gigatoken."""

    def encode_batch(self, inputs: Any, *, parallel: bool) -> Any: ...


class Gigatoken:
    """Encodes with gigatoken, without an object per document, in bounded memory."""

    name = "gigatoken"

    def __init__(self, make: Callable[[], Backend]) -> None:
        self._make = make
        self._one_at_a_time = threading.Lock()
        """Threads that share a tokenizer take turns: what one makes it grow by, another's text must not be blamed for."""
        self._begin()

    def _begin(self) -> None:
        self._backend = self._make()
        self._backend.encode_batch(["What it lays out at first is not counted."], parallel=False)
        self._kept = 0

    def __call__(self, texts: pa.Array) -> tuple[Ids, Lengths]:
        """(ids of all texts end to end, ids of each text) of a string or large_string column without nulls."""
        data, offsets = text_buffers(texts)
        parts = [self._encode(data, offsets[first : last + 1]) for first, last in _slices(offsets)]
        if len(parts) == 1:
            return parts[0]
        ids = np.concatenate([np.empty(0, np.uint32), *(part[0] for part in parts)])
        return ids, np.concatenate([np.empty(0, np.int64), *(part[1] for part in parts)])

    def _encode(self, data: npt.NDArray[np.uint8], offsets: npt.NDArray[np.int64]) -> tuple[Ids, Lengths]:
        import awkward

        contents = awkward.contents
        text = data[offsets[0] : offsets[-1]]
        column = contents.ListOffsetArray(
            awkward.index.Index64(offsets - offsets[0]),
            contents.NumpyArray(text, parameters={"__array__": "byte"}),
            parameters={"__array__": "bytestring"},
        )
        with self._one_at_a_time:
            before = _resident_bytes()
            made = self._backend.encode_batch(awkward.Array(column), parallel=False).layout
            ids, bounds = np.asarray(made.content.data), np.asarray(made.offsets)
            grown = _resident_bytes() - before - ids.nbytes if before else len(text) * (KEPT_BYTES // UNMEASURED_BYTES)
            self._kept += max(0, grown)
            if self._kept > KEPT_BYTES:
                del self._backend  # before another is made, so that there are never two
                self._begin()
        return ids[bounds[0] : bounds[-1]], np.diff(bounds)


class Library:
    """Encodes with the reference library, an id at a time through Python: slow, and right by definition."""

    def __init__(self, name: str, reference: Reference) -> None:
        self.name = name
        self._reference = reference

    def __call__(self, texts: pa.Array) -> tuple[Ids, Lengths]:
        """As that of Gigatoken."""
        _, offsets = text_buffers(texts)
        rows = [
            np.array(ids, dtype=np.uint32)
            for first, last in _slices(offsets)
            for ids in self._reference(texts.slice(first, last - first).to_pylist())
        ]
        lengths = np.array([len(row) for row in rows], dtype=np.int64)
        return np.concatenate([np.empty(0, np.uint32), *rows]), lengths


class Shared:
    """Encodes with gigatoken, and texts that a regular expression (RE2) matches with the library."""

    name = "gigatoken"

    def __init__(self, fast: Gigatoken, library: Library, exceptions: str) -> None:
        self._fast, self._library, self._exceptions = fast, library, exceptions

    def __call__(self, texts: pa.Array) -> tuple[Ids, Lengths]:
        """As that of Gigatoken."""
        odd = pc.match_substring_regex(texts, self._exceptions)
        if not pc.any(odd).as_py():
            return self._fast(texts)
        parts = [list_array(*self._fast(texts.filter(pc.invert(odd)))), list_array(*self._library(texts.filter(odd)))]
        apart = np.argsort(odd.to_numpy(zero_copy_only=False), kind="stable")  # the row of each text that was set apart
        rows = pa.concat_arrays(parts).take(pa.array(np.argsort(apart)))
        return rows.flatten().to_numpy(), pc.list_value_length(rows).to_numpy().astype(np.int64)


Engine = Gigatoken | Shared | Library


def proved(
    make: Callable[[], Backend], library: Library, texts: Sequence[str], exceptions: str | None = None
) -> Engine:
    """gigatoken where it knows the tokenizer and gives the library's ids for the texts; else the library.

    `exceptions`: a regular expression of texts that are the library's in any case.
    """
    try:
        gigatoken = Gigatoken(make)
        fast: Engine = Shared(gigatoken, library, exceptions) if exceptions else gigatoken
        column = pa.array(texts, pa.large_string())
        (ids, lengths), (right_ids, right_lengths) = fast(column), library(column)
    except (RuntimeError, ValueError, KeyError):
        return library
    except BaseException as error:
        if (
            type(error).__name__ != "PanicException"
        ):  # compiled code that gave up: no `except Exception` catches its kind
            raise
        return library
    return fast if np.array_equal(ids, right_ids) and np.array_equal(lengths, right_lengths) else library


def _slices(offsets: npt.NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """(first, last) of runs of whole texts: of SLICE_BYTES, or of one text that is longer."""
    first, count = 0, len(offsets) - 1
    while first < count:
        last = int(np.searchsorted(offsets, offsets[first] + SLICE_BYTES, side="right")) - 1
        last = min(max(last, first + 1), count)
        yield first, last
        first = last


def _resident_bytes() -> int:
    """Memory of this process that is in use; 0 where the system does not say."""
    if not sys.platform.startswith("linux"):
        return 0
    with open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
