"""Makes another mixture of a finished run, from its token store: an index in seconds, or shards.

Holds a few dozen bytes per document of the run in memory, never their tokens. Knows a run directory's files.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curate.batches import BatchWriter, read_batches
from curate.config.models import Mixture
from curate.engine.fingerprint import fingerprint
from curate.mixture.available_tokens import stock_of
from curate.mixture.copies import copies, key_bins
from curate.mixture.groups import DOMAIN, domains, group_names
from curate.mixture.solve import MixtureError, MixturePlan, plan_mixture
from curate.records.pages import ID
from curate.shards.order import SPLITS, in_validation, keys, sort_order
from curate.shards.reader import MANIFEST, MIX_FORMAT, SHARDS_FORMAT
from curate.shards.store import gather, write_shard
from curate.storage import atomic_path, digest_file, write_atomically

INDEX = pa.schema([("part", pa.int32()), ("row", pa.int64())])
"""A shard of an index: where each document lies in the token store."""
_SOURCE = "source"


@dataclass(frozen=True)
class _Store:
    """A run's token store: its files, and of every document in order where it lies and what decides its place."""

    files: list[Path]
    part: npt.NDArray[np.int32]
    row: npt.NDArray[np.int64]
    ids: pa.Array
    groups: pa.Array
    mix: pa.Array
    lengths: npt.NDArray[np.int64]


def make_mix(
    run: str | Path, name: str, mixture: Mixture, *, seed: int | None = None, materialise: bool = False
) -> Path:
    """Write `mixes/NAME` of a run: an index over the token store, or shards with `materialise`. Returns the folder.

    Seed, validation split and size of the shards are the run's, unless `seed` is given. Raises MixtureError, and
    FileNotFoundError where the run has no token store.
    """
    run = Path(run)
    try:
        settings = json.loads((run / "run.json").read_bytes())
        made = json.loads((run / "shards" / MANIFEST).read_bytes())
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{run} holds no finished run with shards: {error.filename} is missing") from None
    if "/" in name or name in ("", ".", ".."):
        raise MixtureError(f"{name!r} is no name for a mix: it becomes a folder of the run's mixes/")
    pipeline = settings["pipeline"]
    seed = pipeline["seed"] if seed is None else seed
    store = _read_store(run, [part["name"] for part in settings["parts"]], mixture.by)
    order = keys(store.ids, seed)
    validation = in_validation(store.groups, seed, pipeline["shards"]["validation"])
    stock = stock_of(store.mix, key_bins(order), store.lengths, ~validation)
    plan = plan_mixture(mixture, stock)
    folder = run / "mixes" / name
    folder.mkdir(parents=True, exist_ok=True)
    entries: list[dict[str, Any]] = []
    for split in SPLITS:
        rows, places = _placed(
            plan if split == "train" else None, store, order, validation == (split == "validation"), seed
        )
        sequence = rows[sort_order(places, store.ids.take(pa.array(rows)))]
        for number, chosen in enumerate(_cut(store.lengths[sequence], pipeline["shards"]["tokens_per_shard"])):
            path = folder / f"{split}-{number:05d}{'.arrow' if materialise else '.index'}"
            _write(path, store, sequence[chosen], materialise)
            size = {"rows": len(sequence[chosen]), "tokens": int(store.lengths[sequence[chosen]].sum())}
            content = {"bytes": path.stat().st_size, "sha256": digest_file(path)}
            entries.append({"file": path.name, "split": split, **size, **content})
    for stale in set(folder.iterdir()) - {folder / entry["file"] for entry in entries} - {folder / MANIFEST}:
        stale.unlink()
    manifest = {
        "format": SHARDS_FORMAT if materialise else MIX_FORMAT,
        "name": f"{pipeline['name']}/{name}",
        "seed": seed,
        "tokenizer": made["tokenizer"],
        "documents": sum(entry["rows"] for entry in entries),
        "tokens": sum(entry["tokens"] for entry in entries),
        "mixture": {"by": mixture.by} | plan.statement(),
        **({} if materialise else {"store": [f"../../tokens/{file.name}" for file in store.files]}),
        "shards": entries,
        "fingerprint": fingerprint(made["tokenizer"]["vocabulary_sha256"], made["fingerprint"], entries),
    }
    write_atomically(folder / MANIFEST, (json.dumps(manifest, indent=1, ensure_ascii=False) + "\n").encode())
    return folder


