"""The `extract` step: which engine turns HTML into text, and in which form. It is carried out while a source is read."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from curate.extract.engines import DEFAULT, NAMES, OWN, judgement_digest
from curate.extract.forms import TEXT, Form
from curate.settings import OWN_CODE, Model, one_of
from curate.steps import BEFORE_READING, SourceStep
from curate.verdicts.choice import FIRST


class Extract(Model):
    """HTML to text."""

    engine: str = Field(
        DEFAULT,
        description="curate, resiliparse, trafilatura, or a function str -> str, module:NAME",
        json_schema_extra=one_of(lambda: NAMES, OWN_CODE),
    )
    format: Literal["text", "markdown"] = Field("text", description="a block a line, or Markdown; engine curate")
    paragraphs: Literal["line", "blank"] = Field(
        "line", description="between paragraphs of text a line feed, or an empty line too; engine curate"
    )
    links: bool = Field(False, description="Markdown with the addresses of links")
    images: bool = Field(False, description="Markdown with images, their descriptions and addresses")
    metadata: bool = Field(
        False,
        description="keep what pages say of themselves in the ledger, as meta.title, meta.licence, ...; engine curate",
    )
    also: tuple[str, ...] = Field(
        (),
        description="further engines: each text of a page is evaluated, and one is kept, as `choose` says",
        examples=[["trafilatura", "resiliparse"]],
    )
    choose: str = Field(
        FIRST,
        description="which of several texts is kept: `first` that passes every rule, in the order of engine and also; the "
        "one with the highest value of a ledger column, among those that pass; or an engine's, wherever it found one",
        examples=["first", "gopher-quality.words", "trafilatura"],
    )

    @model_validator(mode="after")
    def _writes_the_format(self) -> Extract:
        form = self.form
        for engine in self.engines:
            if self.format != TEXT and engine != OWN:
                raise ValueError(f"the engine {engine!r} gives text; format: {self.format} needs engine: {OWN}")
            if form != Form() and engine != OWN:
                raise ValueError(
                    f"the engine {engine!r} parts paragraphs its own way; paragraphs: {self.paragraphs} needs engine: {OWN}"
                )
        if self.metadata and self.engine != OWN:
            raise ValueError(f"the engine {self.engine!r} gives text alone; metadata: true needs engine: {OWN}")
        return self

    @model_validator(mode="after")
    def _names_each_engine_once(self) -> Extract:
        if len(set(self.engines)) < len(self.engines):
            raise ValueError(f"an engine is named twice: {', '.join(self.engines)}")
        if self.choose != FIRST and not self.also:
            raise ValueError(f"there is one engine, {self.engine!r}, so nothing to choose from: name others in also")
        return self

    @property
    def form(self) -> Form:
        """How the own engine writes; ValueError where settings are for another format."""
        return Form(self.format, self.paragraphs, self.links, self.images)

    @property
    def engines(self) -> tuple[str, ...]:
        """Every engine, in the order in which their texts are preferred."""
        return (self.engine, *self.also)

    @property
    def foreign(self) -> tuple[str, ...]:
        """`module:function` of the engines from outside the project."""
        return tuple(engine for engine in self.engines if ":" in engine)


def _reading(setting: Extract) -> dict[str, Any]:
    learned = {"judgement": judgement_digest()} if OWN in setting.engines else {}
    return {"extract": {**setting.model_dump(mode="json", exclude={"choose"}), **learned}}


STEP = SourceStep(
    "extract",
    Extract,
    place=BEFORE_READING,
    example="extract: {engine: curate, format: text}",
    reading=_reading,
    thresholds=frozenset({"choose"}),
    texts=lambda setting: (setting.engines, setting.choose) if setting.also else None,
    foreign=lambda setting: setting.foreign,
)
