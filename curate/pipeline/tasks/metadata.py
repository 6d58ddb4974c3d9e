"""The columns that a part's rows carried from the input, each in the type that it has in the whole run.

Reading holds them as JSON, since a type is known when every file was read. Knows names and types; judges nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, TypedDict

import pyarrow as pa
import pyarrow.compute as pc

from curate.engine.task import Inputs, Output
from curate.records.batches import BatchWriter, read_batches
from curate.records.counts import DocumentCounts
from curate.records.metadata import BOOL, FLOAT, INT, META, RAW, carried_schema, kind_of
from curate.records.pages import ID


class MetadataParams(TypedDict):
    """[`meta.NAME`, Arrow type's name] of the columns."""

    columns: list[list[str]]


def type_metadata(params: MetadataParams, inputs: Inputs, output: Output) -> DocumentCounts:
    """Input `records`. Writes `rows` (the columns, a row per record) and `metadata` (`id` and the columns, a row per
    document)."""
    schema = carried_schema(params["columns"])
    documents = 0
    with (
        BatchWriter(output.path("rows"), pa.schema([("id", ID), *schema])) as rows,
        BatchWriter(output.path("metadata"), pa.schema([("id", ID), *schema])) as written,
    ):
        for batch in read_batches(inputs.path("records")):
            columns = {"id": batch.column("id"), **dict(_columns(batch.column(RAW), schema))}
            rows.write(columns)
            going = pc.is_null(batch.column("dropped_at"))
            kept = {name: column.filter(going) for name, column in columns.items()}
            written.write(kept)
            documents += len(kept["id"])
    return {"documents": documents}


def _columns(raw: pa.Array, schema: pa.Schema) -> Iterator[tuple[str, pa.Array]]:
    objects: list[dict[str, Any]] = [{} if text is None else json.loads(text) for text in raw.to_pylist()]
    for field in schema:
        name, kind = field.name.removeprefix(META), str(field.type)
        yield field.name, pa.array([as_type(each.get(name), kind) for each in objects], field.type)


def as_type(value: Any, kind: str) -> Any:
    """A value in the type of its column; null where it cannot be.

    >>> as_type(3, "double"), as_type([1, 2], "string"), as_type("x", "int64"), as_type(True, "string")
    (3.0, '[1, 2]', None, 'true')
    """
    found = kind_of(value)
    if found is None or found == kind:
        return value
    if kind == FLOAT and found == INT:
        return float(value)
    return None if kind in (BOOL, INT, FLOAT) else json.dumps(value, ensure_ascii=False)
