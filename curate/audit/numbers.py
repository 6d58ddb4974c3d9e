"""The report's numbers as tables for a terminal or Markdown. Knows stats.json; computes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from curate.audit.opened import OpenedRun
from curate.audit.present import Answer, Cell, Passage, Table
from curate.audit.report.panels import summed
from curate.audit.report.performance import stage_times

_SHOWN = 30

Rows = tuple[tuple[Cell, ...], ...]


def report_numbers(run: OpenedRun) -> Answer:
    """What the report shows, without its pictures and texts."""
    stats = run.stats
    outputs = [name for name, source in stats["sources"].items() if source["role"] == "training"]
    audit = stats["audit"]
    blocks: list[Table | Passage] = []
    for name, source in stats["sources"].items():
        blocks += _funnel(name, source)
    shards = tuple((split, each["shards"], each["documents"], each["tokens"]) for split, each in stats["shards"].items())
    blocks.append(Table("Shards", ("split", "shards", "documents", "tokens"), shards))
    if stats.get("mixture"):
        blocks.append(_mixture(stats["mixture"]))
    for title, key, columns in (
        ("Languages", "languages", ("documents", "kept", "tokens")),
        ("Domains", "domains", ("documents", "passed", "kept", "tokens")),
        ("Personal data", "pii", ("documents", "found")),
    ):
        rows = _listed(summed(audit, outputs, key), columns)
        if rows:
            blocks.append(Table(title, (key, *columns), rows))
    counted = summed(audit, outputs, "duplicates").get("kinds", {})
    if counted:
        blocks.append(Table("Duplicates", ("how", "removed"), tuple(counted.items())))
    found = summed(audit, outputs, "contamination")
    if found:
        blocks.append(Table("Contamination", ("evaluation items", "matches"), tuple(found.items())[:_SHOWN]))
    times = stage_times(run.folder / "timings")
    rows = tuple((each["stage"], each["tasks"], each["seconds"], each["cpu"], each["peak"] / 1e6) for each in times)
    blocks.append(Table("Time", ("stage", "tasks", "seconds", "CPU seconds", "peak MB"), rows))
    return Answer(tuple(blocks), {"stats": stats, "timings": times})


def _funnel(name: str, source: Mapping[str, Any]) -> list[Table]:
    steps = tuple((step["step"], step["in"], step["dropped"], step["kept"]) for step in source["funnel"])
    rules = [
        (rule, each["failed"], each["alone"])
        for step in source["funnel"]
        for rule, each in step["rules"].items()
        if each["failed"]
    ]
    tables = [Table(f"{name}: {source['records']:,} records", ("step", "in", "dropped", "kept"), steps)]
    if rules:
        listed = tuple(sorted(rules, key=lambda row: (-row[1], row[0])))
        tables.append(Table(f"{name}: rules", ("rule", "failed", "failed only this"), listed))
    return tables


def _mixture(mixture: Mapping[str, Any]) -> Table:
    columns = ("weight", "share", "tokens", "epochs", "available_tokens")
    return Table("Mixture", ("group", *columns), _listed(mixture["groups"], columns))


def _listed(found: Mapping[str, Mapping[str, Any]], columns: tuple[str, ...]) -> Rows:
    order = sorted(found, key=lambda name: (-(found[name][columns[0]] or 0), name))[:_SHOWN]
    return tuple((name or "-", *(found[name][column] for column in columns)) for name in order)
