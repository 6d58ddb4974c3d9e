"""Time and throughput per stage, from the timings that tasks left. Knows timings; they are no output of the run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from curate.audit.report.html import Html, bar, count, table, tag


def stage_times(folder: Path) -> list[dict[str, Any]]:
    """Per stage in order of its first task: tasks, seconds, CPU seconds, the greatest peak of memory in bytes.

    A task that was run more than once counts as it was last.
    """
    stages = []
    progress = folder / "progress.json"
    listed = json.loads(progress.read_bytes())["stages"] if progress.exists() else []
    for stage in dict.fromkeys(each["name"] for each in listed):
        path = folder / f"{stage}.jsonl"
        if not path.exists():
            continue
        tasks: dict[tuple[str, str], dict[str, Any]] = {}
        for line in path.read_text("utf-8").splitlines():
            task = json.loads(line)
            tasks[task["stage"], task["label"]] = task
        documents = sum(each["documents"] for each in listed if each["name"] == stage)
        stages.append(
            {
                "stage": stage, "tasks": len(tasks), "documents": documents,
                "seconds": sum(task["seconds"] for task in tasks.values()),
                "cpu": sum(task["cpu"] for task in tasks.values()),
                "peak": max(task["peak"] for task in tasks.values()),
            }
        )  # fmt: skip
    return stages


def panel(folder: Path) -> Html:
    """A table of stages."""
    stages = stage_times(folder)
    if not stages:
        return tag("p", "No timings were kept.", class_="quiet")
    longest = max(each["seconds"] for each in stages) or 1
    rows = [
        (
            each["stage"], count(each["tasks"]), f"{each['seconds']:.2f} s", f"{each['cpu']:.2f} s",
            bar(each["seconds"] / longest, each["cpu"] / longest),
            count(each["documents"] / each["seconds"]) if each["documents"] and each["seconds"] else "",
            f"{each['peak'] / 1e6:,.0f} MB",
        )
        for each in stages
    ]  # fmt: skip
    heads = ("stage", "tasks", "time of all tasks", "of it CPU", "", "documents/s and worker", "peak memory")
    return table(heads, rows)
