"""What a pipeline's steps tell their tasks: settings split by what they decide, so that a threshold touches verdicts only.

Knows settings and packs; runs nothing.
"""

from __future__ import annotations

from typing import Any

from curate import filters, tokens
from curate.config.models import Filter, Pipeline, Source


def evaluation_steps(source: Source) -> list[dict[str, Any]]:
    """What decides a document's numbers and text: each step's kind, name, settings, and the ledger columns it makes."""
    steps = []
    for name, setting in source.named_steps():
        if isinstance(setting, Filter):
            pack = filters.load(setting.pack)
            columns = [[f"{name}.{metric}", kind] for metric, kind in pack.columns]
            steps.append({"kind": "filter", "name": name, "pack": pack.evaluation, "columns": columns})
    return steps


def verdict_steps(pipeline: Pipeline, source_name: str) -> list[dict[str, Any]]:
    """What decides a document's fate: each step's rules with their bounds."""
    steps = []
    for name, setting in pipeline.sources[source_name].named_steps():
        if isinstance(setting, Filter):
            changes = {
                rule: bounds.model_dump(exclude_unset=True) for rule, bounds in pipeline.filters.get(name, {}).items()
            }
            pack = filters.load(setting.pack, overrides=changes)
            steps.append({"kind": "filter", "name": name, "pack": pack.data})
    return steps


def dtype_name(tokenizer: str) -> str:
    """NumPy's name for the type of a tokenizer's ids."""
    return str(tokens.load(tokenizer).arrow_type)
