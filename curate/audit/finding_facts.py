"""The facts that rules of findings look at, of each subject of a scope: numbers for ranges, words for sentences.

A fact that is not known is left out, and no range holds it. `subject` is what a finding is about, `weight` what it is worth
against others of its level: documents at stake, as a share of the run's. Knows the numbers of stats.json.
"""

from __future__ import annotations

import math
import shlex
import statistics
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from curate.audit.source_facts import Facts, Words, bounds, damage, domains, languages, rules, sources, steps, topics
from curate.audit.timings import task_times
from curate.config.expectations import COUNTS, FINDINGS, KEPT
from curate.config.mixture import CELLS, MOST_EPOCHS
from curate.config.models import Pipeline
from curate.records.statistics import RunNumbers, SourceNumbers, outputs
from curate.settings import parse_range

STAGES = "stages"
_DONE = {
    "drop": "these documents were dropped",
    "cut": "the passages were cut out of them",
}


def run(pipeline: Pipeline, stats: RunNumbers) -> Iterator[Facts]:
    """The run as a whole."""
    kept = sum(stats["sources"][name]["kept"] for name in outputs(stats["sources"]))
    mixture = stats["mixture"] or {}
    missing = mixture.get("missing_tokens", 0)
    yield {
        "subject": stats["name"],
        "weight": 1.0,
        "kept": kept,
        "has_shards": int(bool(stats["shards"])),
        "validation_asked": pipeline.shards.validation,
        "validation_tokens": stats["shards"].get("validation", {"tokens": 0})["tokens"],
        "train_tokens": stats["shards"].get("train", {"tokens": 0})["tokens"],
        "missing_tokens": missing,
        "missing_share": missing / max(1, missing + mixture.get("tokens", 0)),
        **_mended(pipeline, mixture.get("groups") or {}),
    }


def groups(pipeline: Pipeline, stats: RunNumbers) -> Iterator[Facts]:
    """The groups of the mixture."""
    listed = (stats["mixture"] or {}).get("groups") or {}
    mended = _mended(pipeline, listed)
    for name, group in listed.items():
        facts: Facts = {
            "subject": name, "group": repr(name), "weight": group["share"], "epochs": group["epochs"],
            "share": group["share"], "tokens": group["tokens"], **mended,
        }  # fmt: skip
        if group["asked_share"] is not None:
            asked = group["asked_share"]
            facts |= {"asked": asked, "missed_by": abs(group["share"] - asked), "weight": abs(group["share"] - asked)}
        yield facts


_NAMED_GROUPS = 12
"""Groups that a command names one by one."""


def _mended(pipeline: Pipeline, listed: Mapping[str, Any]) -> Facts:
    """The command of a mix with the shares asked for in which nothing is repeated beyond MOST_EPOCHS, and the tokens that it
    has; where groups are too many to name, of one with equal shares."""
    if not listed or pipeline.mixture is None:
        return {}
    by = "" if pipeline.mixture.by == "source" else f" --by {shlex.quote(pipeline.mixture.by.replace(CELLS, ','))}"
    words = f"curate mix make RUN --name mended{by}"
    if len(listed) > _NAMED_GROUPS or any(char in name for name in listed for char in ",="):
        return {"mend": Words(f"{words} --unimax {MOST_EPOCHS:g}")}

    def pairs(numbers: Mapping[str, float]) -> str:
        return shlex.quote(",".join(f"{name}={number:.6g}" for name, number in numbers.items()))

    there = {name: group for name, group in listed.items() if group["available_tokens"]}
    asked = {name: group["asked_share"] for name, group in there.items()}
    if any(share is None for share in asked.values()):
        fewer = {name: min(MOST_EPOCHS, group["epochs"]) for name, group in there.items()}
        return {"mend": Words(f"{words} --epochs {pairs(fewer)}")}
    whole = sum(asked.values()) or 1.0
    room = (MOST_EPOCHS * there[name]["available_tokens"] * whole / share for name, share in asked.items() if share)
    most = pairs(dict.fromkeys(asked, MOST_EPOCHS))
    tokens = math.floor(min(room, default=0.0))
    return {"mend": Words(f"{words} --weights {pairs(asked)} --max-epochs {most} --tokens {tokens}")}


