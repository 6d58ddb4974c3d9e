"""Takes documents' words out of one file: its rows stay, their text or tokens become empty.

Each function writes the emptied file elsewhere and says what went, or writes nothing where nothing was there to go: doing it
twice is doing it once. Knows columns; knows no run directory.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curate.audit.removals import RULE, STEP
from curate.records.batches import BatchWriter, read_batches, read_schema
from curate.records.ledger import ROW_GROUP
from curate.records.metadata import told_columns
from curate.shards.store import write_shard
from curate.verdicts.steps import BEFORE_DOCUMENTS, ROLE_RULE

Mask = npt.NDArray[np.bool_]

_ID = re.compile(r"[0-9a-f]{32}")
_IPC_FILE, _PARQUET = b"ARROW1", b"PAR1"
_TEXT, _TOKENS = "text", "tokens"
_NULLED = ("contamination", "pii")
"""Ledger columns of steps that a removed record does not reach."""


@dataclass(frozen=True)
class Emptied:
    """Rows that became empty, the tokens that went with them, and by row how many those were."""

    rows: int
    tokens: int = 0
    by_row: Mapping[int, int] = field(default_factory=dict)


def found_in(column: Any, ids: pa.Array) -> Mask:
    """Which ids of a column are among `ids`."""
    found = pc.is_in(column.cast(pa.binary()), value_set=ids.cast(pa.binary()))
    return np.asarray(found.to_numpy(zero_copy_only=False) if isinstance(found, pa.Array) else found.to_numpy(), bool)


def has_words(schema: pa.Schema) -> bool:
    """Whether a file's rows are documents with their text or tokens."""
    if "id" not in schema.names or schema.field("id").type != pa.binary(16):
        return False
    return bool(told_columns(schema)) or any(
        name in schema.names and kind(schema.field(name).type)
        for name, kind in ((_TEXT, _is_text), (_TOKENS, _is_list))
    )


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) and pa.types.is_integer(kind.value_type))


def empty_file(path: Path, target: Path, ids: pa.Array) -> Emptied | None:
    """Empty the rows of these ids in a file of documents, whichever of our formats it has; None where none has words."""
    with open(path, "rb") as file:
        head = file.read(len(_IPC_FILE))
    if head.startswith(_PARQUET):
        return _empty_parquet(path, target, ids) if has_words(pq.read_schema(path)) else None
    if head == _IPC_FILE:
        return _empty_arrow(path, target, ids) if has_words(read_schema(str(path))) else None
    if head[:1] in (b"{", b"["):
        return empty_json(path, target, ids)
    return empty_shard(path, target, ids) if head[:4] == b"\xff" * 4 else None  # the mark of an Arrow stream


def empty_aligned(path: Path, documents: Path, target: Path, ids: pa.Array) -> Emptied | None:
    """The same for an Arrow file of columns without ids, aligned with a file of documents: what a page says of itself, and
    what steps say of it."""
    with open(path, "rb") as file:
        if file.read(len(_IPC_FILE)) != _IPC_FILE:
            return None
    schema = read_schema(str(path))
    if "id" in schema.names or not told_columns(schema):
        return None
    masks = [found_in(batch.column("id"), ids) for batch in _batches(documents)]
    gone = np.concatenate([np.zeros(0, bool), *masks])
    rows, first = 0, 0
    with BatchWriter(str(target), schema) as writer:
        for batch in _batches(path):
            mask = gone[first : first + batch.num_rows]
            filled = [np.asarray(pc.is_valid(batch.column(name))) for name in told_columns(schema)]
            rows += int((mask & np.any(filled, axis=0)).sum())
            emptied = _without_words(batch, mask)
            writer.write({name: emptied.column(name) for name in schema.names})
            first += batch.num_rows
    return Emptied(rows) if rows else None


