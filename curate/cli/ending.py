"""What to look at after a run: where the report is, and two commands for the rule that dropped most. Computes nothing."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from curate.config.models import Pipeline
from curate.config.step_params import verdict_steps
from curate.engine.mirror import place_of
from curate.verdicts.bounds import BoundsRule


def next_steps(folder: Path, pipeline: Pipeline, stats: Mapping[str, Any], columns: int = 80) -> list[str]:
    """Lines that say where the report of a finished run is, and what can be asked next; what a command is for is left out
    where a line of so many columns has no room for it."""
    page = folder / "report.html"
    place = page.resolve().as_uri() if page.exists() else str(page)
    number = len(stats.get("findings", ()))
    lines = [f"Report: {place}" + (f" ({number:,} finding{'s' * (number != 1)}, told below)" if number else "")]
    rule = _hardest(stats)
    run = shlex.quote(place_of(folder))
    asked = [f"curate query {run} 'select source, count(*) from ledger group by 1'"]
    if rule is not None:
        asked = [f"curate sample {run} --failed {rule} -n 3"]
        key = _bound(pipeline, rule)
        asked += [f"curate whatif {run} --set {key}=null"] if key else []
    if len(asked) < 2:
        asked.append(f"curate report {run} --format table")
    told = {"sample": "what it dropped", "whatif": "what would be kept without that rule"}
    width = max(map(len, asked))
    lines.append("Next:")
    for each in asked:
        about = told.get(each.split()[1], "the numbers here" if "report" in each else "any question, in SQL")
        line = f"  {each:<{width}}  # {about}"
        lines.append(line if len(line) <= columns else f"  {each}")
    return lines


def _hardest(stats: Mapping[str, Any]) -> str | None:
    """The rule that most records failed as the only one; where there is none such, that most records failed."""
    alone: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    for source in stats["sources"].values():
        for row in source["funnel"]:
            if row["step"] in ("read", "extract"):
                continue
            for rule, count in row["rules"].items():
                alone[rule] += count["alone"]
                failed[rule] += count["failed"]
    for counts in (alone, failed):
        best = max(counts, key=lambda rule: (counts[rule], rule), default=None)
        if best is not None and counts[best]:
            return best
    return None


def _bound(pipeline: Pipeline, name: str) -> str | None:
    """The key that holds the bound of a rule, where it is one that may be taken away."""
    for source in pipeline.sources:
        for step in verdict_steps(pipeline, source):
            for rule in step.rules:
                if isinstance(rule, BoundsRule) and rule.full_name == name and not rule.whole_key:
                    return f"{rule.key}.{'min' if rule.min is not None else 'max'}"
    return None
