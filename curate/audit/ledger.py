"""The ledger as a table for SQL, through DuckDB: memory bounded, spilling beside the run's temporary files.

Knows Parquet files; knows no rule.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from curate.audit.finished_run import AuditError
from curate.audit.rendering import Answer, Cell, Table
from curate.text.addresses import hosts

MEMORY = "2GB"
"""What DuckDB may hold; beyond it, it spills to disk."""

PLAIN = "* replace (lower(hex(id)) as id, lower(hex(duplicate_of)) as duplicate_of)"
"""A select list in which ids are hexadecimal."""


def connect(files: Sequence[Path], memory: str = MEMORY) -> Any:
    """A DuckDB connection in which `ledger` has every row of these files, with `id` and `duplicate_of` in hexadecimal;
    `records` is the same with ids as bytes, and with `part` and `row` (the row's place in its file).
    `host_of(url)` is the host of an address.
    """
    connection: Any = duckdb.connect(":memory:")
    connection.execute("set memory_limit = ?", [memory])
    connection.execute("set temp_directory = ?", [str(Path(tempfile.gettempdir()) / "curate-duckdb")])
    connection.execute("set preserve_insertion_order = true")
    connection.execute("set enable_progress_bar = false")
    connection.execute("set timezone = 'UTC'")
    quoted = ", ".join("'" + str(file).replace("'", "''") + "'" for file in files)
    source = f"read_parquet([{quoted}], filename = true, file_row_number = true)"
    connection.execute(
        "create view records as select * exclude (filename, file_row_number), "
        f"parse_filename(filename, true) as part, file_row_number as row from {source}"
    )
    connection.create_function("host_of", _hosts, ["VARCHAR"], "VARCHAR", type="arrow", null_handling="special")
    connection.execute(f"create view ledger as select {PLAIN} from records")
    return connection


def _hosts(urls: Any) -> Any:
    """`host_of(url)` in SQL: the host of an address, as reports and mixtures name it; null where there is none."""
    return hosts(urls.combine_chunks() if isinstance(urls, pa.ChunkedArray) else urls)


def query(files: Sequence[Path], sql: str, limit: int) -> Answer:
    """The answer to SQL on the view `ledger`, its first `limit` rows. Raises AuditError with DuckDB's complaint."""
    connection = connect(files)
    try:
        result = connection.execute(sql)
        names = tuple(column[0] for column in result.description or ())
        rows = result.fetchmany(limit + 1)
    except duckdb.Error as error:
        raise AuditError(f"the query failed: {error}") from None
    note = f"the first {limit:,} rows; --limit shows more" if len(rows) > limit else ""
    rows = rows[:limit]
    table = Table("", names, tuple(tuple(_cell(value) for value in row) for row in rows), note)
    return Answer((table,), [dict(zip(names, map(_json, row), strict=True)) for row in rows])


def _cell(value: Any) -> Cell:
    if value is None or isinstance(value, bool | int | float):
        return value
    return _json(value) if isinstance(_json(value), str) else str(value)


def _json(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    return value if value is None or isinstance(value, bool | int | float | str | list | dict) else str(value)
