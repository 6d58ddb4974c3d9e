"""The `extract` step: which engine turns HTML into text. It is carried out while a source is read."""

from __future__ import annotations

from pydantic import Field

from curate.settings import Model
from curate.steps import BEFORE_READING, SourceStep


class Extract(Model):
    """HTML to text."""

    engine: str = Field("resiliparse", description="resiliparse, trafilatura, or a dotted function str -> str")

    @property
    def foreign(self) -> tuple[str, ...]:
        """`module:function` of an engine from outside the project."""
        return (self.engine,) if ":" in self.engine else ()


STEP = SourceStep(
    "extract",
    Extract,
    place=BEFORE_READING,
    example="extract: {engine: resiliparse}",
    reading=lambda setting: {"extract": setting.model_dump()},
    foreign=lambda setting: setting.foreign,
)