def empty_ledger(path: Path, target: Path, ids: pa.Array) -> Emptied | None:
    """Rows that say `removed`: not kept, no tokens, what they were before still told by their numbers. Where a record that
    never was a document was dropped stays told too. A run that honoured the list dropped them, and only told too much."""
    listed = pq.read_table(path, columns=["id", "failed", *told_columns(pq.read_schema(path))])
    mask = found_in(listed.column("id"), ids)
    known = np.array(
        [RULE in (rules or ()) for rules in listed.column("failed").filter(pa.array(mask)).to_pylist()], bool
    )
    told = any(column.null_count < len(column) for column in listed.filter(pa.array(mask)).columns[2:])
    if not mask.any() or (known.all() and not told):
        return None
    table = pq.read_table(path)
    gone = pa.array(mask)
    early = pc.is_in(table.column("dropped_at"), pa.array(BEFORE_DOCUMENTS))  # never a document, and still none
    rules = table.column("failed").to_pylist()
    failed = [_failing(each or []) if hit else each for each, hit in zip(rules, mask, strict=True)]
    counts = [name for name in table.column_names if name.partition("@")[0] == _TOKENS]  # of every tokenizer
    tokens = table.column(_TOKENS)
    zeroed = {name: _zeroed(table.column(name), gone) for name in counts}
    columns = {
        "failed": pa.array(failed, table.schema.field("failed").type),
        "kept": pc.and_(table.column("kept"), pc.invert(gone)),
        "dropped_at": pc.if_else(pc.and_(gone, pc.invert(early)), STEP, table.column("dropped_at")),
        **zeroed,
    }
    for name in told_columns(table.schema):
        columns[name] = pc.if_else(gone, pa.scalar(None, table.schema.field(name).type), table.column(name))
    for name in _NULLED:
        kind = table.schema.field(name).type
        columns[name] = pa.array(
            [None if hit else value for value, hit in zip(table.column(name).to_pylist(), mask, strict=True)], kind
        )
    for name, column in columns.items():
        table = table.set_column(table.schema.get_field_index(name), table.schema.field(name), column)
    pq.write_table(table, target, compression="zstd", row_group_size=ROW_GROUP)
    return Emptied(int(mask.sum()), (pc.sum(tokens).as_py() or 0) - (pc.sum(zeroed[_TOKENS]).as_py() or 0))


def _zeroed(tokens: pa.ChunkedArray, gone: pa.Array) -> pa.ChunkedArray:
    return pc.if_else(pc.and_(gone, pc.is_valid(tokens)), 0, tokens)


def _failing(rules: list[str]) -> list[str]:
    """The rules with the removal, which comes before whatever judges documents."""
    early = [rule for rule in rules if rule.split("/")[0] in BEFORE_DOCUMENTS]
    return [*early, RULE, *(rule for rule in rules if rule not in early and rule not in (RULE, ROLE_RULE))]


def _empty_parquet(path: Path, target: Path, ids: pa.Array) -> Emptied | None:
    source = pq.ParquetFile(path)
    names = source.schema_arrow.names
    keys = source.read(["id", *([_TEXT] if _TEXT in names else []), *told_columns(source.schema_arrow)])
    filled = np.zeros(keys.num_rows, bool)
    for name in keys.column_names[1:]:
        filled |= (
            ~_is_empty(keys.column(name)) if name == _TEXT else np.asarray(pc.is_valid(keys.column(name)).to_numpy())
        )
    mask = found_in(keys.column("id"), ids) & filled
    if not mask.any():
        return None
    first = 0
    with pq.ParquetWriter(target, source.schema_arrow, compression="zstd") as writer:
        for group in range(source.num_row_groups):
            table = source.read_row_group(group)
            gone = pa.array(mask[first : first + table.num_rows])
            for name in told_columns(table.schema):
                field = table.schema.field(name)
                values = pc.if_else(gone, pa.scalar(None, field.type), table.column(name))
                table = table.set_column(table.schema.get_field_index(name), field, values)
            if _TEXT in names:
                field = table.schema.field(_TEXT)
                texts = pc.if_else(gone, "", table.column(_TEXT)).cast(field.type)
                table = table.set_column(table.schema.get_field_index(_TEXT), field, texts)
            writer.write_table(table, row_group_size=ROW_GROUP)
            first += table.num_rows
    return Emptied(int(mask.sum()))


def _is_empty(column: Any) -> Mask:
    return np.asarray(pc.fill_null(pc.equal(pc.binary_length(column), 0), True).to_numpy(), bool)


def _empty_arrow(path: Path, target: Path, ids: pa.Array) -> Emptied | None:
    masks = [_words_of(batch, ids) for batch in _batches(path)]
    if not any(mask.any() for mask in masks):
        return None
    schema = read_schema(str(path))
    by_row: dict[int, int] = {}
    first = 0
    with BatchWriter(str(target), schema, compressed=_TOKENS not in schema.names) as writer:
        for batch, mask in zip(read_batches(str(path)), masks, strict=True):
            by_row |= {first + row: lost for row, lost in _lost(batch, mask).items()}
            emptied = _without_words(batch, mask) if mask.any() else batch
            writer.write({name: emptied.column(name) for name in schema.names})
            first += batch.num_rows
    return Emptied(sum(int(mask.sum()) for mask in masks), sum(by_row.values()), by_row)


