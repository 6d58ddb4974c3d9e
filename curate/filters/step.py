"""The `filter` step: a pack of edits and rules, its columns and its bounds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
from pydantic import Field, model_validator

from curate.errors import CurateError
from curate.filters.pack_files import names
from curate.filters.packs import load, pack_content
from curate.settings import A_PATH, Model, Name, one_of
from curate.steps import Applied, Changes, Evaluation, SourceStep
from curate.text.view import TextView
from curate.verdicts.rules import AnyRule

_SAMPLE = "Kernels are compiled here, before the tasks need them."
"""A text that every metric can measure."""


class Filter(Model):
    """A pack of edits and rules."""

    pack: str = Field(
        description="a pack's name or path",
        examples=["gopher-quality"],
        json_schema_extra=one_of(names, A_PATH),
    )
    name: Name | None = Field(
        None, alias="as", description="the step's name; default: the pack's", examples=["gopher-german"]
    )
    lists: dict[str, str] = Field(
        {},
        description="files of the word lists that the pack names but does not carry",
        examples=[{"badwords": "lists/badwords.txt"}],
    )

    @model_validator(mode="before")
    @classmethod
    def _bare_name(cls, value: Any) -> Any:
        return {"pack": value} if isinstance(value, str) else value


def _title(setting: Filter) -> str:
    return setting.name or re.sub(r"\.ya?ml$", "", setting.pack.rsplit("/", 1)[-1])


def _raw_title(setting: Any) -> str:
    name = setting.get("as") or setting.get("pack", "") if isinstance(setting, dict) else setting
    return re.sub(r"\.ya?ml$", "", str(name).rsplit("/", 1)[-1])


def _evaluation(name: str, setting: Filter) -> Evaluation:
    pack = load(setting.pack, lists=setting.lists)
    columns = tuple((f"{name}.{metric}", str(kind)) for metric, kind in pack.metric_types().items())
    params = {"pack": setting.pack, "lists": setting.lists, "content": pack_content(pack)}
    return Evaluation("curate.filters.step:evaluator", params, columns, foreign=pack.foreign)


def _rules(name: str, setting: Filter, changes: Changes, least: float | None) -> tuple[AnyRule, ...]:
    pack = load(setting.pack, overrides=changes, lists=setting.lists)
    return tuple(rule.of_step(name) for rule in pack.rules)


STEP = SourceStep(
    "filter",
    Filter,
    example="filter: gopher-quality",
    title=_title,
    raw_title=_raw_title,
    bare_key="pack",
    evaluation=_evaluation,
    rules=_rules,
    has_bounds=True,
    foreign=lambda setting: load(setting.pack, lists=setting.lists).foreign,
)


class _Evaluator:
    """A pack, ready."""

    statistics: Mapping[str, float] = {}

    def __init__(self, name: str, params: Mapping[str, Any]) -> None:
        self._name = name
        self._pack = load(params["pack"], lists=params["lists"])
        if pack_content(self._pack) != params["content"]:
            raise CurateError(
                f"the pack {params['pack']} was changed while the run went on; run the same command again"
            )
        self.changes_text = self._pack.changes_text

    def apply(self, view: TextView, batch: pa.RecordBatch) -> Applied:
        """See Evaluator.apply."""
        applied = self._pack.apply(view)
        columns = {f"{self._name}.{name}": column for name, column in applied.metrics.items()}
        return Applied(applied.view, columns, applied.edits)


def evaluator(name: str, params: Mapping[str, Any]) -> _Evaluator:
    """The step made ready from `Evaluation.params`. Raises CurateError where the pack is not what it was."""
    return _Evaluator(name, params)


def compile_kernels(params: Mapping[str, Any]) -> None:
    """Compile what the pack's edits and metrics run, once per machine."""
    load(params["pack"], lists=params["lists"]).apply(pa.array([_SAMPLE]))
