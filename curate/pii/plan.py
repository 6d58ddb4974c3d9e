"""Scrubbing as tasks, one for each part that goes into the shards. Says what runs; executes nothing."""

from __future__ import annotations

from dataclasses import replace

from curate.config.models import Pipeline
from curate.engine.fingerprint import named_code
from curate.engine.runner import Runner, check_balance
from curate.engine.task import File, Task
from curate.flow import Flow, is_output
from curate.pii.detectors import Detection
from curate.pii.scrubbing import Replacement, check_replacement
from curate.pii.step import Scrub
from curate.pii.tasks import scrub_part
from curate.storage import list_files


def scrub(pipeline: Pipeline, flow: Flow, runner: Runner) -> Flow:
    """The flow with personal data replaced in its documents, where the pipeline has the step."""
    setting = pipeline.combined(Scrub)
    if setting is None:
        return flow
    params = {
        "types": list(setting.types),
        "regions": None if setting.regions is None else list(setting.regions),
        "options": sorted(name for name, wanted in setting.options.items() if wanted),
        "placeholders": dict(setting.placeholders),
        "drop_above": setting.drop_above,
        "code": named_code(name for name in setting.types if ":" in name),
    }
    key = [File("key", file.path, file.stamp, file.size) for file in list_files([setting.key])] if setting.key else []
    members = [position for position, part in enumerate(flow.parts) if is_output(pipeline, part)]
    tasks = []
    for position in members:
        part = flow.parts[position]
        assert part.verdicts is not None, "scrubbing comes after the verdicts"
        inputs = (
            replace(part.documents, name="documents"),
            replace(part.verdicts, name="verdicts"),
            *([part.evaluated.file("columns", "evaluated")] if part.evaluated is not None else []),
            *key,
        )
        tasks.append(Task("scrub", scrub_part, params, inputs, part.name))
    parts = list(flow.parts)
    for position, result in zip(members, runner.stage("scrub", tasks), strict=True):
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
