"""What a pipeline will do, before it does it. Knows the pipeline and its inputs; runs nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from curate.config.models import Pipeline
from curate.errors import counted
from curate.settings import Model
from curate.storage import SourceFile


def describe(pipeline: Pipeline, inputs: Mapping[str, Sequence[SourceFile]]) -> str:
    """The resolved plan: inputs, steps with their settings, outputs, one line each."""
    lines = [f"{pipeline.name} (seed {pipeline.seed})"]
    for name, source in pipeline.sources.items():
        files = inputs[name]
        role = "" if source.role == "training" else f", {source.role} only"
        lines.append(
            f"  {name}: {counted(len(files), f'{source.read.format} file')}, "
            f"{counted(sum(file.size for file in files), 'byte')}{role}"
        )
        lines += [f"    {step}{_settings(setting)}" for step, setting in source.named_steps()]
    for step in pipeline.combine:
        lines.append(f"  {step.kind}{_settings(step.setting)}")
    for step_name, rules in pipeline.filters.items():
        for rule, bounds in rules.items():
            lines.append(f"  {step_name}/{rule} changed{_settings(bounds)}")
    if pipeline.tokens is None:
        lines.append(f"  text out: documents after {pipeline.last_step}, no tokens")
    else:
        lines.append(f"  tokens: {pipeline.tokens.tokenizer}")
        lines += [f"  tokens: {each.tokenizer} too, in shards/{each.name}" for each in pipeline.tokens.further]
        lines.append(f"  shards{_settings(pipeline.shards)}")
    return "\n".join(lines)


INPUT = ("source", "role", "format", "files", "bytes", "steps")
"""What `input_rows` tells of a source; its steps by name, with a space between them."""


def input_rows(
    pipeline: Pipeline, inputs: Mapping[str, Sequence[SourceFile]]
) -> list[tuple[str, str, str, int, int, str]]:
    """INPUT of each source."""
    return [
        (
            name,
            source.role,
            source.read.format,
            len(inputs[name]),
            sum(file.size for file in inputs[name]),
            " ".join(step for step, _ in source.named_steps()),
        )
        for name, source in pipeline.sources.items()
    ]


def _settings(setting: Model) -> str:
    shown = setting.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return ": " + ", ".join(f"{key}={value}" for key, value in shown.items()) if shown else ""
