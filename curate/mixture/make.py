"""Makes another mixture of a finished run, from its token store: an index in seconds, or shards.

Holds a few dozen bytes per document of the run in memory, never their tokens. Knows a run directory's files.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curate.code.fingerprint import fingerprint
from curate.config.mixture import CELLS, Mixture
from curate.engine.changing import changing
from curate.engine.commit import Commit, Published
from curate.engine.mirror import here, mirrored
from curate.engine.seal import sealed
from curate.mixture.available_tokens import stock_of
from curate.mixture.groups import DOMAIN, SOURCE, cell_names, groups_by
from curate.mixture.planned import MixturePlan, PhasePlan
from curate.mixture.solve import MixtureError, plan_mixture
from curate.records.batches import BatchWriter, read_batches
from curate.records.pages import ID
from curate.shards.copies import NOTHING, Span, copies, key_bins
from curate.shards.entry import MANIFEST, MIX_FORMAT, SHARDS_FORMAT, parse_manifest, phase_entries
from curate.shards.order import SPLITS, TRAIN, VALIDATION, in_validation, keys, sort_order
from curate.shards.store import gather, write_shard

INDEX = pa.schema([("part", pa.int32()), ("row", pa.int64())])
"""A shard of an index: where each document lies in the token store."""


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


def plan_mix(run: str | Path, mixture: Mixture, *, seed: int | None = None) -> MixturePlan:
    """What a mix would hold, group by group; writes nothing. Raises as `make_mix`."""
    run = Path(mirrored(run))
    try:
        published = Commit(run, ()).published
        settings = json.loads(published.check("run.json").read_bytes())
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{run} holds no finished run with shards: {error.filename} is missing") from None
    pipeline = settings["pipeline"]
    seed = pipeline["seed"] if seed is None else seed
    store = _read_store(published, [part["name"] for part in settings["parts"]], mixture.by)
    return _planned(store, mixture, seed, pipeline["shards"]["validation"])


def _planned(store: _Store, mixture: Mixture, seed: int, validation: float) -> MixturePlan:
    held_out = in_validation(store.groups, seed, validation)
    bins = key_bins(keys(store.ids, seed))
    return plan_mixture(mixture, stock_of(store.mix, bins, store.lengths, ~held_out & (store.lengths > 0)))


def make_mix(
    run: str | Path, name: str, mixture: Mixture, *, seed: int | None = None, materialise: bool = False
) -> Path:
    """Write `mixes/NAME` of a run: an index over the token store, or shards with `materialise`. Returns the folder, of a run
    in a bucket that which mirrors it on this machine.

    Seed, validation split and size of the shards are the run's, unless `seed` is given. The mix is published as one commit,
    under the run's lock. Raises MixtureError, FileNotFoundError where the run has no token store, LockedError, DamagedError.
    """
    return make_mixes(run, {name: mixture}, seed=seed, materialise=materialise)[name]


def make_mixes(
    run: str | Path, mixtures: Mapping[str, Mixture], *, seed: int | None = None, materialise: bool = False
) -> dict[str, Path]:
    """Several mixes of a run by name, in one commit and one reading of its token store; as `make_mix`."""
    for name in mixtures:
        if not _NAME.fullmatch(name):
            raise MixtureError(
                f"{name!r} is no name for a mix: it becomes a folder of the run's mixes/; use letters, digits, '-', '_', '.'"
            )
    with changing(run) as held:
        commit = held.commit(tuple(f"mixes/{name}/" for name in mixtures))
        published = held.published
        settings, made = _finished(published)
        parts = [part["name"] for part in settings["parts"]]
        stores = {by: _read_store(published, parts, by) for by in {each.by for each in mixtures.values()}}
        for name, mixture in mixtures.items():
            manifest = _made(name, mixture, stores[mixture.by], settings["pipeline"], made, seed, materialise, commit)
            commit.write(f"mixes/{name}/{MANIFEST}", manifest)
        commit.finish()
    return {name: commit.folder / "mixes" / name for name in mixtures}


_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,200}")


def _finished(published: Published) -> tuple[dict[str, Any], dict[str, Any]]:
    """A run's settings, and the manifest of its shards."""
    run = published.folder
    try:
        settings = json.loads(published.check("run.json").read_bytes())
        made, _ = parse_manifest(published.check(f"shards/{MANIFEST}").read_bytes(), f"{run}/shards/{MANIFEST}")
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{run} holds no finished run with shards: {error.filename} is missing") from None
    return settings, made


