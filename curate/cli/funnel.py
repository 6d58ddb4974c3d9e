"""A run's numbers on the terminal. Knows numbers and columns; computes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from curate.audit.findings import command
from curate.cli.console import MESSAGES, complain, remark
from curate.records.findings import Finding
from curate.records.statistics import kept_rate
from curate.verdicts.steps import ROLE

if TYPE_CHECKING:
    from curate.pipeline.attempt import Attempt

_BAR = 24
"""Characters of a bar as long as all records."""
_SHARE_TOLERANCE = 0.005
"""A share of the mixture that misses what was asked by less is what was asked, to the documents that make it."""
_MOST_FINDINGS = 7
"""Findings shown when a run ends; `findings.json` and the report have all."""
_MOST_RULES = 6
"""Rules shown of a step: those that failed most; `curate report` shows all."""


def print_funnel(console: Console, stats: Mapping[str, Any]) -> None:
    """Per source a bar that shortens step by step, and below a step the rules that failed most documents."""
    for name, source in stats["sources"].items():
        heading = f"{name}  {source['records']:,} records of {source['files']:,} files"
        console.print(Text(heading, style="bold"), soft_wrap=True)
        for row in source["funnel"]:
            _print_step(console, row, source["records"])
        if source["role"] == "reference":
            console.print(Text("  no output: this source only trains the classifier", style="dim"), soft_wrap=True)
        else:
            rate = kept_rate(source["documents"], source["kept"])
            share = "" if rate is None else f" ({rate:.1%} of {source['documents']:,})"
            console.print(Text(f"  kept {source['kept']:,} documents{share}, {amount(source)}"), soft_wrap=True)
        console.print()
    for split, shard in stats.get("shards", {}).items():
        line = f"{split}: {shard['tokens']:,} tokens of {shard['documents']:,} documents in {shard['shards']:,} shards"
        console.print(line, highlight=False, soft_wrap=True)
    for line in missed_shares(stats.get("mixture")):
        console.print(line, highlight=False, soft_wrap=True)


def amount(source: Mapping[str, Any]) -> str:
    """What was kept of a source: its tokens, or its characters where the run makes text."""
    if "kept_chars" in source:
        return f"{source['kept_chars']:,} characters"
    return f"{source['tokens']:,} tokens"


def missed_shares(mixture: Mapping[str, Any] | None) -> list[str]:
    """A line for each group whose share of the mixture is not the one asked for, and one for tokens that are missing."""
    if mixture is None:
        return []
    lines = []
    for name, group in mixture["groups"].items():
        asked = group["asked_share"]
        if asked is not None and abs(group["share"] - asked) > _SHARE_TOLERANCE:
            epochs = f"{group['epochs']:.2f} epochs of {group['available_tokens']:,} tokens"
            lines.append(f"mixture: {name} was to be {asked:.1%} and is {group['share']:.1%} ({epochs})")
    if mixture["missing_tokens"]:
        lines.append(f"mixture: {mixture['missing_tokens']:,} tokens are missing: every group is at its max_epochs")
    return lines


def print_findings(folder: Path, found: Sequence[Finding]) -> None:
    """The worst findings, each with the command that mends it or shows more; of those missed, all, as errors."""
    shown = found[: max(_MOST_FINDINGS, sum(each["missed"] for each in found))]
    for each in shown:
        (complain if each["missed"] else remark)(each["says"])
        if call := command(each, folder):
            MESSAGES.print(Text(f"     {call}", style="dim"), soft_wrap=True)
    if left := len(found) - len(shown):
        MESSAGES.print(Text(f"     and {left:,} more: {folder / 'findings.json'}", style="dim"), soft_wrap=True)


def _print_step(console: Console, row: Mapping[str, Any], records: int) -> None:
    share = row["kept"] / records if records else 0.0
    bar = "█" * round(_BAR * share)
    dropped = f"−{row['dropped']:,}" if row["dropped"] else ""
    line = Text.assemble(
        f"  {row['step']:<20}",
        (f"{bar:<{_BAR}}", "cyan"),
        f"{row['kept']:>13,}",
        (f"{dropped:>13}", "red"),
    )
    console.print(line, soft_wrap=True)
    judged = {} if row["step"] == ROLE else row["rules"]  # that a source is no output is no rule
    rules: Sequence[tuple[str, Mapping[str, int]]] = sorted(
        ((rule, count) for rule, count in judged.items() if count["failed"]),
        key=lambda item: (-item[1]["failed"], item[0]),
    )
    for rule, count in rules[:_MOST_RULES]:
        alone = f"  {count['alone']:,} failed only this" if 0 < count["alone"] < count["failed"] else ""
        text = f"      {rule.partition('/')[2]:<{_BAR + 16}}{count['failed']:>13,} failed{alone}"
        console.print(Text(text, style="dim"), soft_wrap=True)
    if len(rules) > _MOST_RULES:
        console.print(Text(f"      and {len(rules) - _MOST_RULES} more rules", style="dim"), soft_wrap=True)


def print_effects(console: Console, made: Attempt) -> None:
    """What edits cut out of each source's documents, and records that failed each rule."""
    for name, source in made.stats["sources"].items():
        for edit, chars in source["edited_chars"].items():
            console.print(Text(f"{name}: {edit} cut out {chars:,} characters"), soft_wrap=True)
    shown = None
    for example in made.examples:
        if example.rule != shown:
            console.print(Text(f"\n{example.rule}", style="bold"), soft_wrap=True)
            shown = example.rule
        console.print(Text(f"  {example.record}"), soft_wrap=True)
        if example.text:
            console.print(Text(f"    {example.text}", style="dim"), soft_wrap=True)
