"""Opt-outs as tasks: what each file says, all of it sorted, and every document marked. Executes nothing itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from curate.config.models import Pipeline
from curate.engine.runner import Runner, check_balance
from curate.engine.task import Committed, File, Task
from curate.filters.opt_out.agents import agents_of
from curate.filters.opt_out.step import OptOut
from curate.filters.opt_out.tasks import (
    GatheredCounts,
    GatherParams,
    MarkParams,
    NoParams,
    gather,
    gather_all,
    mark_part,
)
from curate.flow import Flow
from curate.records.opt_outs import OPT_OUTS
from curate.storage import list_files


def mark_opt_outs(pipeline: Pipeline, flow: Flow, runner: Runner) -> Flow:
    """The flow with what publishers said of each document, for the sources that have the step."""
    settings = {name: source.setting(OptOut) for name, source in pipeline.sources.items()}
    asking = {name: setting for name, setting in settings.items() if setting is not None}
    if not asking:
        return flow
    evidence = {name: _gathered(name, setting, runner) for name, setting in asking.items()}
    members = [place for place, part in enumerate(flow.parts) if part.source in asking]
    tasks = [
        Task(
            "opt-outs",
            mark_part,
            MarkParams(agents=agents_of(asking[part.source].agents), as_of=asking[part.source].as_of),
            {
                "documents": part.extracted,
                "records": part.read.file("records"),
                "sorted": evidence[part.source][0].file("sorted"),
                "rules": evidence[part.source][0].file("rules"),
            },
            part.name,
            part.source,
        )
        for part in map(flow.parts.__getitem__, members)
    ]
    parts = list(flow.parts)
    counted = {name: Counter(evidence[name][1]) for name in asking}
    for place, result in zip(members, runner.stage(tasks), strict=True):
        part, counts = parts[place], result.counts
        check_balance(f"opt-outs {part.name}", into=part.read.counts["documents"], marked=counts["documents"])
        counted[part.source].update({"documents refused": counts["refused"]})
        counted[part.source].update({f"refused {agent}": number for agent, number in counts["agents"].items()})
        parts[place] = part.after(result, columns=(*part.columns, result.file("columns")))
    metrics = (*flow.metrics, *((field.name, str(field.type)) for field in OPT_OUTS))
    numbers = {name: dict(sorted(each.items())) for name, each in counted.items()}
    return replace(flow, parts=tuple(parts), metrics=metrics, opt_outs=numbers)


def _gathered(source: str, setting: OptOut, runner: Runner) -> tuple[Committed[GatheredCounts], Mapping[str, int]]:
    """All statements, sorted, and what was seen in the files."""
    agents = agents_of(setting.agents)
    tasks = [
        Task(
            "opt-out-files",
            gather,
            GatherParams(agents=agents, robots=robots),
            {"file": File(file.relative, file.path, file.stamp, file.size)},
            file.relative,
            source,
        )
        for patterns, robots in ((setting.robots, True), (setting.lists, False))
        for file in (list_files(patterns) if patterns else ())
    ]
    results = runner.stage(tasks)
    files = [result.file("statements") for result in results]
    (merged,) = runner.stage(
        [Task("opt-out-statements", gather_all, NoParams(), {"statements": files}, source, source)]
    )
    seen: Counter[str] = Counter({"files": len(files), "statements": merged.counts["statements"]})
    for result in (*results, merged):
        seen.update(result.counts["seen"])
    return merged, seen
