"""Records by an index of their places: which of its rows a condition chooses, and the records read by ranges of bytes.

The index is a columnar one, as Common Crawl gives it (cc-index-table): Parquet files whose rows say in which WARC file a
record lies, where it begins, and how long it is. The condition is SQL on its columns, by DuckDB, which sees the rows and
nothing else. Knows places and bytes; nothing of what a record holds.
"""

from __future__ import annotations

import functools
import io
import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Any, Final

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curate.errors import ConfigError, is_of_storage, nearest
from curate.ingest.index_pruning import bounds_of, may_match
from curate.ingest.parquet import open_table
from curate.ingest.parquet_pages import find_pages, read_footer
from curate.ingest.reasons import DAMAGED, TOO_LARGE, UNREADABLE
from curate.ingest.rows import Rows
from curate.ingest.spans import BEGIN, END, WHOLE, Span
from curate.ingest.tables import Columns
from curate.ingest.thrift import BadThrift, Struct
from curate.records.batches import read_batches
from curate.storage import SourceFile, join, open_binary, read_range

NAME, OFFSET, LENGTH = "warc_filename", "warc_record_offset", "warc_record_length"
"""The columns of the index that say where a record lies."""
LATER: Final = frozenset(
    {"content_charset", "content_languages", "content_truncated", "fetch_redirect", "url_host_name_reversed"}
)
"""Columns that the indexes of older crawls do not have: their values are null there."""
PLACES: Final = pa.schema(
    [("file", pa.string()), ("offset", pa.int64()), ("length", pa.int64()), ("draw", pa.uint64())]
)
"""Records that were chosen: the WARC file's name, bytes, and the draw by which some are taken, 0 where all are."""
MAX_RECORD: Final = 64 << 20
"""Most stored bytes of a record: twice the largest block that is read."""
_ROWS: Final = 1 << 16
_BATCH: Final = 64 << 20
"""Most bytes of a column's values in a batch of rows."""
_STRINGS = re.compile(r"'(?:[^']|'')*'")
_WORDS = re.compile(r'"((?:[^"]|"")+)"|([A-Za-z_][A-Za-z0-9_]*)')
_UNSAFE_NAME: Final = r"^/|^\s*$|(^|/)\.\.(/|$)|://|[\x00-\x1f\\]"
"""Names that lead out of the place where the files lie."""
_FIRST: Final = 1


def matching(file: SourceFile, where: str | None, counts: Counter[str]) -> Iterator[pa.Table]:
    """The places (`file`, `offset`, `length`) of the rows of an index file that a condition is true for, in their order.

    `counts` gets `rows`; `pruned`: those that were not read, because the footer tells that the condition holds for none of
    them; `refused`: rows without a place, with one that is none, or that could not be read. Raises ConfigError for a
    condition or a file that does not fit, OSError where storage fails.
    """
    with open_binary(file.path, file.size) as handle:
        table = _opened(handle, file)
        names = columns_of(where, table.schema_arrow.names)
        leaves = [table.schema.column(place).path for place in range(len(table.schema))]
        footer, bounds = read_footer(handle, file.size), bounds_of(where)
        for group in range(table.num_row_groups):
            told = table.metadata.row_group(group)
            rows = told.num_rows
            counts["rows"] += rows
            if not may_match(told, leaves, table.schema_arrow, bounds):
                counts["pruned"] += rows
                continue
            at_a_time = _at_a_time(handle, file, footer, group, [leaves.index(name) for name in names])
            seen = 0
            try:
                if at_a_time:
                    for batch in table.iter_batches(at_a_time, row_groups=[group], columns=names, use_threads=False):
                        seen += batch.num_rows
                        yield _places(chosen(pa.Table.from_batches([batch]), where), counts)
            except (pa.ArrowException, OSError) as error:
                if is_of_storage(error):
                    raise
            counts["refused"] += max(0, rows - seen)


