"""The `datatrove` step: a block of datatrove as a step. Why it dropped a document is the step's reason, what it did to
the text an edit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from curate.settings import Model, Name
from curate.steps import Applied, Changes, Evaluation, SourceStep
from curate.text.view import TextView
from curate.verdicts.rules import AnyRule, ReasonRule

_OWN = "datatrove."
"""Blocks below this are datatrove's, whose version names them."""


class Datatrove(Model):
    """A block of datatrove as a step."""

    block: str = Field(description="the block's dotted class name")
    args: dict[str, Any] = Field({}, description="its arguments")
    name: Name | None = Field(
        None, alias="as", description="the step's name; default: the block's class", examples=["gopher-short"]
    )


def _title(setting: Datatrove) -> str:
    return setting.name or setting.block.rsplit(".", 1)[-1]


def _raw_title(setting: Any) -> str:
    return str(setting.get("as") or setting.get("block", "")).rsplit(".", 1)[-1] if isinstance(setting, dict) else ""


def _foreign(setting: Datatrove) -> tuple[str, ...]:
    module, _, name = setting.block.rpartition(".")
    return (f"{module}:{name}",) if module and not setting.block.startswith(_OWN) else ()


def _evaluation(name: str, setting: Datatrove) -> Evaluation:
    from curate.filters.datatrove_adapter import datatrove_step

    datatrove_step(setting.block, setting.args)  # what cannot be made is named before anything runs
    params = {"block": setting.block, "args": setting.args}
    columns = ((f"{name}.reason", "string"),)
    return Evaluation("curate.filters.datatrove_step:evaluator", params, columns, foreign=_foreign(setting))


def _rules(name: str, setting: Datatrove, changes: Changes, least: float | None) -> tuple[AnyRule, ...]:
    return (ReasonRule(name, f"{name}.reason"),)


STEP = SourceStep(
    "datatrove",
    Datatrove,
    example="datatrove: {block: datatrove.pipeline.filters.GopherQualityFilter, args: {min_doc_words: 50}}",
    title=_title,
    raw_title=_raw_title,
    evaluation=_evaluation,
    rules=_rules,
    foreign=_foreign,
)


class _Evaluator:
    """A block, ready."""

    changes_text = True

    def __init__(self, name: str, params: Mapping[str, Any]) -> None:
        from curate.filters.datatrove_adapter import datatrove_step

        self._name = name
        self.statistics: Counter[str] = Counter()
        self._step = datatrove_step(params["block"], params["args"])

    def apply(self, view: TextView, batch: pa.RecordBatch) -> Applied:
        """See Evaluator.apply."""
        texts, reasons, statistics = self._step.apply(view.texts, batch.column("id"), batch.column("url"))
        self.statistics.update(statistics)
        columns = {f"{self._name}.reason": pa.array(reasons, pa.string())}
        if texts is view.texts:
            return Applied(view, columns)
        removed = pc.subtract(pc.utf8_length(view.texts), pc.utf8_length(texts)).to_numpy()
        return Applied(TextView(texts), columns, {"rewritten": removed.astype(np.int64)})


def evaluator(name: str, params: Mapping[str, Any]) -> _Evaluator:
    """The step made ready from `Evaluation.params`."""
    return _Evaluator(name, params)
