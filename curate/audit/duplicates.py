"""The clusters that deduplication found in a run: how large, who survived, and how the others differ.

Reads the ledger and committed texts; compares nothing again but for showing differences.
"""

from __future__ import annotations

import contextlib
from typing import Any

from curate.audit.explain import difference, document_number
from curate.audit.find import Found, find_ids
from curate.audit.finished_run import AuditError, OpenedRun
from curate.audit.ledger import connect
from curate.audit.lineage import text_versions
from curate.audit.rendering import Answer, Passage, Table
from curate.audit.shown import shown
from curate.dedup.step import Deduplicate

_SIZES = """
select 1 << cast(ceil(log2(cluster_size)) as integer) as most, count(*) as clusters, sum(cluster_size - 1)::bigint as removed
from ledger where kept_by_deduplication and cluster_size > 1 group by most order by most
"""
_KEPT = "(duplicate_of is null and cluster_size is not null) as kept_by_deduplication"
_LARGEST = """
select duplicate_of, count(*)::bigint + 1 as size, min(jaccard) as least,
       string_agg(distinct duplicate_kind, ', ' order by duplicate_kind) as kinds,
       arg_min(id, (coalesce(jaccard, 0), id)) as unlike
from records where duplicate_of is not null group by duplicate_of order by size desc, duplicate_of limit ?
"""


def duplicates(run: OpenedRun, largest: int, characters: int = 800) -> Answer:
    """Cluster sizes, and of the largest clusters the survivor's text and how the least similar copy differs from it.

    Raises AuditError where the run deduplicated nothing.
    """
    if run.pipeline.combined(Deduplicate) is None:
        raise AuditError(f"{run.place} has no deduplicate step")
    connection = connect(run.ledger)
    connection.execute(f"create or replace temp view ledger as select *, {_KEPT} from records")
    sizes = connection.execute(_SIZES).fetchall()
    clusters = connection.execute(_LARGEST, [largest]).fetchall()
    note = "" if sizes else "no copies were found"
    columns = ("documents, up to", "clusters", "removed")
    blocks: list[Table | Passage] = [Table("Clusters by size", columns, tuple(sizes), note)]
    listed: list[dict[str, Any]] = []
    for number, (survivor, size, least, kinds, unlike) in enumerate(clusters, 1):
        kept, copy = _one(run, survivor), _one(run, unlike)
        rows = (
            ("documents", size),
            ("alike by", kinds),
            ("least similarity", least),
            ("survivor", bytes(survivor).hex()),
            ("survivor's url", kept.row["url"] if kept else "(kept by an earlier run)"),
            ("least similar copy", bytes(unlike).hex()),
            ("its url", copy.row["url"] if copy else None),
        )
        blocks.append(Table(f"Cluster {number}", ("", ""), rows))
        text, other = (each and shown(run, [each])[0] for each in (_text(kept), _text(copy)))
        change = difference(text, other) if text and other else ""
        if text:
            blocks.append(Passage("Survivor's text", _cut(text, characters)))
            blocks.append(
                Passage("From it to the copy", _cut(change or " (the texts are equal)", characters), diff=True)
            )
        listed.append({**dict(rows), "text": text, "difference": change})
    return Answer(tuple(blocks), {"sizes": [list(row) for row in sizes], "largest": listed})


def _one(run: OpenedRun, identity: bytes) -> Found | None:
    found = find_ids(run, [bytes(identity)])
    return found[0] if found else None


def _text(found: Found | None) -> str:
    """The newest text of a record, or nothing where it is gone."""
    newest = ""
    if found is not None:
        with contextlib.suppress(AuditError, OSError):
            number = document_number(found)
            for _, text in text_versions(found.part, number) if number is not None else ():
                newest = text or newest
    return newest


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[:length].rstrip() + " …"
