"""The numbers of a run counted anew from its ledger: what changes when records are taken out of it.

Counts rows as the tasks of a run count them, and the run's own numbers are what this gives where nothing was removed. Knows
ledger columns and the shape of stats.json.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from curate.audit.ledger import connect
from curate.audit.removals import RULE, STEP
from curate.records.ledger import of_tokenizer
from curate.records.statistics import FunnelRow, RuleNumbers, SourceNumbers, Sources, SplitNumbers, TokenizerNumbers
from curate.verdicts.steps import BEFORE_DOCUMENTS


def recounted(sources: Sources, ledger: Sequence[Path]) -> dict[str, SourceNumbers]:
    """`sources` of stats.json with funnel, kept and tokens counted from the ledger's files."""
    connection = connect(ledger)
    kept = dict(connection.execute("select source, count(*) from records where kept group by 1").fetchall())
    tokens = dict(
        connection.execute("select source, sum(tokens)::bigint from records where kept group by 1").fetchall()
    )
    at = "select source, dropped_at, count(*) from records where dropped_at is not null group by 1, 2"
    dropped = {(source, step): count for source, step, count in connection.execute(at).fetchall()}
    of_rules = (
        "select source, rule, count(*), count(*) filter (failures = 1) from "
        "(select source, unnest(failed) as rule, len(failed) as failures from records) group by 1, 2"
    )
    failed = {(source, rule): (count, alone) for source, rule, count, alone in connection.execute(of_rules).fetchall()}
    new: dict[str, SourceNumbers] = {}
    for name, source in sources.items():
        training = source["role"] == "training"
        new[name] = {
            **source,
            "funnel": _funnel(name, source, dropped, failed),
            "kept": kept.get(name, 0) if training else 0,
            "tokens": (tokens.get(name) or 0) if training else 0,
        }
    return new


def recounted_tokenizers(
    before: Mapping[str, TokenizerNumbers], ledger: Sequence[Path], shards: Mapping[str, dict[str, SplitNumbers]]
) -> dict[str, TokenizerNumbers]:
    """`tokenizers` of stats.json with tokens counted from the ledger's files, and the shards that are there now by name."""
    connection = connect(ledger)
    new: dict[str, TokenizerNumbers] = {}
    for name, numbers in before.items():
        column = of_tokenizer("tokens", name)
        asked = f'select source, sum("{column}")::bigint from records where kept group by 1'
        counted = dict(connection.execute(asked).fetchall())
        tokens = {source: counted.get(source) or 0 for source in numbers["tokens"]}
        new[name] = {**numbers, "tokens": tokens, "shards": shards.get(name, numbers["shards"])}
    return new


def _funnel(
    name: str,
    source: SourceNumbers,
    dropped: Mapping[tuple[str, str], int],
    failed: Mapping[tuple[str, str], tuple[int, int]],
) -> list[FunnelRow]:
    before = source["funnel"]
    steps = [step["step"] for step in before]
    if STEP not in steps and (name, STEP) in dropped:
        early = [step for step in steps if step in BEFORE_DOCUMENTS]
        steps = [*early, STEP, *(step for step in steps if step not in early)]
    rules = {rule for step in before for rule in step["rules"]} | {rule for source, rule in failed if source == name}
    known = {step["step"]: list(step["rules"]) for step in before} | {STEP: [RULE]}
    rows: list[FunnelRow] = []
    entering = source["records"]
    for step in steps:
        listed = [rule for rule in known.get(step, []) if rule in rules]
        listed += sorted(rule for rule in rules if rule.split("/")[0] == step and rule not in listed)
        out = dropped.get((name, step), 0)
        counts = {rule: _counts(rule, failed.get((name, rule), (0, 0))) for rule in listed}
        rows.append({"step": step, "in": entering, "dropped": out, "kept": entering - out, "rules": counts})
        entering -= out
    return rows


def _counts(rule: str, found: tuple[int, int]) -> RuleNumbers:
    """A record that fails before it is a document gets no further: nothing else could drop it."""
    count, alone = found
    return {"failed": count, "alone": count if rule.split("/")[0] in BEFORE_DOCUMENTS else alone}
