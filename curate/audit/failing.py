"""Who failed which rules: pairs, sets, what one rule alone drops, and what took most of each domain and language.

Counts that merge by addition, bounded by the most frequent. Knows ledger columns; knows no bound.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from curate.text.addresses import hosts

Aggregate = dict[str, Any]
Mask = npt.NDArray[np.bool_]

SETS = 400
"""Sets of rules that documents fail together, kept of a part and of a merger: the most frequent."""
TAKERS = 6
"""Rules kept of each domain and language, those that take most."""
DOMAINS = 2000
"""Domains kept of a part and of a merger: the most frequent."""


class Failures:
    """Which rules of the verdict steps each row failed."""

    def __init__(self, failed: pa.Array, judged: frozenset[str]) -> None:
        entries = failed.flatten().dictionary_encode()
        names = [str(name) for name in entries.dictionary.to_pylist()]
        wanted = np.array([name.split("/")[0] in judged for name in names], bool)
        codes = entries.indices.to_numpy(zero_copy_only=False)
        rows = pc.list_parent_indices(failed).to_numpy(zero_copy_only=False)
        chosen = wanted[codes] if len(names) else np.zeros(0, bool)
        self.names = [name for name, want in zip(names, wanted, strict=True) if want]
        place = np.cumsum(wanted) - 1
        self.matrix = np.zeros((len(self.names), len(failed)), bool)
        self.matrix[place[codes[chosen]], rows[chosen]] = True
        self.total = self.matrix.sum(axis=0)

    def of(self, rule: str) -> Mask:
        """Who failed a rule."""
        if rule not in self.names:
            return np.zeros(self.matrix.shape[1], bool)
        row: Mask = self.matrix[self.names.index(rule)]
        return row

    def overlap(self) -> dict[str, dict[str, int]]:
        """How many failed both of two rules."""
        wide = self.matrix.astype(np.float32)  # exact up to 2^24 rows at once; row groups have 2^16
        both = (wide @ wide.T).astype(np.int64)
        return {
            first: {second: int(both[i, j]) for j, second in enumerate(self.names) if both[i, j]}
            for i, first in enumerate(self.names)
        }

    def sets(self) -> dict[str, int]:
        """How many failed exactly these rules, by their names with a blank between; the most frequent SETS of them."""
        some = self.matrix[:, self.total > 0]
        if not some.size:
            return {}
        _, first, counts = np.unique(np.packbits(some, axis=0), axis=1, return_index=True, return_counts=True)
        found = {
            " ".join(self.names[place] for place in np.flatnonzero(some[:, row])): int(number)
            for row, number in zip(first, counts, strict=True)
        }
        return largest(found, SETS)


def largest(counts: Mapping[str, int], most: int) -> dict[str, int]:
    """So many of the counts, the largest."""
    if len(counts) <= most:
        return dict(counts)
    return {name: counts[name] for name in sorted(counts, key=lambda name: (-counts[name], name))[:most]}


def grouped(keys: pa.Array, weights: Mapping[str, npt.NDArray[Any]]) -> dict[str, dict[str, int]]:
    """Sums of weights by key; null is the key ''."""
    coded = pc.fill_null(keys, "").dictionary_encode()
    codes, names = coded.indices.to_numpy(zero_copy_only=False), coded.dictionary.to_pylist()
    sums = {name: np.bincount(codes, weights=weight, minlength=len(names)) for name, weight in weights.items()}
    return {key: {name: int(column[i]) for name, column in sums.items()} for i, key in enumerate(names)}


def only_failures(failures: Failures, chars: pa.Array) -> Aggregate:
    """Documents and characters that a rule alone drops, by rule."""
    rows = failures.total == 1
    weights = np.asarray(pc.fill_null(chars, 0), np.int64)[rows]
    alone = failures.matrix[:, rows]
    found = zip(failures.names, alone.sum(axis=1), alone.astype(np.int64) @ weights, strict=True)
    return {name: {"documents": int(documents), "chars": int(sums)} for name, documents, sums in found if documents}


def taken_by(columns: Mapping[str, pa.Array], kept: Mask) -> Aggregate:
    """What was not kept, by domain and by language, by the rule that it fails first, or the step that dropped it; TAKERS of
    each, the largest."""
    failed = columns["failed"]
    some = pc.greater(pc.fill_null(pc.list_value_length(failed), 0), 0)
    at = pc.if_else(some, failed.offsets[:-1].cast(pa.int64()), pa.scalar(None, pa.int64()))
    first = failed.values.cast(pa.string()).take(at)
    by = pc.coalesce(first, columns["dropped_at"].cast(pa.string()), pa.scalar("no output"))
    gone = pa.array(~kept)
    found: Aggregate = {}
    for kind, keys in (("domains", hosts(columns["url"])), ("languages", columns["language"])):
        table = pa.table({"key": pc.fill_null(_plain(keys), ""), "by": by}).filter(gone)
        rows = table.group_by(["key", "by"]).aggregate([([], "count_all")]).to_pylist()
        sums: dict[str, dict[str, int]] = {}
        for row in sorted(rows, key=lambda row: (row["key"], row["by"])):
            sums.setdefault(row["key"], {})[row["by"]] = row["count_all"]
        found[kind] = {key: largest(counts, TAKERS) for key, counts in sums.items()}
    return trimmed(found)


def _plain(column: pa.Array) -> pa.Array:
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def trimmed(taken: Aggregate) -> Aggregate:
    """The domains that lost most."""
    domains = taken["domains"]
    if len(domains) > DOMAINS:
        order = sorted(domains, key=lambda name: (-sum(domains[name].values()), name))[:DOMAINS]
        taken["domains"] = {name: domains[name] for name in order}
    return taken
