"""The `extract` step: which engine turns HTML into text, and in which form. It is carried out while a source is read."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from curate.extract.engines import DEFAULT, NAMES, OWN, judgement_digest
from curate.settings import OWN_CODE, Model, one_of
from curate.steps import BEFORE_READING, SourceStep


class Extract(Model):
    """HTML to text."""

    engine: str = Field(
        DEFAULT,
        description="curate, resiliparse, trafilatura, or a function str -> str, module:NAME",
        json_schema_extra=one_of(lambda: NAMES, OWN_CODE),
    )
    format: Literal["text", "markdown"] = Field("text", description="a block a line, or Markdown; engine curate")

    metadata: bool = Field(
        False,
        description="keep what pages say of themselves in the ledger, as meta.title, meta.licence, ...; engine curate",
    )

    @model_validator(mode="after")
    def _writes_the_format(self) -> Extract:
        if self.format != "text" and self.engine != OWN:
            raise ValueError(f"the engine {self.engine!r} gives text; format: {self.format} needs engine: {OWN}")
        if self.metadata and self.engine != OWN:
            raise ValueError(f"the engine {self.engine!r} gives text alone; metadata: true needs engine: {OWN}")
        return self

    @property
    def foreign(self) -> tuple[str, ...]:
        """`module:function` of an engine from outside the project."""
        return (self.engine,) if ":" in self.engine else ()


def _reading(setting: Extract) -> dict[str, Any]:
    learned = {"judgement": judgement_digest()} if setting.engine == OWN else {}
    return {"extract": {**setting.model_dump(), **learned}}


STEP = SourceStep(
    "extract",
    Extract,
    place=BEFORE_READING,
    example="extract: {engine: curate, format: text}",
    reading=_reading,
    foreign=lambda setting: setting.foreign,
)
