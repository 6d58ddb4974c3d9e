"""Scrubbing as tasks, one for each part that goes into the shards. Says what runs; executes nothing."""

from __future__ import annotations

from dataclasses import replace

from curate.code.fingerprint import named_code
from curate.config.models import Pipeline
from curate.engine.runner import Runner, check_balance
from curate.engine.task import File, Task
from curate.flow import Flow, is_output
from curate.pii.detectors import Detection
from curate.pii.scrubbing import Replacement, check_replacement
from curate.pii.step import Scrub
from curate.pii.tasks import ScrubParams, scrub_part
from curate.storage import list_files


def scrub(pipeline: Pipeline, flow: Flow, runner: Runner) -> Flow:
    """The flow with personal data replaced in its documents, where the pipeline has the step."""
    setting = pipeline.combined(Scrub)
    if setting is None:
        return flow
    params = ScrubParams(
        types=list(setting.types),
        regions=None if setting.regions is None else list(setting.regions),
        options=sorted(name for name, wanted in setting.options.items() if wanted),
        placeholders={str(name): text for name, text in setting.placeholders.items()},
        drop_above=setting.drop_above,
        code=named_code(name for name in setting.types if ":" in name),
    )
    keys = list_files([setting.key]) if setting.key else []
    key = File("key", keys[0].path, keys[0].stamp, keys[0].size) if keys else None
    members = [position for position, part in enumerate(flow.parts) if is_output(pipeline, part)]
    tasks = []
    for position in members:
        part = flow.parts[position]
        evaluated = part.evaluated.file("columns") if part.evaluated is not None else None
        inputs = {"documents": part.documents, "verdicts": part.verdicts, "evaluated": evaluated, "key": key}
        tasks.append(Task("scrub", scrub_part, params, inputs, part.name))
    parts = list(flow.parts)
    for position, result in zip(members, runner.stage(tasks), strict=True):
        part = parts[position]
        counts = result.counts
        check_balance(
            f"scrub {part.name}",
            into=part.decided[-1].counts["kept"],
            kept=counts["kept"],
            dropped=sum(counts["dropped"].values()),
        )
        parts[position] = part.after(
            result,
            documents=result.file("documents"),
            verdicts=result.file("verdicts"),
            columns=(*part.columns, result.file("columns")),
            decided=(*part.decided, result),
        )
    return replace(flow, parts=tuple(parts))


def detection_of(setting: Scrub) -> Detection:
    """What the step looks for."""
    return Detection(
        setting.types, setting.regions, frozenset(name for name, wanted in setting.options.items() if wanted)
    )


def check_scrub(pipeline: Pipeline) -> None:
    """Raise ValueError for a region without phone numbers, or a placeholder that would itself be replaced; OSError where
    there is no key file."""
    setting = pipeline.combined(Scrub)
    if setting is None:
        return
    placeholders = {str(name): text for name, text in setting.placeholders.items()}
    if setting.key is not None:
        list_files([setting.key])
    try:
        check_replacement(detection_of(setting), Replacement(placeholders))
    except ValueError as error:
        raise ValueError(f"scrub: {error}") from None
