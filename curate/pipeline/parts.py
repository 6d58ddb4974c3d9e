"""Which parts a source's files make: a file, a span of a large one, or a bundle of small ones.

A function of the sorted list of files, their names and sizes; the number of workers has no say in it, and ids and the order
of records do not depend on it. Makes the tasks that find where spans begin, and holds the spans against each other once
they are read; reads nothing itself.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from typing import Any, Final, TypeVar

from curate.config.formats import format_named
from curate.config.models import Read
from curate.engine.runner import Runner
from curate.engine.task import Committed, File, Task
from curate.ingest.spans import Span, cut
from curate.pipeline.tasks.lines import LineParams, count_part
from curate.storage import SourceFile

FEW: Final = 64
"""Files of a source that are not bundled, however small: as many parts as no exchange regroups, and no worker waits for."""
MOST_FILES: Final = 1000
"""Files of a bundle: a manifest that lists so many has some 200 kB."""
MOST_SPANS: Final = 4096
"""Spans that a source's bytes are cut into before spans grow, where the pipeline does not say how large they are."""
SPLIT: Final = 256 << 20
"""Bytes of a span where the pipeline does not say: some minutes of pages, some ten thousand of them."""
_ENDS_EARLY: Final = 16
"""One name in so many may end a bundle that is half full, so that one more file moves the bundles around it and no other."""

Counts = TypeVar("Counts", bound=Mapping[str, Any])


@dataclass(frozen=True)
class Portion:
    """What one part is read from: files in their order, a span of one, or records of which an index knows the places."""

    files: tuple[SourceFile, ...]
    span: Span | None = None
    records: File | None = None
    """The places of the records that are read, where an index names them: `files` is then a file of the index."""

    @property
    def label(self) -> str:
        """What it is called for people."""
        first = self.files[0].relative
        if self.records is not None:
            return f"{first} from record {self.records.span[0] + 1:,}"
        if self.span is not None:
            return f"{first} from byte {self.span.start:,}"
        return first if len(self.files) == 1 else f"{first} and {len(self.files) - 1:,} more"

    @property
    def given(self) -> list[File]:
        """It as the input of a task."""
        if self.records is not None:
            return [self.records]
        if self.span is None:
            return [File(file.relative, file.path, file.stamp, file.size) for file in self.files]
        (file,), span = self.files, self.span
        numbers = tuple(map(int, astuple(span)))
        return [File(file.relative, file.path, file.stamp, span.end - span.start, numbers)]


def bundles(files: Sequence[SourceFile], most: int | None) -> list[Portion]:
    """Files in their order, those that follow one another put together up to so many bytes, where there are many.

    >>> [len(each.files) for each in bundles([SourceFile(str(n), str(n), 9, "") for n in range(3)], 100)]
    [1, 1, 1]
    """
    if most is None or len(files) <= FEW:
        return [Portion((file,)) for file in files]
    made: list[Portion] = []
    held: list[SourceFile] = []
    size = 0
    for file in files:
        if held and size + file.size > most:
            made.append(Portion(tuple(held)))
            held, size = [], 0
        held.append(file)
        size += file.size
        half = size >= most // 2 or len(held) >= MOST_FILES // 2
        if len(held) >= MOST_FILES or (half and _may_end(file.relative)):
            made.append(Portion(tuple(held)))
            held, size = [], 0
    return [*made, Portion(tuple(held))] if held else made


def _may_end(name: str) -> bool:
    """Whether a bundle may end with the file of this name before it is full."""
    digest = hashlib.blake2b(name.encode("utf-8", "surrogateescape"), digest_size=2).digest()
    return int.from_bytes(digest, "little") % _ENDS_EARLY == 0


