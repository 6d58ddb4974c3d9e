"""What a list of addresses, domains, records or passages would remove from a run, before anything is. Changes nothing.

The names lead to the same records as `curate.audit.remove` finds, copies of them included.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from curate.audit.finished_run import OpenedRun
from curate.audit.ledger import connect
from curate.audit.plan import unit_of
from curate.audit.removals import By, Removal
from curate.audit.remove import removal_of
from curate.audit.rendering import Answer, Table

_SHOWN = 20

_BY_SOURCE = """
select source, count(*)::bigint as records, count(*) filter (kept)::bigint as kept,
       coalesce(sum(amount) filter (kept), 0)::bigint as amount
from chosen group by source order by source
"""
_BY_DOMAIN = """
select host_of(url) as domain, count(*)::bigint as kept, coalesce(sum(amount), 0)::bigint as amount
from chosen where kept and url is not null group by domain order by amount desc, domain limit ?
"""


def would_remove(run: OpenedRun, by: By, values: Sequence[str]) -> Answer:
    """Of each source the records, kept documents and tokens (characters, of a run without tokens) that the list names, with
    their shares of what is kept; the domains that lose most; names that lead nowhere.

    Raises AuditError for an empty name.
    """
    asked = [removal_of(run, by, value, "", "") for value in values]
    unit = unit_of(run.pipeline)
    connection = connect(run.ledger)
    ids = sorted({bytes.fromhex(id) for removal in asked for id in removal.records})
    connection.register("named", pa.table({"id": pa.array(ids, pa.binary())}))
    connection.execute(
        f"create temp table chosen as select source, url, kept, {unit} as amount from records "
        "where id in (select id from named)"
    )
    whole = dict(
        connection.execute(
            f"select source, {{'kept': count(*) filter (kept), 'amount': coalesce(sum({unit}) filter (kept), 0)}} "
            "from ledger group by source"
        ).fetchall()
    )
    sources = [
        {
            "source": source,
            "records": records,
            "kept": kept,
            "kept_share": _share(kept, whole[source]["kept"]),
            unit: amount,
            f"{unit}_share": _share(amount, whole[source]["amount"]),
        }
        for source, records, kept, amount in connection.execute(_BY_SOURCE).fetchall()
    ]
    domains = [
        {"domain": domain, "kept": kept, unit: amount}
        for domain, kept, amount in connection.execute(_BY_DOMAIN, [_SHOWN]).fetchall()
    ]
    return _answer(by, values, asked, unit, sources, domains)


def _answer(
    by: By,
    values: Sequence[str],
    asked: Sequence[Removal],
    unit: str,
    sources: Sequence[dict[str, Any]],
    domains: Sequence[dict[str, Any]],
) -> Answer:
    nowhere = [value for value, removal in zip(values, asked, strict=True) if not removal.records]
    note = f"{len(values):,} names, of which {len(nowhere):,} lead to no record of this run; nothing was removed"
    heads = ("source", "records", "kept", "share of kept", unit, f"share of {unit}")
    blocks = [Table("Would be removed", heads, tuple(tuple(row.values()) for row in sources), note)]
    if domains:
        rows = tuple(tuple(row.values()) for row in domains)
        blocks.append(Table("Domains that lose most", ("domain", "kept", unit), rows))
    if nowhere:
        blocks.append(Table("Names that lead nowhere", (by,), tuple((value,) for value in nowhere[:_SHOWN])))
    named = [{"name": value, "records": len(removal.records)} for value, removal in zip(values, asked, strict=True)]
    return Answer(tuple(blocks), {"sources": list(sources), "domains": list(domains), "list": named})


def _share(part: int, whole: int) -> float:
    return round(part / whole, 6) if whole else 0.0