def _read_store(run: Path, parts: list[str], by: str) -> _Store:
    files = [run / "tokens" / f"{name}.arrow" for name in parts if (run / "tokens" / f"{name}.arrow").exists()]
    if not files:
        raise FileNotFoundError(f"{run} has no token store; run the pipeline again without --until")
    part, row, ids, groups, mix, lengths = [], [], [], [], [], []
    for number, file in enumerate(files):
        count = 0
        names = None if by == _SOURCE else _ledger_groups(run / "ledger" / f"{file.stem}.parquet", by)
        for batch in read_batches(str(file)):
            ids.append(batch.column("id"))
            groups.append(batch.column("group"))
            mix.append(batch.column("source") if names is None else names.slice(count, batch.num_rows))
            lengths.append(np.diff(batch.column("tokens").offsets.to_numpy()).astype(np.int64))
            count += batch.num_rows
        part.append(np.full(count, number, np.int32))
        row.append(np.arange(count))
    empty = pa.array([], ID)
    return _Store(
        files,
        np.concatenate(part),
        np.concatenate(row),
        pa.concat_arrays([empty, *ids]),
        pa.concat_arrays([empty, *groups]),
        pa.concat_arrays([pa.array([], pa.string()), *mix]),
        np.concatenate([np.empty(0, np.int64), *lengths]),
    )


def _ledger_groups(ledger: Path, by: str) -> pa.Array:
    """The mixture's group of each document in the store: of the ledger's rows those that have tokens, in order."""
    column = "url" if by == DOMAIN else by
    there = pq.read_schema(ledger).names
    if column not in there:
        raise MixtureError(f"mixture.by: the ledger has no column {by!r}; it has domain, {', '.join(there)}")
    table = pq.read_table(ledger, columns=list({column, "tokens"}))
    values = table.column(column).filter(pc.is_valid(table.column("tokens"))).combine_chunks()
    return domains(values) if by == DOMAIN else group_names(values)


def _placed(
    plan: MixturePlan | None, store: _Store, order: npt.NDArray[np.uint64], mine: npt.NDArray[np.bool_], seed: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint64]]:
    """(document, key) of everything in a split; with a plan as often as it says."""
    rows = np.flatnonzero(mine).astype(np.int64)
    if plan is None:
        return rows, order[rows]
    names = store.mix.take(pa.array(rows)).dictionary_encode()
    plans = np.array(
        [(plan.groups[name].whole, plan.groups[name].bins) for name in names.dictionary.to_pylist()], np.int64
    )
    whole, bins = plans.reshape(-1, 2)[names.indices.to_numpy()].T
    chosen, places = copies(store.ids.take(pa.array(rows)), order[rows], seed, whole, bins)
    return rows[chosen], places


def _cut(lengths: npt.NDArray[np.int64], per_shard: int) -> list[slice]:
    """The documents of each shard: those whose first token falls into it."""
    shard = (np.cumsum(lengths) - lengths) // per_shard
    bounds = np.flatnonzero(np.diff(shard, prepend=-1, append=-2))
    return [slice(low, high) for low, high in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)]


def _write(path: Path, store: _Store, documents: npt.NDArray[np.int64], materialise: bool) -> None:
    part, row = store.part[documents], store.row[documents]
    with atomic_path(path) as temporary:
        if materialise:
            write_shard(str(temporary), gather([str(file) for file in store.files], part.astype(np.int64), row))
        else:
            with BatchWriter(str(temporary), INDEX) as writer:
                writer.write({"part": pa.array(part), "row": pa.array(row)})
