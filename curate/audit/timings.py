"""How long tasks took and how much memory they had, from the timings that they left: no output of the run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


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


def wall_clock(folder: Path) -> dict[str, tuple[float, float]]:
    """Per stage (start, end) in seconds since the first stage of the last run began, as its progress was noted; nothing
    where that is gone."""
    path = folder / "progress.json"
    listed = json.loads(path.read_bytes())["stages"] if path.exists() else []
    known = [each for each in listed if each.get("started") is not None and each.get("seconds") is not None]
    first = min((each["started"] for each in known), default=0.0)
    found: dict[str, tuple[float, float]] = {}
    for each in known:
        start, end = each["started"] - first, each["started"] - first + each["seconds"]
        before = found.get(each["name"], (start, end))
        found[each["name"]] = min(before[0], start), max(before[1], end)
    return found


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
