"""Time and throughput per stage, as a table. Knows timings; they are no output of the run."""

from __future__ import annotations

from pathlib import Path

from curate.audit.report.headlines import spent
from curate.audit.timings import stage_times
from curate.text.html import Html, bar, count, join, table, tag


def panel(folder: Path) -> Html:
    """A table of stages."""
    stages = stage_times(folder)
    if not stages:
        return tag("p", "No timings were kept.", class_="quiet")
    longest = max(each["seconds"] for each in stages) or 1
    rows = [
        (
            each["stage"], count(each["tasks"]), seconds(each["seconds"]), seconds(each["cpu"]),
            count(each["rate"]) if each["rate"] else "", _size(each["peak"]), _size(each["added"]),
            bar(each["seconds"] / longest, each["cpu"] / longest),
        )
        for each in stages
    ]  # fmt: skip
    whole, cpu = (sum(each[name] for each in stages) for name in ("seconds", "cpu"))
    heads = ("stage", "tasks", "time", "CPU time", "documents/s per worker", "worker's peak", "a task added",
             "CPU, and waiting")  # fmt: skip
    note = tag(
        "p",
        f"Tasks took {spent(whole)}, {spent(cpu)} of it on a CPU, added up over all workers. ",
        "Worker's peak: the greatest memory of a worker process while it did a task of the stage, and how much of it the "
        "task added; the rest, such as libraries and models, was there before. ",
        tag("span", class_="key kept"), "on a CPU ",
        tag("span", class_="key kept-soft"), "waiting for files, others or a core",
        class_="quiet",
    )  # fmt: skip
    return join([note, table(heads, rows, class_="sortable")])


def _size(number: int | None) -> str:
    if number is None:
        return ""
    return f"{number / 1e9:.1f} GB" if number >= 1e9 else f"{number / 1e6:.0f} MB"


def seconds(number: float) -> str:
    """A time as a person says it; sorted as its seconds are."""
    return f"{number:,.2f} s" if number < 100 else f"{number:,.0f} s"