def slices(file: SourceFile, where: str | None, groups: int, rows: int) -> tuple[pa.Table, int, int]:
    """The first rows of so many row groups of an index file, evenly spaced, in the columns that `matching` reads; how many
    rows the file has, and the stored bytes of these columns. Raises as `matching`."""
    with open_binary(file.path, file.size) as handle:
        table = _opened(handle, file)
        names = columns_of(where, table.schema_arrow.names)
        paths = [table.schema.column(place).path for place in range(len(table.schema))]
        leaves = [paths.index(name) for name in names]
        footer, told = read_footer(handle, file.size), table.metadata
        found = [pa.schema([table.schema_arrow.field(name) for name in names]).empty_table()]
        for group in range(0, told.num_row_groups, max(1, -(-told.num_row_groups // groups))):
            at_a_time = min(rows, _at_a_time(handle, file, footer, group, leaves))
            if at_a_time:
                batches = table.iter_batches(at_a_time, row_groups=[group], columns=names, use_threads=False)
                found += [pa.Table.from_batches([batch]) for batch in itertools.islice(batches, 1)]
        stored = sum(
            told.row_group(group).column(leaf).total_compressed_size
            for group in range(told.num_row_groups)
            for leaf in leaves
        )
        return pa.concat_tables(found), told.num_rows, stored


def check_index(file: SourceFile, where: str | None) -> tuple[str | None, str | None]:
    """What is wrong with an index, by one of its files, and with a condition on it: a sentence each, or None.

    Raises OSError where the file cannot be read.
    """
    with open_binary(file.path, file.size) as handle:
        try:
            schema = _opened(handle, file).schema_arrow
        except ConfigError as error:
            return str(error), None
        try:
            names = columns_of(where, schema.names)
            chosen(pa.schema([schema.field(name) for name in names]).empty_table(), where, schema.names)
        except ConfigError as error:
            return None, str(error)
    return None, None


def columns_of(where: str | None, names: Sequence[str]) -> list[str]:
    """The columns of an index that a condition looks at, and those of the place. Raises ConfigError for a condition whose
    answer is another each time."""
    bare = _STRINGS.sub("''", where or "")
    words = [quoted.replace('""', '"') or word for quoted, word in _WORDS.findall(bare)]
    for word in words:
        if word.lower() in _changing() and word not in names:
            raise ConfigError(f"{word} in a condition gives another answer each time: `take` draws records by the seed")
    called = {word.lower() for word in words}
    return [name for name in names if name in (NAME, OFFSET, LENGTH) or name.lower() in called]


def chosen(table: pa.Table, where: str | None, known: Sequence[str] = ()) -> pa.Table:
    """The rows of a table that a condition is true for. Raises ConfigError for a condition that is none; `known` are the
    columns that it might have meant.

    >>> chosen(pa.table({"n": [1, 2, 3]}), "n > 2").to_pylist()
    [{'n': 3}]
    """
    if where is None:
        return table
    for name in LATER - set(table.column_names):
        table = table.append_column(name, pa.nulls(len(table), pa.string()))
    connection: Any = duckdb.connect(":memory:")
    try:
        connection.execute("set threads = 1")
        connection.execute("set timezone = 'UTC'")
        connection.execute("set enable_external_access = false")
        connection.execute("set lock_configuration = true")
        found: pa.Table = connection.from_arrow(table).filter(where).to_arrow_table()
        return found
    except duckdb.Error as error:
        said = str(error).splitlines()[0]
        missing = re.search(r'column "([^"]+)" not found', said)
        hint = nearest(missing[1], [*known, *table.column_names]) if missing else ""
        raise ConfigError(f"the condition cannot be asked of the index: {said}{hint}") from None
    finally:
        connection.close()


def files_of(path: str, first: int, last: int, highest: int, base: str) -> list[SourceFile]:
    """The places `first` up to `last` of a file of PLACES whose draw is at most `highest`, each as a range of its file."""
    found: list[SourceFile] = []
    before = 0
    for batch in read_batches(path):
        rows = batch.slice(max(0, first - before), max(0, last - max(first, before)))
        before += batch.num_rows
        for place in rows.filter(pc.less_equal(rows.column("draw"), pa.scalar(highest, pa.uint64()))).to_pylist():
            start, end = place["offset"], place["offset"] + place["length"]
            found.append(SourceFile(join(base, place["file"]), place["file"], end, "", (start, end)))
        if before >= last:
            break
    return found


def read_chosen(
    file: SourceFile,
    range: tuple[int, int],
    reader: Callable[[IO[bytes], SourceFile, Rows, Columns, Counter[str], Span], Iterator[None]],
    rows: Rows,
    columns: Columns,
    counts: Counter[str],
) -> None:
    """Append the row of the record that begins a range of a file: one row, whatever is there. `reader` reads spans.

    Raises OSError where storage fails; a file that is not there, or may not be read, costs the record.
    """
    start, end = range
    before = len(rows)
    if end - start > MAX_RECORD:
        rows.add(0, end - start, reason=TOO_LARGE)
        return
    try:
        data = read_range(file.path, start, end)
    except (FileNotFoundError, PermissionError):
        rows.add(0, end - start, reason=UNREADABLE)
        return
    for _ in reader(io.BytesIO(data), file, rows, columns, counts, Span(0, _FIRST, len(data), exact=True)):
        if len(rows) > before:
            break
    for name in (BEGIN, END, WHOLE):
        counts.pop(name, None)
    if len(rows) == before:
        rows.add(0, end - start, reason=DAMAGED)


def _opened(handle: IO[bytes], file: SourceFile) -> pq.ParquetFile:
    table = open_table(handle, file.size)
    if table is None:
        raise ConfigError(f"{file.path} is no Parquet file, and an index is one: cc-index/table/... of a crawl")
    missing = [name for name in (NAME, OFFSET, LENGTH) if name not in table.schema_arrow.names]
    if missing:
        raise ConfigError(f"{file.path} has no column {missing[0]!r}, which says where a record lies")
    return table


def _at_a_time(handle: IO[bytes], file: SourceFile, footer: Struct, group: int, leaves: Sequence[int]) -> int:
    """How many rows of a row group to decode at a time; 0 where its columns claim more than any index needs."""
    longest = 1
    for leaf in leaves:
        try:
            pages = find_pages(handle, file.size, footer, group, leaf)
        except BadThrift:
            return 0
        if not (pages.complete and pages.bounded):
            return 0
        longest = max(longest, pages.longest_value)
    return max(1, min(_ROWS, _BATCH // longest))


def _places(rows: pa.Table, counts: Counter[str]) -> pa.Table:
    """The places of an index's rows, those left out that are none."""
    found = pa.table(
        {
            "file": rows.column(NAME).cast(pa.string()),
            "offset": rows.column(OFFSET).cast(pa.int64(), safe=False),
            "length": rows.column(LENGTH).cast(pa.int64(), safe=False),
        }
    )
    unsafe = pc.match_substring_regex(found["file"], _UNSAFE_NAME)
    sound = pc.and_(pc.greater_equal(found["offset"], 0), pc.greater(found["length"], 0))
    good = found.filter(pc.and_(sound, pc.invert(unsafe)), null_selection_behavior="drop")
    counts["refused"] += len(found) - len(good)
    return good


@functools.cache
def _changing() -> frozenset[str]:
    """DuckDB's functions that give another answer each time, in lower case, and the words that stand for such."""
    rows = duckdb.connect(":memory:").execute(
        "select distinct lower(function_name) from duckdb_functions() "
        "where stability in ('VOLATILE', 'CONSISTENT_WITHIN_QUERY')"
    )
    words = ("current_date", "current_time", "current_timestamp", "localtime", "localtimestamp")
    return frozenset({*(name for (name,) in rows.fetchall()), *words})