def _batches(path: Path) -> Iterator[pa.RecordBatch]:
    return read_batches(str(path))


def empty_shard(path: Path, target: Path, ids: pa.Array) -> Emptied | None:
    """Empty rows of a shard: an Arrow stream of one batch."""
    with pa.memory_map(str(path)) as file:
        try:
            batch = pa.ipc.open_stream(file).read_next_batch()
        except StopIteration:
            return None
        if not has_words(batch.schema):
            return None
        mask = _words_of(batch, ids)
        if not mask.any():
            return None
        by_row = _lost(batch, mask)
        write_shard(str(target), _without_words(batch, mask))
    return Emptied(int(mask.sum()), sum(by_row.values()), by_row)


def _words_of(batch: pa.RecordBatch, ids: pa.Array) -> Mask:
    """Which rows are of these ids and not empty yet."""
    mask = found_in(batch.column("id"), ids)
    if not mask.any():
        return mask
    filled = np.zeros(len(mask), bool)
    if _TEXT in batch.schema.names and _is_text(batch.schema.field(_TEXT).type):
        filled |= np.asarray(pc.fill_null(pc.greater(pc.binary_length(batch.column(_TEXT)), 0), False))
    if _TOKENS in batch.schema.names:
        filled |= np.diff(batch.column(_TOKENS).offsets.to_numpy()) > 0
    for name in told_columns(batch.schema):
        filled |= np.asarray(pc.is_valid(batch.column(name)))
    return mask & filled


def _lost(batch: pa.RecordBatch, mask: Mask) -> dict[int, int]:
    """Tokens of each row that becomes empty."""
    if _TOKENS not in batch.schema.names:
        return {}
    lengths = np.diff(batch.column(_TOKENS).offsets.to_numpy())
    return {int(row): int(lengths[row]) for row in np.flatnonzero(mask)}


def _without_words(batch: pa.RecordBatch, mask: Mask) -> pa.RecordBatch:
    columns = {name: batch.column(name) for name in batch.schema.names}
    if _TEXT in columns and _is_text(batch.schema.field(_TEXT).type):
        columns[_TEXT] = pc.if_else(pa.array(mask), "", columns[_TEXT]).cast(batch.schema.field(_TEXT).type)
    if _TOKENS in columns:
        tokens = columns[_TOKENS]
        lengths = np.diff(tokens.offsets.to_numpy()).astype(np.int64)
        low, high = tokens.offsets[0].as_py(), tokens.offsets[-1].as_py()
        offsets = np.concatenate([[0], np.cumsum(np.where(mask, 0, lengths))]).astype(np.int32)
        left = tokens.values[low:high].filter(pa.array(np.repeat(~mask, lengths)))
        columns[_TOKENS] = pa.ListArray.from_arrays(pa.array(offsets), left)
    for name in told_columns(batch.schema):
        # made anew: a null of `if_else` may leave its old bytes in the buffer below it
        values = zip(columns[name].to_pylist(), mask.tolist(), strict=True)
        columns[name] = pa.array([None if gone else value for value, gone in values], columns[name].type)
    return pa.record_batch(list(columns.values()), schema=batch.schema)


def empty_json(path: Path, target: Path, ids: pa.Array) -> Emptied | None:
    """JSON without what it lists of these ids: objects of a list whose `id` is one. Sets of evaluation items count anew
    what was found and in how many documents."""
    text = path.read_text("utf-8")
    gone = {id.hex() for id in ids.to_pylist()}
    if gone.isdisjoint(_ID.findall(text)):
        return None
    try:
        content, count = _pruned(json.loads(text), gone)
    except (ValueError, RecursionError):
        return None
    if not count:
        return None
    for each in content.get("sets", {}).values() if isinstance(content, dict) else ():
        each["overlaps"] = [overlap for overlap in each["overlaps"] if overlap["documents"]]
        each["found"] = len(each["overlaps"])
        each["documents"] = len({place["id"] for overlap in each["overlaps"] for place in overlap["documents"]})
    target.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return Emptied(count)


def _pruned(value: Any, gone: set[str]) -> tuple[Any, int]:
    """(the value without objects of these ids, how many they were)."""
    if isinstance(value, dict):
        pairs = {key: _pruned(each, gone) for key, each in value.items()}
        return {key: each for key, (each, _) in pairs.items()}, sum(count for _, count in pairs.values())
    if isinstance(value, list):
        kept = [each for each in value if not (isinstance(each, dict) and each.get("id") in gone)]
        found = [_pruned(each, gone) for each in kept]
        return [each for each, _ in found], len(value) - len(kept) + sum(count for _, count in found)
    return value, 0
