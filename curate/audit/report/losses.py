"""What was read and is no document: damage, quarantined pages, records without a page. Knows counts; knows no markup."""

from __future__ import annotations

from typing import NamedTuple

from curate.extract.limits import NO_TEXT
from curate.ingest import reasons
from curate.records.statistics import Sources


class Loss(NamedTuple):
    """Something read that is no document, or only in part."""

    kind: str
    what: str
    source: str
    number: int
    unit: str


DAMAGED, QUARANTINED, NO_PAGE, REPAIRED, UNREAD = (
    "damaged",
    "quarantined",
    "no page",
    "read all the same",
    "only counted",
)

_REPAIRS = frozenset(("warc", "text", "lines", "pages", "groups"))
"""What ingest counts of values, lines, pages and records that it read though something about them was wrong."""
_NO_PAGE = frozenset(
    (reasons.REVISIT, reasons.DNS, reasons.NOT_HTTP, reasons.STATUS, reasons.NOT_HTML, reasons.NOT_TEXT, reasons.EMPTY)
)


def losses(sources: Sources) -> list[Loss]:
    """What could not be read or extracted, then what holds no page, then what was repaired or only counted."""
    found = []
    for name, source in sources.items():
        for step in source["funnel"]:
            if step["step"] in ("read", "extract"):
                for rule, each in step["rules"].items():
                    reason = rule.partition("/")[2]
                    if each["failed"]:
                        found.append(Loss(_kind(step["step"], reason), reason, name, each["failed"], "records"))
        for counted, number in source["other_records"].items():
            group, _, what = counted.partition(".")
            if counted == "bytes.damaged":
                found.append(Loss(DAMAGED, "bytes in damaged spans", name, number, "bytes"))
            elif group == "http":
                found.append(Loss(REPAIRED, what, name, number, "responses"))
            elif group == "records":
                found.append(Loss(UNREAD, f"{what} records", name, number, "records"))
            elif group in _REPAIRS and counted != "lines.empty":
                found.append(Loss(REPAIRED, f"{group} {what.replace('-', ' ')}", name, number, ""))
            elif counted == "index.no-place":
                found.append(Loss(DAMAGED, "rows of the index that name no place", name, number, "rows"))
            elif counted == "index.named-again":
                found.append(Loss(UNREAD, "records that an earlier file of the index names", name, number, "records"))
            elif counted == "index.rows":
                found.append(Loss(UNREAD, "rows of the index", name, number, "rows"))
            elif group == "clock":
                found.append(Loss(QUARANTINED, f"of these by the clock alone: {what}", name, number, "records"))
            elif counted == "bytes.read":
                found.append(Loss(UNREAD, "bytes read well", name, number, "bytes"))
            else:
                found.append(Loss(UNREAD, counted, name, number, ""))
    order = (DAMAGED, QUARANTINED, NO_PAGE, REPAIRED, UNREAD)
    return sorted(found, key=lambda loss: (order.index(loss.kind), -loss.number, loss.what))


def _kind(step: str, reason: str) -> str:
    if step == "extract":
        return NO_PAGE if reason == NO_TEXT else QUARANTINED
    return NO_PAGE if reason in _NO_PAGE or reason == reasons.NO_TEXT else DAMAGED
