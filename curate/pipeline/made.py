"""A run that was made, to be asked from Python: its ledger, numbers and audits as Arrow, and how it shows itself.

Knows the audits and a run directory; makes no run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from curate.audit.diff import diff
from curate.audit.duplicates import duplicates
from curate.audit.explain import explain
from curate.audit.find import find
from curate.audit.finished_run import AuditError, open_finished
from curate.audit.ledger import answered
from curate.audit.sample import condition, sample
from curate.audit.tables import tables_of
from curate.audit.whatif import what_if
from curate.code.fingerprint import canonical
from curate.engine.mirror import all_here, place_of
from curate.records.statistics import RunNumbers
from curate.shards.reader import ShardReader

if TYPE_CHECKING:
    from pyarrow.dataset import Dataset


@dataclass(frozen=True, repr=False)
class Run:
    """A run directory and what is in it."""

    path: Path
    """Where it lies on this machine; of a run in a bucket, the folder that mirrors what is touched of it."""
    stats: RunNumbers
    executed: Mapping[str, int]
    """Tasks executed by this call, by stage; what was committed before is not among them."""

    def ledger(self) -> Dataset:
        """The ledger: a row per record, kept or dropped, in the order of parts. Nothing is read until it is asked for:
        `.to_table(columns=[...], filter=...)`, `.to_batches()`. Raises DamagedError for a file that is not as published."""
        return _files(open_finished(self.path).ledger)

    def documents(self, step: str | None = None) -> Dataset:
        """The documents with their text that the pipeline's `keep` had written after a step; the step may be left out
        where there is only one, and where the run makes text (`tokens: null`) and its product is meant. Raises
        AuditError where none were kept after it, DamagedError as `ledger`."""
        opened = open_finished(self.path)
        kept = sorted({name.split("/")[1] for name in opened.published.files if name.startswith("documents/")})
        if step is None and len(kept) == 1:
            (step,) = kept
        elif step is None and opened.pipeline.tokens is None:
            step = opened.pipeline.last_step
        if step not in kept:
            there = f"there are those after {', '.join(kept)}" if kept else "`keep: [STEP]` in its pipeline keeps them"
            asked = f"after {step!r}" if step else "without naming a step"
            raise AuditError(f"{opened.place} has no documents {asked}: {there}")
        names = [f"documents/{step}/{part.name}.parquet" for part in opened.parts]
        written = [name for name in names if name in opened.published.files]
        all_here(opened.folder / name for name in written)
        return _files([opened.file(name) for name in written])

    def sample(
        self, failed: str | None = None, kept: bool | None = None, where: str | None = None, n: int = 10, seed: int = 0
    ) -> pa.Table:
        """`n` records drawn for reading: id (hexadecimal), url, source, failed (list<string>), text; the draw is a
        function of the seed and the records' ids. `failed`: a step or STEP/RULE that they failed; `where`: SQL on the
        ledger's columns. Raises AuditError for a rule that nothing failed and for SQL that DuckDB refuses."""
        opened = open_finished(self.path)
        answer = sample(opened, condition(opened, failed, kept, where), n, seed)
        assert isinstance(answer.data, Mapping)
        return pa.Table.from_pylist(answer.data["records"], SAMPLED)

    def whatif(self, set: Mapping[str, Any] | Sequence[str], samples: int = 0) -> Mapping[str, Any]:
        """What other thresholds would have done, from the ledger alone: what `curate whatif --format json` prints, with
        so many records of each kind. `set` as in `run`. Raises AuditError where a change needs a run, ConfigError."""
        answer = what_if(open_finished(self.path), assignments(set), samples)
        assert isinstance(answer.data, Mapping)
        return answer.data

    def explain(self, record: str) -> list[Mapping[str, Any]]:
        """Everything known of a record, by address, id, record id, `shard:row` or `shard@token`; several where one
        address has several. Raises AuditError where there is none."""
        opened = open_finished(self.path)
        answers = [explain(opened, found).data for found in find(opened, record)]
        return [answer for answer in answers if isinstance(answer, Mapping)]

    def query(self, sql: str) -> pa.Table:
        """An SQL question (DuckDB's): the table `ledger` has a row per record, ids in hexadecimal, everything as it is
        written there; beside it are the tables that `curate query --tables` lists.

        `made.query("select source, count(*) as n from ledger where not kept group by 1").to_pandas()`; pandas and polars
        (`polars.from_arrow`) take the answer as it is. Raises AuditError for SQL that DuckDB refuses.
        """
        opened = open_finished(self.path)
        return answered(opened.ledger, sql, tables_of(opened))

    def funnel(self) -> pa.Table:
        """What each step of each source kept and dropped: source, step, kept, dropped, share of the records."""
        rows = [
            {"source": name, "step": row["step"], "kept": row["kept"], "dropped": row["dropped"],
             "share": row["kept"] / source["records"] if source["records"] else 0.0}
            for name, source in self.stats["sources"].items()
            for row in source["funnel"]
        ]  # fmt: skip
        return pa.Table.from_pylist(rows, FUNNEL)

    def rules(self) -> pa.Table:
        """What each rule failed: source, step, rule, failed, only_failure (records that failed nothing else)."""
        rows = [
            {"source": name, "step": row["step"], "rule": rule.partition("/")[2],
             "failed": count["failed"], "only_failure": count["alone"]}
            for name, source in self.stats["sources"].items()
            for row in source["funnel"]
            for rule, count in row["rules"].items()
        ]  # fmt: skip
        return pa.Table.from_pylist(rows, RULES)

    def duplicates(self, largest: int = 10, characters: int = 800) -> Mapping[str, Any] | Sequence[Any]:
        """The largest clusters of copies: what `curate duplicates --format json` prints."""
        return duplicates(open_finished(self.path), largest, characters).data

    def diff(self, other: Run, examples: int = 3) -> Mapping[str, Any] | Sequence[Any]:
        """What differs between two runs, and for whom: what `curate diff --format json` prints."""
        return diff(open_finished(self.path), open_finished(other.path), examples).data

    @property
    def place(self) -> str:
        """The run as people name it: its directory, or its address in a bucket."""
        return place_of(self.path)

    def __repr__(self) -> str:
        sources = ", ".join(
            f"{name}: {source['kept']:,} of {source['records']:,}" for name, source in self.stats["sources"].items()
        )
        return f"Run({self.place!r}; kept {sources})"

    def _repr_html_(self) -> str:
        """What a notebook shows: the funnel of each source."""
        return funnel_html(self.stats)

    def shards(self, tokenizer: str | None = None) -> ShardReader:
        """The product; of several tokenizers the first one's, or those of the one named. `curate.shards.Loader(run.path,
        ...)` reads it in sequences, as a training does. Raises AuditError for a name that the run does not have."""
        if tokenizer is None:
            return ShardReader(self.path)
        if tokenizer not in self.stats.get("tokenizers", {}):
            names = ", ".join(self.stats.get("tokenizers", {})) or "none"
            raise AuditError(
                f"{self.path} has no shards of a tokenizer {tokenizer!r} beside its first; there are: {names}"
            )
        return ShardReader(self.path / "shards" / tokenizer)


