"""The `decontaminate` step: its settings."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from curate.settings import Model, Strings
from curate.steps import CombiningStep


class Decontaminate(Model):
    """Removal of evaluation items from the training text."""

    against: Annotated[Strings, Field(min_length=1)] = Field(
        description="files of evaluation items (JSON Lines), by path or pattern"
    )
    ngram: Annotated[int, Field(ge=1, le=100)] | None = Field(
        None, description="words of an n-gram; default: 13 as GPT-3, with overlap 5"
    )
    overlap: Annotated[float, Field(gt=0, le=1)] | None = Field(
        None,
        description="share of an item's words that must lie in n-grams shared with a document; default: one n-gram",
        examples=[0.5],
    )
    mode: Literal["cut", "drop"] = Field(
        "cut", description="cut the passage and what stands around it, or drop the document"
    )
    fields: Strings | None = Field(
        None, description="fields of an item to match; default: every text field", examples=[["question", "answer"]]
    )


STEP = CombiningStep(
    "decontaminate",
    Decontaminate,
    20,
    "curate.decontaminate.plan:decontaminate",
    check="curate.decontaminate.plan:check_decontaminate",
    example="decontaminate: {against: [eval/*.jsonl], ngram: 13}",
)
