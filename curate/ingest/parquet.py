"""Parquet files to rows, within bounds known beforehand; what is bad costs its value, its page, or at worst its row group.

Before Arrow decodes a row group the headers of its pages are read: none may claim more than fits, and as few rows are
decoded at a time as the longest value that they can stand for allows. Where Arrow still fails, the pages are read one by
one. Rows are numbered by the groups' counts, so a lost span shifts nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import IO, Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from curate.errors import is_of_storage
from curate.ingest import parquet_pages, thrift, values
from curate.ingest.carried import as_object, carried_names, values_of
from curate.ingest.parquet_pages import Pages, SinglePages, row_spans
from curate.ingest.reasons import DAMAGED, TOO_LARGE
from curate.ingest.rows import Rows
from curate.ingest.spans import Span
from curate.ingest.tables import Columns, add_row
from curate.storage import SourceFile

_ROWS: Final = 64
"""Rows decoded at a time: a batch of large documents stays small."""
_BATCH_BYTES: Final = 64 << 20
"""Most bytes of a batch where a value of few stored bytes may be long."""
_BUFFER: Final = 1 << 20
_MAX_ROWS: Final = 1 << 24
_ROWS_A_BYTE: Final = 64
"""Rows that a file may have: this many, or this many for every byte of it. Nulls and repetitions take next to nothing,
so a file of 1 kB could claim billions."""
_ELEMENTS: Final = 100_000
"""Most elements of a list in the footer: columns of a schema, row groups of a file."""
_FAILURES: Final = (pa.ArrowException, OSError, ValueError, MemoryError)
"""What bad bytes raise; storage that fails raises some of these too: it decides nothing of what is kept."""

Line = tuple[bytes | None, str | None, str | None, int | None, str | None]
"""Text, id, address and date of a row, and what it carries along."""
_USES: Final = ("text", "id", "url", "date")
_CARRIED: Final = "carried "
"""Begins the use of a column that is carried along; its name follows."""


class _Column:
    """A column to read: what it is for, and the places of its leaves in the file; a nested one has several."""

    def __init__(self, use: str, name: str, places: list[int], textual: bool) -> None:
        self.use, self.name, self.places, self.textual = use, name, places, textual

    @property
    def place(self) -> int:
        """The place of a flat column."""
        return self.places[0]

    def values(self, column: pa.Array, counts: Counter[str]) -> list[Any]:
        if self.use.startswith(_CARRIED):
            return values_of(column)
        if self.use == "text":
            return values.texts(column)
        return values.dates(column) if self.use == "date" else values.labels(column, counts)


def check_columns(names: list[str], columns: Columns, path: str) -> None:
    """Raise ValueError where the text, id or date column named is not there."""
    for name in (columns.text, columns.id, columns.date):
        if name and name not in names:
            raise ValueError(f"{path} has no column {name!r}; its columns are {', '.join(names)}")


def open_table(file: IO[bytes], size: int) -> pq.ParquetFile | None:
    """The file as Arrow opens it; None where its footer is bad or asks for more than any file needs."""
    footer = parquet_pages.footer_size(file, size)
    if footer is None or footer > parquet_pages.MAX_FOOTER:
        return None
    try:
        table = pq.ParquetFile(
            file,
            buffer_size=_BUFFER,
            pre_buffer=False,
            thrift_container_size_limit=_ELEMENTS,
            page_checksum_verification=True,
        )
        _ = table.schema_arrow  # made when asked for
    except _FAILURES as error:
        if is_of_storage(error):
            raise
        return None
    return table


def read_parquet(
    file: IO[bytes],
    path: str,
    size: int,
    rows: Rows,
    columns: Columns,
    counts: Counter[str],
    span: Span | None = None,
) -> Iterator[None]:
    """Append the rows of a Parquet file, or of those of its row groups that lie in a span, pausing after each."""
    table = open_table(file, size)
    footer = None if table is None else _footer(file, size)
    if table is None or footer is None:
        if span is None or span.start == 0:
            rows.add(0, size, reason=DAMAGED)
            yield
        return
    check_columns(table.schema_arrow.names, columns, path)
    reading = _Reading(file, size, table, footer, _columns(table, columns), rows, counts)
    first = 0
    for group, place in enumerate(_places(table, size)):
        count = table.metadata.row_group(group).num_rows
        wanted = span is None or span.start <= place < span.end
        if count < 0 or first + count > max(_MAX_ROWS, _ROWS_A_BYTE * size):
            if wanted:
                rows.add(first, max(count, 1), reason=TOO_LARGE if count > 0 else DAMAGED)
                yield
            return
        if wanted:
            yield from reading.group(group, first, count)
        first += count


def _footer(file: IO[bytes], size: int) -> thrift.Struct | None:
    """The file's footer as it is stored; None where it is bad."""
    try:
        return parquet_pages.read_footer(file, size)
    except thrift.BadThrift:
        return None


