"""The report as tables for a terminal or Markdown: all that the page shows but pictures and texts.

Knows what facts and rates say; computes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from curate.audit.finished_run import OpenedRun
from curate.audit.rates import NO_ADDRESS, NO_TOPIC, NOT_IDENTIFIED, Rate, below, rates
from curate.audit.rendering import Answer, Cell, Table
from curate.audit.report import facts
from curate.audit.report.combinations import SETS_SHOWN, ordered
from curate.audit.report.flow import rows as flow_rows
from curate.audit.report.headlines import headlines, plural
from curate.audit.report.losses import losses
from curate.audit.report.performance import PRICE, costs
from curate.audit.report.ranking import rule_losses
from curate.audit.timings import stage_times
from curate.records.statistics import RunNumbers, Sources, kept_rate, outputs
from curate.text.html import shortened


def report_numbers(run: OpenedRun) -> Answer:
    """What the report shows, without its pictures and texts."""
    stats, times = run.stats, stage_times(run.folder / "timings")
    candidates, audit = outputs(stats["sources"]), run.stats["audit"]
    says = headlines(run.pipeline, stats, times)
    blocks = [
        *_findings(stats), *_some("What each part found", ("part", "what"), list(says.items())),
        *_flow(stats["sources"]), *_fates(stats), *_product(stats), *_engines(stats["sources"]),
        *_rules(stats),
        *_sets(facts.summed(audit, candidates, "sets")), *_overlap(facts.summed(audit, candidates, "overlap")),
        *_thresholds(audit, candidates), *_languages(stats), *_topics(stats), *_domains(stats),
        *_quality(facts.summed(audit, candidates, "quality"), stats["sources"]),
        *_duplicates(facts.summed(audit, candidates, "duplicates")),
        *_contamination(stats), *_personal(facts.summed(audit, candidates, "pii")),
        *_lengths(facts.summed(audit, candidates, "lengths"), facts.summed(audit, candidates, "amounts"), stats),
        *_damage(stats["sources"]), *_time(times, stats),
    ]  # fmt: skip
    return Answer(tuple(blocks), {"stats": stats, "timings": times, "headlines": says})


def _findings(stats: RunNumbers) -> Iterator[Table]:
    rows = [
        ("missed" if each["missed"] else each.get("level", ""), each["kind"], each["says"], each.get("cure", ""))
        for each in stats.get("findings", [])
    ]
    yield from _some("Findings", ("level", "finding", "what", "command"), rows)


def _flow(sources: Sources) -> Iterator[Table]:
    for name, source in sources.items():
        rows = [(each["step"], each["in"], each["dropped"], each["kept"]) for each in source["funnel"]]
        title = f"{name}: {source['records']:,} records, {source['documents']:,} documents"
        unit = "characters" if "kept_chars" in source else "tokens"
        rate = _percent(kept_rate(source["documents"], source["kept"]))
        share = "" if rate is None else f" ({rate} %)"
        end = f"{source['kept']:,} documents kept{share}, {facts.amount(source):,} {unit}."
        if source["role"] == "reference":
            end = "No output: this source only trains a classifier."
        yield _table(title, ("step", "in", "dropped", "kept"), rows, end)


def _fates(stats: RunNumbers) -> Iterator[Table]:
    unit = facts.unit(stats)
    heads = ("source", "what became of them", "documents", unit)
    note = "Tokens of what was dropped: their characters at the rate of what is kept." if unit == "tokens" else ""
    yield from _some("All sources", heads, flow_rows(stats), note)


def _product(stats: RunNumbers) -> Iterator[Table]:
    unit = facts.unit(stats)
    columns = ("shards", "documents", "tokens")
    if facts.unit(stats) == "tokens":
        yield _table(
            "Shards",
            ("split", *columns),
            [(name, each["shards"], each["documents"], each["tokens"]) for name, each in facts.splits(stats)],
        )
    mixture = stats.get("mixture") or {}
    missing = mixture.get("missing_tokens", 0)
    yield _table(
        "Mixture" if mixture else f"Shares of the {unit}, every document once",
        ("group", "asked %", "achieved %", unit, "documents", "epochs", f"available {unit}"),
        [
            (
                each.group, _percent(each.asked), _percent(each.share), each.tokens, each.documents, each.epochs,
                each.available,
            )
            for each in facts.shares(stats)
        ],
        f"{missing:,} tokens are missing: every group is at its cap." if missing else "",
    )  # fmt: skip


def _rules(stats: RunNumbers) -> Iterator[Table]:
    sources, unit = stats["sources"], facts.unit(stats)
    rows = [
        (
            each.rule, ", ".join(each.sources), None if each.chars_alone is None else _two(each.amount_alone), each.alone,
            each.failed, each.failed - each.alone, each.partner or None, _percent(each.partner_share) or None,
        )
        for each in rule_losses(stats)
    ]  # fmt: skip
    idle = len({each.rule for each in facts.removals(sources)} - {row[0] for row in rows})
    note = f"{plural(idle, 'rule')} that no document fails. {_ALONE}" if idle else _ALONE
    heads = ("rule", "sources", f"{unit} alone", "alone", "failed", "with others", "goes with", "% that fail it too")
    yield from _some("Rules, by what each costs alone", heads, rows, note)
    edits = [(edit, source, chars, _percent(chars / whole if whole else None)) for edit, source, chars, whole in
             facts.edited(sources)]  # fmt: skip
    yield from _some("Characters removed by edits", ("edit", "source", "characters", "% of the source's text"), edits)


_ALONE = "Alone: of documents that no other rule fails, at the rate of what is kept."


def _sets(sets: Mapping[str, int]) -> Iterator[Table]:
    order, whole = ordered(sets), sum(sets.values())
    rows = [(each.replace(" ", ", "), sets[each], _percent(sets[each] / whole)) for each in order[:SETS_SHOWN]]
    heads = ("fails exactly", "documents", "% of those that fail a rule")
    yield from _some("Rules that fail together", heads, rows, _cut(len(order), SETS_SHOWN, "sets"))


def _overlap(overlap: Mapping[str, Mapping[str, int]]) -> Iterator[Table]:
    rows = [
        (first, second, both, _percent(both / one), _percent(both / other))
        for first, second, both, one, other in facts.overlaps(overlap)
    ]
    columns = ("rule", "and", "fail both", "% of the first", "% of the second")
    yield from _some("Rules that agree", columns, rows[: facts.PAIRS], _cut(len(rows), facts.PAIRS, "pairs"))


def _thresholds(audit: Mapping[str, Any], outputs: Sequence[str]) -> Iterator[Table]:
    """Each threshold, and how many documents it alone decides about."""
    rows: list[tuple[Cell, ...]] = []
    for source in outputs:
        for rule, each in audit.get(source, {}).get("rules", {}).items():
            known, decided = (sum(each[name].values()) for name in ("values", "others_pass"))
            rows.append((rule, source, each["metric"], each["low"], each["high"], known, decided))
    columns = ("rule", "source", "metric", "min", "max", "documents", "no other rule drops")
    yield from _some("Thresholds", columns, rows, "What another would keep: curate whatif RUN --set KEY=VALUE")


def _languages(stats: RunNumbers) -> Iterator[Table]:
    found = rates(stats, "languages", NOT_IDENTIFIED)
    rows = [(each.name, each.source, each.documents, each.kept, _rate(each), each.tokens) for each in found]
    columns = ("language", "source", "documents", "kept", "rate %", facts.unit(stats))
    yield from _some("Languages", columns, rows[: facts.SHOWN], _cut(len(rows), facts.SHOWN, "languages"))


def _topics(stats: RunNumbers) -> Iterator[Table]:
    found = rates(stats, "topics", NO_TOPIC)
    rows = [(each.name, each.source, each.documents, each.kept, _rate(each), each.tokens) for each in found]
    columns = ("topic", "source", "documents", "kept", "rate %", facts.unit(stats))
    yield from _some("Topics", columns, rows[: facts.SHOWN], _cut(len(rows), facts.SHOWN, "topics"))


def _domains(stats: RunNumbers) -> Iterator[Table]:
    found = [each for each in rates(stats, "domains", NO_ADDRESS) if each.name != NO_ADDRESS]
    columns = (
        "domain", "source", "documents", "pass every rule", "kept", "rate %", "from", "to", "source's rate %",
        facts.unit(stats),
    )  # fmt: skip
    low = below(found)
    yield from _some(
        "Domains removed more than the rest of their source",
        (*columns, "missing"),
        [(*_domain(each), each.missing) for each in low[: facts.SHOWN]],
        "From and to: the rate's 95 % interval (Wilson). Missing: how many more would be kept at the source's rate. "
        + _cut(len(low), facts.SHOWN, "domains"),
    )
    rows = [_domain(each) for each in found[: facts.SHOWN]]
    yield from _some("Most frequent domains", columns, rows, _cut(len(found), facts.SHOWN, "domains"))


def _domain(each: Rate) -> tuple[Cell, ...]:
    low, high = each.interval
    return (
        shortened(each.name), each.source, each.documents, each.passed, each.kept, _rate(each), _percent(low),
        _percent(high), _percent(each.expected), each.tokens,
    )  # fmt: skip


def _rate(each: Rate) -> float | None:
    return _percent(each.kept / each.documents if each.documents else None)


def _quality(found: Mapping[str, Mapping[str, int]], sources: Sources) -> Iterator[Table]:
    yield from _some("Quality scores", ("score", "documents", "kept"), facts.scores(found))
    rows = [(what, source, value) for source, what, value in facts.classifiers(sources)]
    yield from _some("Quality classifiers", ("classifier", "of", "value"), rows)


def _duplicates(found: Mapping[str, Mapping[str, int]]) -> Iterator[Table]:
    yield from _some("Duplicates", ("how", "removed"), list(found.get("kinds", {}).items()))
    yield from _some("Clusters of copies", ("documents in it", "clusters"), facts.clusters(found.get("clusters", {})))
    alike = [row for row in facts.similarities(found.get("jaccard", {})) if row[1]]
    yield from _some("Similarity to the survivor", ("Jaccard", "removed"), alike)


def _contamination(stats: RunNumbers) -> Iterator[Table]:
    rows = facts.contaminated(stats)
    yield from _some(
        "Contamination", facts.CONTAMINATED, rows[: facts.SHOWN], _cut(len(rows), facts.SHOWN, "evaluation sets")
    )


def _personal(pii: Mapping[str, Mapping[str, int]]) -> Iterator[Table]:
    order = sorted(pii, key=lambda kind: (-pii[kind]["found"], kind))
    rows = [(kind, pii[kind]["found"], pii[kind]["documents"]) for kind in order]
    yield from _some("Personal data", ("type", "found", "documents"), rows)


def _lengths(found: Mapping[str, int], amounts: Mapping[str, int], stats: RunNumbers) -> Iterator[Table]:
    unit = facts.unit(stats)
    columns = (unit, "kept documents", f"{unit} in them")
    yield from _some(f"{unit.capitalize()} per document", columns, facts.lengths(found, amounts))


def _engines(sources: Sources) -> Iterator[Table]:
    yield from _some("Texts by engine", facts.ENGINES, facts.engines(sources))


def _damage(sources: Sources) -> Iterator[Table]:
    rows = [(each.kind, each.what, each.source, each.number, each.unit) for each in losses(sources)]
    yield from _some("Damage and quarantine", ("kind", "what", "source", "number", "unit"), rows)


def _time(times: Sequence[Mapping[str, Any]], stats: RunNumbers) -> Iterator[Table]:
    rows = [
        (
            each["stage"], each["tasks"], each["seconds"], each["cpu"], each["rate"], _megabytes(each["peak"]),
            _megabytes(each["added"]),
        )
        for each in times
    ]  # fmt: skip
    whole, cpu = (sum(each[name] for each in times) for name in ("seconds", "cpu"))
    total = f"{whole:,.2f} s of tasks, {cpu:,.2f} s of them on a CPU."
    columns = (
        "stage",
        "tasks",
        "seconds",
        "CPU seconds",
        "documents/s per worker",
        "worker's peak MB",
        "a task added MB",
    )
    yield from _some("Time and throughput", columns, rows, total)
    if rows:
        cost = [(what, _two(hours), _two(PRICE * hours)) for what, hours in costs(whole / 3600, stats)]
        yield _table(f"Cost, where an hour of one core is {PRICE:g}", ("of", "core-hours", "money"), cost)


def _two(number: float) -> float:
    """An estimate: two of its digits are true."""
    return float(f"{number:.2g}")


def _megabytes(number: int | None) -> float | None:
    return None if number is None else number / 1e6


def _table(title: str, columns: tuple[str, ...], rows: Sequence[tuple[Cell, ...]], note: str = "") -> Table:
    return Table(title, columns, tuple(rows), note)


def _some(title: str, columns: tuple[str, ...], rows: Sequence[tuple[Cell, ...]], note: str = "") -> Iterator[Table]:
    """A table, unless there is nothing in it."""
    if rows:
        yield _table(title, columns, rows, note)


def _cut(number: int, shown: int, what: str) -> str:
    return f"{shown} of {number:,} {what}; all are in stats.json." if number > shown else ""


def _percent(share: float | None) -> float | None:
    return None if share is None else round(100 * share, 2)
