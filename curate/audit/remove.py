"""Takes records out of a finished run: their rows become empty in new versions of the files that hold them.

Row numbers never move, so what points at other rows stays right. A list in the run directory says what was removed,
without its content; later runs honour it. Knows a run directory's files.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curate.audit.finished_run import AuditError, OpenedRun
from curate.audit.ledger import connect
from curate.audit.lineage import lineage
from curate.audit.removals import LIST, RULE, STEP, By, Removal, as_line, key_of
from curate.audit.rendering import Answer, Table
from curate.batches import BatchWriter, read_batches, read_schema
from curate.engine.fingerprint import fingerprint
from curate.records.ledger import ROW_GROUP
from curate.shards.reader import MANIFEST, MIX_FORMAT
from curate.shards.store import write_shard
from curate.storage import atomic_path, digest_file, write_atomically
from curate.verdicts.steps import BEFORE_DOCUMENTS

_HOST = r"regexp_extract(lower(url), '^[a-z][a-z0-9+.-]*://(?:[^/?#@]*@)?(?:www\.)?([^/?#:]+)', 1)"
_CONDITIONS: dict[By, str] = {
    "url": "split_part(trim(url), '#', 1) = split_part(trim(?), '#', 1)",
    "domain": f"({_HOST} = $1 or ends_with({_HOST}, '.' || $1))",
    "record": "(lower(trim(record_id, '<>')) = lower(trim(?, '<>')))",
    "text": "",
}

_ID_DIGITS = 32  # hexadecimal digits of a record's id


@dataclass(frozen=True)
class _Emptied:
    """A file written again: how many rows became empty, and the tokens that went."""

    path: str
    rows: int
    tokens: int


def remove(run: OpenedRun, by: By, values: Sequence[str], at: str, why: str) -> Answer:
    """Remove what these names lead to, and put them on the run's list. `at` is when that was asked for.

    Raises AuditError where a name is empty. A name that leads nowhere is listed all the same, for later runs.
    """
    removals = [_removal(run, by, value, at, why) for value in values]
    with open(run.folder / LIST, "a", encoding="utf-8") as file:
        file.writelines(as_line(removal) + "\n" for removal in removals)
    ids = pa.array(sorted({bytes.fromhex(id) for removal in removals for id in removal.records}), pa.binary(16))
    changed: list[_Emptied] = []
    if len(ids):
        changed += _empty_ledger(run, ids)
        changed += _empty_documents(run, ids)
        rows = _empty_store(run, ids, changed)
        for folder in [run.folder / "shards", *sorted((run.folder / "mixes").glob("*"))]:
            changed += _empty_folder(run.folder, folder, ids, rows)
    named = tuple((value, len(removal.records)) for value, removal in zip(values, removals, strict=True))
    left = "Texts remain in .work, where they were computed; --purge removes that folder." if len(ids) else ""
    files = tuple((emptied.path, emptied.rows, emptied.tokens) for emptied in changed)
    blocks = (
        Table("On the list", (by, "records"), named, f"{run.folder / LIST} holds their hashes"),
        Table("Files written again", ("file", "rows emptied", "tokens removed"), files, left),
    )
    listed = [dict(zip(("name", "records"), row, strict=True)) for row in named]
    data = {"list": listed, "files": [list(row) for row in files]}
    return Answer(blocks, data)


def _removal(run: OpenedRun, by: By, value: str, at: str, why: str) -> Removal:
    if not value.strip():
        raise AuditError(f"an empty {by} would remove nothing that can be named; leave the line out")
    if by == "text":
        ids, keys = _holding(run, value)
        return Removal(by, keys[0] if keys else key_of(by, value), at, why, tuple(ids))
    connection = connect(run.ledger)
    given = key_value(by, value)
    condition = "id = from_hex(?)" if by == "record" and len(given) == _ID_DIGITS else _CONDITIONS[by]
    rows = connection.execute(f"select lower(hex(id)) from records where {condition} order by id", [given]).fetchall()
    return Removal(by, key_of(by, value), at, why, tuple(row[0] for row in rows))


def key_value(by: By, value: str) -> str:
    """A name as SQL compares it."""
    return value.strip().lower().removeprefix("www.") if by == "domain" else value.strip()


def _holding(run: OpenedRun, passage: str) -> tuple[list[str], list[str]]:
    """(ids, keys of the whole texts) of the documents whose extracted text holds a passage."""
    ids: list[str] = []
    keys: list[str] = []
    for part in run.parts:
        made = next(each for each in lineage(part) if each.stage.startswith("read"))
        for batch in read_batches(str(made.path("documents"))):
            found = batch.filter(pc.match_substring(batch.column("text"), passage.strip()))
            ids += [id.hex() for id in found.column("id").to_pylist()]
            keys += [key_of("text", text) for text in found.column("text").to_pylist()]
    return ids, keys


def _where(column: Any, ids: pa.Array) -> npt.NDArray[np.bool_]:
    found = pc.is_in(column.cast(pa.binary()), value_set=ids.cast(pa.binary()))
    return np.asarray(found.to_numpy(zero_copy_only=False) if isinstance(found, pa.Array) else found.to_numpy(), bool)


def _empty_ledger(run: OpenedRun, ids: pa.Array) -> list[_Emptied]:
    """Rows that say `removed`: not kept, no tokens, what they were before still told by their numbers. Where a record that
    never was a document was dropped stays told too."""
    changed = []
    for path in run.ledger:
        mask = _where(pq.read_table(path, columns=["id"]).column("id"), ids)
        if not mask.any():
            continue
        table = pq.read_table(path)
        gone = pa.array(mask)
        early = pc.is_in(table.column("dropped_at"), pa.array(BEFORE_DOCUMENTS))  # never a document, and still none
        failed = [
            [*(rules or ()), RULE] if hit and RULE not in (rules or ()) else rules
            for rules, hit in zip(table.column("failed").to_pylist(), mask, strict=True)
        ]
        tokens = table.column("tokens")
        zeroed = pc.if_else(pc.and_(gone, pc.is_valid(tokens)), 0, tokens)
        columns = {
            "failed": pa.array(failed, table.schema.field("failed").type),
            "kept": pc.and_(table.column("kept"), pc.invert(gone)),
            "dropped_at": pc.if_else(pc.and_(gone, pc.invert(early)), STEP, table.column("dropped_at")),
            "tokens": zeroed,
        }
        for name, column in columns.items():
            table = table.set_column(table.schema.get_field_index(name), table.schema.field(name), column)
        with atomic_path(path) as temporary:
            pq.write_table(table, temporary, compression="zstd", row_group_size=ROW_GROUP)
        removed = (pc.sum(tokens).as_py() or 0) - (pc.sum(zeroed).as_py() or 0)
        changed.append(_Emptied(f"ledger/{path.name}", int(mask.sum()), removed))
    return changed


def _empty_documents(run: OpenedRun, ids: pa.Array) -> list[_Emptied]:
    """Kept documents, their texts empty."""
    changed = []
    for path in sorted((run.folder / "documents").glob("*/*.parquet")):
        mask = _where(pq.read_table(path, columns=["id"]).column("id"), ids)
        if mask.any():
            table = pq.read_table(path)
            texts = pc.if_else(pa.array(mask), "", table.column("text")).cast(table.schema.field("text").type)
            table = table.set_column(table.schema.get_field_index("text"), table.schema.field("text"), texts)
            with atomic_path(path) as temporary:
                pq.write_table(table, temporary, compression="zstd")
            changed.append(_Emptied(str(path.relative_to(run.folder)), int(mask.sum()), 0))
    return changed


def _empty_rows(batch: pa.RecordBatch, mask: npt.NDArray[np.bool_]) -> pa.RecordBatch:
    """The batch with the token lists of some rows empty."""
    tokens = batch.column("tokens")
    lengths = np.diff(tokens.offsets.to_numpy()).astype(np.int64)
    keep = np.repeat(~mask, lengths)
    low, high = tokens.offsets[0].as_py(), tokens.offsets[-1].as_py()
    offsets = np.concatenate([[0], np.cumsum(np.where(mask, 0, lengths))]).astype(np.int32)
    emptied = pa.ListArray.from_arrays(pa.array(offsets), tokens.values[low:high].filter(pa.array(keep)))
    columns = [emptied if name == "tokens" else batch.column(name) for name in batch.schema.names]
    return pa.record_batch(columns, schema=batch.schema)


def _empty_store(run: OpenedRun, ids: pa.Array, changed: list[_Emptied]) -> dict[tuple[str, int], int]:
    """Empty rows of the token store; returns (file, row) -> tokens that went."""
    gone: dict[tuple[str, int], int] = {}
    for part in run.parts:
        path = run.folder / "tokens" / f"{part.name}.arrow"
        if not path.exists():
            continue
        batches = list(read_batches(str(path)))
        masks = [_where(batch.column("id"), ids) for batch in batches]
        if not any(mask.any() for mask in masks):
            continue
        first = rows = tokens = 0
        schema = read_schema(str(path))
        with atomic_path(path) as temporary, BatchWriter(str(temporary), schema, compressed=False) as writer:
            for batch, mask in zip(batches, masks, strict=True):
                lengths = np.diff(batch.column("tokens").offsets.to_numpy())
                for row in np.flatnonzero(mask):
                    gone[path.name, first + int(row)] = int(lengths[row])
                    rows, tokens = rows + 1, tokens + int(lengths[row])
                emptied = _empty_rows(batch, mask)
                writer.write({name: emptied.column(name) for name in emptied.schema.names})
                first += batch.num_rows
        changed.append(_Emptied(f"tokens/{path.name}", rows, tokens))
    return gone


def _empty_folder(run: Path, folder: Path, ids: pa.Array, gone: Mapping[tuple[str, int], int]) -> Iterable[_Emptied]:
    """New versions of the shards that hold the records, and a manifest that lists them. An index of a mix stays: what it
    points at is empty now, and its manifest counts so."""
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
    except FileNotFoundError:
        return []
    index = manifest["format"] == MIX_FORMAT
    changed, entries = [], []
    for entry in manifest["shards"]:
        new = _indexed(folder, entry, manifest["store"], gone) if index else _new_version(folder, entry, ids)
        entries.append(new)
        if new != entry:
            rows = new.pop("emptied")
            name = str((folder / new["file"]).relative_to(run))
            changed.append(_Emptied(name, rows, entry["tokens"] - new["tokens"]))
    if changed:
        manifest |= {
            "shards": entries,
            "tokens": sum(entry["tokens"] for entry in entries),
            "fingerprint": fingerprint(manifest["tokenizer"]["vocabulary_sha256"], manifest["fingerprint"], entries),
        }
        write_atomically(folder / MANIFEST, (json.dumps(manifest, indent=1, ensure_ascii=False) + "\n").encode())
        listed = {entry["file"] for entry in entries} | {MANIFEST}
        for stale in [path for path in folder.iterdir() if path.name not in listed]:
            stale.unlink()
    return changed


def _indexed(
    folder: Path, entry: Mapping[str, Any], store: Sequence[str], gone: Mapping[tuple[str, int], int]
) -> dict[str, Any]:
    names = [Path(path).name for path in store]
    rows = tokens = 0
    for batch in read_batches(str(folder / entry["file"])):
        for part, row in zip(batch.column("part").to_pylist(), batch.column("row").to_pylist(), strict=True):
            lost = gone.get((names[part], row))
            if lost is not None:
                rows, tokens = rows + 1, tokens + lost
    return {**entry, "tokens": entry["tokens"] - tokens, "emptied": rows} if rows else dict(entry)


def _new_version(folder: Path, entry: Mapping[str, Any], ids: pa.Array) -> dict[str, Any]:
    """The entry of a shard, or of its new version where it holds one of the records."""
    path = folder / entry["file"]
    with pa.memory_map(str(path)) as file:
        batch = pa.ipc.open_stream(file).read_next_batch()
        mask = _where(batch.column("id"), ids)
        if not mask.any():
            return dict(entry)
        stem, _, version = path.stem.partition(".r")
        target = folder / f"{stem}.r{int(version or 0) + 1}.arrow"
        with atomic_path(target) as temporary:
            write_shard(str(temporary), _empty_rows(batch, mask))
    lost = int(np.diff(batch.column("tokens").offsets.to_numpy())[mask].sum())
    size = {"tokens": entry["tokens"] - lost, "bytes": target.stat().st_size, "sha256": digest_file(target)}
    return {**entry, "file": target.name, **size, "emptied": int(mask.sum())}
