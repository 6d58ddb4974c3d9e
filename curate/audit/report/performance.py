"""Time and throughput per stage, from the timings that tasks left. Knows timings; they are no output of the run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from curate.text.html import Html, bar, count, join, table, tag


def stage_times(folder: Path) -> list[dict[str, Any]]:
    """Per stage in order of its first task: tasks, seconds, CPU seconds, documents per second of one worker, and in bytes
    the greatest memory of a worker during one of its tasks and the most that a task added; None where not known.
    """
    stages = []
    progress = folder / "progress.json"
    listed = json.loads(progress.read_bytes())["stages"] if progress.exists() else []
    for stage in dict.fromkeys(each["name"] for each in listed):
        tasks = task_times(folder, stage)
        if not tasks:
            continue
        documents = sum(each["documents"] for each in listed if each["name"] == stage)
        spent = sum(task["seconds"] for task in tasks)
        stages.append(
            {
                "stage": stage, "tasks": len(tasks), "documents": documents,
                "seconds": spent,
                "cpu": sum(task["cpu"] for task in tasks),
                "peak": _most(tasks, "peak"),
                "added": _most(tasks, "added"),
                "rate": documents / spent if documents and spent else None,
            }
        )  # fmt: skip
    return stages


def peak_memory(stages: list[dict[str, Any]]) -> int:
    """The greatest memory of a worker during any task, in bytes; 0 where it is not known."""
    return max((each["peak"] for each in stages if each["peak"] is not None), default=0)


def _most(tasks: list[dict[str, Any]], name: str) -> int | None:
    return max((task[name] for task in tasks if task.get(name) is not None), default=None)


def task_times(folder: Path, stage: str) -> list[dict[str, Any]]:
    """What each task of a stage took; one that was run more than once counts as it was last."""
    path = folder / f"{stage}.jsonl"
    lines = map(json.loads, path.read_text("utf-8").splitlines()) if path.exists() else ()
    return list({(task["stage"], task["source"], task["label"]): task for task in lines}.values())


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
    heads = ("stage", "tasks", "time", "of it CPU", "documents/s per worker", "worker's peak", "a task added",
             "CPU, and waiting")  # fmt: skip
    note = tag(
        "p",
        f"{seconds(whole)} of work, {seconds(cpu)} of it on a CPU: all tasks added up, however many ran at once. ",
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
