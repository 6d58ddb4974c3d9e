"""Time and cost: stages on the wall clock, CPU time and memory of their tasks, and what a run costs at a price.

Knows timings; they are no output of the run.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from curate.audit.report import facts
from curate.audit.report.headlines import spent
from curate.audit.timings import stage_times, wall_clock
from curate.records.statistics import RunNumbers
from curate.text.html import Html, count, join, table, tag

_HOUR = 3600.0
PRICE = 0.04
"""Of an hour of one core, in the unit of money that the reader thinks in: `curate plan --price` begins there too."""
_THINNEST = 0.3
"""Per cent of the width: a stage is never invisible."""


def panel(folder: Path, stats: RunNumbers) -> Html:
    """A table of stages with their place on the wall clock, and the run's cost."""
    stages = stage_times(folder)
    if not stages:
        return tag("p", "No timings were kept.", class_="quiet")
    clock = wall_clock(folder)
    whole = max((end for _, end in clock.values()), default=0.0)
    rows = [
        (
            each["stage"], _span(each, clock.get(each["stage"]), whole), count(each["tasks"]), seconds(each["seconds"]),
            seconds(each["cpu"]), count(each["rate"]) if each["rate"] else "", _size(each["peak"]), _size(each["added"]),
        )
        for each in stages
    ]  # fmt: skip
    heads = ("stage", f"from start to end, {spent(whole)}", "tasks", "tasks' time", "CPU time", "documents/s of one worker",
             "worker's peak", "a task added")  # fmt: skip
    took, cpu = (sum(each[name] for each in stages) for name in ("seconds", "cpu"))
    note = tag(
        "p",
        f"Stages from left to right on the wall clock of the last run, {spent(whole)}. Their tasks took {spent(took)}, "
        f"{spent(cpu)} of it on a CPU, added up over all workers; what was taken up from an earlier run counts as it took "
        "then. Worker's peak: the greatest memory of a worker process during a task; the rest of it, such as libraries "
        "and models, was there before the task added its own. ",
        tag("span", class_="key kept"), "share on a CPU ",
        tag("span", class_="key kept-soft"), "waiting for files, others or a core",
        class_="quiet",
    )  # fmt: skip
    return join([note, table(heads, rows, class_="sortable"), _cost(took / _HOUR, stats)])


def _span(stage: Mapping[str, Any], when: tuple[float, float] | None, whole: float) -> Html:
    """When a stage ran, from left to right; solid: the share of its tasks' time on a CPU."""
    if when is None or not whole:
        return tag("svg", class_="bar", aria_hidden="true")
    start, wide = 100 * when[0] / whole, max(_THINNEST, 100 * (when[1] - when[0]) / whole)
    start = min(start, 100 - wide)
    busy = wide * min(1.0, stage["cpu"] / stage["seconds"]) if stage["seconds"] else 0.0
    return tag(
        "svg",
        tag("title", f"{stage['stage']}: from {spent(when[0])} to {spent(when[1])}"),
        tag("line", x1="0%", x2="100%", y1="100%", y2="100%", class_="rail"),
        tag("rect", class_="soft", x=f"{start:.2f}%", width=f"{wide:.2f}%", height="100%"),
        tag("rect", class_="solid", x=f"{start:.2f}%", width=f"{busy:.2f}%", height="100%"),
        class_="bar",
        role="img",
    )


def costs(hours: float, stats: RunNumbers) -> list[tuple[str, float]]:
    """(what, hours of one worker): of the run, of a million records, and of a billion tokens."""
    totals = facts.totals(stats["sources"])
    lines = [("this run", 1.0)]
    if totals.records:
        lines.append(("a million records", 1e6 / totals.records))
    if totals.amount:
        lines.append((f"a billion {facts.unit(stats)} kept", 1e9 / totals.amount))
    return [(what, hours * times) for what, times in lines]


def _cost(hours: float, stats: RunNumbers) -> Html:
    """Hours of one worker and their price."""
    rows = [(what, _two(each), tag("span", _two(PRICE * each), data_hours=each)) for what, each in costs(hours, stats)]
    price = tag("input", type="number", id="price", value=PRICE, min=0, step=0.01, inputmode="decimal")
    return join(
        [
            tag("h3", "What it costs"),
            tag("p", tag("label", "price of an hour of one core ", price), class_="buttons"),
            table(("of", "core-hours", "money"), rows, class_="slim"),
            tag(
                "p",
                "Core-hours are the hours that workers spent on tasks, one core each. A small run pays more for each page "
                "than a large one: every stage starts its workers and its compiled code once. ",
                tag("code", "curate plan PIPELINE --against RUN"),
                " puts a forecast beside them.",
                class_="quiet",
            ),
        ]
    )


def _two(number: float) -> str:
    """Two digits of a number of any size."""
    return f"{float(f'{number:.2g}'):,.0f}" if number >= 10 else f"{number:.2g}"


def _size(number: int | None) -> str:
    if number is None:
        return ""
    return f"{number / 1e9:.1f} GB" if number >= 1e9 else f"{number / 1e6:.0f} MB"


def seconds(number: float) -> str:
    """A time in seconds, as a table sorts it."""
    return f"{number:,.2f} s" if number < 100 else f"{number:,.0f} s"
