"""Rules over all sources, those first that cost most by themselves: documents and text that pass every other rule.

Knows the numbers of stats.json; knows no markup.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from curate.audit.report.facts import summed, token_rate
from curate.records.statistics import RunNumbers, outputs
from curate.verdicts.steps import ROLE


class RuleLoss(NamedTuple):
    """A rule over the sources that are output, and what it costs."""

    rule: str
    sources: tuple[str, ...]
    failed: int
    alone: int
    """Documents that fail nothing else."""
    chars_alone: int | None
    """Characters in those, as extracted; None for what is no rule on a text: damage, copies, evaluation items."""
    amount_alone: float
    """Tokens in those, their characters at the rate of what their source keeps; characters in a run without tokens."""
    partner: str
    """The other rule that most of what fails this one fails too."""
    partner_share: float


def rule_losses(stats: RunNumbers) -> list[RuleLoss]:
    """Every rule that something fails, the greatest loss first, and last what is no rule on a text."""
    candidates, audit = outputs(stats["sources"]), stats["audit"]
    overlap = summed(audit, candidates, "overlap")
    failed: dict[str, list[int]] = {}
    sources: dict[str, list[str]] = {}
    for name in candidates:
        for row in stats["sources"][name]["funnel"]:
            for rule, each in row["rules"].items() if row["step"] != ROLE else ():
                if each["failed"]:
                    total = failed.setdefault(rule, [0, 0])
                    total[0] += each["failed"]
                    total[1] += each["alone"]
                    sources.setdefault(rule, []).append(name)
    found = []
    for rule, (number, alone) in failed.items():
        partner, share = _partner(rule, overlap)
        chars, weighed = _alone(rule, stats) if rule in overlap else (None, 0.0)
        found.append(RuleLoss(rule, tuple(sources[rule]), number, alone, chars, weighed, partner, share))
    return sorted(
        found, key=lambda loss: (loss.chars_alone is None, -loss.amount_alone, -loss.alone, -loss.failed, loss.rule)
    )


def _alone(rule: str, stats: RunNumbers) -> tuple[int, float]:
    """(characters, tokens) of documents that nothing else drops, over all sources."""
    whole, weighed = 0, 0.0
    for name in outputs(stats["sources"]):
        chars = stats["audit"].get(name, {}).get("only_failure", {}).get(rule, {}).get("chars", 0)
        whole += chars
        weighed += chars * token_rate(name, stats)
    return whole, weighed


def _partner(rule: str, overlap: Mapping[str, Any]) -> tuple[str, float]:
    shared = {other: number for other, number in overlap.get(rule, {}).items() if other != rule}
    if not shared:
        return "", 0.0
    partner = max(shared, key=lambda other: (shared[other], other))
    return partner, shared[partner] / overlap[rule][rule]
