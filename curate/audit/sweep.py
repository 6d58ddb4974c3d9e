"""The yield as a threshold moves: one reading of the ledger per point would be many, so all points are decided at once.

Knows what-if; knows no terminal.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from curate.audit.finished_run import AuditError, OpenedRun
from curate.audit.redecide import changed_steps
from curate.audit.rendering import Answer, Cell, Table
from curate.audit.sums import add_up
from curate.audit.whatif import explain_tokens, needs_run, outcome_of

_SWEEP = re.compile(r"(?P<key>[^=]+)=(?P<low>-?[\d.]+)\.\.(?P<high>-?[\d.]+)(?::(?P<points>\d+))?")
_POINTS = 10
_MOST_POINTS = 50
_SAMPLE = 200  # documents let in at a point whose tokens are counted
_BAR = 40  # characters of the longest bar


def points(text: str) -> tuple[str, list[float]]:
    """(key, values) of KEY=LOW..HIGH or KEY=LOW..HIGH:POINTS, evenly spaced, whole where both ends are."""
    match = _SWEEP.fullmatch(text)
    try:
        if match is None:
            raise ValueError
        low, high, count = float(match["low"]), float(match["high"]), int(match["points"] or _POINTS)
    except ValueError:
        raise AuditError(f"--sweep {text}: write KEY=LOW..HIGH, as in filters.c4.min_sentences.min=1..10") from None
    if not 2 <= count <= _MOST_POINTS or not low < high:
        raise AuditError(f"--sweep {text}: LOW must be below HIGH, with 2 to {_MOST_POINTS} points between them")
    values = [low + (high - low) * step / (count - 1) for step in range(count)]
    if "." not in match["low"].strip("-") and "." not in match["high"]:
        values = [float(value) for value in sorted({round(value) for value in values})]
    return match["key"], values


def sweep(run: OpenedRun, sets: Sequence[str], text: str) -> Answer:
    """The answer to `curate whatif --sweep`. Raises AuditError where only a run can answer."""
    key, values = points(text)
    pipelines = [run.changed([*sets, f"{key}={value:.12g}"]) for value in values]
    for pipeline in pipelines:
        redo = needs_run(run, pipeline)
        if redo:
            raise AuditError(f"{key} needs a run, which would redo: {', '.join(redo)}")
    variants = [changed_steps(run, pipeline) for pipeline in pipelines]
    sums = add_up(run, variants, _SAMPLE)
    outcomes = [outcome_of(run, steps, total) for steps, total in zip(variants, sums, strict=True)]
    outputs = outcomes[0].outputs
    most = max(outcome.sums.total("passes", outputs) for outcome in outcomes) or 1
    rows: list[tuple[Cell, ...]] = []
    for value, outcome in zip(values, outcomes, strict=True):
        passes = outcome.sums.total("passes", outputs)
        rows.append((value, passes, str(outcome.documents()), str(outcome.tokens()), "█" * round(_BAR * passes / most)))
    now = outcomes[0].before
    table = Table(
        f"Yield as {key} moves",
        (key, "pass every rule", "kept", outcomes[0].unit, ""),
        tuple(rows),
        f"The run kept {now[0]:,} documents, {now[1]:,} {outcomes[0].unit}. {explain_tokens(outcomes)}",
    )
    data = [
        {
            "value": value,
            "passes": outcome.sums.total("passes", outputs),
            "kept": [outcome.documents().low, outcome.documents().high],
            outcome.unit: outcome.tokens().tokens,
            "low": outcome.tokens().low,
            "high": outcome.tokens().high,
            "counted": outcome.tokens().counted,
        }
        for value, outcome in zip(values, outcomes, strict=True)
    ]
    return Answer((table,), {"key": key, "points": data})
