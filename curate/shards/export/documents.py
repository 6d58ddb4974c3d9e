"""A run's documents as they are, with their text and every column: Parquet files or zstd-packed JSON Lines, one per part.

For runs that make text and no tokens, and for documents that a pipeline kept after a step. Knows a run directory's files of
documents; knows no shards.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curate.code.fingerprint import fingerprint
from curate.engine.commit import Published, open_published
from curate.engine.mirror import here
from curate.records.metadata import META
from curate.shards.export.formats import ExportError, ExportFile

FOLDER = "documents"
_ROW_GROUP = 1 << 14


@dataclass(frozen=True)
class Documents:
    """The documents of a run after a step: `files` are their names below the run directory, in the order of parts."""

    run: Path
    step: str
    files: tuple[str, ...]
    published: Published
    record: Mapping[str, Any]
    """run.json."""
    stats: Mapping[str, Any]
    """stats.json."""

    @property
    def of(self) -> str:
        """Their folder below the run directory."""
        return f"{FOLDER}/{self.step}"

    @property
    def name(self) -> str:
        """The run's name."""
        return str(self.record["name"])

    @property
    def fingerprint(self) -> str:
        """What names their content."""
        return fingerprint([[name, self.published.files[name].sha256] for name in self.files])

    def stem(self, file: str) -> str:
        """The name of the part that a file is of."""
        return Path(file).stem


def find_documents(path: str | Path, step: str | None = None) -> Documents | None:
    """The documents that a path leads to: a run that makes text, or a folder `documents/STEP` of any run. With `step`, of a
    run those after it. None where it leads to neither. Raises DamagedError for a file that is not as published."""
    path = Path(path).resolve()
    if path.parent.name == FOLDER:
        run, step = path.parent.parent, path.name
    else:
        run = path
    if not here(run / "run.json").is_file():
        return None
    published = open_published(run)
    record = json.loads(published.check("run.json").read_bytes())
    step = step or _product(record["pipeline"])
    if step is None:
        return None
    roles = {name: source["role"] for name, source in record["pipeline"]["sources"].items()}
    parts = [part for part in record["parts"] if roles[part["source"]] == "training"]
    names = (f"{FOLDER}/{step}/{part['name']}.parquet" for part in parts)
    files = tuple(name for name in names if name in published.files)
    stats = json.loads(published.check("stats.json").read_bytes())
    return Documents(run, step, files, published, record, stats) if files else None


def need_documents(path: str | Path) -> Documents:
    """The documents that a path leads to; of a run that makes tokens those after the last step that it kept. Raises
    ExportError where there are none."""
    found = find_documents(path)
    if found is not None:
        return found
    kept = sorted({name.split("/")[1] for name in open_published(Path(path)).files if name.startswith(f"{FOLDER}/")})
    if len(kept) == 1 and (found := find_documents(path, kept[0])) is not None:
        return found
    there = (
        f"say which: {path}/{FOLDER}/" + f", {path}/{FOLDER}/".join(kept)
        if kept
        else ("`tokens: null` makes them the run's product, and `keep: [STEP]` keeps them beside shards")
    )
    raise ExportError(f"{path} has no documents to export as they are: {there}")


def _product(pipeline: Mapping[str, Any]) -> str | None:
    """The step whose documents are the run's product; None where shards are. As `Pipeline.last_step` says it."""
    if pipeline["tokens"] is not None:
        return None
    return next(iter(pipeline["combine"][-1])) if pipeline["combine"] else "verdicts"


def parquet_files(source: Documents) -> list[ExportFile]:
    """A Parquet file per part: `id` (32 hexadecimal digits), `source`, `url`, `text`, and the columns that reading carried,
    by their own names."""
    return [ExportFile(f"{source.stem(file)}.parquet", functools.partial(_write_parquet, source, file))
            for file in source.files]  # fmt: skip


def json_lines_files(source: Documents) -> list[ExportFile]:
    """A zstd-packed file of JSON Lines per part, with the same columns; what is null is left out."""
    return [ExportFile(f"{source.stem(file)}.jsonl.zst", functools.partial(_write_lines, source, file))
            for file in source.files]  # fmt: skip


def tables(source: Documents, file: str) -> Iterator[pa.Table]:
    """The documents of a part, a row group at a time, without those that were removed since: their rows are empty."""
    table = pq.ParquetFile(source.published.check(file))
    gone: pa.Array | None = None
    for group in range(table.num_row_groups):
        rows = table.read_row_group(group)
        empty = pc.equal(pc.binary_length(rows.column("text")), 0)
        if pc.any(empty).as_py():
            if gone is None:
                gone = _not_kept(source, file)
            removed = pc.and_(empty, pc.is_in(rows.column("id").cast(pa.binary()), value_set=gone))
            rows = rows.filter(pc.invert(removed))
        yield _named(rows)
    if not table.num_row_groups:
        yield _named(table.read())


def _not_kept(source: Documents, file: str) -> pa.Array:
    ledger = pq.read_table(source.published.check(f"ledger/{source.stem(file)}.parquet"), columns=["id", "kept"])
    ids = ledger.filter(pc.invert(ledger.column("kept"))).column("id")
    return pa.concat_arrays([pa.array([], pa.binary()), *ids.cast(pa.binary()).chunks])


def _named(rows: pa.Table) -> pa.Table:
    """The rows with ids in digits, and columns carried from the input under their own names where those are free."""
    ids = pa.array([each.hex() for each in rows.column("id").to_pylist()], pa.string())
    rows = rows.set_column(rows.schema.get_field_index("id"), "id", ids)
    return rows.rename_columns(column_names(rows.schema.names))


def column_names(names: list[str]) -> list[str]:
    """What the columns of documents are called in an export.

    >>> column_names(["id", "text", "meta.stars", "meta.id"])
    ['id', 'text', 'stars', 'meta.id']
    """
    own = {name for name in names if not name.startswith(META)}
    return [name if name in own or name.removeprefix(META) in own else name.removeprefix(META) for name in names]


def _write_parquet(source: Documents, file: str, path: Path) -> None:
    writer: pq.ParquetWriter | None = None
    for rows in tables(source, file):
        writer = writer or pq.ParquetWriter(path, rows.schema, compression="zstd")
        writer.write_table(rows, row_group_size=_ROW_GROUP)
    assert writer is not None  # a table without rows has its columns still
    writer.close()


def _write_lines(source: Documents, file: str, path: Path) -> None:
    with pa.output_stream(str(path), compression="zstd") as packed:
        for rows in tables(source, file):
            for batch in rows.to_batches(_LINES):
                lines = [
                    json.dumps({name: value for name, value in row.items() if value is not None}, ensure_ascii=False)
                    for row in batch.to_pylist()
                ]
                packed.write("".join(f"{line}\n" for line in lines).encode())


_LINES = 1 << 10
"""Documents written at a time."""
