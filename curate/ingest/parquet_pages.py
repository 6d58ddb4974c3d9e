"""The pages of a Parquet file, found by their headers: what each claims to need, and each readable without its neighbours.

Arrow allocates what a page's header claims, and gives up a row group for one bad page. So headers are read first, and a
page whose neighbours are bad is handed to Arrow as a file of its own. Where the pages are is read from the footer without
Arrow, which ends the process where a chunk's statistics contradict its levels. Knows pages; nothing of what columns hold.
The format: apache/parquet-format, parquet.thrift.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Any, Final, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from curate.ingest import thrift
from curate.ingest.thrift import BadThrift, Struct

MAX_FOOTER: Final = 16 << 20
"""Most bytes of a file's footer: 100,000 column chunks. Arrow makes up to 200 times as much of it."""
MAX_PAGE: Final = 1 << 29
"""Most bytes that a page may decode to. Writers aim at 1 MiB; some write a whole row group as one page."""
MAX_PAGES: Final = 1 << 20
"""Most pages of a column chunk."""
_MAX_HEADER: Final = 16 << 20  # the limit of Arrow's own reader: statistics in it may quote whole texts
_FIRST_READ: Final = 1 << 10
_FOOTER_VALUES: Final = 6 << 20
"""Most values of a footer: one of MAX_FOOTER bytes that pyarrow wrote has 5 million; each takes some 115 bytes here."""
_TAIL: Final = 8
_MAGIC: Final = b"PAR1"
_DATA, _DICTIONARY, _DATA_V2 = 0, 2, 3
_DELTA_BYTE_ARRAY: Final = 7
_VALUES_A_BYTE: Final = 8  # a dictionary of booleans does not exist, so this is generous
_SEVENTH_FIELD: Final = {_DATA: 5, _DICTIONARY: 7, _DATA_V2: 8}  # PageHeader's field with the header of each kind


class Page(NamedTuple):
    """A page of a column chunk: its bytes in the file with its header, and what it claims to decode to."""

    start: int
    end: int
    dictionary: bool
    decoded: int
    values: int
    shares_prefixes: bool
    """Whether its values may repeat each other's beginnings, so that each can be as long as all it decodes to."""


class Pages(NamedTuple):
    """The pages of one column chunk, and whether they were all found: else the last header found was bad."""

    dictionary: Page | None
    data: list[Page]
    complete: bool

    @property
    def longest_value(self) -> int:
        """Bytes that one value may have though few bytes stand for it; 0 where each value has bytes of its own."""
        sizes = [page.decoded for page in self.data if page.shares_prefixes]
        return max([*sizes, self.dictionary.decoded if self.dictionary else 0])

    @property
    def bounded(self) -> bool:
        """Whether no page claims more than MAX_PAGE."""
        return all(page.decoded <= MAX_PAGE for page in [*self.data, *([self.dictionary] if self.dictionary else [])])


def footer_size(file: IO[bytes], size: int) -> int | None:
    """Bytes of the footer as the file's end states it; None where it is no Parquet file."""
    if size < len(_MAGIC) + _TAIL:
        return None
    file.seek(size - _TAIL)
    tail = file.read(_TAIL)
    length = int.from_bytes(tail[:4], "little")
    return length if tail[4:] == _MAGIC and length <= size - len(_MAGIC) - _TAIL else None


def read_footer(file: IO[bytes], size: int) -> Struct:
    """The file's footer (FileMetaData) as it is stored. Raises BadThrift for none, or one beyond its limits."""
    length = footer_size(file, size)
    if length is None or length > MAX_FOOTER:
        raise BadThrift("no footer")
    file.seek(size - _TAIL - length)
    return thrift.read_struct(file.read(length), budget=_FOOTER_VALUES)[0]


def _chunk(footer: Struct, group: int, column: int) -> Struct:
    """A column chunk (ColumnChunk) of the footer. Raises BadThrift where there is none."""
    try:
        chunk = footer[4][1][1][group][1][1][1][column]
    except (KeyError, IndexError, TypeError) as error:
        raise BadThrift("a footer without this column") from error
    if not isinstance(chunk, dict):
        raise BadThrift("a column chunk that is no struct")
    return chunk


def _facts(chunk: Struct) -> Struct:
    """What a column chunk says of itself (ColumnMetaData)."""
    facts = chunk.get(3, (0, None))[1]
    if not isinstance(facts, dict):
        raise BadThrift("a column chunk that says nothing of itself")
    return facts


