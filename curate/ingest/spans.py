"""Parts of one large file: the records that begin in a span of its bytes, the same records as when it is read whole.

A file is cut into spans of bytes by its size alone. Where the first record of a span lies is found by each format in its
own way, and never by a guess that counts: of WARC files a span begins at the first compressed frame that holds a record,
which may be one inside a payload. So a span tells where it began and where the first record after it begins, and it counts
only if the span before it ends there; else it is read again from where that one ended. Knows positions; reads no record.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO, Final, Protocol

from curate.storage import SourceFile

BEGIN: Final = "span.begin"
"""In the counts of a span of frames: where its first record begins; not there where none does."""
END: Final = "span.end"
"""Where the first record after it begins, or the file ends."""
WHOLE: Final = "span.whole"
"""That the file has to be read whole: what is done to it depends on all that comes before."""
_BLOCK: Final = 1 << 20
_NEWLINE: Final = b"\n"


@dataclass(frozen=True)
class Span:
    """The records of a file that begin at the byte `start` or after it, and before `end`.

    `size`: bytes of the whole file. `row`: of JSON Lines the number of the first row that begins in it. `exact`: a record
    begins at `start`, it need not be looked for.
    """

    start: int
    end: int
    size: int
    row: int = 0
    exact: bool = False


class Given(Protocol):
    """An input of a task: a file, with the numbers of a span where a part of it is meant."""

    @property
    def name(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def digest(self) -> str: ...
    @property
    def bytes(self) -> int: ...
    @property
    def span(self) -> tuple[int, ...]: ...


def source_files(given: Sequence[Given]) -> tuple[list[SourceFile], Span | None]:
    """The files that a task is to read records of, and the span if it is a part of one."""
    span = None
    if given[0].span:
        start, end, size, row, exact = given[0].span
        span = Span(start, end, size, row, bool(exact))
    sizes = [file.bytes if span is None else span.size for file in given]
    return [SourceFile(file.path, file.name, size, file.digest) for file, size in zip(given, sizes, strict=True)], span


def cut(size: int, most: int) -> list[Span]:
    """As few spans of equal length as have at most so many bytes each.

    >>> [(span.start, span.end) for span in cut(10, 4)]
    [(0, 3), (3, 6), (6, 10)]
    """
    number = max(1, -(-size // most))
    ends = [size * (place + 1) // number for place in range(number)]
    return [Span(start, end, size) for start, end in zip([0, *ends], ends, strict=False)]


def line_bounds(handle: IO[bytes], span: Span) -> tuple[int, int] | None:
    """Where the first line that begins in a span begins, and where the last of them ends; None where none begins in it."""
    begin = 0 if span.start == 0 else _after_line_end(handle, span.start - 1, span.end - 1)
    if begin is None:
        return None
    end = _after_line_end(handle, span.end - 1, span.size)
    return begin, span.size if end is None else end


def _after_line_end(handle: IO[bytes], at: int, stop: int) -> int | None:
    """The position after the first line end in [at, stop); None where there is none."""
    handle.seek(at)
    while at < stop and (block := handle.read(min(_BLOCK, stop - at))):
        found = block.find(_NEWLINE)
        if found >= 0:
            return at + found + 1
        at += len(block)
    return None


def taken_from(counts: Counter[str]) -> tuple[tuple[int, int] | None, bool]:
    """What a span told, taken out of the counts: where it began and ended, if a record began in it; whether the file has to
    be read whole."""
    begin, end, whole = counts.pop(BEGIN, None), counts.pop(END, None), counts.pop(WHOLE, 0)
    return (None if begin is None or end is None else (begin, end)), bool(whole)
