"""Runs of deduplication for tests: texts in, the ledger's columns out; and the rule itself in plain Python."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.dataset as ds
import yaml

import curate

Row = dict[str, Any]


def pipeline(folder: Path, sources: Mapping[str, Sequence[Row]], setting: Mapping[str, Any], **more: Any) -> Path:
    """A pipeline file over tables of rows (`id`, `text`, perhaps `url`, `date`), each source in files of 40 rows."""
    described = {}
    for name, rows in sources.items():
        place = folder / name
        place.mkdir(parents=True, exist_ok=True)
        for number, start in enumerate(range(0, len(rows), 40)):
            with gzip.open(place / f"{number:03d}.jsonl.gz", "wt", encoding="utf-8") as file:
                file.writelines(json.dumps(row) + "\n" for row in rows[start : start + 40])
        read = {"format": "jsonl", "paths": [str(place / "*.jsonl.gz")], "id": "id", "date": "date"}
        described[name] = {"read": read} | more.get("roles", {}).get(name, {})
    content = {
        "name": "copies",
        "sources": described,
        "combine": [{"deduplicate": dict(setting)}],
        "shards": {"tokens_per_shard": "100k", "validation": more.get("validation", 0.2)},
    }
    path = folder / "copies.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def ledger(run: Path) -> list[Row]:
    """Every row of a run's ledger that is a document, `id` and `duplicate_of` as the tables' own record ids."""
    rows: list[Row] = ds.dataset(sorted(map(str, (run / "ledger").glob("*.parquet")))).to_table().to_pylist()
    names = {row["id"]: row["record_id"] for row in rows}
    return [row | {"duplicate_of": names.get(row["duplicate_of"], row["duplicate_of"])} for row in rows]


def deduplicate(
    folder: Path, sources: Mapping[str, Sequence[Row]], setting: Mapping[str, Any], **more: Any
) -> dict[str, Row]:
    """The ledger's rows by the tables' record ids, after a run in this process."""
    file = pipeline(folder, sources, setting, **more)
    run = curate.run(file, out=folder / "run", engine="serial", until="deduplicate")
    return {row["record_id"]: row for row in ledger(run.path)}


def expected_removals(
    order: Sequence[str], edge: Callable[[str, str], bool], fixed: frozenset[str] = frozenset()
) -> dict[str, str]:
    """Removed name -> survivor's name: the first in order of the kept ones that it has an edge to."""
    kept: list[str] = []
    removed: dict[str, str] = {}
    for name in order:
        survivor = None if name in fixed else next((earlier for earlier in kept if edge(name, earlier)), None)
        if survivor is None:
            kept.append(name)
        else:
            removed[name] = survivor
    return removed