def find_pages(file: IO[bytes], size: int, footer: Struct, group: int, column: int) -> Pages:
    """The pages of a column chunk of a file of `size` bytes. Raises BadThrift where the footer knows no such chunk."""
    facts = _facts(_chunk(footer, group, column))
    expected, stored, start, first = (facts.get(number, (0, 0))[1] for number in (5, 7, 9, 11))
    if not all(isinstance(number, int) for number in (expected, stored, start, first)):
        raise BadThrift("a column chunk whose place is no number")
    if 0 < first < start:  # the dictionary's page
        start = first
    end = min(size, start + stored)
    dictionary: Page | None = None
    data: list[Page] = []
    values = 0
    while start < end and values < expected and len(data) < MAX_PAGES:
        page = _page_at(file, start, end) if start >= len(_MAGIC) else None
        if page is None:
            return Pages(dictionary, data, False)
        start = page.end
        if page.dictionary:
            dictionary = page
        elif page.values:
            data.append(page)
            values += page.values
    return Pages(dictionary, data, values == expected)


def _page_at(file: IO[bytes], start: int, end: int) -> Page | None:
    """The page whose header begins at a position; None where none does."""
    reading = _FIRST_READ
    while True:
        file.seek(start)
        head = file.read(min(reading, end - start))
        try:
            fields, length = thrift.read_struct(head)
            break
        except BadThrift:
            if len(head) < reading or reading >= _MAX_HEADER:
                return None
            reading *= 16
    try:
        kind, decoded, stored = (int(fields[number][1]) for number in (1, 2, 3))
        own = fields[_SEVENTH_FIELD[kind]][1] if kind in _SEVENTH_FIELD else {1: (0, 0)}
        values = int(own[1][1])
        encoding = own[4 if kind == _DATA_V2 else 2][1] if kind in _SEVENTH_FIELD else 0
    except (KeyError, TypeError, ValueError):
        return None
    after = start + length + stored
    dictionary = kind == _DICTIONARY
    if decoded < 0 or stored < 0 or values < 0 or after > end or (dictionary and values > _VALUES_A_BYTE * decoded):
        return None
    return Page(start, after, dictionary, decoded, values, encoding == _DELTA_BYTE_ARRAY)


class SinglePages:
    """Pages of a file as files of their own, so that a bad one costs only its rows. Flat columns only."""

    def __init__(self, file: IO[bytes], footer: Struct) -> None:
        self._file, self._footer = file, footer

    def table(self, group: int, column: int, pages: Pages, page: Page) -> pq.ParquetFile:
        """A Parquet file in memory of the one page. Raises ArrowException where Arrow cannot open it, or BadThrift."""
        content = bytearray(_MAGIC)
        offsets: dict[int, tuple[int, Any]] = {}
        if pages.dictionary:
            offsets[11] = (thrift.I64, len(content))
            content += self._read(pages.dictionary)
        offsets[9] = (thrift.I64, len(content))
        content += self._read(page)
        footer = self._one_page_footer(group, column, page, offsets, len(content) - len(_MAGIC))
        content += footer + len(footer).to_bytes(4, "little") + _MAGIC
        return pq.ParquetFile(pa.BufferReader(bytes(content)), pre_buffer=False, page_checksum_verification=True)

    def _read(self, page: Page) -> bytes:
        self._file.seek(page.start)
        return self._file.read(page.end - page.start)

    def _one_page_footer(
        self, group: int, column: int, page: Page, offsets: dict[int, tuple[int, Any]], stored: int
    ) -> bytes:
        """The footer with one row group of the page's rows, in which only the one column is to be read."""
        facts = dict(_facts(_chunk(self._footer, group, column)))
        rows = dict(self._footer[4][1][1][group])
        kind, chunks = rows[1][1]
        for gone in (8, 10, 11, 12, 13, 14, 15, 16):  # statistics, indexes and filters speak of other pages too
            facts.pop(gone, None)
        count = (thrift.I64, page.values)
        facts |= offsets | {5: count, 6: (thrift.I64, page.decoded), 7: (thrift.I64, stored)}
        chunk = {2: (thrift.I64, 0), 3: (thrift.STRUCT, facts)}
        rows |= {1: (thrift.LIST, (kind, [*chunks[:column], chunk, *chunks[column + 1 :]])), 3: count}
        for gone in (5, 6):
            rows.pop(gone, None)
        groups = (thrift.LIST, (thrift.STRUCT, [rows]))
        return thrift.write_struct(self._footer | {3: count, 4: groups})


def row_spans(pages: Pages) -> Iterator[tuple[int, int, Page]]:
    """Every data page of a flat column with its rows: the first one's number in the row group, and one past the last."""
    first = 0
    for page in pages.data:
        yield first, first + page.values, page
        first += page.values