SAMPLED = pa.schema(
    [
        ("id", pa.string()),
        ("url", pa.string()),
        ("source", pa.string()),
        ("failed", pa.list_(pa.string())),
        ("text", pa.large_string()),
    ]
)
"""What `Run.sample` returns."""
FUNNEL = pa.schema(
    [
        ("source", pa.string()),
        ("step", pa.string()),
        ("kept", pa.int64()),
        ("dropped", pa.int64()),
        ("share", pa.float64()),
    ]
)
"""What `Run.funnel` returns."""
RULES = pa.schema(
    [
        ("source", pa.string()),
        ("step", pa.string()),
        ("rule", pa.string()),
        ("failed", pa.int64()),
        ("only_failure", pa.int64()),
    ]
)
"""What `Run.rules` returns."""


def funnel_html(stats: RunNumbers) -> str:
    """The funnel of each source as a table for notebooks, its bars in the cells' backgrounds; names are escaped."""
    parts = []
    for name, source in stats["sources"].items():
        rows = []
        for row in source["funnel"]:
            share = 100 * row["kept"] / source["records"] if source["records"] else 0.0
            bar = f"background:linear-gradient(90deg,#2a7a8155 {share:.1f}%,transparent {share:.1f}%);min-width:16em"
            dropped = f"−{row['dropped']:,}" if row["dropped"] else ""
            rows.append(
                f'<tr><td style="text-align:left">{escape(row["step"])}</td><td style="{bar}"></td>'
                f"<td>{row['kept']:,}</td><td>{dropped}</td></tr>"
            )
        head = f"<caption>{escape(name)}: {source['kept']:,} kept of {source['records']:,} records</caption>"
        parts.append(
            f"<table>{head}<tr><th>step</th><td></td><th>kept</th><th>dropped</th></tr>{''.join(rows)}</table>"
        )
    return "".join(parts)


def _files(paths: Sequence[Path]) -> Dataset:
    from pyarrow.dataset import dataset  # brings pandas along, which no command needs

    return dataset([str(path) for path in paths], format="parquet")


def assignments(set: Mapping[str, Any] | Sequence[str]) -> list[str]:
    """Changes as `KEY=VALUE`."""
    return [f"{key}={canonical(value)}" for key, value in set.items()] if isinstance(set, Mapping) else list(set)


def open_run(path: str | Path) -> Run:
    """A run made before, in a directory or a bucket. Raises FileNotFoundError where there is none, or none that was
    finished, DamagedError where a file is not the one that was published."""
    opened = open_finished(path)
    return Run(opened.folder, opened.stats, {})
