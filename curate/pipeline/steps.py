"""What a pipeline's steps tell their tasks: settings split by what they decide, so that a threshold touches verdicts only.

Knows settings and packs; runs nothing.
"""

from __future__ import annotations

import hashlib
import os
from typing import Any

import pyarrow as pa

from curate import language, tokens
from curate.config.models import Pipeline, Source
from curate.config.steps import Datatrove, Filter, Language, Quality, Url
from curate.filters.content import pack_content
from curate.filters.pack_files import find
from curate.filters.packs import load as load_pack
from curate.storage import open_binary

Step = dict[str, Any]


def evaluation_steps(source: Source) -> list[Step]:
    """What decides a document's numbers and text: each step's kind, name, settings, and the ledger columns it makes."""
    steps = []
    for name, setting in source.named_steps():
        if isinstance(setting, Filter):
            steps.append(_evaluate_filter(name, setting))
        elif isinstance(setting, Language):
            steps.append(_evaluate_language(name, setting))
        elif isinstance(setting, Datatrove):
            steps.append(_evaluate_datatrove(name, setting))
        elif isinstance(setting, Quality) and setting.model and not os.path.isfile(setting.model):
            raise FileNotFoundError(f"no quality model at {setting.model}")
    return steps


def verdict_steps(pipeline: Pipeline, source_name: str, threshold: float | None = None) -> list[Step]:
    """What decides a document's fate: each step's rules with their bounds.

    `threshold` is the least quality score kept, where the source keeps a share of the highest scores.
    """
    steps = []
    for name, setting in pipeline.sources[source_name].named_steps():
        if isinstance(setting, Filter):
            steps.append(_judge_filter(pipeline, name, setting))
        elif isinstance(setting, Language):
            bounds = setting.model_dump(include={"keep", "minimum", "most_other"})
            steps.append({"kind": "language", "name": name, **bounds})
        elif isinstance(setting, Datatrove):
            steps.append({"kind": "datatrove", "name": name})
        elif isinstance(setting, Quality):
            steps.append({"kind": "quality", "name": name, **_keep_rule(setting, threshold)})
    return steps


def _keep_rule(setting: Quality, threshold: float | None) -> Step:
    if setting.keep_share is not None:
        return {"keep_share": threshold}
    return {"draw": setting.alpha} if setting.minimum is None else {"minimum": setting.minimum}


def url_step(setting: Url) -> Step:
    """What decides which addresses are refused: packs, lists, and what names the content of both."""
    packs = {pack: find(pack).read_bytes() for pack in setting.packs}
    content = {name: hashlib.sha256(data).hexdigest() for name, data in packs.items()}
    for name, path in setting.lists.items():
        with open_binary(path) as file:
            content[f"list {name}"] = hashlib.sha256(file.read()).hexdigest()
    return {"packs": list(setting.packs), "lists": setting.lists, "content": content}


def _evaluate_filter(name: str, setting: Filter) -> Step:
    pack = load_pack(setting.pack, lists=setting.lists)
    sample = pack.apply(pa.array(["Kernels are compiled here, before the tasks need them."]))
    columns = [[f"{name}.{metric}", str(column.type)] for metric, column in sample.metrics.items()]
    return {
        "kind": "filter",
        "name": name,
        "pack": setting.pack,
        "lists": setting.lists,
        "content": pack_content(pack),
        "columns": columns,
    }


def _evaluate_language(name: str, setting: Language) -> Step:
    paragraphs = [[f"{name}.paragraphs", "int64"], [f"{name}.other_share", "float64"]]
    return {
        "kind": "language",
        "name": name,
        "model": setting.model,
        "sha256": language.model_digest(setting.model, setting.sha256),
        "paragraphs": setting.paragraphs,
        "columns": paragraphs if setting.paragraphs else [],
        "fixed": [["language", "string"], ["language_score", "float"]],
    }


def _evaluate_datatrove(name: str, setting: Datatrove) -> Step:
    from curate.filters.datatrove_adapter import datatrove_step

    datatrove_step(setting.block, setting.args)  # what cannot be made is named before anything runs
    columns = [[f"{name}.reason", "string"]]
    return {"kind": "datatrove", "name": name, "block": setting.block, "args": setting.args, "columns": columns}


def _judge_filter(pipeline: Pipeline, name: str, setting: Filter) -> Step:
    changes = {rule: bounds.model_dump(exclude_unset=True) for rule, bounds in pipeline.filters.get(name, {}).items()}
    pack = load_pack(setting.pack, lists=setting.lists, overrides=changes)
    rules = [[rule.name, rule.metric, rule.min, rule.max, rule.exclusive] for rule in pack.rules]
    return {"kind": "filter", "name": name, "rules": rules}


def dtype_name(tokenizer: str) -> str:
    """NumPy's name for the type of a tokenizer's ids."""
    return str(tokens.load(tokenizer).arrow_type)


def vocabulary_hash(tokenizer: str) -> str:
    """What names a tokenizer's vocabulary: a file of the same name may change."""
    return tokens.load(tokenizer).vocabulary_hash