def _places(table: pq.ParquetFile, size: int) -> Iterator[int]:
    """Where each row group is taken to lie in the file: its middle, were the groups stored one after another in proportion
    to what the footer says of their sizes. So the order of rows is that of the groups, wherever their bytes are."""
    groups = [max(1, table.metadata.row_group(group).total_byte_size) for group in range(table.num_row_groups)]
    whole, before = sum(groups), 0
    for each in groups:
        yield min(size - 1, size * (2 * before + each) // (2 * whole))
        before += each


def _columns(table: pq.ParquetFile, columns: Columns) -> list[_Column]:
    """The columns to read: those named that are there and of a type that can hold what they are for."""
    schema = table.schema_arrow
    leaves = [table.schema.column(place).path for place in range(len(table.schema))]
    found = []
    for use, name in (("text", columns.text), ("id", columns.id), ("url", columns.url), ("date", columns.date)):
        if name and name in schema.names:
            kind = schema.field(schema.names.index(name)).type
            if name in leaves and values.is_flat(kind) and (use != "text" or values.is_textual(kind)):
                found.append(_Column(use, name, [leaves.index(name)], values.is_textual(kind)))
    for name in carried_names(columns.metadata, schema.names, columns.used()):
        places = [place for place, path in enumerate(leaves) if path == name or path.startswith(f"{name}.")]
        if places:
            found.append(_Column(_CARRIED + name, name, places, False))
    return found


class _Reading:
    """One file being read: row group by row group, and where Arrow fails, page by page."""

    def __init__(
        self,
        file: IO[bytes],
        size: int,
        table: pq.ParquetFile,
        footer: thrift.Struct,
        columns: list[_Column],
        rows: Rows,
        counts: Counter[str],
    ) -> None:
        self.file, self.size, self.table, self.footer, self.columns = file, size, table, footer, columns
        self.rows, self.counts = rows, counts
        self._single = SinglePages(file, footer)

    def group(self, group: int, first: int, count: int) -> Iterator[None]:
        """Append the rows of a row group whose first row has the number `first`."""
        pages = {column.use: self._pages(group, column.place) for column in self.columns}
        nested = [self._pages(group, place) for column in self.columns for place in column.places[1:]]
        every = [*pages.values(), *nested]
        done = 0
        if all(found.complete and found.bounded for found in every):
            at_a_time = _at_a_time(every)
            try:
                for lines in self._lines(self.table, [group], self.columns, at_a_time, count):
                    for line in lines[: count - done]:
                        self._add(first + done, line)
                        done += 1
                        yield
            except _FAILURES as error:
                if is_of_storage(error):
                    raise
                self.counts["groups.read-by-page"] += 1
        if done < count:
            yield from self._by_page(group, first, count, done, pages)

    def _pages(self, group: int, place: int) -> Pages:
        try:
            return parquet_pages.find_pages(self.file, self.size, self.footer, group, place)
        except _FAILURES as error:
            if is_of_storage(error):
                raise
            return Pages(None, [], False)

    def _lines(
        self, table: pq.ParquetFile, groups: list[int], columns: list[_Column], at_a_time: int, count: int
    ) -> Iterator[list[Line]]:
        """The rows of row groups, so many at a time."""
        if not columns:
            for start in range(0, count, at_a_time):
                yield [(None, None, None, None, None)] * min(at_a_time, count - start)
            return
        names = list(dict.fromkeys(column.name for column in columns))
        for batch in table.iter_batches(at_a_time, row_groups=groups, columns=names, use_threads=False):
            found = {
                column.use: column.values(batch.column(batch.schema.names.index(column.name)), self.counts)
                for column in columns
            }
            nothing = [None] * batch.num_rows
            uses = (found.get(use, nothing) for use in _USES)
            yield list(zip(*uses, self._carried(found, nothing), strict=True))

    def _carried(self, found: dict[str, list[Any]], nothing: list[None]) -> Sequence[str | None]:
        """Per row what it carries along, from the columns read."""
        names = {use.removeprefix(_CARRIED): column for use, column in found.items() if use.startswith(_CARRIED)}
        if not names:
            return nothing
        rows = zip(*names.values(), strict=True)
        return [as_object(dict(zip(names, row, strict=True)), self.counts) for row in rows]

    def _add(self, number: int, line: Line) -> None:
        text, record, url, date, metadata = line
        add_row(self.rows, number, text, self.counts, record=record, url=url, date=date, metadata=metadata)

    def _by_page(self, group: int, first: int, count: int, done: int, pages: dict[str, Pages]) -> Iterator[None]:
        """Append the rows of a group from the row `done` on, page by page of the text; bad pages are damaged spans.

        The other columns' values are null where their pages are bad: they cost no text.
        """
        text = next((column for column in self.columns if column.use == "text"), None)
        others = [
            _Cursor(self, group, column, pages[column.use])
            for column in self.columns
            if column is not text and len(column.places) == 1
        ]
        spans = row_spans(pages["text"]) if text else iter([(0, count, None)])
        for start, end, page in spans:
            end = min(end, count)
            if done >= end:
                continue
            found = self._page_texts(group, text, pages["text"], page, done - start) if text else iter([None] * count)
            for value in found:
                if done >= end:
                    break
                self._add(first + done, (value, *self._beside(others, done)))
                done += 1
                yield
            if done < end:
                self.rows.add(first + done, end - done, reason=DAMAGED)
                done = end
                yield
        if done < count:
            reason = DAMAGED if text is None or pages["text"].bounded else TOO_LARGE
            self.rows.add(first + done, count - done, reason=reason)
            yield

    def _beside(self, others: list[_Cursor], row: int) -> tuple[Any, Any, Any, str | None]:
        found = {cursor.column.use: cursor.value(row) for cursor in others}
        (carried,) = self._carried({use: [value] for use, value in found.items()}, [None])
        return found.get("id"), found.get("url"), found.get("date"), carried

    def _page_texts(self, group: int, column: _Column, pages: Pages, page: Any, skip: int) -> Iterator[bytes | None]:
        """The texts of one page but for the first `skip`, up to the first that cannot be read."""
        at_a_time = _at_a_time([pages])
        given = skip
        for size in dict.fromkeys((at_a_time, 1)):
            try:
                seen = 0
                for texts in self.page_values(group, column, pages, page, size):
                    for text in texts:
                        seen += 1
                        if seen > given:
                            given += 1
                            yield text
                return
            except _FAILURES as error:
                if is_of_storage(error):
                    raise
                continue

    def page_values(self, group: int, column: _Column, pages: Pages, page: Any, at_a_time: int) -> Iterator[list[Any]]:
        """The values of one page, so many at a time. Raises as Arrow does, and thrift.BadThrift."""
        if page.decoded > parquet_pages.MAX_PAGE or (
            pages.dictionary and pages.dictionary.decoded > parquet_pages.MAX_PAGE
        ):
            raise thrift.BadThrift("a page too large")
        with self._single.table(group, column.place, pages, page) as table:
            for batch in table.iter_batches(at_a_time, columns=[column.name], use_threads=False):
                yield column.values(batch.column(0), self.counts)


class _Cursor:
    """The values of a column beside the text, asked for in the order of rows: one page of them is held."""

    def __init__(self, reading: _Reading, group: int, column: _Column, pages: Pages) -> None:
        self.reading, self.group, self.column, self.pages = reading, group, column, pages
        self._spans = row_spans(pages)
        self._start = self._end = 0
        self._values: list[Any] = []

    def value(self, row: int) -> Any:
        """The row's value; None where its page cannot be read."""
        while row >= self._end:
            following = next(self._spans, None)
            if following is None:
                return None
            self._start, self._end, page = following
            self._values = []
            if row < self._end:
                try:
                    reading = self.reading.page_values(
                        self.group, self.column, self.pages, page, _at_a_time([self.pages])
                    )
                    self._values.extend(value for values in reading for value in values)
                except _FAILURES as error:
                    if is_of_storage(error):
                        raise
                    self.reading.counts["pages.unreadable"] += 1
        at = row - self._start
        return self._values[at] if at < len(self._values) else None


def _at_a_time(pages: Any) -> int:
    """How many rows to decode at a time."""
    longest = max((found.longest_value for found in pages), default=0)
    return max(1, min(_ROWS, _BATCH_BYTES // longest)) if longest else _ROWS


def read_span(
    handle: IO[bytes], file: SourceFile, rows: Rows, columns: Columns, counts: Counter[str], span: Span
) -> Iterator[None]:
    """Append the rows of the row groups that lie in a span, pausing after each."""
    return read_parquet(handle, file.path, file.size, rows, columns, counts, span)


def read_file(
    handle: IO[bytes], file: SourceFile, rows: Rows, columns: Columns, counts: Counter[str], start: int
) -> Iterator[None]:
    """Append the rows of a Parquet file, pausing after each; see `curate.config.formats.Format`."""
    return read_parquet(handle, file.path, file.size, rows, columns, counts)
