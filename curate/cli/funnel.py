"""A run's numbers on the terminal. Knows numbers and columns; computes nothing."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from curate.audit.findings import command
from curate.audit.rendering import csv_text
from curate.cli.console import MESSAGES, complain, remark
from curate.engine.mirror import place_of
from curate.errors import counted
from curate.records.findings import Finding
from curate.records.statistics import kept_rate
from curate.verdicts.steps import ROLE

if TYPE_CHECKING:
    from curate.pipeline.attempt import Attempt

_BAR = 24
"""Characters of a bar as long as all records, where there is room."""
_NAME, _NUMBER, _LEAST_WIDTH = 19, 11, 60
"""Characters of a step's name and of a number, and of the narrowest console that is written for."""
_SHARE_TOLERANCE = 0.005
"""A share of the mixture that misses what was asked by less is what was asked, to the documents that make it."""
_MOST_FINDINGS = 7
"""Findings shown when a run ends; `findings.json` and the report have all."""
_MOST_RULES = 6
"""Rules shown of a step: those that failed most; `curate report` shows all."""


def print_funnel(console: Console, stats: Mapping[str, Any]) -> None:
    """Per source a bar that shortens step by step, and below a step the rules that failed most documents.

    As wide as the console at most, from 60 columns on.
    """
    for name, source in stats["sources"].items():
        heading = f"{name}  {counted(source['records'], 'record')} of {counted(source['files'], 'file')}"
        _say(console, heading, "bold")
        for row in source["funnel"]:
            _print_step(console, row, source["records"])
        if source["role"] == "reference":
            _say(console, "  no output: this source only trains the classifier", "dim")
        else:
            rate = kept_rate(source["documents"], source["kept"])
            share = "" if rate is None else f" ({rate:.1%} of {source['documents']:,})"
            _say(console, f"  kept {counted(source['kept'], 'document')}{share}, {amount(source)}")
        console.print()
    further = {name: each["shards"] for name, each in stats.get("tokenizers", {}).items()}
    splits = [(split, shard) for split, shard in stats.get("shards", {}).items()]
    splits += [(f"{name}/{split}", shard) for name, shards in further.items() for split, shard in shards.items()]
    for split, shard in splits:
        number, documents = counted(shard["tokens"], "token"), counted(shard["documents"], "document")
        _say(console, f"{split}: {number} of {documents} in {counted(shard['shards'], 'shard')}")
    for line in missed_shares(stats.get("mixture")):
        _say(console, line)


def _say(console: Console, line: str, style: str = "") -> None:
    """A line, broken between words where the console is narrower."""
    indent = len(line) - len(line.lstrip())
    rest = " " * (indent + 2)
    for piece in textwrap.wrap(line, max(console.width, _LEAST_WIDTH), subsequent_indent=rest, drop_whitespace=False):
        console.print(Text(piece.rstrip(), style=style), soft_wrap=True)


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
        if each["missed"]:
            complain(each["says"])
        else:
            remark(each["says"], each.get("level", "note"))
        if call := command(each, place_of(folder)):
            MESSAGES.print(Text(f"     {call}", style="dim"), soft_wrap=True)
    if left := len(found) - len(shown):
        MESSAGES.print(Text(f"     and {left:,} more: {folder / 'findings.json'}", style="dim"), soft_wrap=True)


def _print_step(console: Console, row: Mapping[str, Any], records: int) -> None:
    share = row["kept"] / records if records else 0.0
    width = max(console.width, _LEAST_WIDTH)
    longest = min(_BAR, width - _NAME - 2 * _NUMBER - 2)
    bar = "█" * round(longest * share)
    dropped = f"−{row['dropped']:,}" if row["dropped"] else ""
    line = Text.assemble(
        f"  {row['step']:<{_NAME}}",
        (f"{bar:<{longest}}", "cyan"),
        f"{row['kept']:>{_NUMBER},}",
        (f"{dropped:>{_NUMBER}}" if dropped else "", "red"),
    )
    console.print(line, soft_wrap=True)
    judged = {} if row["step"] == ROLE else row["rules"]  # that a source is no output is no rule
    rules: Sequence[tuple[str, Mapping[str, int]]] = sorted(
        ((rule, count) for rule, count in judged.items() if count["failed"]),
        key=lambda item: (-item[1]["failed"], item[0]),
    )
    for rule, count in rules[:_MOST_RULES]:
        text = f"      {rule.partition('/')[2]:<{_NAME + longest - 4}}{count['failed']:>{_NUMBER},} failed"
        alone = f", {count['alone']:,} only this" if 0 < count["alone"] < count["failed"] else ""
        fits = len(text) + len(alone) <= width
        console.print(Text(text + (alone if fits else ""), style="dim"), soft_wrap=True)
    if len(rules) > _MOST_RULES:
        more = counted(len(rules) - _MOST_RULES, "more rule")
        console.print(Text(f"      and {more}", style="dim"), soft_wrap=True)


def funnel_csv(stats: Mapping[str, Any]) -> str:
    """A row for each step of each source and each rule that something failed: kept, dropped, failed, failed only this."""
    columns = ("source", "step", "rule", "kept", "dropped", "failed", "only_failure")
    rows: list[list[Any]] = []
    for name, source in stats["sources"].items():
        for row in source["funnel"]:
            rows.append([name, row["step"], None, row["kept"], row["dropped"], None, None])
            for rule, count in row["rules"].items():
                rows.append([name, row["step"], rule.partition("/")[2], None, None, count["failed"], count["alone"]])
    return csv_text(columns, rows)


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
