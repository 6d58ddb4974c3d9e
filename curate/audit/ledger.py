"""The ledger as a table for SQL, through DuckDB: memory bounded, spilling beside the run's temporary files.

Knows Parquet files; knows no rule.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curate.audit.finished_run import AuditError
from curate.audit.rendering import Answer, Cell, Table
from curate.records.metadata import told_columns
from curate.storage import private_folder
from curate.text.addresses import hosts

MEMORY = "2GB"
"""What DuckDB may hold; beyond it, it spills to disk."""

_PLAIN = "* replace (lower(hex(id)) as id, lower(hex(duplicate_of)) as duplicate_of{})"
"""A select list in which ids are hexadecimal, and what else is shown otherwise than it is."""

Shown = Callable[[Sequence[str]], list[str]]


def connect(
    files: Sequence[Path],
    memory: str = MEMORY,
    shown: Shown | None = None,
    tables: Mapping[str, pa.Table] | None = None,
) -> Any:
    """A DuckDB connection in which `ledger` has every row of these files, with `id` and `duplicate_of` in hexadecimal;
    `records` is the same with ids as bytes, and with `part` and `row` (the row's place in its file).
    `host_of(url)` is the host of an address. `shown` makes of the text of columns that may quote a document what `ledger`
    shows of it. `tables` can be asked beside it.

    It can open these files and no other, and its settings cannot be changed. Where people write the SQL, `ask` lets it read
    only: DuckDB itself would let these files be written.
    """
    connection: Any = duckdb.connect(":memory:")
    connection.execute("set memory_limit = ?", [memory])
    spill = private_folder(Path(tempfile.gettempdir()) / f"curate-duckdb-{os.getuid()}")
    connection.execute("set temp_directory = ?", [str(spill)])
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
    connection.execute(f"create view ledger as select {_PLAIN.format(_shown(connection, files, shown))} from records")
    connection.execute(f"set allowed_paths = [{quoted}]")
    connection.execute("set enable_external_access = false")
    connection.execute("set lock_configuration = true")
    for name, table in (tables or {}).items():
        connection.register(name, table)
    return connection


def _shown(connection: Any, files: Sequence[Path], shown: Shown | None) -> str:
    """What the select list has for columns that may quote documents. They are made only where a question names them."""
    if shown is None or not files:
        return ""
    schema = pq.read_schema(files[0])
    names = [name for name in told_columns(schema) if pa.types.is_string(schema.field(name).type)]

    def show(column: Any) -> Any:
        texts = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
        distinct = pc.unique(texts.drop_null())
        return pa.array(shown(distinct.to_pylist()), pa.string()).take(pc.index_in(texts, value_set=distinct))

    connection.create_function("as_shown", show, ["VARCHAR"], "VARCHAR", type="arrow", null_handling="special")
    quoted = ['"' + name.replace('"', '""') + '"' for name in names]
    return "".join(f", as_shown({name}) as {name}" for name in quoted)


def _hosts(urls: Any) -> Any:
    """`host_of(url)` in SQL: the host of an address, as reports and mixtures name it; null where there is none."""
    return hosts(urls.combine_chunks() if isinstance(urls, pa.ChunkedArray) else urls)


def ask(connection: Any, sql: str, values: Any = None, limit: int | None = None) -> pa.Table:
    """The rows of one SELECT, at most `limit`. Raises AuditError for any other statement, duckdb.Error for a wrong one.

    Through Arrow: as Python values, DuckDB hands over dates only with a package that nothing here needs.
    """
    statements = connection.extract_statements(sql)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise AuditError("a question is one SELECT: other statements could change what it asks about")
    relation = connection.sql(sql, params=values)
    return (relation if limit is None else relation.limit(limit)).to_arrow_table()


def answered(
    files: Sequence[Path],
    sql: str,
    tables: Mapping[str, pa.Table] | None = None,
    shown: Shown | None = None,
    limit: int | None = None,
) -> pa.Table:
    """What a person's SQL answers, its first `limit` rows; the rest as for `connect`. Raises AuditError with DuckDB's
    complaint."""
    try:
        return ask(connect(files, shown=shown, tables=tables), sql, limit=limit)
    except duckdb.Error as error:
        raise AuditError(f"the query failed: {error}") from None


def query(
    files: Sequence[Path],
    sql: str,
    limit: int,
    tables: Mapping[str, pa.Table] | None = None,
    shown: Shown | None = None,
) -> Answer:
    """The answer to SQL on the view `ledger` and on these tables, its first `limit` rows; `shown` as for `connect`.
    Raises AuditError with DuckDB's complaint."""
    found = answered(files, sql, tables, shown, limit + 1)
    names = tuple(found.column_names)
    rows = list(zip(*(column.to_pylist() for column in found.columns), strict=True))
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