def evaluation_sets(pipeline: Pipeline, stats: RunNumbers) -> Iterator[Facts]:
    """The sets of evaluation items that were looked for."""
    found = stats["contamination"]
    documents = sum(stats["sources"][name]["documents"] for name in outputs(stats["sources"])) or 1
    for name, numbers in (found["sets"] if found else {}).items():
        yield {
            "subject": name,
            "set": repr(name),
            "weight": numbers["documents"] / documents,
            "items": numbers["items"],
            "found": numbers["found"],
            "documents": numbers["documents"],
            "done": _DONE[found["mode"]] if found else "",
        }


def metadata(pipeline: Pipeline, stats: RunNumbers) -> Iterator[Facts]:
    """Columns carried from the input."""
    for source, numbers in stats["sources"].items():
        for column, carried in numbers.get("metadata", {}).items():
            share = carried["converted"] / carried["values"] if carried["values"] else 0.0
            yield {
                "subject": f"{source}.{column}", "source": source, "column": column, "weight": share, "share": share,
                "values": carried["values"], "converted": carried["converted"], "type": carried["type"],
            }  # fmt: skip


def stages(folder: Path) -> Iterator[Facts]:
    """The stages of a run, from its `timings` folder; none where that is gone."""
    for path in sorted(folder.glob("*.jsonl")):
        tasks = [task for task in task_times(folder, path.stem) if task.get("seconds") is not None]
        if not tasks:
            continue
        slowest = max(tasks, key=lambda task: float(task["seconds"]))
        median = statistics.median(float(task["seconds"]) for task in tasks)
        yield {
            "subject": path.stem, "stage": path.stem, "weight": float(slowest["seconds"]), "tasks": len(tasks),
            "slowest": float(slowest["seconds"]), "median": median,
            "ratio": float(slowest["seconds"]) / median if median else 0.0, "label": str(slowest["label"]),
        }  # fmt: skip


def expectations(pipeline: Pipeline, stats: RunNumbers) -> Iterator[Facts]:
    """The ranges that the pipeline expects of sources' numbers."""
    for key, wanted in pipeline.expect.items():
        source, _, name = key.partition(".")
        if source not in pipeline.sources:
            continue
        number = _number(stats["sources"][source], name)
        if number is None:
            yield _expected(key, wanted, None, "nothing got as far")
        else:
            shown = f"{number:,.0f}" if name in COUNTS else f"{number:.4g}"
            yield _expected(key, wanted, number, f"it is {shown}")


def expected_findings(pipeline: Pipeline, counted: Mapping[str, int], worth_a_look: int) -> Iterator[Facts]:
    """The ranges that the pipeline expects of how often a finding is made, and of how many are worth a look."""
    for key, wanted in pipeline.expect.items():
        of, _, name = key.partition(".")
        if of != FINDINGS or of in pipeline.sources:
            continue
        number = counted.get(name, 0) if name else worth_a_look
        yield _expected(key, wanted, float(number), f"there are {number:,}" if number != 1 else "there is 1")


def _expected(key: str, wanted: str, number: float | None, shown: str) -> Facts:
    least, most = parse_range(wanted)
    facts: Facts = {"subject": key, "key": key, "wanted": wanted, "shown": shown, "weight": 0.0}
    facts["met"] = int(number is not None and least <= number <= most)
    return facts if number is None else facts | {"found": number}


def _number(source: SourceNumbers, name: str) -> float | None:
    """A number of a source; None for the share of nothing."""
    if name == KEPT:
        return source["kept"] / source["records"] if source["records"] else None
    if name in COUNTS:
        return float({"records": source["records"], "documents": source["documents"], "tokens": source["tokens"]}[name])
    row = next((row for row in source["funnel"] if row["step"] == name), None)
    return row["kept"] / row["in"] if row and row["in"] else None


SCOPES: Mapping[str, Callable[[Pipeline, RunNumbers], Iterator[Facts]]] = {
    "sources": sources, "damage": damage, "run": run, "steps": steps, "rules": rules, "bounds": bounds,
    "languages": languages, "topics": topics, "domains": domains, "evaluation_sets": evaluation_sets, "groups": groups,
    "metadata": metadata,
}  # fmt: skip
"""What gives the facts of each scope but `expectations`, which look at the other findings too, and `stages`."""