def span_bytes(read: Read, files: Sequence[SourceFile]) -> int | None:
    """Most bytes of a span; None where no file is cut. By itself it doubles with the source's bytes beyond a terabyte:
    the files of a whole crawl keep every worker busy as they are."""
    if read.split is None or not format_named(read.format).cut_by:
        return None
    if read.split != "auto":
        return read.split
    size, whole = SPLIT, sum(file.size for file in files)
    while size * MOST_SPANS < whole:
        size *= 2
    return size


def portions(name: str, read: Read, files: Sequence[SourceFile], runner: Runner | None, whole: bool) -> list[Portion]:
    """The parts of a source, in order. With `whole` no file is cut; without a runner lines are not counted, as where only
    the number of parts is asked for."""
    most = None if whole else span_bytes(read, files)
    found: list[Portion] = []
    for large, group in itertools.groupby(files, lambda file: most is not None and file.size > most):
        if large and most is not None:
            found += [Portion((file,), span) for file in group for span in cut(file.size, most)]
        else:
            found += bundles(tuple(group), read.bundle)
    if runner is not None and format_named(read.format).cut_by == "lines":
        return _numbered(name, found, runner)
    return found


def _numbered(name: str, given: Sequence[Portion], runner: Runner) -> list[Portion]:
    """The spans of JSON Lines with the numbers of their first rows; a file that cannot be cut by lines whole."""
    spans = [portion for portion in given if portion.span is not None]
    tasks = [
        Task("lines", count_part, LineParams(), {"file": portion.given}, f"{name} {portion.label}", name)
        for portion in spans
    ]
    counted = dict(zip(spans, runner.stage(tasks), strict=True))
    numbered: list[Portion] = []
    before = 0
    for portion in given:
        span = portion.span
        if span is None:
            numbered.append(portion)
            continue
        counts = counted[portion].counts
        if not counts["plain"]:
            numbered += [Portion(portion.files)] if span.start == 0 else []
            continue
        before = 0 if span.start == 0 else before
        numbered.append(replace(portion, span=replace(span, row=before + 1 if span.start else 0)))
        before += counts["documents"]
    return numbered


def settled(
    done: Sequence[tuple[Portion, Committed[Counts]]],
    do: Callable[[Sequence[Portion]], Sequence[Committed[Counts]]],
    chained: bool,
) -> list[tuple[Portion, Committed[Counts]]]:
    """What was done of the portions of a source, in their order, once every span is one: `do` does some again.

    `chained`: a span's beginning was looked for (files cut by frames). One that does not begin where the span before it
    ended is done again from there. A file of which a span says that it has to be read whole is read whole.
    """
    given, results = [portion for portion, _ in done], dict(done)
    while True:
        found: list[Portion] = []
        again: list[Portion] = []
        for files, group in itertools.groupby(given, lambda portion: portion.files):
            spans = list(group)
            if spans[0].span is None:
                found += spans
                continue
            fits, missing = _chain(spans, results) if chained else (spans, None)
            whole = Portion(files)
            told = [results[each].counts["span"] for each in fits if each in results]
            if any(each["whole"] for each in told):
                fits, missing = [whole], None if whole in results else whole
            found += fits
            again += [missing] if missing is not None else []
        if not again:
            return [(portion, results[portion]) for portion in found]
        results |= zip(again, do(again), strict=True)


def _chain(spans: Sequence[Portion], results: Mapping[Portion, Committed[Any]]) -> tuple[list[Portion], Portion | None]:
    """The spans of a file that follow one another from its beginning on, and the one that has to be done next, if any."""
    fits: list[Portion] = []
    at = 0
    for portion in spans:
        assert portion.span is not None
        if at >= portion.span.end:
            continue  # what begins before reaches beyond it
        place = results[portion].counts["span"]["place"]
        if place is None or place[0] != at:
            portion = replace(portion, span=replace(portion.span, start=at, exact=True))
            if portion not in results:
                return fits, portion
            place = results[portion].counts["span"]["place"]
        fits.append(portion)
        if place is None:
            break  # it cannot be read in spans, and says so
        at = place[1]
    return fits, None