def _made(
    name: str,
    mixture: Mixture,
    store: _Store,
    pipeline: Mapping[str, Any],
    made: Mapping[str, Any],
    seed: int | None,
    materialise: bool,
    commit: Commit,
) -> bytes:
    """Put the mix's shards; returns their manifest."""
    seed = pipeline["seed"] if seed is None else seed
    order = keys(store.ids, seed)
    validation = in_validation(store.groups, seed, pipeline["shards"]["validation"])
    stock = stock_of(store.mix, key_bins(order), store.lengths, ~validation & (store.lengths > 0))
    plan = plan_mixture(mixture, stock)
    entries: list[dict[str, Any]] = []
    for split in SPLITS:
        mine = validation == (split == VALIDATION)
        number = 0
        for phase_number, phase in enumerate(plan.phases) if split == TRAIN else ((0, None),):
            rows, places = _placed(phase, store, order, mine, seed)
            sequence = rows[sort_order(places, store.ids.take(pa.array(rows)))]
            for chosen in _cut(store.lengths[sequence], pipeline["shards"]["tokens_per_shard"]):
                file = f"{split}-{number:05d}{'.arrow' if materialise else '.index'}"
                _write(commit.path(f"mixes/{name}/{file}"), store, sequence[chosen], materialise)
                listed = commit.put(f"mixes/{name}/{file}")
                size = {"rows": len(sequence[chosen]), "tokens": int(store.lengths[sequence[chosen]].sum())}
                entry = {"file": file, "split": split, **size, "bytes": listed.bytes, "sha256": listed.sha256}
                entries.append(entry | ({"phase": phase_number} if split == TRAIN and mixture.phases else {}))
                number += 1
    listed_store = {
        "store": [f"../../tokens/{file.name}" for file in store.files],
        "store_sha256": [commit.files[f"tokens/{file.name}"].sha256 for file in store.files],
    }
    statement = plan.statement()
    phases = phase_entries(statement)
    manifest = {
        "format": SHARDS_FORMAT if materialise else MIX_FORMAT,
        "name": f"{pipeline['name']}/{name}",
        "seed": seed,
        "tokenizer": made["tokenizer"],
        "documents": sum(entry["rows"] for entry in entries),
        "tokens": sum(entry["tokens"] for entry in entries),
        "mixture": {"by": mixture.by} | statement,
        **({"phases": phases} if phases else {}),
        **({} if materialise else listed_store),
        "shards": entries,
        "fingerprint": fingerprint(
            made["tokenizer"]["vocabulary_sha256"], made["fingerprint"], entries, *([phases] if phases else [])
        ),
    }
    return sealed(manifest)


def _read_store(published: Published, parts: list[str], by: str) -> _Store:
    run = published.folder
    stored = [f"tokens/{name}.arrow" for name in parts]
    files = [published.check(name) for name in stored if here(run / name).exists()]
    if not files:
        raise FileNotFoundError(f"{run} has no token store; run the pipeline again with tokens and without --until")
    part, row, ids, groups, mix, lengths = [], [], [], [], [], []
    for number, file in enumerate(files):
        count = 0
        names = None if by == SOURCE else ledger_groups(published.check(f"ledger/{file.stem}.parquet"), by)
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


def ledger_groups(ledger: Path, by: str) -> pa.Array:
    """The mixture's group of each document in the store: of the ledger's rows those that have tokens, in order."""
    columns = {each: "url" if each == DOMAIN else each for each in by.split(CELLS)}
    there = pq.read_schema(ledger).names
    for each, column in columns.items():
        if column not in there:
            raise MixtureError(f"mixture.by: the ledger has no column {each!r}; it has domain, {', '.join(there)}")
    table = pq.read_table(ledger, columns=list({*columns.values(), "tokens"}))
    kept = table.filter(pc.is_valid(table.column("tokens")))
    values = {each: kept.column(column).combine_chunks() for each, column in columns.items()}
    return cell_names([groups_by(name, each) for name, each in values.items()])


def _placed(
    plan: PhasePlan | None, store: _Store, order: npt.NDArray[np.uint64], mine: npt.NDArray[np.bool_], seed: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint64]]:
    """(document, key) of everything in a split; with a plan of a phase as often as it says."""
    rows = np.flatnonzero(mine & (store.lengths > 0)).astype(np.int64)  # without the documents that were removed
    if plan is None:
        return rows, order[rows]
    names = store.mix.take(pa.array(rows)).dictionary_encode()
    plans = np.array([plan.groups[name].sorting for name in names.dictionary.to_pylist()], np.float64)
    span = Span.of(plans.reshape(-1, len(NOTHING))[names.indices.to_numpy()])
    chosen, places = copies(store.ids.take(pa.array(rows)), order[rows], seed, span)
    return rows[chosen], places


def _cut(lengths: npt.NDArray[np.int64], per_shard: int) -> list[slice]:
    """The documents of each shard: those whose first token falls into it."""
    shard = (np.cumsum(lengths) - lengths) // per_shard
    bounds = np.flatnonzero(np.diff(shard, prepend=-1, append=-2))
    return [slice(low, high) for low, high in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)]


def _write(path: Path, store: _Store, documents: npt.NDArray[np.int64], materialise: bool) -> None:
    part, row = store.part[documents], store.row[documents]
    if materialise:
        write_shard(str(path), gather([str(file) for file in store.files], part.astype(np.int64), row))
        return
    with BatchWriter(str(path), INDEX) as writer:
        writer.write({"part": pa.array(part), "row": pa.array(row)})
